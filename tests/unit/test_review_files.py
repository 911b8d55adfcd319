"""Tests that valid review files of every format, compression and container are read correctly."""

import bz2
import csv
import io
import json
import lzma
import subprocess
import sys
import tracemalloc
from bz2 import BZ2Decompressor
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError
from data_contracts.review_files import READ_SCHEMA
from data_contracts.rules_and_limits import FILE_RULES, ROW_RULES, RowLimits
from tasks.containers.streams import decompress
from tasks.review_files import delimited
from tasks.review_files.plans.missing_words import stands_for_no_text
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.reader import ReadOptions, format_of, read_review_file
from tasks.review_files.tables import parquet
from tasks.review_files.tables.formats import TABLE_FORMATS
from tasks.sources.preview import preview_file
from tests.support.review_file_builders import (
    COMPRESSORS,
    CONTAINERS,
    ENCODERS,
    encode_arrow,
    encode_avro,
    encode_csv,
    encode_json,
    encode_jsonl,
    encode_orc,
    encode_parquet,
    text_table,
    to_gz,
    to_tar,
    to_zip,
    to_zst,
    write_parquet,
)
from tests.support.workbook_builders import encode_ods, encode_xls, encode_xlsx

ROOT = Path(__file__).parents[2]
ALL_ENCODERS = {**ENCODERS, "xlsx": encode_xlsx, "ods": encode_ods, "xls": encode_xls}

ROWS = [
    {
        "review_id": "r1",
        "movie_id": "tt0000001",
        "date": "2024-03-05T06:07:08+02:00",
        "label": "pos",
        "rating": "8",
        "text": 'A fine film,\nwith a "quoted" line and a comma, and tabs\there.',
        "country": "Österreich",
    },
    {
        "review_id": "r2",
        "movie_id": "tt0000002",
        "date": "2024-03-06",
        "label": "neg",
        "rating": "2.5",
        "text": "Slow. 退屈な映画 — très ennuyeux 🙁<br /><br />",
        "country": "日本",
    },
]
EXPECTED = [
    {
        "review_id": "r1",
        "movie_id": "tt0000001",
        "reviewed_at": datetime(2024, 3, 5, 4, 7, 8, tzinfo=UTC),
        "text": ROWS[0]["text"],
        "given_label": "positive",
        "given_rating": 8.0,
        "extra": {"country": "Österreich"},
    },
    {
        "review_id": "r2",
        "movie_id": "tt0000002",
        "reviewed_at": datetime(2024, 3, 6, tzinfo=UTC),
        "text": ROWS[1]["text"],
        "given_label": "negative",
        "given_rating": 2.5,
        "extra": {"country": "日本"},
    },
]


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    batches = list(read_review_file(path, ReadOptions(**options)))
    for batch in batches:
        assert batch.schema == READ_SCHEMA
        batch.validate(full=True)
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, READ_SCHEMA).to_pylist()
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    return rows


def read_bytes(folder: Path, name: str, data: bytes, **options: Any) -> list[dict[str, Any]]:
    path = folder / name
    path.write_bytes(data)
    return read(path, **options)


def read_one(folder: Path, row: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Read one row as JSON lines."""
    return read_bytes(folder, "one.jsonl", encode_jsonl([row]), **options)[0]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("compression", COMPRESSORS)
@pytest.mark.parametrize(
    "format_name",
    [
        pytest.param(name, marks=[pytest.mark.process] if name in TABLE_FORMATS else [])
        for name in ALL_ENCODERS
    ],
)
def test_every_format_compression_and_container_gives_the_same_rows(
    tmp_path: Path, format_name: str, compression: str, container: str
) -> None:
    inner = f"reviews.{format_name}{compression}"
    name, data = CONTAINERS[container](inner, COMPRESSORS[compression](ALL_ENCODERS[format_name](ROWS)))
    rows = read_bytes(tmp_path, name, data)
    for row, expected in zip(rows, EXPECTED, strict=True):
        assert row["member"] == (inner if container else None)
        assert json.loads(row["extra"]) == expected["extra"]
        assert {name: row[name] for name in expected if name != "extra"} == {
            name: value for name, value in expected.items() if name != "extra"
        }
        assert (row["rule"], row["detail"], row["raw"]) == (None, None, None)


# Shapes that people have


def test_the_kaggle_csv_works_as_it_is(tmp_path: Path) -> None:
    data = b'review,sentiment\n"Good, ""really"" good.<br /><br />Yes.",positive\nBad.,negative\n'
    rows = read_bytes(tmp_path, "IMDB Dataset.csv", data)
    assert [row["text"] for row in rows] == ['Good, "really" good.<br /><br />Yes.', "Bad."]
    assert [row["given_label"] for row in rows] == ["positive", "negative"]
    assert [row["extra"] for row in rows] == [None, None]


@pytest.mark.process
def test_the_hugging_face_parquet_works_as_it_is(tmp_path: Path) -> None:
    features = {"info": {"features": {"text": {"dtype": "string"}, "label": {"names": ["neg", "pos"]}}}}
    schema = pa.schema([("text", pa.string()), ("label", pa.int64())], {"huggingface": json.dumps(features)})
    table = pa.table({"text": ["Bad.", "Good."], "label": [0, 1]}, schema=schema)
    rows = read_bytes(tmp_path, "train-00000-of-00001.parquet", write_parquet(table))
    assert [row["text"] for row in rows] == ["Bad.", "Good."]
    assert [row["given_label"] for row in rows] == ["negative", "positive"]
    assert [row["extra"] for row in rows] == [None, None]


@pytest.mark.parametrize(
    ("name", "rating", "label"),
    [
        ("12_10.txt", 10.0, "positive"),
        ("12_7.txt", 7.0, "positive"),
        ("12_6.txt", 6.0, None),
        ("12_5.txt", 5.0, None),
        ("12_4.txt", 4.0, "negative"),
        ("12_1.txt", 1.0, "negative"),
        ("12_0.txt", None, None),
        ("12_11.txt", None, None),
        ("x_9.txt", None, None),
        ("review.txt", None, None),
    ],
)
def test_a_name_as_in_the_stanford_archive_gives_rating_and_label(
    tmp_path: Path, name: str, rating: float | None, label: str | None
) -> None:
    plain = read_bytes(tmp_path, name, "Ein Film.\nEs ist schön.\n".encode())
    packed = read_bytes(tmp_path, "pos.zip", to_zip({f"aclImdb/test/pos/{name}.gz": to_gz(b"A film.")}))
    for row in (*plain, *packed):
        assert (row["given_rating"], row["given_label"], row["review_id"]) == (rating, label, None)
    assert plain[0]["text"] == "Ein Film.\nEs ist schön.\n"


def test_stanfords_layout_in_a_tar_is_read_but_for_what_is_no_review(tmp_path: Path) -> None:
    reviews = {f"aclImdb/test/{label}/{number}_{stars}.txt": b"A film." for number, label, stars in
               [(0, "neg", 2), (1, "neg", 3), (0, "pos", 9)]}  # fmt: skip
    rows = read_bytes(tmp_path, "reviews.tar.gz", to_gz(to_tar(reviews)))
    assert [row["member"] for row in rows] == list(reviews)
    with pytest.raises(FileRefusedError, match=r"format_unknown: member 'aclImdb/imdb.vocab'"):
        read_bytes(tmp_path, "all.tar", to_tar({**reviews, "aclImdb/imdb.vocab": b"a\n"}))


def test_a_csv_of_a_european_spreadsheet_may_have_semicolons(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, "a.csv", b'\xef\xbb\xbfText;Stars\r\n"Gut; sehr gut, ja";9\r\n')
    assert [(row["text"], row["given_rating"]) for row in rows] == [("Gut; sehr gut, ja", 9.0)]


# Columns and values


def test_a_name_is_known_whatever_its_case_spaces_and_byte_order_mark(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, "a.csv", "\ufeff TEXT ,Movie_ID\nFine.,tt1\n".encode())
    assert [(row["text"], row["movie_id"]) for row in rows] == [("Fine.", "tt1")]


def test_of_several_text_columns_the_first_name_in_the_list_counts_and_the_others_are_kept(
    tmp_path: Path,
) -> None:
    row = read_one(tmp_path, {"comment": "c", "review": "r", "text": "t"})
    assert row["text"] == "t"
    assert json.loads(row["extra"]) == {"comment": "c", "review": "r"}


def test_the_text_column_can_be_named(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"Verdict": "v", "text": "t", "review_id": 7}, text_column="verdict")
    assert (row["text"], row["review_id"], json.loads(row["extra"])) == ("v", "7", {"text": "t"})


def test_the_other_columns_are_recognised_beside_a_text_column_that_is_named(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"Verdict": "v", "Review ID": 7, "Rating (1-10)": 3}, text_column="Verdict")
    assert (row["text"], row["review_id"], row["given_rating"], row["extra"]) == ("v", "7", 3, None)


def test_an_id_may_number_the_rows_of_its_file_only_and_so_is_kept_as_found(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"text": "t", "Id": 7})
    assert (row["review_id"], json.loads(row["extra"])) == (None, {"Id": 7})


def test_columns_without_a_name_and_with_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, "a.csv", b",text,tag,tag\n0,Fine.,a,b\n1,Good.,,\n")
    assert json.loads(rows[0]["extra"]) == {"column_1": "0", "tag": "a", "tag_2": "b"}
    assert json.loads(rows[1]["extra"]) == {"column_1": "1"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("2024-02-03", datetime(2024, 2, 3, tzinfo=UTC)),
        ("20240203", datetime(2024, 2, 3, tzinfo=UTC)),
        ("2024-02-03 04:05:06", datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("2024-02-03T04:05:06.789Z", datetime(2024, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)),
        ("2024-02-03T04:05:06-05:00", datetime(2024, 2, 3, 9, 5, 6, tzinfo=UTC)),
        (1_706_933_106, datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)),
        (1_706_933_106.5, datetime(2024, 2, 3, 4, 5, 6, 500000, tzinfo=UTC)),
        (1_706_933_106_789, datetime(2024, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)),
        ("1706933106789", datetime(2024, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_iso_8601_or_an_epoch(tmp_path: Path, found: Any, expected: datetime | None) -> None:
    row = read_one(tmp_path, {"text": "t", "created_at": found})
    assert (row["reviewed_at"], row["extra"]) == (expected, None)


@pytest.mark.parametrize("found", ["03/02/2024", "2024", 2024, "0001-01-01T00:00:00+10:00", True, [1]])
def test_a_date_that_is_not_understood_is_kept_as_found(tmp_path: Path, found: Any) -> None:
    row = read_one(tmp_path, {"text": "t", "date": found})
    kept = found if isinstance(found, str) else json.dumps(found)
    assert (row["reviewed_at"], json.loads(row["extra"])) == (None, {"reviewed_at": kept})


@pytest.mark.parametrize(
    ("found", "expected"),
    [("POS", "positive"), (" negative ", "negative"), (1, "positive"), (0.0, "negative"), ("1", "positive"),
     (-1, None), ("unsup", None), ("neutral", None), ("", None), (None, None)],
)  # fmt: skip
def test_a_label_under_our_own_name_may_be_written_in_several_ways(
    tmp_path: Path, found: Any, expected: str | None
) -> None:
    row = read_one(tmp_path, {"text": "t", "given_label": found})
    assert (row["given_label"], row["extra"]) == (expected, None)


@pytest.mark.parametrize(("found", "expected"), [(1, 1.0), ("10", 10.0), (" 7.5 ", 7.5), ("8/10", 8.0)])
def test_a_rating_from_1_to_10_is_kept_as_found(tmp_path: Path, found: Any, expected: float) -> None:
    row = read_one(tmp_path, {"text": "t", "given_rating": found})
    assert (row["given_rating"], row["extra"]) == (expected, None)


@pytest.mark.parametrize(("found", "expected"), [("4/5", 8.0), ("0.5 / 5", 1.0), ("5/5", 10.0)])
def test_a_rating_that_says_it_is_out_of_five_counts_twice(
    tmp_path: Path, found: str, expected: float
) -> None:
    row = read_one(tmp_path, {"text": "t", "rating": found})
    assert (row["given_rating"], row["extra"]) == (expected, None)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("rating", 0),
        ("rating", 11),
        ("rating", "five"),
        ("rating", "6/5"),
        ("rating", "0/5"),
        ("rating", "4/7"),
        ("label", "so so"),
        ("label", 2),
    ],
)
def test_a_rating_or_label_that_is_not_understood_is_kept_as_found(
    tmp_path: Path, name: str, found: Any
) -> None:
    row = read_one(tmp_path, {"text": "t", name: found, "tag": "x"})
    assert (row["given_rating"], row["given_label"]) == (None, None)
    assert json.loads(row["extra"]) == {"tag": "x", f"given_{name}": str(found)}


def test_a_score_is_no_rating_for_it_may_be_that_of_a_model(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"text": "t", "score": 1})
    assert (row["given_rating"], json.loads(row["extra"])) == (None, {"score": 1})


def test_what_programs_write_for_no_id_is_none(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"text": "t", "review_id": "NULL", "movie_id": " nan "})
    assert (row["review_id"], row["movie_id"]) == (None, None)
    assert read_one(tmp_path, {"text": "t", "movie_id": "none"})["movie_id"] == "none"


@pytest.mark.process
def test_parquet_columns_of_any_type_are_read(tmp_path: Path) -> None:
    moment = datetime(2024, 2, 3, 4, 5, 6)
    table = pa.table(
        {
            "Text": pa.array(["a", "b", None, "a"], pa.large_string()).dictionary_encode(),
            "review_id": pa.array([1.0, 2.0, None, float("nan")]),
            "movie": pa.array([7, 8, 9, 9], pa.int16()),
            "timestamp": pa.array([moment] * 4, pa.timestamp("ns", tz="America/New_York")),
            "given_rating": pa.array([1, 10, 11, None], pa.decimal128(4, 1)),
            "tags": pa.array([["x", "y"], [], None, ["z"]]),
            "place": pa.array([{"lat": 1.5}, None, {"lat": float("nan")}, {"lat": None}]),
            "raw": pa.array([b"caf\xc3\xa9", b"\xff\xfe", None, b""]),
            "day": pa.array([moment.date()] * 4),
            "nothing": pa.nulls(4),
        }
    )
    rows = read_bytes(tmp_path, "a.parquet", write_parquet(table))
    assert [row["text"] for row in rows] == ["a", "b", None, "a"]
    assert [row["rule"] for row in rows] == [None, None, "text_not_given", None]
    assert [row["review_id"] for row in rows] == ["1", "2", None, None]
    assert [row["movie_id"] for row in rows] == ["7", "8", "9", "9"]
    assert {row["reviewed_at"] for row in rows} == {moment.replace(tzinfo=UTC)}
    assert [row["given_rating"] for row in rows] == [1.0, 10.0, None, None]
    extras = [json.loads(row["extra"]) for row in rows]
    assert extras[0] == {"tags": ["x", "y"], "place": {"lat": 1.5}, "raw": "café", "day": "2024-02-03"}
    assert extras[1] == {"tags": [], "raw": "//4=", "day": "2024-02-03"}
    assert extras[2] == {"place": {"lat": None}, "given_rating": "11.0", "day": "2024-02-03"}


@pytest.mark.process
def test_a_further_value_that_can_not_be_read_is_left_out_and_its_column_named(tmp_path: Path) -> None:
    days = pa.array([[0], [2**31 - 1], None], pa.list_(pa.int32())).cast(pa.list_(pa.date32()))
    table = pa.table({"text": ["a", "b", "c"], "days": days, "tag": ["x", "y", "z"]})
    rows = read_bytes(tmp_path, "a.parquet", write_parquet(table))
    assert [row["text"] for row in rows] == ["a", "b", "c"]
    assert [json.loads(row["extra"]) for row in rows] == [
        {"days": ["1970-01-01"], "tag": "x"},
        {"tag": "y", "unreadable_columns": ["days"]},
        {"tag": "z"},
    ]


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ("NPS Score", "text_not_given"),
        ("How satisfied are you?", "text_not_given"),
        ("Corporate number", "text_blank"),
    ],
)
def test_a_comment_may_be_left_out_beside_what_may_be_a_rating(
    tmp_path: Path, header: str, rule: str
) -> None:
    content = f"comment,{header}\nA good film.,9\n,8\n,\n".encode()
    (tmp_path / "a.csv").write_bytes(content)
    preview = preview_file(tmp_path / "a.csv", ReadOptions(), RowLimits())
    assert preview.bad_rows == Counter([rule, "text_not_given"])  # the last row is empty
    assert preview.filled["text"] == 1


def test_an_id_that_a_spreadsheet_has_rounded_is_no_id(tmp_path: Path) -> None:
    lines = [
        "review_id,movie_id,review",
        "9.03E+09,12,Good.",
        "1e+5x,7,Dull.",
        '"1,2E+12",1.8e+15,So so.',
        "5E12,,Ok.",
    ]
    rows = read_bytes(tmp_path, "a.csv", "\n".join(lines).encode())
    assert [row["review_id"] for row in rows] == [None, "1e+5x", None, "5E12"]
    assert [row["movie_id"] for row in rows] == ["12", "7", None, None]
    assert [json.loads(row["extra"] or "{}").get("rounded_ids") for row in rows] == [
        *("9.03E+09", None, "1,2E+12, 1.8e+15", None)
    ]


LONG = "x" * 100_000
LONG_TEXTS: dict[str, Callable[[], pa.Array]] = {
    "texts": lambda: pa.array([LONG] * 150),
    "large texts": lambda: pa.array([LONG] * 150, pa.large_string()),
    "bytes": lambda: pa.array([LONG.encode()] * 150),
    "a dictionary": lambda: pa.array([LONG] * 150).dictionary_encode(),
    "texts, the first one missing": lambda: pa.array([None, *[LONG] * 149]),
    "structs": lambda: pa.array([{"inner": LONG}] * 150),
    "lists": lambda: pa.array([[LONG]] * 150),
    "bytes of one length": lambda: pa.array([LONG.encode()] * 150, pa.binary(len(LONG))),
}
"""What makes columns of 15 MB: they would take time and 120 MB of each process that only collects the tests."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONG_TEXTS)
def test_few_rows_are_decoded_at_a_time_where_parquet_repeats_a_long_text(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = LONG_TEXTS[kind]()
    decoded: list[int] = []
    monkeypatch.setattr(parquet, "DECODED_BYTES", 1 << 20)
    monkeypatch.setattr(parquet, "limit_decoded", lambda file, limits: decoded.append)
    texts = pa.array(["A good film."] * len(column))
    data = write_parquet(
        pa.Table.from_arrays([texts, column, column], ["text", "more", "more"]),
        use_dictionary=["more", "more.inner", "more.list.element"],
        column_encoding={"text": "DELTA_BYTE_ARRAY"},
    )
    assert len(data) < 100_000
    rows = sum(len(found.row_numbers) for found in parquet.read(io.BytesIO(data), 1, ReadOptions()))
    assert rows == len(column)
    assert max(decoded) <= 1 << 20


@pytest.mark.process
def test_text_columns_of_every_parquet_type_for_texts_are_read(tmp_path: Path) -> None:
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()):
        rows = read_bytes(tmp_path, "a.parquet", write_parquet(text_table(["é", "b"], kind)))
        assert [row["text"] for row in rows] == ["é", "b"], kind


def test_infinite_numbers_and_nan_are_null(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, "a.jsonl", b'{"text": "t", "rating": NaN, "x": [1e999, -Infinity, 2]}\n')
    assert (rows[0]["given_rating"], json.loads(rows[0]["extra"])) == (None, {"x": [None, None, 2]})


def test_keys_may_differ_from_line_to_line(tmp_path: Path) -> None:
    data = b'{"text": "a", "tag": 1}\n\n  \r\n{"REVIEW": "b"}\r\n{"given_rating": 3, "body": "c"}'
    rows = read_bytes(tmp_path, "a.ndjson", data)
    assert [row["text"] for row in rows] == ["a", "b", "c"]
    assert [row["extra"] for row in rows] == ['{"tag": 1}', None, None]


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt", "a.csv.gz"])
def test_a_byte_order_mark_decides_the_encoding(tmp_path: Path, name: str, encoding: str) -> None:
    text = "Großartig 🎬 映画"
    content = {".csv": f"text\n{text}\n", ".tsv": f"text\n{text}\n", ".jsonl": f'{{"text": "{text}"}}\n'}
    written = ("\ufeff" if encoding.endswith("be") else "") + content.get(Path(name).suffixes[0], text)
    data = written.encode(encoding)
    rows = read_bytes(tmp_path, name, to_gz(data) if name.endswith(".gz") else data)
    assert [row["text"] for row in rows] == [text]


def test_a_file_without_the_mark_that_the_stated_encoding_requires_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError) as refused:
        read_bytes(tmp_path, "a.csv", b"text\na\n", encoding="utf-16")
    assert refused.value.rule == "encoding_broken"


def test_a_genuine_noncharacter_beside_invalid_bytes_is_kept(tmp_path: Path) -> None:
    data = "text,tag\n\ufdd9\ufde5,a\nbad \udcff\udce9,\ufdd9\ufde5\n".encode("utf-8", "surrogateescape")
    rows = read_bytes(tmp_path, "a.csv", data)
    assert rows[0]["text"] == "\ufdd9\ufde5"
    assert (rows[1]["text"], rows[1]["raw"], rows[1]["rule"]) == (None, b"bad \xff\xe9", "text_encoding")


# Containers


def test_members_frames_and_streams_of_compressions_are_read_one_after_the_other(tmp_path: Path) -> None:
    first, second = b"text\na\n", b"b\nc\n"
    for name, data in (
        ("a.csv.gz", to_gz(first) + to_gz(second)),
        ("a.csv.zst", to_zst(first) + to_zst(second)),
        ("a.csv.bz2", bz2.compress(first) + bz2.compress(second)),
        ("a.csv.xz", lzma.compress(first) + lzma.compress(second)),
    ):
        assert [row["text"] for row in read_bytes(tmp_path, name, data)] == ["a", "b", "c"]


@pytest.mark.parametrize("compression", [".gz", ".zst", ".bz2", ".xz"])
def test_a_stream_that_unpacks_to_more_than_is_read_at_a_time_hides_none_after_it(
    tmp_path: Path, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.containers.streams.CHUNK_BYTES", 200)
    data = b"".join(map(COMPRESSORS[compression], (b"text\n" + b"a\n" * 500, b"b\nc\n", b"d\n")))
    rows = read_bytes(tmp_path, f"a.csv{compression}", data)
    assert Counter(row["text"] for row in rows) == {"a": 500, "b": 1, "c": 1, "d": 1}


def test_many_short_streams_cost_no_copy_of_what_follows_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []

    class Unpacker:
        """A decompressor of bzip2 data that notes how many bytes it hands back."""

        def __init__(self) -> None:
            self._inner = BZ2Decompressor()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def decompress(self, data: bytes, most: int) -> bytes:
            piece = self._inner.decompress(data, most)
            copied.append(len(self._inner.unused_data))
            return piece

    monkeypatch.setattr(bz2, "BZ2Decompressor", Unpacker)
    streams = 5000
    data = bz2.compress(b"text\ngood film\n") + streams * bz2.compress(b"") + bz2.compress(b"bad plot\n")
    assert b"".join(decompress(iter([data]), "bz2")) == b"text\ngood film\nbad plot\n"
    assert sum(copied) < 2000 * streams


@pytest.mark.process
def test_rows_count_on_from_member_to_member_bad_ones_too(tmp_path: Path) -> None:
    members = {
        "b/one.csv": b"text,id\nfirst,1\nshort\nthird,3\n",
        "b/1_9.txt": b"fourth",
        "b/2_1.txt": b"\xff",
        "a/two.jsonl.gz": to_gz(b'{"text": "sixth"}\n[]\n'),
        "a/three.parquet": encode_parquet([{"text": "eighth"}]),
    }
    for name, data in (("a.zip", to_zip(members)), ("a.tar", to_tar(members))):
        rows = read_bytes(tmp_path, name, data)
        texts = ["first", None, "third", "fourth", None, "sixth", None, "eighth"]
        assert [row["text"] for row in rows] == texts
        assert [row["member"] for row in rows] == [
            name for name, size in zip(members, (3, 1, 1, 2, 1), strict=True) for _ in range(size)
        ]


def test_folders_hidden_members_mac_shadows_and_descriptions_are_passed_over(tmp_path: Path) -> None:
    members = {
        "x/": b"",
        "x/.DS_Store": b"\0",
        ".git/a.csv": b"text\nno\n",
        "__MACOSX/x/._a.csv": b"no",
        "x/_SUCCESS": b"",
        "x/ReadMe.txt": b"what this data set is",
        "LICENSE": b"may be used",
        "./x/a.csv": b"text\nyes\n",
    }
    for name, data in (("a.zip", to_zip(members)), ("a.tar.zst", to_zst(to_tar(members)))):
        assert [row["text"] for row in read_bytes(tmp_path, name, data)] == ["yes"]


def test_a_member_name_in_another_encoding_is_shown_readably(tmp_path: Path) -> None:
    data = to_tar({"caf\udce9.csv": b"text\na\n"})
    assert [row["member"] for row in read_bytes(tmp_path, "a.tar", data)] == ["caf\ufffd.csv"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("A.CSV", "csv"), ("a.b.tsv.GZ", "tsv.gz"), ("a.json", "json"), ("a.ndjson.zst", "jsonl.zst"),
     ("a.parquet", "parquet"), ("1_2.txt", "text"), ("a.tgz", "tar.gz"), ("a.tar.zst", "tar.zst"),
     ("a.tbz2", "tar.bz2"), ("a.TXZ", "tar.xz"), ("a.tar.bz2", "tar.bz2"), ("a.csv.xz", "csv.xz"),
     ("a.zip", "zip"), ("a.zip.gz", "unknown"), ("a.docx", "unknown"), ("gz", "unknown"), (".csv", "unknown")],
)  # fmt: skip
def test_the_name_says_the_format(name: str, expected: str) -> None:
    assert format_of(Path("folder.csv") / name) == expected


# Sizes


def test_a_csv_with_a_header_only_has_no_rows(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "a.csv", b"text,id") == []
    assert read_bytes(tmp_path, "b.csv", b"\r\n\r\ntext,id\r\n\r\n") == []


@pytest.mark.parametrize("blank", ["", " "])
def test_a_line_with_two_values_of_one_key_is_quarantined_since_one_would_be_lost(
    tmp_path: Path, blank: str
) -> None:
    lines = [
        '{"text"B: "first", "text"B: "second"}',
        '{"text"B: "kept", "text"B: "kept"}',
        '{"text"B: "a", "tags"B: {"n"B: 1, "n"B: 2}}',
        '{"text"B: "of \\"a\\": b", "tag"B: 1}',
    ]
    data = "\n".join(lines).replace("B:", f"{blank}:").encode()
    rows = read_bytes(tmp_path, "a.jsonl", data)
    assert [(row["text"], row["rule"]) for row in rows] == [
        (None, "row_shape"),
        ("kept", None),
        (None, "row_shape"),
        ('of "a": b', None),
    ]


def test_a_review_that_holds_the_name_of_one_column_is_no_header(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, "a.csv", b"text,id\ntext,1\nText,id\nbad,id\n")
    assert [(row["text"], row["rule"]) for row in rows] == [("text", None), ("Text", None), ("bad", None)]


def test_json_lines_of_blank_lines_only_have_no_rows(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "a.jsonl", b"\n \n") == []


@pytest.mark.process
def test_a_parquet_file_without_rows_has_none(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "a.parquet", write_parquet(text_table([], pa.string()))) == []


def test_a_csv_of_one_column_keeps_quoted_empty_texts_and_skips_empty_lines(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, "a.csv", b'text\n"a"\n\n""\n\nb')
    assert [row["text"] for row in rows] == ["a", "", "b"]


@pytest.mark.process
def test_batches_have_no_more_rows_and_about_no_more_bytes_than_told(tmp_path: Path) -> None:
    rows = [{"text": "x" * 1000, "tag": str(number % 3)} for number in range(300)]
    for name, encode in ENCODERS.items():
        path = tmp_path / f"a.{name}"
        path.write_bytes(encode(rows))
        assert {len(batch) for batch in read_review_file(path, ReadOptions(batch_rows=70))} <= set(
            range(1, 71)
        )
    for name in ("jsonl", "parquet"):
        batches = list(read_review_file(tmp_path / f"a.{name}", ReadOptions(batch_bytes=20_000)))
        assert all(batch["text"].nbytes < 40_000 for batch in batches)
        assert sum(map(len, batches)) == 300


def test_good_and_misshapen_rows_keep_their_order_over_many_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.containers.streams.CHUNK_BYTES", 200)
    lines = [f"{number},a" if number % 7 else f"{number}" for number in range(1, 500)]
    data = ("text,tag\n" + "\n".join(lines)).encode()
    rows = read_bytes(tmp_path, "a.csv", data)
    assert [row["rule"] for row in rows] == [None if n % 7 else "row_shape" for n in range(1, 500)]
    assert [row["text"] or row["raw"].decode() for row in rows] == [str(n) for n in range(1, 500)]


def test_a_quoted_text_may_be_longer_than_what_is_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.containers.streams.CHUNK_BYTES", 64)
    texts = ["line\n" * 100, 'a "word" in it', "short", "x" * 1000]
    rows = read_bytes(tmp_path, "a.csv", encode_csv([{"text": text} for text in texts]))
    assert [row["text"] for row in rows] == texts


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Status", "Survey Preview"),
        ("comment_approved", " spam "),
        ("comment_type", "order_note"),
        ("subtype", "channel_join"),
    ],
)
def test_a_row_of_which_another_column_says_that_it_is_no_review_is_set_aside(
    tmp_path: Path, column: str, value: str
) -> None:
    rows = read_bytes(tmp_path, "a.csv", f"text,{column}\nBuy now,{value}\nA good film,approved\n".encode())
    assert [(row["text"], row["rule"], row["raw"]) for row in rows] == [
        (None, "no_review", b"Buy now"),
        ("A good film", None, None),
    ]
    assert json.loads(rows[1]["extra"]) == {column: "approved"}


def test_a_shops_reply_is_no_review_and_a_rating_by_an_owner_is_one(tmp_path: Path) -> None:
    lines = [
        "text,author_type,rating",
        "Good,customer,9",
        "Thank you,shop,",
        "I own one,owner,8",
        "Bad,customer,",
    ]
    rows = read_bytes(tmp_path, "a.csv", "\n".join(lines).encode())
    assert [row["rule"] for row in rows] == [None, "no_review", None, None]


@pytest.mark.parametrize(
    ("name", "review", "reply"),
    [("type", "review", "reply"), ("is_owner", "False", "True"), ("is_reply", "0", "1")],
)
def test_a_reply_is_known_by_the_column_that_says_so_where_ratings_tell_it_from_a_review(
    tmp_path: Path, name: str, review: str, reply: str
) -> None:
    lines = [f"text,{name},rating", f"Good,{review},9", f"Thank you,{reply},", f"Mine,{reply},8"]
    rows = read_bytes(tmp_path, "a.csv", "\n".join(lines).encode())
    assert [row["rule"] for row in rows] == [None, "no_review", None]


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        ("type,model", ["reply,VW", "review,BMW"]),
        ("is_owner,rating", ["True,", "True,"]),
        ("author_type,model", ["owner,VW", "owner,BMW"]),
        ("author_type,rating", ["owner,", "owner,"]),
        ("author_type,label,rating", ["owner,pos,", "owner,neg,", "customer,neg,8"]),
        ("sender_type,nps", ["Merchant,9", "Merchant,2"]),
        ("Author Type,rating", ["Shop,4/5", "owner,★★"]),
    ],
)
def test_an_owners_review_is_one_where_no_rating_tells_it_from_a_reply(
    tmp_path: Path, names: str, lines: list[str]
) -> None:
    table = "\n".join([f"text,{names}", *(f"A good film,{line}" for line in lines)])
    assert [row["rule"] for row in read_bytes(tmp_path, "a.csv", table.encode())] == [None] * len(lines)


@pytest.mark.parametrize("parent", ["0.0", "nan", "NULL", "None", r"\N", "N/A", "-1", "00", "false"])
def test_what_is_no_number_of_a_comment_is_no_parent(tmp_path: Path, parent: str) -> None:
    table = f"text,comment_type,comment_parent\nA film,review,{parent}\nThank you,review,12.0\n"
    rows = read_bytes(tmp_path, "a.csv", table.encode())
    assert [row["rule"] for row in rows] == [None, "no_review"]


@pytest.mark.parametrize(
    ("names", "lines", "replies"),
    [
        (
            "comment_type,comment_parent,rating",
            ["review,0,9", "comment,1,", "review,1,", "review,1,8"],
            [2, 3],
        ),
        ("comment_type,comment_parent", ["review,0", "comment,1", "review,1", "review,"], [3]),
        ("comment_parent", ["0", "1", "1", "2"], []),
        ("comment_parent,rating", ["0,9", "0,", ",", "3,"], [4]),
    ],
    ids=["of a shop", "without ratings", "of a blog", "without types"],
)
def test_a_reply_to_a_review_is_no_review(
    tmp_path: Path, names: str, lines: list[str], replies: list[int]
) -> None:
    table = "\n".join([f"comment_content,{names}", *(f"A film,{line}" for line in lines)])
    rows = read_bytes(tmp_path, "a.csv", table.encode())
    assert [row["row_number"] for row in rows if row["rule"] == "no_review"] == replies
    assert all("a reply to the comment" in row["detail"] for row in rows if row["rule"])


def test_spam_is_no_review_under_a_profile_too(tmp_path: Path) -> None:
    plan = ReadingPlan(("text",), known_names=False)
    rows = read_bytes(tmp_path, "a.csv", b"text,Status\nBuy now,Spam\nA good film,Complete\n", plan=plan)
    assert [row["rule"] for row in rows] == ["no_review", None]


def test_each_column_that_may_say_so_is_looked_at(tmp_path: Path) -> None:
    table = "text,status,review_status\nBuy now,Published,spam\nA good film,Preview,ok\n"
    rows = read_bytes(tmp_path, "a.csv", table.encode())
    assert [row["rule"] for row in rows] == ["no_review", None]


@pytest.mark.parametrize("state", ["rejected", "pending", "complete", "Spam folder", "", "0"])
def test_a_review_that_waits_or_was_rejected_is_a_review(tmp_path: Path, state: str) -> None:
    [row] = read_bytes(tmp_path, "a.jsonl", json.dumps({"text": "A good film", "status": state}).encode())
    assert (row["text"], row["rule"]) == ("A good film", None)


@pytest.mark.parametrize("start", ["<!DOCTYPE html>", "\n<html lang='en'>", "<HTML>"])
def test_a_web_page_saved_as_text_is_no_review(tmp_path: Path, start: str) -> None:
    [row] = read_bytes(tmp_path, "a.txt", f"{start}<body>A good film.</body></html>".encode())
    assert (row["rule"], "web page" in row["detail"]) == ("row_shape", True)


@pytest.mark.parametrize(
    "text",
    [
        '{"error": "gone"}',
        '\n[{"text": "A film."},\n{}]',
        '{"a": 1}\n{"a": 2}\n',
        '[{"text": "A film."}, {"cut',
    ],
)
def test_json_saved_as_text_is_no_review(tmp_path: Path, text: str) -> None:
    [row] = read_bytes(tmp_path, "a.txt", text.encode())
    assert (row["rule"], row["detail"].startswith("JSON, not a review")) == ("row_shape", True)


@pytest.mark.parametrize(
    "text",
    [
        "[Spoilers] A good film.",
        "{sic} A film.",
        "{}\nA pair of braces.",
        '{"a": 1} A film.',
        "[1, 2]",
        "[]",
        "{",
        "[" * 5000,
    ],
)
def test_a_text_that_begins_with_a_bracket_is_a_review(tmp_path: Path, text: str) -> None:
    [row] = read_bytes(tmp_path, "a.txt", text.encode())
    assert (row["text"], row["rule"]) == (text, None)


def test_json_in_a_column_of_texts_is_a_text(tmp_path: Path) -> None:
    text = json.dumps({"error": "gone"})
    [row] = read_bytes(tmp_path, "a.jsonl", json.dumps({"review": text}).encode())
    assert (row["text"], row["rule"]) == (text, None)


MAIL = ["From: Ann <ann@x.org>", "Subject: Your film", "Date: Tue, 3 Nov 2026 10:00:00 +0100"]


@pytest.mark.parametrize(
    "start",
    [
        MAIL,
        ["Received: by x", "\tfor y", *MAIL[:2]],
        ["Subject: x", "X-Empty:", "From: b"],
        ["Von: Ann", "Gesendet: Montag", "Betreff: Film"],
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_mail_saved_as_text_is_set_aside(tmp_path: Path, start: list[str], end: str) -> None:
    content = end.join([*start, "", "A good film.", ""]).encode()
    [row] = read_bytes(tmp_path, "a.txt", content)
    assert (row["text"], row["rule"], row["raw"]) == (None, "row_shape", content)
    assert "the headers of a mail" in row["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "From: the makers of Heat\n\nA good film.",
        "From: Ann\nSubject: a film\nthat goes on without a blank line",
        "Title: Heat\nRating: 9\n\nA good film.",
        "From the start: good\nSubject: love\n\nA film.",
        "A good film.\n\nFrom: Ann\nSubject: Heat\n\nSeen.",
    ],
)
def test_a_text_that_is_no_mail_is_a_review(tmp_path: Path, text: str) -> None:
    [row] = read_bytes(tmp_path, "a.txt", text.encode())
    assert (row["text"], row["rule"]) == (text, None)


HEADERS = st.sampled_from([*MAIL, "X-Mailer: y", "To: a,\n b", "Cc:"])


@given(st.lists(HEADERS, max_size=6), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "Good. ", "\n"]))
@settings(max_examples=50)
def test_only_headers_at_the_beginning_make_a_text_a_mail(
    tmp_path: Path, headers: list[str], end: str, before: str
) -> None:
    text = before + "".join(f"{line}\n" for line in headers) + "\nA good film."
    [row] = read_bytes(tmp_path, "a.txt", text.replace("\n", end).encode())
    is_mail = MAIL[0] in headers and not {"Subject", "Date", "To"}.isdisjoint(
        line.partition(":")[0] for line in headers
    )
    assert (row["rule"] == "row_shape") == (is_mail and before.strip() == "")


# Anything at all

TEXTS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60).filter(
        lambda text: not stands_for_no_text(text)
    ),
    min_size=1,
)
JUNK = settings(max_examples=100)


@pytest.mark.slow
@given(TEXTS)
@example(["\ufeffA text that begins with a byte order mark."])
@JUNK
def test_any_texts_written_as_csv_are_read_back(tmp_path: Path, texts: list[str]) -> None:
    rows = [{"text": text, "tag": "a"} for text in texts]
    found = read_bytes(tmp_path, "a.csv", encode_csv(rows, quoting=csv.QUOTE_ALL))
    assert [row["text"] for row in found] == texts


@given(st.text('"\n\rab', max_size=60).map(str.encode), st.integers(1, 7))
def test_a_line_break_with_an_even_number_of_quotes_before_it_is_found_in_pieces_of_any_size(
    data: bytes, size: int
) -> None:
    line_break = b"\n" if b"\n" in data else b"\r"
    ends = [
        end
        for end in range(1, len(data) + 1)
        if data[end - 1 : end] == line_break and data[:end].count(b'"') % 2 == 0
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_COUNTED_BYTES", size)
        assert delimited._find_end_by_counting(data, ",") == max(ends, default=0)


@pytest.mark.slow
def test_an_open_quote_before_millions_of_line_breaks_refuses_the_file(tmp_path: Path) -> None:
    data = to_gz(b'text\nGood.\n"' + b"\n" * (5 << 20))
    with pytest.raises(FileRefusedError, match="quote opened after row 1 is not closed"):
        read_bytes(tmp_path, "a.csv.gz", data)


@pytest.mark.slow
@given(st.text('",\n\r;ab \ufdd9é', max_size=150), st.integers(1, 40))
@JUNK
def test_a_csv_is_read_alike_however_much_is_read_at_a_time(
    tmp_path: Path, content: str, chunk_bytes: int
) -> None:
    """Also for malformed CSV: quotes in the middle of a field, and unclosed ones."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,b\n" + content.encode().replace("é".encode(), b"\xe9"))
    found = []
    for size in (1 << 20, chunk_bytes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tasks.containers.streams.CHUNK_BYTES", size)
            try:
                found.append(read(path))
            except FileRefusedError as refusal:
                found.append([{"rule": refusal.rule}])
    assert found[0] == found[1]


@pytest.mark.process
@given(TEXTS)
@JUNK
def test_any_texts_written_as_json_lines_or_parquet_are_read_back(tmp_path: Path, texts: list[str]) -> None:
    rows = [{"text": text} for text in texts]
    for name, encode in (("a.jsonl", encode_jsonl), ("a.parquet", encode_parquet)):
        assert [row["text"] for row in read_bytes(tmp_path, name, encode(rows))] == texts


NAMES = [
    "a.csv",
    "a.tsv",
    "a.jsonl",
    "a.txt",
    "a.parquet",
    "a.csv.gz",
    "a.jsonl.zst",
    "a.csv.bz2",
    "a.csv.xz",
    "a.zip",
    "a.tar",
    "a.tgz",
    "a.xlsx",
    "a.xls",
    "a.ods",
    "a.json",
    "a.orc",
    "a.feather",
    "a.avro",
]
SNIPPETS = st.sampled_from(
    [
        b"text,id\n",
        b'{"text": "',
        b'"}\n',
        b'"',
        b"\n",
        b"\r",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\0\0",
        b"PAR1",
        b"ORC",
        b"ARROW1\0\0",
        b"Obj\x01",
        b"{}",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"\\ud83d",
        b"\xef\xb7\x90",
        b"text\n",
        b",",
        b"\xed\xa0\x80",
        b"[[[",
        b"1e999",
    ]
)


@pytest.mark.process
@given(st.sampled_from(NAMES), st.lists(SNIPPETS | st.binary(max_size=20), max_size=20).map(b"".join))
@settings(JUNK, max_examples=300)
def test_any_bytes_under_any_name_give_rows_or_a_refusal(tmp_path: Path, name: str, data: bytes) -> None:
    read_or_refuse(tmp_path, name, data)


GOOD_FILES = {
    "a.csv": encode_csv(ROWS),
    "a.jsonl": encode_jsonl(ROWS),
    "a.parquet": encode_parquet(ROWS),
    "a.csv.gz": to_gz(encode_csv(ROWS)),
    "a.csv.zst": to_zst(encode_csv(ROWS)),
    "a.csv.bz2": bz2.compress(encode_csv(ROWS)),
    "a.csv.xz": lzma.compress(encode_csv(ROWS)),
    "a.zip": to_zip({"1_9.txt": b"Fine.", "b.csv": encode_csv(ROWS)}),
    "a.tar": to_tar({"1_9.txt": b"Fine.", "b.csv": encode_csv(ROWS)}),
    "a.json": encode_json(ROWS),
    "a.orc": encode_orc(ROWS),
    "a.arrow": encode_arrow(ROWS),
    "a.avro": encode_avro(ROWS),
    "a.xlsx": encode_xlsx(ROWS),
    "a.ods": encode_ods(ROWS),
    "a.xls": encode_xls(ROWS),
    "b.zip": to_zip({"b.parquet": encode_parquet(ROWS), "c.jsonl.gz": to_gz(encode_jsonl(ROWS))}),
}


@pytest.mark.process
@given(st.sampled_from(list(GOOD_FILES)), st.data())
@settings(JUNK, max_examples=300)
def test_a_damaged_file_gives_rows_or_a_refusal(tmp_path: Path, name: str, data: st.DataObject) -> None:
    content = bytearray(GOOD_FILES[name])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(1, len(content)) | st.just(len(content)))
    read_or_refuse(tmp_path, name, bytes(content[:end]))


def read_or_refuse(folder: Path, name: str, data: bytes) -> None:
    """Read a file or return its refusal: a reader may raise only `FileRefusedError`, with our own message."""
    refusals: list[FileRefusedError] = []
    rows: list[dict[str, Any]] = []
    try:
        rows = read_bytes(folder, name, data)
    except FileRefusedError as error:
        refusals.append(error)
    assert all(refusal.detail.endswith(FILE_RULES[refusal.rule]) for refusal in refusals)
    assert {row["rule"] for row in rows} <= {None, *ROW_RULES}
    assert all((row["text"] is None) == (row["rule"] is not None) for row in rows)
    assert all(row["extra"] is None or isinstance(json.loads(row["extra"]), dict) for row in rows)


# Memory

MEASURE = """
import resource, sys
from pathlib import Path
from tasks.review_files.reader import read_review_file
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
for _ in read_review_file(Path(sys.argv[1])): pass
before = peak()
rows = sum(len(batch) for batch in read_review_file(Path(sys.argv[2])))
print(rows, peak() - before)
"""


def measure(small: Path, large: Path) -> tuple[int, int]:
    """Return the rows of `large`, and by how many MiB its peak memory exceeds that of reading `small`."""
    command = [sys.executable, "-c", MEASURE, str(small), str(large)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    rows, growth = done.stdout.split()
    return int(rows), int(growth)


@pytest.mark.process
def test_memory_does_not_grow_with_the_size_of_a_compressed_csv(tmp_path: Path) -> None:
    block = b"".join(b'%d,"%b"\n' % (number, b"A film, again. " * 90) for number in range(2000))
    header, packed = to_gz(b"id,text\n"), to_gz(block)
    small, large = tmp_path / "small.csv.gz", tmp_path / "large.csv.gz"
    small.write_bytes(header + packed * 20)
    large.write_bytes(header + packed * 75)
    assert 75 * len(block) > 200_000_000
    rows, growth = measure(small, large)
    assert rows == 150_000
    assert growth < 96


@pytest.mark.slow
def test_short_rows_of_a_wide_csv_take_no_memory_for_the_fields_that_they_lack(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text" + b"".join(b",%d" % column for column in range(5000)) + b"\n" + b"a\n" * 10_000)
    tracemalloc.start()
    arrow = pa.total_allocated_bytes()
    batches = list(read_review_file(path))
    assert sum(map(len, batches)) == 10_000
    assert pa.total_allocated_bytes() - arrow < 64 << 20
    assert tracemalloc.get_traced_memory()[1] < 256 << 20
    tracemalloc.stop()


def _peak_of_reading(path: Path) -> int:
    """Read `path` and return the most bytes that Python held meanwhile, those of other threads included."""
    tracemalloc.start()
    assert sum(map(len, read_review_file(path, ReadOptions(batch_rows=100)))) == int(path.stem)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_members_of_a_tar(tmp_path: Path) -> None:
    paths = [
        tmp_path / f"{count}.tar" for count in (2200, 3400)
    ]  # Each exceeds the two chunks that are held.
    for path in paths:
        members = {f"{number}_9.txt": b"A film, again." for number in range(int(path.stem))}
        path.write_bytes(to_tar(members))
    few = _peak_of_reading(paths[0])
    # A thread that an earlier test left may allocate meanwhile, but hardly in each of three readings.
    assert any(_peak_of_reading(paths[1]) < few + 300_000 for _ in range(3))


@pytest.mark.parametrize("named", [None, "review"])
def test_a_member_without_a_text_is_refused_with_how_to_pack_the_others(
    tmp_path: Path, named: str | None
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(to_zip({"profile.csv": b"name,city\nAnn,Rome\n", "reviews.csv": b"review\nGood.\n"}))
    with pytest.raises(
        FileRefusedError,
        match=r"member 'profile.csv': .* if it has no reviews, pack the files of reviews alone\.",
    ):
        list(read_review_file(path, ReadOptions(text_column=named)))


def test_a_file_without_a_text_that_is_no_archive_is_not_to_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"name,city\nAnn,Rome\n")
    with pytest.raises(FileRefusedError, match=r"--text-column\.$"):
        list(read_review_file(path))
