"""Tests that generated exports of many platforms and tools are read as a person would read them, or refused."""

from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import FileRefusedError
from tasks.review_files.reader import ReadOptions, read_review_file
from tasks.review_files.tables.formats import TABLE_FORMATS
from tests.support.exports.collected import EXPORTS
from tests.support.exports.compared import compare_all, is_review
from tests.support.exports.made_up import Export, Truth

REFUSED = {
    "Hotel_Reviews_515k.csv": "text_column_missing",
    "amazon_polarity_train.csv": "header_broken",
    "disqus.xml": "format_unknown",
    "elasticdump.jsonl": "text_column_missing",
    "imdb_ratings.csv": "text_column_missing",
    "jq_pretty.json": "json_broken",
    "mysqldump_tab.txt": "header_broken",
    "pandas_columns.json": "json_broken",
    "reviews.sqlite": "format_unknown",
    "stars_as_signs.csv": "encoding_unknown",
    "train.ft.txt": "header_broken",
}
"""File -> the rule by which it is refused."""
SET_ASIDE = {
    "excel_deutsch.csv": "text_encoding",
    "excel_german.csv": "text_encoding",
    "imdb_list.csv": "text_encoding",
    "mac_excel.csv": "text_encoding",
}
"""File -> the rule by which rows with a review are quarantined."""
NEXT_STEPS: dict[str, dict[str, Any]] = {
    "excel_deutsch.csv": {"encoding": "cp1252"},
    "excel_german.csv": {"encoding": "cp1252"},
    "imdb_list.csv": {"encoding": "cp1252"},
    "mac_excel.csv": {"encoding": "mac_roman"},
    "stars_as_signs.csv": {"encoding": "utf-16-le"},
}
"""File -> what the user names so that it is read."""
LEFT = {
    "Film survey (Responses) - Form Responses 1.csv": "ratings",
    "archive.zip": "ratings",
    "bq-results-20240301.json.gz": "ratings",
    "delighted_nps.csv": "ids ratings",
    "excel_german.csv": "ratings",
    "excel_sep_line.csv": "ratings",
    "excel_unicode.txt": "ratings",
    "excel_utf8_total.csv": "ratings",
    "goodreads_library_export.csv": "dates",
    "hive_reviews.orc": "ratings",
    "kafka_reviews.avro": "ratings",
    "labeledTrainData.tsv": "ids",
    "libreoffice.ods": "ids ratings",
    "mac_excel.csv": "ratings",
    "mongoexport.json": "ids ratings",
    "ms_forms.xlsx": "ids ratings",
    "mysql_batch.tsv": "ratings",
    "mysql_outfile.csv": "ids ratings",
    "part-00000-3f1c-c000.json": "dates ratings",
    "psql_copy.csv": "ids ratings",
    "psql_copy_text.tsv": "ratings",
    "report_with_title.csv": "ratings",
    "reviews_dump.csv.bz2": "ratings",
    "reviews_dump.jsonl.xz": "ids labels",
    "surveymonkey.csv": "ratings",
    "tripadvisor_hotel_reviews.csv": "ratings",
    "typeform_responses.csv": "ids ratings",
}
"""File -> what a person would settle and is kept as found in `extra`: stars that may be of five, names not known."""


def mark(export: Export) -> Any:
    marks = [pytest.mark.process] if export.name.rpartition(".")[2] in TABLE_FORMATS else []
    return pytest.param(export, id=export.name, marks=marks)


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    batches = read_review_file(path, ReadOptions(**options))
    return [row for batch in batches for row in batch.to_pylist()]


def write(folder: Path, export: Export) -> tuple[Path, Truth]:
    content, truth = export.make()
    path = folder / export.name
    path.write_bytes(content)
    return path, truth


@pytest.mark.parametrize(
    "export", [mark(each) for each in EXPORTS if each.name not in REFUSED | SET_ASIDE | NEXT_STEPS]
)
def test_a_generated_export_is_read_as_a_person_would_read_it(tmp_path: Path, export: Export) -> None:
    path, truth = write(tmp_path, export)
    compare_all(truth, read(path), LEFT.get(export.name, "").split())


@pytest.mark.parametrize("export", [mark(each) for each in EXPORTS if each.name in REFUSED])
def test_a_generated_export_that_shows_no_text_is_refused(tmp_path: Path, export: Export) -> None:
    with pytest.raises(FileRefusedError) as refused:
        read(write(tmp_path, export)[0])
    assert refused.value.rule == REFUSED[export.name]


@pytest.mark.parametrize("export", [mark(each) for each in EXPORTS if each.name in SET_ASIDE])
def test_rows_that_can_not_be_read_are_set_aside(tmp_path: Path, export: Export) -> None:
    rows = read(write(tmp_path, export)[0])
    assert {row["rule"] for row in rows} - {None, "text_not_given"} == {SET_ASIDE[export.name]}


@pytest.mark.parametrize("export", [mark(each) for each in EXPORTS if each.name in NEXT_STEPS])
def test_a_generated_export_is_read_once_the_user_names_what_it_does_not_show(
    tmp_path: Path, export: Export
) -> None:
    path, truth = write(tmp_path, export)
    compare_all(truth, read(path, **NEXT_STEPS[export.name]), LEFT.get(export.name, "").split())


@pytest.mark.parametrize("export", [mark(each) for each in EXPORTS if each.name in LEFT])
def test_what_is_left_as_found_is_in_extra(tmp_path: Path, export: Export) -> None:
    path, truth = write(tmp_path, export)
    rows = [row for row in read(path, **NEXT_STEPS.get(export.name, {})) if is_review(row)]
    for name in LEFT[export.name].split():
        for row, value in zip(rows, getattr(truth, name), strict=True):
            kept = (row["extra"] or "").replace(",", ".")
            assert value is None or kept
            assert name not in ("ids", "ratings") or value is None or write_plainly(value) in kept


def write_plainly(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


@pytest.mark.parametrize(
    ("content", "way"),
    [
        ('{"schema": {"type": "struct"}, "payload": {"review": "Good."}}', r"jq -c \.payload"),
        ('{"schema": {"type": "struct"}, "payload": {"phrase": "Good."}}', r"jq -c \.payload"),
        ('{"error": {"code": 429, "message": "Too many."}}', "error message of an API"),
    ],
)
def test_lines_that_hold_objects_name_that_with_the_reviews(tmp_path: Path, content: str, way: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{content}\n", "utf-8")
    with pytest.raises(FileRefusedError, match=way):
        read(path)


@pytest.mark.process
def test_the_rows_of_hugging_face_are_named_and_not_their_features(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"features": [{"name": "a"}],\n "rows": [{"row": {"text": "Good."}}]}', "utf-8")
    with pytest.raises(FileRefusedError, match='json_path = "rows"'):
        read(path)


def test_lines_whose_text_is_in_an_inner_object_are_refused_with_the_way_to_it(tmp_path: Path) -> None:
    [export] = [each for each in EXPORTS if each.name == "elasticdump.jsonl"]
    with pytest.raises(FileRefusedError, match=r"jq -c \._source"):
        read(write(tmp_path, export)[0])
