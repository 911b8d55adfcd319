"""Tests that valid review files of every format, compression and container are read correctly."""

import json
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError
from data_contracts.review_files import READ_SCHEMA
from data_contracts.rules_and_limits import ROW_RULES
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.reading.table_process import TABLE_FORMATS
from tests.conftest import PROJECT_ROOT
from tests.support.review_file_builders import (
    COMPRESSORS,
    CONTAINERS,
    ENCODERS,
    Rows,
    encode_csv,
    encode_jsonl,
    encode_parquet,
    to_gz,
    to_tar,
    to_zip,
    to_zst,
    write_parquet,
)
from tests.support.workbook_builders import encode_ods, encode_xls, encode_xlsx

ALL_ENCODERS = {**ENCODERS, "xlsx": encode_xlsx, "ods": encode_ods, "xls": encode_xls}

ROWS = [
    {
        "review_id": "r1",
        "movie_id": "tt0000001",
        "date": "2024-03-05T06:07:08+02:00",
        "label": "pos",
        "given_rating": "8",
        "text": 'A fine film,\nwith a "quoted" line and a comma, and tabs\there.',
        "country": "Österreich",
    },
    {
        "review_id": "r2",
        "movie_id": "tt0000002",
        "date": "2024-03-06",
        "label": "neg",
        "given_rating": "2.5",
        "text": "Slow. 退屈な映画 — très ennuyeux 🙁<br /><br />",
        "country": "日本",
    },
]
EXPECTED = [
    {
        **{name: row[name] for name in ("review_id", "movie_id", "text")},
        "reviewed_at": reviewed_at,
        "given_label": label,
        "given_rating": float(row["given_rating"]),
        "extra": json.dumps({"country": row["country"]}, ensure_ascii=False),
        **dict.fromkeys(("rule", "detail", "raw")),
    }
    for row, reviewed_at, label in zip(
        ROWS,
        (datetime(2024, 3, 5, 4, 7, 8, tzinfo=UTC), datetime(2024, 3, 6, tzinfo=UTC)),
        ("positive", "negative"),
        strict=True,
    )
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


PACKED = [
    *((name, "", "") for name in ALL_ENCODERS),
    *((name, ".gz", ".zip") for name in ALL_ENCODERS),
    *(("csv", compression, container) for compression in COMPRESSORS for container in CONTAINERS),
]
"""Each format plain and packed twice, and one of them in every compression and container."""


@pytest.mark.parametrize(
    ("format_name", "compression", "container"),
    [
        pytest.param(*packed, marks=[pytest.mark.process] if packed[0] in TABLE_FORMATS else [])
        for packed in dict.fromkeys(PACKED)
    ],
)
def test_every_format_compression_and_container_gives_the_same_rows(
    tmp_path: Path, format_name: str, compression: str, container: str
) -> None:
    inner = f"reviews.{format_name}{compression}"
    name, data = CONTAINERS[container](inner, COMPRESSORS[compression](ALL_ENCODERS[format_name](ROWS)))
    rows = read_bytes(tmp_path, name, data)
    assert [{name: row[name] for name in EXPECTED[0]} for row in rows] == EXPECTED
    assert {row["member"] for row in rows} == {inner if container else None}


# Shapes that people have


@pytest.mark.parametrize(
    ("name", "rating", "label"),
    [
        ("12_10.txt", 10.0, "positive"),
        ("12_5.txt", 5.0, None),
        ("12_4.txt", 4.0, "negative"),
        *((name, None, None) for name in ("12_0.txt", "12_11.txt", "x_9.txt", "review.txt")),
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


# Columns and values


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
        ("2024-02-03T04:05:06.789Z", datetime(2024, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)),
        ("2024-02-03T04:05:06-05:00", datetime(2024, 2, 3, 9, 5, 6, tzinfo=UTC)),
        (1_706_933_106.5, datetime(2024, 2, 3, 4, 5, 6, 500000, tzinfo=UTC)),
        ("1706933106789", datetime(2024, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_iso_8601_or_an_epoch(tmp_path: Path, found: Any, expected: datetime | None) -> None:
    row = read_one(tmp_path, {"text": "t", "created_at": found})
    assert (row["reviewed_at"], row["extra"]) == (expected, None)


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        *(("given_label", found, "positive") for found in ("POS", "Fresh", "recommended")),
        *(("label", found, "negative") for found in (" negative ", "Not Recommended")),
        *(("sentiment", found, None) for found in ("unsup", "neutral", "", None)),
        *(("given_rating", found, expected) for found, expected in ((1, 1), ("10", 10), (" 7.5 ", 7.5), ("8/10", 8))),
        *(("rating", found, expected) for found, expected in (("4/5", 8), ("0.5 / 5", 1), ("9 out of 10", 9))),
    ],
)  # fmt: skip
def test_a_label_or_rating_that_states_itself_is_read(
    tmp_path: Path, name: str, found: Any, expected: Any
) -> None:
    row = read_one(tmp_path, {"text": "t", name: found})
    ours = "given_rating" if "rating" in name else "given_label"
    assert (row[ours], row["extra"]) == (expected, None)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        *(("reviewed_at", found) for found in ("03/02/2024", "2024", "0001-01-01T00:00:00+10:00", [1])),
        *(("given_rating", found) for found in ("five", "6/5", "0/5", "4/7")),
        *(("given_label", found) for found in ("so so", 1)),
    ],
)
def test_a_value_that_is_not_understood_is_kept_as_found(tmp_path: Path, field: str, found: Any) -> None:
    row = read_one(tmp_path, {"text": "t", field: found, "tag": "x"})
    assert (row[field], json.loads(row["extra"])) == (None, {field: str(found), "tag": "x"})


def test_what_programs_write_for_no_id_is_none(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"text": "t", "review_id": "-", "movie_id": " nan "})
    assert (row["review_id"], row["movie_id"]) == (None, None)


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
    assert extras[0] == {"tags": ["x", "y"], "place.lat": 1.5, "raw": "café", "day": "2024-02-03"}
    assert extras[1] == {"tags": [], "raw": "//4=", "day": "2024-02-03"}
    assert extras[2] == {"given_rating": "11.0", "day": "2024-02-03"}


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


@pytest.mark.parametrize(("name", "encode"), [("a.csv", encode_csv), ("a.jsonl", encode_jsonl)])
def test_of_a_row_with_more_than_is_kept_the_rest_is_left_out_and_named(
    tmp_path: Path, name: str, encode: Callable[[Rows], bytes]
) -> None:
    columns = {"first": "1", "long": "x" * 70_000} | {"c" * 100 + str(number): "y" for number in range(900)}
    good, bad = read_bytes(tmp_path, name, encode([columns | {"text": "a"}, columns | {"text": "b"}]))
    assert (good["text"], bad["text"]) == ("a", "b")
    kept = json.loads(good["extra"])
    assert (kept["first"], kept["unreadable_columns"][0]) == ("1", "long")
    assert 60_000 < len(good["extra"]) < 70_000


@pytest.mark.parametrize(("name", "encode"), [("a.csv", encode_csv), ("a.jsonl", encode_jsonl)])
def test_a_row_with_an_id_that_is_too_long_to_be_one_is_bad_and_its_id_not_kept(
    tmp_path: Path, name: str, encode: Callable[[Rows], bytes]
) -> None:
    row = {"review_id": "7", "movie_id": "t" * 1_000_000, "text": "good"}
    [found] = read_bytes(tmp_path, name, encode([row]))
    assert (found["rule"], found["review_id"], found["movie_id"]) == ("row_shape", "7", None)
    assert len(found["raw"]) < 70_000


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


def test_a_genuine_noncharacter_beside_invalid_bytes_is_kept(tmp_path: Path) -> None:
    data = "text,tag\n\ufdd9\ufde5,a\nbad \udcff\udce9,\ufdd9\ufde5\n".encode("utf-8", "surrogateescape")
    rows = read_bytes(tmp_path, "a.csv", data)
    assert rows[0]["text"] == "\ufdd9\ufde5"
    assert (rows[1]["text"], rows[1]["raw"], rows[1]["rule"]) == (None, b"bad \xff\xe9", "text_encoding")


# Containers


@pytest.mark.parametrize("compression", [".gz", ".zst", ".bz2", ".xz"])
def test_members_frames_and_streams_are_read_one_after_the_other_however_long(
    tmp_path: Path, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.reading.streams.CHUNK_BYTES", 200)
    data = b"".join(map(COMPRESSORS[compression], (b"text\n" + b"a\n" * 500, b"b\nc\n", b"d\n")))
    rows = read_bytes(tmp_path, f"a.csv{compression}", data)
    assert Counter(row["text"] for row in rows) == {"a": 500, "b": 1, "c": 1, "d": 1}


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


# Sizes


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


def test_a_text_after_a_megabyte_of_blanks_is_read_in_its_time(tmp_path: Path) -> None:
    """A search that begins anew at each blank takes minutes for it."""
    [row] = read_bytes(tmp_path, "a.txt", b" " * (1 << 20) + b"A good film.")
    assert row["text"].strip() == "A good film."


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        *((text, "row_shape") for text in ("<!DOCTYPE html>A film.", "\n<html lang='en'>A film.", '{"error": "gone"}')),
        *((text, "row_shape") for text in ('\n[{"text": "A film."},\n{}]', '[{"text": "A film."}, {"cut')),
        *((text, None) for text in ("[Spoilers] A good film.", "{}\nA pair of braces.", "[1, 2]", "{", "[" * 5000)),
    ],
)  # fmt: skip
def test_a_page_or_json_saved_as_text_is_no_review_and_a_bracket_is_a_character(
    tmp_path: Path, text: str, rule: str | None
) -> None:
    [row] = read_bytes(tmp_path, "a.txt", text.encode())
    assert row["rule"] == rule
    assert read_one(tmp_path, {"text": text})["text"] == text


@pytest.mark.parametrize(
    ("name", "data"), [("a.csv", b"text,id"), ("a.csv", b"\r\n\r\ntext,id\r\n\r\n"), ("a.jsonl", b"\n \n")]
)
def test_a_file_may_have_no_rows(tmp_path: Path, name: str, data: bytes) -> None:
    assert read_bytes(tmp_path, name, data) == []


# Anything at all

JUNK = settings(max_examples=100)


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
            patch.setattr("tasks.reading.streams.CHUNK_BYTES", size)
            try:
                found.append(read(path))
            except FileRefusedError as refusal:
                found.append([{"rule": refusal.rule}])
    assert found[0] == found[1]


NAMES = (
    *("a.csv", "a.tsv", "a.jsonl", "a.txt", "a.parquet", "a.csv.gz", "a.jsonl.zst", "a.csv.bz2", "a.csv.xz", "a.zip"),
    *("a.tar", "a.tgz", "a.xlsx", "a.xls", "a.ods", "a.json", "a.orc", "a.feather", "a.avro"),
)  # fmt: skip
SNIPPETS = st.sampled_from((
    *(b"text,id\n", b'{"text": "', b'"}\n', b'"', b"\n", b"\r", b"\xff\xfe", b"\xef\xbb\xbf", b"\0\0", b"PAR1", b"ORC"),
    *(b"ARROW1\0\0", b"Obj\x01", b"{}", b"PK\x03\x04", b"\x1f\x8b\x08", b"\\ud83d", b"\xef\xb7\x90", b"text\n", b","),
    *(b"\xed\xa0\x80", b"[[[", b"1e999"),
))  # fmt: skip


@pytest.mark.process
@given(st.sampled_from(NAMES), st.lists(SNIPPETS | st.binary(max_size=20), max_size=20).map(b"".join))
@settings(JUNK, max_examples=300)
def test_any_bytes_under_any_name_give_rows_or_a_refusal(tmp_path: Path, name: str, data: bytes) -> None:
    try:
        rows = read_bytes(tmp_path, name, data)
    except FileRefusedError:
        return
    assert {row["rule"] for row in rows} <= {None, *ROW_RULES}
    assert all((row["text"] is None) == (row["rule"] is not None) for row in rows)
    assert all(row["extra"] is None or isinstance(json.loads(row["extra"]), dict) for row in rows)


# Memory

MEASURE = """
import resource, sys
from pathlib import Path
from tasks.reading.reader import read_review_file
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
for _ in read_review_file(Path(sys.argv[1])): pass
before = peak()
rows = sum(len(batch) for batch in read_review_file(Path(sys.argv[2])))
print(rows, peak() - before)
"""


@pytest.mark.process
def test_memory_does_not_grow_with_the_size_of_a_compressed_csv(tmp_path: Path) -> None:
    block = b"".join(b'%d,"%b"\n' % (number, b"A film, again. " * 90) for number in range(2000))
    header, packed = to_gz(b"id,text\n"), to_gz(block)
    small, large = tmp_path / "small.csv.gz", tmp_path / "large.csv.gz"
    small.write_bytes(header + packed * 20)
    large.write_bytes(header + packed * 75)
    assert 75 * len(block) > 200_000_000
    command = [sys.executable, "-c", MEASURE, str(small), str(large)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)
    rows, growth = map(int, done.stdout.split())
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


def test_the_keys_of_a_file_are_forgotten_with_it(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(f'{{"text": "good", "{"k" * 100_000}{row}": 1}}\n' for row in range(300)))
    tracemalloc.start()
    try:
        assert sum(batch.num_rows for batch in read_review_file(path)) == 300
        assert tracemalloc.get_traced_memory()[0] < 10 << 20
    finally:
        tracemalloc.stop()
