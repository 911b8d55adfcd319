"""Tests that no export of a tool is misread without a profile: each value is right, or null and kept as found."""

# An export is one line, however long: that is how they are read.
# ruff: noqa: E501

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import FileRefusedError
from tasks.reading.reader import read_review_file
from tasks.reading.table_process import TABLE_FORMATS
from tests.support.review_file_builders import encode_csv, encode_jsonl, encode_orc, write_avro
from tests.support.workbook_builders import encode_ods, to_grid, write_xlsx

Rows = list[dict[str, Any]]
DAYS = tuple(datetime(2024, month, day) for month, day in ((1, 13), (2, 3), (3, 25), (4, 5)))
STARS = (5, 1, 4, 2)
MEANT: Mapping[str, list[Any]] = {
    "text": [
        'He said "never again", twice; I say: why not?',
        "First half good.\nSecond half, not so much.",
        "Tom &amp; I: 50% off, and\ta tab",
        "Café scenes are dull",
    ],
    "review_id": [f"R{number}" for number in range(4)],
    "movie_id": [f"tt01112{number}7" for number in range(4)],
    "reviewed_at": [day.replace(tzinfo=UTC) for day in DAYS],
    "given_rating": [2.0 * stars for stars in STARS],
    "given_label": ["positive" if stars > 3 else "negative" for stars in STARS],
}
"""What a person would say of the rows."""
BEYOND_ASCII = 3
"""The row that has a letter beyond ASCII."""


@dataclass(frozen=True)
class Export:
    """An export as a tool writes it."""

    name: str
    columns: Mapping[str, str]
    """Our column -> its name in the file."""
    write: Callable[[Rows], bytes]
    left: str
    """Our columns that are kept as found, since they do not state themselves; or the rule that refuses the file."""
    day: Callable[[datetime], Any] = "{:%Y-%m-%d}".format
    stars: Callable[[int], Any] = str

    def make(self) -> tuple[bytes, Rows]:
        """Return the file, and its rows as they are written."""
        days, stars = list(map(self.day, DAYS)), list(map(self.stars, STARS))
        written = {**MEANT, "reviewed_at": days, "given_rating": stars}
        rows = [{name: written[ours][row] for ours, name in self.columns.items()} for row in range(4)]
        return self.write(rows), rows


def name_columns(*names: str) -> dict[str, str]:
    """Return the names of an id, a movie, a date, a rating and a text."""
    return dict(zip(("review_id", "movie_id", "reviewed_at", "given_rating", "text"), names, strict=True))


def write_escaped(rows: Rows) -> bytes:
    """Write rows as MySQL does INTO OUTFILE: quotes and line breaks behind a backslash."""
    escapes = str.maketrans({'"': r"\"", "\n": "\\\n"})
    lines = [",".join(f'"{str(value).translate(escapes)}"' for value in line) for line in to_grid(rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def write_office(encoding: str, separator: str, end: str = "\r\n") -> Callable[[Rows], bytes]:
    return lambda rows: encode_csv(rows, separator).decode().replace("\n", end).encode(encoding)


def write_records(rows: Rows) -> bytes:
    kinds = {"rating": "int", "createdAt": {"type": "long", "logicalType": "timestamp-micros"}}
    fields = [{"name": name, "type": ["null", kinds.get(name, "string")]} for name in rows[0]]
    return write_avro({"type": "record", "name": "Review", "fields": fields}, rows)


def write_frame(rows: Rows) -> bytes:
    """Write a frame of pandas as its `to_json` does: a column is an object from row to value."""
    return json.dumps(
        {name: {str(place): row[name] for place, row in enumerate(rows)} for name in rows[0]}
    ).encode()


def write_headless(rows: Rows) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(to_grid(rows)[1:])
    return stream.getvalue().encode()


SQL = name_columns("review_id", "movie_id", "created_at", "rating", "body")
CAMEL = name_columns("reviewId", "movieId", "createdAt", "rating", "reviewText")
OFFICE = name_columns("Review ID", "Movie", "Date", "Rating", "Review")
ASKED = name_columns(
    "#", "Which film did you see?", "Timestamp", "How many stars?", "What did you think of it?"
)
LABELLED = {"given_label": "Sentiment", "text": "Review"}
WORDS = ("", "Poor", "Fair", "So so", "Good", "Excellent")
READ = (
    Export("psql_copy.csv", SQL, encode_csv, "given_rating", "{}+00".format),
    Export("mysql_outfile.csv", SQL, write_escaped, "given_rating", str),
    Export("bigquery.json.gz", SQL, lambda rows: gzip.compress(encode_jsonl(rows)), "given_rating", "{} UTC".format),
    Export("spark.json", CAMEL | {"reviewed_at": "ts"}, encode_jsonl, "reviewed_at given_rating", str, int),
    Export("mongoexport.json", SQL, encode_jsonl, "given_rating", lambda day: {"$date": f"{day}Z"}, lambda stars: {"$numberInt": str(stars)}),
    Export("kafka.avro", CAMEL, write_records, "given_rating", lambda day: day.replace(tzinfo=UTC), int),
    Export("hive.orc", SQL, encode_orc, "given_rating", lambda day: day, int),
    Export("pandas.csv", SQL, lambda rows: encode_csv([{"": place, "Unnamed: 0": 7, **row} for place, row in enumerate(rows)]), "given_rating"),
    Export("excel_german.csv", OFFICE, write_office("cp1252", ";"), "reviewed_at given_rating", "{:%d.%m.%Y}".format, "{},0".format),
    Export("excel_mac.csv", OFFICE, write_office("mac_roman", ",", "\r"), "reviewed_at given_rating", "{:%m/%d/%y}".format),
    Export("excel_sep_line.csv", OFFICE, lambda rows: b"sep=;\r\n" + encode_csv(rows, ";"), "given_rating"),
    Export("libreoffice.ods", OFFICE, encode_ods, "given_rating", lambda day: day, int),
    Export("survey.xlsx", OFFICE, lambda rows: write_xlsx({"Sums": [["Answers", 4]], "Answers": to_grid(rows)}), "given_rating", "{:%d %b %Y}".format, WORDS.__getitem__),
    Export("scraped.csv", OFFICE, encode_csv, "", "Reviewed in the UK on {:%B %d, %Y}".format, "{}.0 out of 5 stars".format),
    Export("of_five.csv", OFFICE, encode_csv, "", "{:%d-%b-%Y}".format, "{}/5".format),
    Export("of_ten.csv", OFFICE | {"given_rating": "Rating (1-10)"}, encode_csv, "", "{:%Y/%m/%d %I:%M %p}".format, lambda stars: 2 * stars),
    Export("labels.csv", LABELLED, encode_csv, ""),
    Export("recommended.csv", LABELLED | {"given_label": "Recommended"}, encode_csv, "given_label"),
)  # fmt: skip
REFUSED = (
    Export("utf_16.csv", OFFICE, write_office("utf-16-le", ";"), "encoding_unknown"),
    Export("report.csv", OFFICE, lambda rows: b"Customer reviews,,,,\nOf 1 March 2024,,,,\n\n" + encode_csv(rows), "text_column_missing"),
    Export("forms.csv", ASKED, encode_csv, "text_column_missing"),
    Export("pros_and_cons.csv", {"text": "Positive_Review", "movie_id": "Negative_Review"}, encode_csv, "text_column_missing"),
    Export("no_names.csv", OFFICE, write_headless, "text_column_missing"),
    Export("elasticdump.jsonl", SQL, lambda rows: encode_jsonl([{"_id": "a", "_source": row} for row in rows]), "text_column_missing"),
    Export("pandas.json", SQL, write_frame, "json_broken"),
)  # fmt: skip


def mark(export: Export) -> Any:
    marks = [pytest.mark.process] if export.name.rpartition(".")[2] in TABLE_FORMATS else []
    return pytest.param(export, id=export.name, marks=marks)


def read(folder: Path, export: Export) -> tuple[Rows, Rows]:
    """Return the rows of an export as they were read, and as they are written."""
    data, written = export.make()
    path = folder / export.name
    path.write_bytes(data)
    return [row for batch in read_review_file(path) for row in batch.to_pylist()], written


@pytest.mark.parametrize("export", [*map(mark, READ)])
def test_each_value_of_an_export_is_right_or_null_and_kept_as_found(tmp_path: Path, export: Export) -> None:
    rows, written = read(tmp_path, export)
    assert {row["rule"] for row in rows[len(written) :]} <= {"text_not_given"}
    for place, (row, found) in enumerate(zip(rows, written, strict=False)):
        if row["rule"] is not None:
            assert (row["rule"], place) == ("text_encoding", BEYOND_ASCII)
            continue
        meant = {ours: MEANT[ours][place] for ours in export.columns if ours not in export.left.split()}
        row["text"] = "\n".join(row["text"].splitlines())
        assert {ours: row[ours] for ours in MEANT if row[ours] is not None} == meant
        kept = json.loads(row["extra"] or "{}").values()
        left = {str(found[export.columns[ours]]) for ours in export.left.split()}
        assert {*map(str, kept)} >= left or "$" in str(left)


@pytest.mark.parametrize("export", [*map(mark, REFUSED)])
def test_an_export_that_shows_no_table_with_a_text_is_refused(tmp_path: Path, export: Export) -> None:
    with pytest.raises(FileRefusedError) as refused:
        read(tmp_path, export)
    assert refused.value.rule == export.left
