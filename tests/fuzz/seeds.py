"""Small valid files of every format, the input of the mutations; the same in every process."""

import bz2
import datetime as dt
import decimal
import json
import lzma
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from tests.support import review_file_builders as make
from tests.support import workbook_builders as books

_TEXTS = (
    "A good film.", "Terrible, and far too long.", 'He said "never again", and meant it.',
    "Zwei Stunden, die niemand zurückgibt 🎬",
    "Line one\nline two", "So-so; watch it on a plane\tor not.", "<br />Great!<br />", "Not bad",
    "A good film.", "x" * 300,
)  # fmt: skip
_TYPED_CELLS: books.Grid = [
    ["text", "stars", "date", "seen", "n"],
    ["A good film.", 8.0, dt.date(2024, 5, 17), True, None],
    ["Not bad", 2.5, dt.datetime(2024, 5, 17, 20, 15), False, 1e300],
]
_DAY = dt.datetime(2024, 5, 17, 20, 15, tzinfo=dt.UTC)


def _rows() -> list[dict[str, Any]]:
    return [
        {
            "text": _TEXTS[number % len(_TEXTS)],
            "review_id": f"r-{number}",
            "movie_id": f"tt{number % 3:07}",
            "date": (_DAY + dt.timedelta(days=number)).isoformat(),
            "label": ("pos", "neg", "")[number % 3],
            "stars": number % 10 + 1,
            "source": "web",
        }
        for number in range(10)
    ]


def _texts_alone() -> list[dict[str, Any]]:
    return [{"review": text} for text in _TEXTS]


@lru_cache
def make_contents() -> Mapping[str, tuple[bytes, ...]]:
    """Return valid contents by format: 'csv', 'tsv', 'jsonl', 'parquet', 'text', ..."""
    rows, texts = _rows(), _texts_alone()
    return {
        "csv": (
            make.encode_csv(rows),
            make.encode_csv(texts),
            make.encode_csv(rows, ";"),
            make.encode_csv(rows, "|"),
            b"sep=;\r\n" + make.encode_csv(texts, ";"),
            make.encode_csv(rows, quoting=1),
        ),
        "tsv": (make.encode_tsv(rows), make.encode_tsv(texts)),
        "jsonl": (
            make.encode_jsonl(rows),
            make.encode_jsonl(texts),
            make.encode_jsonl([{**row, "more": {"a": [1, {}]}} for row in rows]),
        ),
        "json": (
            make.encode_json(rows),
            json.dumps(rows).encode(),
            json.dumps({"a": {"data": [{**row, "more": {"a": [1, {}]}} for row in rows]}, "c": [1]}).encode(),
        ),
        "parquet": tuple(_make_parquet()),
        "orc": (
            make.encode_orc(rows),
            make.encode_orc(texts),
            make.encode_orc([{**row, "more": {"a": [1, 2], "b": {"c": "d"}}} for row in rows]),
        ),
        "arrow": tuple(_make_arrow()),
        "avro": (
            make.encode_avro([{**row, "stars": str(row["stars"])} for row in rows]),
            make.encode_avro(texts),
        ),
        "xlsx": (
            books.encode_xlsx(rows),
            books.write_xlsx({"Cover": [["Our survey"]], "Data": _TYPED_CELLS}),
        ),
        "ods": (books.encode_ods(rows), books.write_ods({"Data": _TYPED_CELLS})),
        "xls": (books.encode_xls(rows),),
        "text": (_TEXTS[3].encode(), _TEXTS[4].encode("utf-16")),
    }


# Parquet


def _make_parquet() -> Iterator[bytes]:
    """Write files of all encodings, codecs, page versions and types that Arrow writes."""
    plain, typed, nested = _plain_table(), _typed_table(), _nested_table()
    for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
        yield make.write_parquet(plain, compression=codec, write_statistics=codec == "snappy")
        yield make.write_parquet(plain, compression=codec, data_page_version="2.0", use_dictionary=False)
    for text_encoding in ("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"):
        for version in ("1.0", "2.0"):
            yield _write_encoded(plain, text_encoding, data_page_version=version)
            yield _write_encoded(
                plain, text_encoding, data_page_version=version, store_schema=False, compression="none"
            )
    for table in (typed, nested):
        yield make.write_parquet(table, write_page_checksum=True, write_statistics=False)
        yield make.write_parquet(
            table, use_dictionary=False, data_page_version="2.0", compression="none", write_statistics=False
        )
        yield make.write_parquet(table, store_schema=False, compression="none", write_page_index=True)
    yield make.write_parquet(plain, row_group_size=5, data_page_size=16, write_batch_size=1)
    yield make.write_parquet(
        plain, row_group_size=3, write_page_checksum=True, compression="none", data_page_version="2.0"
    )
    yield make.write_parquet(
        typed, use_deprecated_int96_timestamps=True, compression="none", write_statistics=False
    )
    yield make.write_parquet(
        _split_table(), use_dictionary=False, use_byte_stream_split=list("fdil"), compression="none"
    )
    yield make.write_parquet(
        _split_table(), use_dictionary=False, use_byte_stream_split=list("fdil"), data_page_version="2.0"
    )


def _make_arrow() -> Iterator[bytes]:
    """Write files and streams, compressed and not, with all types."""
    for table in (_plain_table(), _typed_table(), _nested_table()):
        for stream in (False, True):
            yield make.write_arrow(table, stream=stream)
        yield make.write_arrow(table, compression="zstd")
        yield make.write_arrow(table, compression="lz4")


def _write_encoded(table: pa.Table, text_encoding: str, **settings: Any) -> bytes:
    encodings = {"text": text_encoding, "review_id": text_encoding, "stars": "DELTA_BINARY_PACKED"}
    return make.write_parquet(table, use_dictionary=False, column_encoding=encodings, **settings)


def _plain_table() -> pa.Table:
    rows = [{**row, "text": None if number == 7 else row["text"]} for number, row in enumerate(_rows())]
    return pa.Table.from_pylist(rows)


def _typed_table() -> pa.Table:
    """Return a table with a column of every type that is not nested."""
    numbers = range(10)
    columns: dict[str, pa.Array] = {
        "text": pa.array(_TEXTS).dictionary_encode(),
        "date": pa.array([_DAY] * 10, pa.timestamp("ms", "Europe/Berlin")),
        "stars": pa.array(numbers, pa.float64()),
        "label": pa.array([number % 2 == 0 for number in numbers]),
        "bytes": pa.array([b"\xff\0"] * 10, pa.large_binary()),
        "fixed": pa.array([b"abcd"] * 10, pa.binary(4)),
        "decimal": pa.array([decimal.Decimal("1.25")] * 10, pa.decimal128(30, 2)),
        "decimal256": pa.array([decimal.Decimal("1.25")] * 10, pa.decimal256(60, 2)),
        "day": pa.array([_DAY.date()] * 10),
        "time": pa.array([_DAY.time()] * 10, pa.time64("us")),
        "ns": pa.array(numbers, pa.timestamp("ns")),
        "half": pa.array(numbers, pa.float16()),
        "duration": pa.array(numbers, pa.duration("s")),
        "nothing": pa.nulls(10),
        "view": pa.array(_TEXTS, pa.string_view()),
    }
    integers = {
        f"i{kind}": pa.array(numbers, kind) for kind in (pa.int8(), pa.uint16(), pa.uint32(), pa.uint64())
    }
    return pa.table({**columns, **integers})


def _nested_table() -> pa.Table:
    numbers = range(10)
    return pa.table(
        {
            "text": pa.array(_TEXTS, pa.large_string()),
            "tags": pa.array(
                [["a", None, "b"][: number % 4] or None for number in numbers], pa.list_(pa.string())
            ),
            "facts": pa.array([{"a": number, "b": {"c": "x"}} for number in numbers]),
            "pairs": pa.array([[("k", number)] for number in numbers], pa.map_(pa.string(), pa.int64())),
            "deep": pa.array([[[{"d": [number]}]] for number in numbers]),
            "point": pa.array([[1.0, 2.0]] * 10, pa.list_(pa.float32(), 2)),
        }
    )


def _split_table() -> pa.Table:
    numbers = range(10)
    columns = {"f": pa.float32(), "d": pa.float64(), "i": pa.int32(), "l": pa.int64()}
    return pa.table(
        {"text": list(_TEXTS), **{name: pa.array(numbers, kind) for name, kind in columns.items()}}
    )


# What goes around

Wrap = Callable[[str, bytes], tuple[str, bytes]]


def _to_gz(name: str, data: bytes) -> tuple[str, bytes]:
    return f"{name}.gz", make.to_gz(data)


def _to_zst(name: str, data: bytes) -> tuple[str, bytes]:
    return f"{name}.zst", make.to_zst(data)


def _to_bz2(name: str, data: bytes) -> tuple[str, bytes]:
    return f"{name}.bz2", bz2.compress(data, 1)


def _to_xz(name: str, data: bytes) -> tuple[str, bytes]:
    return f"{name}.xz", lzma.compress(data, preset=0)


def _to_zip(name: str, data: bytes) -> tuple[str, bytes]:
    return "reviews.zip", make.to_zip({"a.txt": b"A first review.", f"d/{name}": data, ".hidden": b"x"})


def _to_stored_zip(name: str, data: bytes) -> tuple[str, bytes]:
    return "reviews.zip", make.to_zip({name: data}, 0)


def _to_tar(name: str, data: bytes) -> tuple[str, bytes]:
    return "reviews.tar", make.to_tar(
        {"d/": b"", f"d/{name}": data, "b.jsonl": b'{"text": "A last review."}\n'}
    )


WRAPS: Mapping[str, Wrap] = {
    "gz": _to_gz,
    "zst": _to_zst,
    "bz2": _to_bz2,
    "xz": _to_xz,
    "zip": _to_zip,
    "stored zip": _to_stored_zip,
    "tar": _to_tar,
}
WRAPPINGS: tuple[tuple[str, ...], ...] = (
    (), (), (), ("gz",), ("zst",), ("zip",), ("stored zip",), ("tar",), ("tar", "gz"), ("tar", "zst"),
    ("gz", "zip"), ("zst", "tar"), ("bz2",), ("xz",), ("tar", "bz2"), ("xz", "zip"),
)  # fmt: skip
"""What a content is put into, innermost first."""
