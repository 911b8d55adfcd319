"""Tests that ORC, Arrow and Avro files with columns of any type are read."""

import datetime as dt
import io
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import FileRefusedError
from tasks.reading.arrow_tables import read_arrow, read_orc
from tasks.reading.avro import read_avro
from tasks.reading.reader import read_review_file
from tasks.reading.rows import RawRows, ReadOptions
from tasks.reading.values import parse_rows
from tests.support.profiles import make_profile
from tests.support.review_file_builders import (
    encode_arrow,
    encode_avro,
    encode_orc,
    list_further,
    write_arrow,
    write_avro,
)

READERS: dict[str, Callable[..., Iterator[RawRows]]] = {
    "orc": read_orc,
    "arrow": read_arrow,
    "avro": read_avro,
}
ENCODERS = {"orc": encode_orc, "arrow": encode_arrow, "avro": encode_avro}
NOON = dt.datetime(2024, 5, 17, 12, tzinfo=dt.UTC)


def read(format_name: str, data: bytes, **options: Any) -> list[RawRows]:
    return list(READERS[format_name](io.BytesIO(data), 1, ReadOptions(**options)))


def read_texts(format_name: str, data: bytes, **options: Any) -> list[str]:
    return [text for rows in read(format_name, data, **options) for text in rows.known["text"].to_pylist()]


def read_extra(format_name: str, data: bytes) -> dict[str, Any]:
    """Read one row; return its further values as JSON has them."""
    (rows,) = read(format_name, data)
    return list_further(rows)[0]


@pytest.mark.parametrize("format_name", READERS)
def test_a_file_with_more_rows_than_its_size_allows_is_refused(format_name: str) -> None:
    data = ENCODERS[format_name]([{"text": "A film."}] * 100)
    with pytest.raises(FileRefusedError, match="bomb_suspected"):
        read(format_name, data, most_rows=99)


# Arrow


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("stream", [False, True])
def test_arrow_files_and_streams_are_read(*, stream: bool, compression: str | None) -> None:
    for kind in (pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int8(), pa.string())):
        table = pa.table({"text": pa.array(["a", "é"]).cast(kind)})
        assert read_texts("arrow", write_arrow(table, stream=stream, compression=compression)) == ["a", "é"]


def test_arrow_values_of_any_type_are_kept_but_for_nan_which_counts_as_null() -> None:
    table = pa.table(
        {
            "text": ["A film."],
            "tags": [["a", None]],
            "user": [{"name": "Ann"}],
            "json": pa.array(['{"a": 1}'], pa.string()).cast(pa.json_()),
            "when": pa.array([NOON], pa.timestamp("ms", "Europe/Berlin")),
            "nan": [float("nan")],
        }
    )
    assert read_extra("arrow", write_arrow(table)) == {
        "tags": ["a", None],
        "user.name": "Ann",
        "json": '{"a": 1}',
        "when": "2024-05-17 12:00:00.000Z",
    }


def test_dictionary_indices_outside_of_their_dictionary_refuse_the_file() -> None:
    wrong = pa.DictionaryArray.from_arrays(pa.array([5], pa.int8()), pa.array(["a"]), safe=False)
    with pytest.raises(FileRefusedError, match="arrow_broken"):
        read("arrow", write_arrow(pa.table({"text": wrong})))


# ORC


def test_orc_values_of_any_type_are_kept() -> None:
    data = encode_orc(
        [{"text": "A film.", "n": 5, "day": NOON.date(), "user": {"name": "Ann"}, "tags": ["a"]}]
    )
    assert read_extra("orc", data) == {"n": 5, "day": "2024-05-17", "user.name": "Ann", "tags": ["a"]}


# Avro

NAME = {"type": "record", "name": "U", "fields": [{"name": "name", "type": "string"}]}
VALUES: dict[str, tuple[Any, Any, Any]] = {
    "size": (["null", "double"], 8.0, 8.0),
    "when": ({"type": "long", "logicalType": "timestamp-millis"}, NOON, "2024-05-17T12:00:00+00:00"),
    "price": (
        {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2},
        Decimal("1.50"),
        "1.50",
    ),
    "key": ({"type": "string", "logicalType": "uuid"}, uuid.UUID(int=7), str(uuid.UUID(int=7))),
    "raw": ("bytes", b"\xff", "/w=="),
    "kind": ({"type": "enum", "name": "K", "symbols": ["WEB", "APP"]}, "APP", "APP"),
    "tags": ({"type": "array", "items": "string"}, ["a"], ["a"]),
    "user.name": (NAME, {"name": "Ann"}, "Ann"),
    "nan": ("float", float("nan"), None),
}
"""By the name of a further column its type in Avro, a value, and the value that is kept."""


def describe(kinds: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of records with a text and further fields."""
    fields = [{"name": name, "type": kind} for name, kind in {"text": "string", **kinds}.items()]
    return {"type": "record", "name": "R", "fields": fields}


def test_avro_values_of_any_type_are_kept() -> None:
    schema = describe({name.partition(".")[0]: kind for name, (kind, *_) in VALUES.items()})
    record = {name.partition(".")[0]: value for name, (_, value, _) in VALUES.items()}
    data = write_avro(schema, [{"text": "A film.", **record}])
    assert read_extra("avro", data) == {name: kept for name, (*_, kept) in VALUES.items() if kept is not None}


@pytest.mark.parametrize(
    ("kind", "logical", "value"),
    [("long", "timestamp-millis", 253_402_300_800_000), ("int", "date", 2_000_000_000)],
)
def test_a_date_of_avro_that_python_cannot_have_is_kept_as_no_date(
    kind: str, logical: str, value: int
) -> None:
    schema = describe({"reviewed_at": {"type": kind, "logicalType": logical}})
    data = write_avro(schema, [{"text": "A film.", "reviewed_at": value}])
    (rows,) = READERS["avro"](io.BytesIO(data), 1, ReadOptions())
    assert rows.known["reviewed_at"].to_pylist() == [f"{kind}-{logical} {value}"]


def compress_snappy(file: Any, data: bytes, level: int | None) -> None:
    packed = pa.Codec("snappy").compress(data, asbytes=True) + bytes(4)
    size = len(packed) << 1
    while size >= 0x80:
        file.write(bytes([size & 0x7F | 0x80]))
        size >>= 7
    file.write(bytes([size]) + packed)


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "snappy"])
def test_avro_blocks_of_every_codec_are_read(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(import_module("fastavro._write").BLOCK_WRITERS, "snappy", compress_snappy)
    for texts in ([f"Film {number}" for number in range(5000)], ["Film"], ["Films"]):
        assert (
            read_texts("avro", write_avro(describe({}), [{"text": text} for text in texts], codec)) == texts
        )


@pytest.mark.parametrize("format_name", ["orc", "arrow"])
def test_a_text_column_of_other_values_than_texts_is_refused(format_name: str) -> None:
    with pytest.raises(FileRefusedError, match="text_column_type"):
        read(format_name, ENCODERS[format_name]([{"text": ["A good film.", "Really."]}]))


@pytest.mark.parametrize("format_name", ["orc", "arrow"])
def test_what_says_which_rows_are_reviews_is_read_as_text_and_keeps_its_type_in_extra(
    format_name: str,
) -> None:
    profile = make_profile("text", tables={"rows": {"never": {"is_owner": ["true"]}}})
    data = ENCODERS[format_name]([{"text": "Good.", "is_owner": owner} for owner in (True, False)])
    (rows,) = read(format_name, data, profile=profile)
    assert list_further(rows) == [{"is_owner": True}, {"is_owner": False}]
    assert parse_rows(rows, pa.nulls(2, pa.string()))["rule"].to_pylist() == ["no_review", None]


@pytest.mark.parametrize("format_name", ["orc", "arrow"])
def test_structs_are_columns_with_dotted_names_as_objects_of_json_are(format_name: str) -> None:
    nested = [{"review": {"text": text, "by": {"name": "Ann"}}, "stars": {"n": "4"}} for text in "ab"]
    profile = make_profile("review.text", given_rating="stars.n")
    (rows,) = read(format_name, ENCODERS[format_name](nested), profile=profile)
    assert rows.known["text"].to_pylist() == ["a", "b"]
    assert rows.known["given_rating"].to_pylist() == ["4", "4"]
    assert list_further(rows) == [{"review.by.name": "Ann"}] * 2


FLAT = pa.struct([(f"f{number}", pa.int8()) for number in range(900)])


def nest(levels: int, name: str) -> pa.DataType:
    return pa.int8() if levels == 0 else pa.struct([(name, nest(levels - 1, name))])


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (nest(70, "a"), "more than 64 deep"),
        (pa.struct([("a" * 20_000, FLAT)]), "the names of its columns"),
        (pa.struct([(f"{number}", FLAT) for number in range(20)]), "more than 10,000 columns"),
    ],
)
def test_structs_that_would_become_too_much_are_refused(kind: pa.DataType, problem: str) -> None:
    schema = pa.schema([("text", pa.string()), ("nested", kind)])
    with pytest.raises(FileRefusedError, match=problem):
        read("arrow", write_arrow(schema.empty_table()))


@pytest.mark.process
def test_rows_that_unpack_to_too_much_refuse_their_file_though_little_of_them_is_kept(tmp_path: Path) -> None:
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), pa.array(["y" * 500_000]))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a good film"] * 5000, "page": long}), path)
    with pytest.raises(FileRefusedError, match="its rows unpack to"):
        list(read_review_file(path))
