"""Builds the bytes of valid and broken review files for the tests of the readers."""

import bz2
import csv
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import fastavro
import pyarrow as pa
import pyarrow.ipc
import pyarrow.orc as pa_orc
import pyarrow.parquet as pq

from tasks.reading.rows import RawRows

Rows = Sequence[Mapping[str, Any]]


# Formats


def encode_csv(rows: Rows, separator: str = ",", quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=separator, quoting=quoting, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def encode_tsv(rows: Rows) -> bytes:
    return encode_csv(rows, "\t")


def encode_jsonl(rows: Rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def encode_json(rows: Rows) -> bytes:
    return json.dumps({"meta": {"pages": [1, 2]}, "reviews": rows}, ensure_ascii=False, indent=1).encode()


def encode_parquet(rows: Rows) -> bytes:
    return write_parquet(pa.Table.from_pylist([dict(row) for row in rows]))


def encode_orc(rows: Rows) -> bytes:
    stream = io.BytesIO()
    pa_orc.write_table(pa.Table.from_pylist([dict(row) for row in rows]), stream)
    return stream.getvalue()


def encode_arrow(rows: Rows) -> bytes:
    return write_arrow(pa.Table.from_pylist([dict(row) for row in rows]))


def write_arrow(table: pa.Table, *, stream: bool = False, **settings: Any) -> bytes:
    """Write an Arrow file (Feather), or a stream."""
    target = io.BytesIO()
    write = pa.ipc.new_stream if stream else pa.ipc.new_file
    with write(target, table.schema, options=pa.ipc.IpcWriteOptions(**settings)) as writer:
        writer.write_table(table)
    return target.getvalue()


def encode_avro(rows: Rows) -> bytes:
    """Write rows of texts."""
    fields = [{"name": name, "type": ["null", "string"]} for name in rows[0]]
    return write_avro({"type": "record", "name": "Review", "fields": fields}, rows)


def view_often(text: str, rows: int) -> pa.Array:
    """Return texts that are views of the same bytes."""
    views = (len(text).to_bytes(4, "little") + text[:4].encode() + bytes(8)) * rows
    buffers = [None, pa.py_buffer(views), pa.py_buffer(text.encode())]
    return pa.Array.from_buffers(pa.string_view(), rows, buffers)


def write_avro(schema: Any, records: Iterable[Any], codec: str = "deflate") -> bytes:
    stream = io.BytesIO()
    fastavro.writer(stream, fastavro.parse_schema(schema), records, codec=codec)
    return stream.getvalue()


def write_parquet(table: pa.Table, **settings: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **settings)
    return stream.getvalue()


def write_delta_bytes(text: str, rows: int, rows_at_a_time: int = 32) -> bytes:
    """Write one text many times, each one encoded as equal to the previous."""
    stream = io.BytesIO()
    batch = pa.record_batch({"text": [text] * rows_at_a_time})
    with pq.ParquetWriter(
        stream,
        batch.schema,
        use_dictionary=False,
        column_encoding={"text": "DELTA_BYTE_ARRAY"},
        write_statistics=False,
        data_page_size=1 << 30,
        compression="zstd",
    ) as writer:
        for _ in range(rows // rows_at_a_time):
            writer.write_batch(batch)
    return stream.getvalue()


ENCODERS: dict[str, Callable[[Rows], bytes]] = {
    "csv": encode_csv,
    "tsv": encode_tsv,
    "jsonl": encode_jsonl,
    "json": encode_json,
    "parquet": encode_parquet,
    "orc": encode_orc,
    "arrow": encode_arrow,
    "avro": encode_avro,
}


# Compressions


def to_gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def to_zst(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


def to_zst_with_wrong_checksum(data: bytes) -> bytes:
    """Return one frame with one raw block, and a checksum of zeros."""
    header = b"\x28\xb5\x2f\xfd" + bytes([0b0010_0100, len(data)])
    return header + (len(data) << 3 | 1).to_bytes(3, "little") + data + bytes(4)


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": to_gz,
    ".zst": to_zst,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


# Zip


def to_zip(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def to_zip_with_mode(name: str, data: bytes, mode: int) -> bytes:
    """Return a zip with one member of the Unix file mode `mode`."""
    stream = io.BytesIO()
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, data)
    return stream.getvalue()


def change_zip_directory(data: bytes, offset: int, value: bytes) -> bytes:
    """Overwrite bytes of the first entry of a zip's central directory, `offset` from its start."""
    start = data.index(b"PK\x01\x02") + offset
    return data[:start] + value + data[start + len(value) :]


def encrypt_in_name(data: bytes) -> bytes:
    """Set the encryption flag of the first member."""
    return change_zip_directory(data, 8, struct.pack("<H", 1))


def state_size(data: bytes, size: int) -> bytes:
    """Set another unpacked size of the first member in a zip's directory."""
    return change_zip_directory(data, 24, struct.pack("<I", size))


def overlap_members(name: str, data: bytes, entries: int) -> bytes:
    """Return a zip of one member that its directory lists many times."""
    zipped = to_zip({name: data})
    start, end = zipped.index(b"PK\x01\x02"), zipped.index(b"PK\x05\x06")
    listed = zipped[start:end] * entries
    facts = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, len(listed), start, 0)
    return zipped[:start] + listed + facts


# Tar


def to_tar(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def to_tar_with_header(
    name: str, data: bytes, header: bytes, kind: bytes = tarfile.XHDTYPE, times: int = 1
) -> bytes:
    """Return a tar of one member with a further header before it, once or many times."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(header)
    block = info.tobuf(tarfile.USTAR_FORMAT) + header.ljust(-(-len(header) // 512) * 512, b"\0")
    return block * times + to_tar({name: data})


def to_tar_with_type(name: str, kind: bytes, size: int = 0) -> bytes:
    """Return one header of type `kind` that claims `size` bytes, without content."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, "elsewhere"
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


CONTAINERS: dict[str, Callable[[str, bytes], tuple[str, bytes]]] = {
    "": lambda name, data: (name, data),
    ".zip": lambda name, data: (f"{name}.zip", to_zip({name: data})),
    ".tar": lambda name, data: (f"{name}.tar", to_tar({name: data})),
    ".tar.gz": lambda name, data: (f"{name}.tar.gz", to_gz(to_tar({name: data}))),
    ".TGZ": lambda name, data: (f"{name}.TGZ", to_gz(to_tar({name: data}))),
    ".tar.zst": lambda name, data: (f"{name}.tar.zst", to_zst(to_tar({name: data}))),
    ".tbz2": lambda name, data: (f"{name}.tbz2", bz2.compress(to_tar({name: data}))),
    ".tar.xz": lambda name, data: (f"{name}.tar.xz", lzma.compress(to_tar({name: data}))),
}


# Damage


def flip(data: bytes, position: int) -> bytes:
    """Change one byte; `position` may count from the end."""
    changed = bytearray(data)
    changed[position] ^= 0xFF
    return bytes(changed)


def change_gz_trailer(data: bytes, crc: int | None = None, size: int | None = None) -> bytes:
    old_crc, old_size = struct.unpack("<II", data[-8:])
    return data[:-8] + struct.pack("<II", old_crc if crc is None else crc, old_size if size is None else size)


def text_table(texts: Sequence[Any], kind: Any = None) -> pa.Table:
    return pa.table({"text": pa.array(texts, kind)})


def invalid_strings(values: Sequence[bytes]) -> pa.Array:
    """Return a string array with bytes that are not valid UTF-8."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(binary), binary.buffers())


# What was read


def list_further(rows: RawRows) -> list[dict[str, Any]]:
    """Return the further values of raw rows, without empty ones."""
    texts = [None] * len(rows.row_numbers) if rows.further is None else rows.further.to_pylist()
    return [json.loads(text) if text else {} for text in texts]
