"""Tests bad input by a table: container x encoding x defect, and the expected rule.

A defect of a row quarantines only that row; a defect of a file refuses the whole file. Row rules come from the
reader and the row contract together.
"""

# The table has one case a line, however long: that is how it is read.
# ruff: noqa: E501

import bz2
import lzma
import os
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.errors import FileRefusedError
from data_contracts.review_files import READ_SCHEMA, check_rows, measure_rows
from data_contracts.rules_and_limits import FILE_RULES, ROW_RULES, RowLimits
from data_contracts.sources.profile import Profile
from models.tokenizer import mark_texts_with_words
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.reading.streams import ContainerLimits
from tasks.reading.table_process import TABLE_FORMATS
from tests.support import review_file_builders as make
from tests.support.workbook_builders import encode_xlsx, write_xlsx

GOOD = "A good film."
TOO_LONG = "word " * (RowLimits().max_text_chars // 5 + 1)
FOREIGN_WORDS = re.compile(
    r"arrow|errno|zlib|inflate|zipfile|tarfile|parquet::|exception|traceback|codec|0x0\b", re.I
)

Data = bytes | Callable[[], bytes]


@dataclass(frozen=True)
class Case:
    """One row of the table: the content of the file, and the expected result."""

    container: str
    encoding: str
    defect: str
    name: str
    data: Data
    rule: str | None = None
    """The rule that refuses the file, None where rows are set aside."""
    says: str = ""
    """What the words must say."""
    rows: Sequence[str] = ()
    """'good', or the rule that sets the row aside; one entry per row."""
    raw: bytes | None = None
    """What the quarantine must keep of the bad row, where it is not the text itself."""
    options: ReadOptions = field(default_factory=ReadOptions)


SPAM = Profile.model_validate({"columns": {"text": "text"}, "rows": {"never": {"status": ["spam"]}}})


def bad_file(
    packed: str, encoding: str, defect: str, name: str, data: Data, rule: str, says: str, **options: Any
) -> Case:
    return Case(packed, encoding, defect, name, data, rule, says, options=choose(**options))


def bad_row(
    packed: str, encoding: str, defect: str, name: str, data: Data, rule: str, says: str = "",
    raw: bytes | None = None, **options: Any,
) -> Case:  # fmt: skip
    rows = ("good", rule, "good")
    return Case(packed, encoding, defect, name, data, None, says, rows, raw, choose(**options))


def choose(batch_bytes: int = 8 << 20, profile: Profile | None = None, **limits: int) -> ReadOptions:
    return ReadOptions(profile=profile, batch_bytes=batch_bytes, limits=ContainerLimits(**limits))


def csv_with(bad: bytes | str, separator: str = ",", encoding: str = "utf-8") -> bytes:
    """Return a CSV of a good row, a bad line and a good row, with the columns text and id."""
    if isinstance(bad, str):
        lines = [separator.join(("text", "id")), f"{GOOD}{separator}1", bad, f"{GOOD}{separator}3"]
        return ("\n".join(lines) + "\n").encode(encoding)
    good = GOOD.encode()
    return b"text,id\n" + good + b",1\n" + bad + b"\n" + good + b",3\n"


def jsonl_with(bad: bytes) -> bytes:
    good = b'{"text": "' + GOOD.encode() + b'"}\n'
    return good + bad + b"\n" + good


def json_with(bad: bytes) -> bytes:
    good = b'{"text": "' + GOOD.encode() + b'"}'
    return b"[" + b", ".join([good, bad, good]) + b"]"


def parquet_with(bad: object, kind: pa.DataType) -> bytes:
    good = GOOD.encode() if pa.types.is_binary(kind) else GOOD
    return make.write_parquet(make.text_table([good, bad, good], kind))


def texts_with(bad: bytes, name: str = "2_2.txt") -> dict[str, bytes]:
    return {"1_9.txt": GOOD.encode(), name: bad, "3_9.txt": GOOD.encode()}


CSV = csv_with("A fine film.,2")
JSONL = jsonl_with(b'{"text": "A fine film."}')
PARQUET = make.encode_parquet([{"text": GOOD}] * 3)
CSV_GZ, CSV_ZST = make.to_gz(CSV), make.to_zst(CSV)
CSV_BZ2, CSV_XZ = bz2.compress(CSV), lzma.compress(CSV)
SHEET = f"label,text,drawn,label_of\npositive,A film.,random,{'0a' * 32}\n".encode()
ZIP, TAR = make.to_zip({"a.csv": CSV}), make.to_tar({"a.csv": CSV})
STORED_ZIP = make.to_zip({"a.csv": CSV}, zipfile.ZIP_STORED)
LONG_CSV = b"text\n" + b"The same film.\n" * 20_000

COMPRESSION_CASES = [
    bad_file("gz", "csv", "cut in the data", "a.csv.gz", CSV_GZ[:40], "compression_broken", "gzip"),
    bad_file("gz", "csv", "wrong checksum", "a.csv.gz", make.change_gz_trailer(CSV_GZ, crc=1), "compression_broken", "gzip"),
    bad_file("gz", "csv", "garbage after the end", "a.csv.gz", CSV_GZ + b"garbage", "compression_broken", "somewhere after"),
    bad_file("gz", "csv", "not compressed", "a.csv.gz", CSV, "format_mismatch", "take .gz off its name"),
    bad_file("gz", "csv", "nothing in it", "a.csv.gz", make.to_gz(b""), "file_empty", "not one byte"),
    bad_file("gz", "csv", "unpacks to too much", "a.csv.gz", make.to_gz(LONG_CSV), "bomb_suspected", "1,000 bytes", unsuspected_bytes=1000, ratio=1),
    bad_file("zst", "csv", "cut in the data", "a.csv.zst", CSV_ZST[:-4], "compression_broken", "zstd"),
    bad_file("zst", "csv", "wrong checksum", "a.csv.zst", make.to_zst_with_wrong_checksum(CSV), "compression_broken", "zstd"),
    bad_file("zst", "csv", "larger than a member may be", "a.csv.zst", make.to_zst(LONG_CSV), "bomb_suspected", "2,000 bytes", member_bytes=2000),
    bad_file("bz2", "csv", "cut in the data", "a.csv.bz2", CSV_BZ2[:-9], "compression_broken", "bzip2"),
    bad_file("bz2", "csv", "wrong checksum", "a.csv.bz2", make.flip(CSV_BZ2, -3), "compression_broken", "bzip2"),
    bad_file("bz2", "csv", "unpacks to too much", "a.csv.bz2", bz2.compress(LONG_CSV), "bomb_suspected", "1,000 bytes", unsuspected_bytes=1000, ratio=1),
    bad_file("xz", "csv", "cut in the data", "a.csv.xz", CSV_XZ[:-9], "compression_broken", "xz"),
    bad_file("xz", "csv", "damaged data", "a.csv.xz", make.flip(CSV_XZ, 40), "compression_broken", "xz"),
    bad_file("xz", "csv", "unpacks to too much", "a.csv.xz", lzma.compress(LONG_CSV), "bomb_suspected", "1,000 bytes", unsuspected_bytes=1000, ratio=1),
    bad_file("xz", "csv", "needs too much memory", "a.csv.xz", lambda: lzma.compress(CSV, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]), "bomb_suspected", "256 MiB of memory"),
    bad_file("zip", "csv.gz", "gzip cut in a member", "a.zip", make.to_zip({"x/a.csv.gz": CSV_GZ[:40]}), "compression_broken", "member 'x/a.csv.gz'"),
]  # fmt: skip

NAME_CASES = [
    bad_file("plain", "csv", "0 bytes", "a.csv", b"", "file_empty", "0 bytes"),
    bad_file("plain", "other", "unknown ending", "a.docx", CSV, "format_unknown", "'a.docx'"),
    bad_file("plain", "other", "no ending", "reviews", CSV, "format_unknown", "'reviews'"),
    bad_file("gz", "zip", "compressed zip", "a.zip.gz", make.to_gz(ZIP), "format_unknown", "'a.zip.gz'"),
    bad_file("plain", "csv", "gzip under a csv name", "a.csv", CSV_GZ, "format_mismatch", "says csv, the content begins as gzip data does"),
    bad_file("plain", "text", "pdf under a text name", "a.txt", b"%PDF-1.7 ...", "format_mismatch", "as pdf data does"),
    bad_file("plain", "parquet", "csv under a parquet name", "a.parquet", CSV, "parquet_broken", "after row 0"),
]  # fmt: skip

ZIP_CASES = [
    bad_file("zip", "csv", "cut off", "a.zip", ZIP[:-30], "archive_broken", "list of members"),
    bad_file("zip", "csv", "damaged data", "a.zip", make.flip(STORED_ZIP, 60), "archive_broken", "member 'a.csv'"),
    bad_file("zip", "csv", "stated size too small", "a.zip", make.state_size(ZIP, len(CSV) - 9), "archive_broken", "damaged or cut off"),
    bad_file("zip", "csv", "stated size too large", "a.zip", make.state_size(ZIP, len(CSV) + 9), "archive_broken", f"where the zip states {len(CSV) + 9}"),
    bad_file("zip", "csv", "two names for one member", "a.zip", ZIP.replace(b"a.csv", b"b.csv", 1), "archive_broken", "member 'a.csv'"),
    bad_file("zip", "csv", "packed by lzma", "a.zip", make.to_zip({"a.csv": CSV}, zipfile.ZIP_LZMA), "archive_broken", "method 14"),
    bad_file("zip", "csv", "encrypted", "a.zip", make.encrypt_in_name(ZIP), "archive_encrypted", "member 'a.csv'"),
    bad_file("zip", "csv", "climbing name", "a.zip", make.to_zip({"x/../../a.csv": CSV}), "member_name_unsafe", "'x/../../a.csv'"),
    bad_file("zip", "csv", "absolute name", "a.zip", make.to_zip({"/etc/a.csv": CSV}), "member_name_unsafe", "'/etc/a.csv'"),
    bad_file("zip", "csv", "Windows path", "a.zip", make.to_zip({"C:\\a.csv": CSV}), "member_name_unsafe", "'C:/a.csv'"),
    bad_file("zip", "csv", "a dot for a name", "a.zip", make.to_zip({".": CSV}), "member_name_unsafe", "'.'"),
    bad_file("zip", "link", "symbolic link", "a.zip", make.to_zip_with_mode("a.csv", b"/etc/passwd", 0o120777), "member_not_a_file", "member 'a.csv'"),
    bad_file("zip", "zip", "archive in the archive", "a.zip", make.to_zip({"x/b.zip": ZIP}), "member_nested_archive", "member 'x/b.zip'"),
    bad_file("zip", "none", "only folders and hidden members", "a.zip", make.to_zip({"x/": b"", "x/.a.csv": CSV}), "archive_empty", "of its 2 members none"),
    bad_file("zip", "other", "member with an unknown ending", "a.zip", make.to_zip({"a.csv": CSV, "reviews": b"?"}), "format_unknown", "member 'reviews'"),
    bad_file("zip", "csv", "states too large a total", "a.zip", make.to_zip({"a.csv": LONG_CSV, "b.csv": LONG_CSV}), "bomb_suspected", "400,000 bytes", total_bytes=400_000),
    bad_file("zip", "csv", "one member too large", "a.zip", make.to_zip({"a.csv": LONG_CSV}), "bomb_suspected", "member 'a.csv'", member_bytes=2000),
    bad_file("zip", "csv.gz", "bomb in a compressed member", "a.zip", make.to_zip({"a.csv.gz": make.to_gz(LONG_CSV)}), "bomb_suspected", "member 'a.csv.gz'", total_bytes=9000),
    bad_file("zip", "csv", "too many members", "a.zip", make.to_zip({f"{n}.csv": CSV for n in range(4)}), "bomb_suspected", "more than 3 members", members=3),
    bad_file("zip", "parquet", "too large to be held", "a.zip", make.to_zip({"a.parquet": PARQUET}), "bomb_suspected", "held whole", held_bytes=99),
    bad_file("zip", "csv", "one member named many times", "a.zip", make.overlap_members("a.csv", CSV, 500), "bomb_suspected", "'a.csv' overlaps another"),
    bad_file("zip", "csv", "member reaches into the list of members", "a.zip", make.change_zip_directory(ZIP, 20, struct.pack("<I", len(ZIP))), "bomb_suspected", "or the list of members"),
    bad_file("zip", "text", "more members than its size allows", "a.zip", make.to_zip({f"{n}_9.txt": b"" for n in range(40)}), "bomb_suspected", "more than 20 members", unsuspected_rows=20, rows_per_byte=0),
    bad_file("zip", "csv", "fault in the second member", "a.zip", make.to_zip({"a.csv": CSV, "b.csv": b'text\n"open\n'}), "csv_broken", "member 'b.csv'"),
]  # fmt: skip

TAR_CASES = [
    bad_file("tar", "csv", "cut in a member", "a.tar", TAR[:540], "archive_broken", "member 'a.csv': the tar ends in the middle"),
    bad_file("tar", "csv", "cut between members", "a.tar", TAR[:1024], "archive_broken", "before its end mark"),
    bad_file("tar", "csv", "damaged second header", "a.tar", TAR[:1024] + make.flip(TAR, 3), "archive_broken", "a header is damaged"),
    bad_file("tar", "csv", "two tars joined", "a.tar", TAR + TAR, "archive_broken", "two tars were joined"),
    bad_file("tar", "link", "hard link", "a.tar", make.to_tar_with_type("a.csv", tarfile.LNKTYPE), "member_not_a_file", "'a.csv'"),
    bad_file("tar", "link", "symbolic link", "a.tar", make.to_tar_with_type("a.csv", tarfile.SYMTYPE), "member_not_a_file", "'a.csv'"),
    bad_file("tar", "device", "device", "a.tar", make.to_tar_with_type("a.csv", tarfile.CHRTYPE), "member_not_a_file", "'a.csv'"),
    bad_file("tar", "csv", "sparse member", "a.tar", make.to_tar_with_type("a.csv", tarfile.GNUTYPE_SPARSE), "member_not_a_file", "'a.csv'"),
    bad_file("tar", "csv", "climbing name", "a.tar", make.to_tar({"../a.csv": CSV}), "member_name_unsafe", "'../a.csv'"),
    bad_file("tar", "csv", "absolute name", "a.tar", make.to_tar({"/a.csv": CSV}), "member_name_unsafe", "'/a.csv'"),
    bad_file("tar", "csv", "oversized header", "a.tar", make.to_tar_with_type("x", tarfile.XHDTYPE, 1 << 33), "bomb_suspected", "claims 8,589,934,592 bytes"),
    bad_file("tar", "csv", "chain of headers", "a.tar", lambda: make.to_tar_with_type("x", tarfile.GNUTYPE_LONGNAME, 10)[:1024] * 3000, "archive_broken", "damaged or cut off"),
    bad_file("tar", "csv", "name of 9,004 characters", "a.tar", make.to_tar({"x" * 9000 + ".csv": CSV}), "member_name_unsafe", f"9,004 characters, the limit is 1,000; it begins with '{'x' * 100}'"),
    bad_file("tar", "csv", "nothing but digits in a further header", "a.tar", lambda: make.to_tar_with_header("a.csv", CSV, b"9" * 500_000), "archive_broken", "extended header of the tar is damaged"),
    bad_file("tar", "csv", "overlapping records in a further header", "a.tar", lambda: make.to_tar_with_header("a.csv", CSV, b"2 " * 250_000 + b"="), "archive_broken", "extended header of the tar is damaged"),
    bad_file("tar", "csv", "negative size in a further header", "a.tar", make.to_tar_with_header("a.csv", CSV, b"12 size= -5\n"), "archive_broken", "a size that no member can have"),
    bad_file("tar", "csv", "one size for all members", "a.tar", make.to_tar_with_header("a.csv", CSV, b"10 size=5\n", tarfile.XGLTYPE), "archive_broken", "a size that no member can have"),
    bad_file("tar", "csv", "value of many digits in a further header", "a.tar", lambda: make.to_tar_with_header("a.csv", CSV, b"500016 comment=" + b"9" * 500_000 + b"\n"), "bomb_suspected", "more than 255 digits"),
    bad_file("tar", "csv", "sparse member by a further header", "a.tar", make.to_tar_with_header("a.csv", CSV, b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"), "member_not_a_file", "sparse file"),
    bad_file("tar", "csv", "many fields for all members in one header", "a.tar", lambda: make.to_tar_with_header("a.csv", CSV, b"".join(b"8 %03d=x\n" % number for number in range(200)), tarfile.XGLTYPE, 1), "bomb_suspected", "more than 100 fields"),
    bad_file("tar", "csv", "many fields for all members in several headers", "a.tar", lambda: make.to_tar_with_header("a.csv", CSV, b"".join(b"8 %03d=x\n" % number for number in range(60)), tarfile.XGLTYPE, 2), "bomb_suspected", "more than 100 fields"),
    bad_file("tar", "tar", "archive in the archive", "a.tar", make.to_tar({"b.tgz": make.to_gz(TAR)}), "member_nested_archive", "member 'b.tgz'"),
    bad_file("tar", "csv", "one member too large", "a.tar", make.to_tar({"a.csv": LONG_CSV}), "bomb_suspected", "member 'a.csv'", member_bytes=2000),
    bad_file("tar.gz", "csv", "gzip cut behind the tar's end", "a.tgz", make.to_gz(TAR)[:-4], "compression_broken", "gzip"),
    bad_file("tar.zst", "csv", "unpacks to too much", "a.tar.zst", make.to_zst(make.to_tar({"a.csv": LONG_CSV})), "bomb_suspected", "9,000 bytes", total_bytes=9000),
]  # fmt: skip

JSON = make.encode_json([{"text": GOOD}] * 3)
FORMAT_CASES = [
    bad_file("plain", "csv", "quote open at the end", "a.csv", CSV + b'"never closed,4\n', "csv_broken", "after row 3 is not closed"),
    bad_file("plain", "csv", "row longer than can be held", "a.csv", lambda: CSV + b'"' + b"never closed " * 1_400_000, "csv_broken", "after row 3 a row is too long"),
    bad_file("plain", "csv", "quote open in the header", "a.csv", b'"text,id\nA film.,1\n', "header_broken", "quote in the first row"),
    bad_file("plain", "csv", "too many columns", "a.csv", b"text" + b",name" * 10_000 + b"\n", "header_broken", "10,001 fields"),
    bad_file("plain", "csv latin-1", "header is not UTF-8", "a.csv", "text,größe\nA film.,1\n".encode("latin-1"), "header_broken", "not UTF-8"),
    bad_file("plain", "csv", "endless header", "a.csv", lambda: b"text" + (b"," + b"n" * 130) * 9_000 + b"\n", "header_broken", "1,048,576 bytes"),
    bad_file("plain", "csv", "only empty lines", "a.csv", b"\n\r\n\n", "header_broken", "only empty lines"),
    bad_file("plain", "csv", "header again in another order", "a.csv", b"Movie,id,text,Stars\nHeat,1,Good,4\nHeat,2\nid,Text,movie,stars\n2,Bad,Up,1\n", "header_changed", "row 3 has the names of the columns in another order"),
    bad_file("plain", "csv", "no text column", "a.csv", b"title,stars\nA film.,1\n", "text_column_missing", "'title', 'stars'"),
    bad_file("zip", "csv", "a sheet of labels beside reviews", "a.zip", make.to_zip({"a.csv": CSV, "b.csv": SHEET}), "label_sheet", "member 'b.csv'"),
    bad_file("plain", "csv", "two text columns", "a.csv", b"text,id,Review\na,1,b\n", "text_column_doubled", "'Review'"),
    bad_file("plain", "csv utf-16 unmarked", "NUL in every second byte", "a.csv", csv_with("", encoding="utf-16-le"), "encoding_unknown", "byte order mark"),
    bad_file("plain", "csv utf-32", "no such character", "a.csv", csv_with("", encoding="utf-32") + b"\xff\xff\xff\x7f", "encoding_broken", "UTF-32"),
    bad_file("plain", "jsonl", "JSON array", "a.jsonl", b'\n[{"text": "A film."}]\n', "json_broken", "call it .json"),
    bad_file("plain", "json", "cut off", "a.json", JSON[:-20], "json_broken", "it ends in the middle"),
    bad_file("plain", "json", "number with too many digits", "a.json", b'[{"text": "A film.", "n": ' + b"9" * 5000 + b"}]", "json_broken", ""),
    bad_file("plain", "json", "lists too deep", "a.json", b'[{"text": "A film.", "a": ' + b"[" * 90_000, "json_broken", "64 deep"),
    bad_file("plain", "json", "objects too deep around the array", "a.json", b'{"a": ' * 90_000, "json_broken", "64 deep"),
    bad_file("plain", "json", "two arrays of objects", "a.json", b'{"a": [{"text": "A film."}],\n"b": {"c": [{"d": 1}]}}', "json_broken", "'a', 'b.c'"),
    bad_file("plain", "json", "no array of objects", "a.json", b'{"a": [1, 2],\n"b": 1}', "json_broken", "no array of objects"),
    bad_file("plain", "json", "object after the array", "a.json", b'[{"text": "A film."}]\n{"text": "Another."}\n', "json_broken", "more follows its end"),
    bad_file("plain", "json", "text without an end", "a.json", lambda: b'[{"text": "' + b"endless " * 1_200_000, "json_broken", "ends in the middle"),
    bad_file("plain", "json", "nothing but white space", "a.json", lambda: b"[" + b" " * 9_000_000, "json_broken", "ends in the middle"),
    bad_file("plain", "json", "more rows than its size allows", "a.json", b"[" + b"{}," * 99 + b"{}]", "bomb_suspected", "more than 50 rows", unsuspected_rows=50, rows_per_byte=0),
    bad_file("plain", "jsonl", "no text key", "a.jsonl", b'{"title": "A film."}\n{"id": 3}\n', "text_column_missing", "'title'"),
    bad_file("plain", "parquet", "cut off", "a.parquet", PARQUET[:-9], "parquet_broken", "after row 0"),
    bad_file("plain", "parquet", "damaged page", "a.parquet", make.flip(make.write_parquet(make.text_table([GOOD] * 3), use_dictionary=False, write_page_checksum=True, write_statistics=False, compression="none"), 45), "parquet_broken", "after row 0"),
    bad_file("plain", "parquet", "numbers in the text column", "a.parquet", make.encode_parquet([{"text": 1}]), "text_column_type", "int64"),
    bad_file("plain", "parquet", "one long text many times", "a.parquet", make.write_parquet(make.text_table(["x" * 99_999] * 500)), "bomb_suspected", "5,000,000 bytes", unsuspected_bytes=5_000_000),
    bad_file("plain", "parquet", "one long text as the same as before", "a.parquet", lambda: make.write_delta_bytes("x" * 99_999, 500), "bomb_suspected", "unpacks to", unsuspected_bytes=5_000_000),
    bad_file("plain", "parquet", "more rows than its size allows", "a.parquet", make.write_parquet(make.text_table([None] * 250_000, pa.string())), "bomb_suspected", "more than 200,000 rows"),
    bad_file("gz", "csv", "more rows than its size allows", "a.csv.gz", make.to_gz(b"text,id\n" + b",\n" * 201_000), "bomb_suspected", "more than 200,000 rows"),
    bad_file("gz", "csv", "more misshapen rows than its size allows", "a.csv.gz", make.to_gz(b"text,id\n" + b"a\n" * 900), "bomb_suspected", "more than 500 rows", unsuspected_rows=500, rows_per_byte=1),
    bad_file("zst", "jsonl", "more empty lines than its size allows", "a.jsonl.zst", make.to_zst(JSONL + b"\n" * 201_000), "bomb_suspected", "more than 200,000 rows"),
    bad_file("zst", "csv", "more empty lines than its size allows", "a.csv.zst", make.to_zst(CSV + b"\n" * 201_000), "bomb_suspected", "more than 200,000 rows"),
    bad_file("xz", "csv", "more empty lines of both kinds than its size allows", "a.csv.xz", lzma.compress(CSV + b"\r" * 201_000 + b"\n"), "bomb_suspected", "more than 200,000 rows"),
    bad_file("gz", "parquet", "too large to be held", "a.parquet.gz", make.to_gz(PARQUET), "bomb_suspected", "99 bytes", held_bytes=99),
]  # fmt: skip

ORC, ARROW, AVRO = (
    encode([{"text": GOOD}] * 3) for encode in (make.encode_orc, make.encode_arrow, make.encode_avro)
)
XLSX = encode_xlsx([{"text": GOOD}] * 3)
FALLING_OFFSETS = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.py_buffer(struct.pack("<3i", 0, 9, 4)), pa.py_buffer(b"A good film")]
)
NULLS_AVRO = {"type": "record", "name": "Review", "fields": [{"name": "text", "type": "string"}, {"name": "tags", "type": {"type": "array", "items": "null"}}]}  # fmt: skip
ENDLESS_AVRO = make.write_avro(
    {"type": "record", "name": "R", "fields": [{"name": "text", "type": "null"}]}, [{"text": None}], "null"
)
ENDLESS_AVRO = ENDLESS_AVRO.replace(
    b"\x02\x00" + ENDLESS_AVRO[-16:], b"\xfe\xff\xff\xff\xff\x07\x00" + ENDLESS_AVRO[-16:]
)
PLAIN_AVRO = make.write_avro({"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}, [{"text": GOOD}] * 3, "null")  # fmt: skip


def state_records(count: bytes) -> bytes:
    """Return an Avro file of one block that states another number of records than its three."""
    block = PLAIN_AVRO.index(PLAIN_AVRO[-16:]) + 16
    return PLAIN_AVRO[:block] + count + PLAIN_AVRO[block + 1 :]


TABLE_CASES = [
    bad_file("plain", "xlsx", "cut off", "a.xlsx", XLSX[:-30], "workbook_broken", "zip that it is"),
    bad_file("zip", "xlsx", "damaged part in a zip", "a.zip", make.to_zip({"a.xlsx": make.flip(XLSX, -600)}), "workbook_broken", "member 'a.xlsx'"),
    bad_file("plain", "xlsx", "larger than can be held", "a.xlsx", XLSX, "workbook_too_large", "the limit is 99", workbook_bytes=99),
    bad_file("gz", "xlsx", "unpacks to too much", "a.xlsx.gz", make.to_gz(XLSX), "workbook_too_large", "more than 99 bytes", workbook_unpacked_bytes=99),
    bad_file("plain", "xlsx", "two sheets of reviews", "a.xlsx", write_xlsx({"2025": [["text"], [GOOD]], "2026": [["text"], [GOOD]]}), "sheet_missing", "'2025' and '2026'"),
    bad_file("plain", "orc", "cut off", "a.orc", ORC[:-9], "orc_broken", "after row 0"),
    bad_file("plain", "arrow", "cut off", "a.arrow", ARROW[:-9], "arrow_broken", "after row 0"),
    bad_file("plain", "arrow", "old Feather", "a.feather", b"FEA1" + bytes(99), "arrow_broken", "first version of Feather"),
    bad_file("plain", "arrow", "stream without its end", "a.arrow", make.write_arrow(make.text_table([GOOD]), stream=True)[:-8], "arrow_broken", "without an end mark"),
    bad_file("plain", "arrow", "offsets that fall", "a.arrow", make.write_arrow(pa.table({"text": FALLING_OFFSETS})), "arrow_broken", "after row 0"),
    bad_file("plain", "avro", "cut off", "a.avro", AVRO[:-9], "avro_broken", "after row 0"),
    bad_file("plain", "avro", "fewer records stated than there are", "a.avro", state_records(b"\x02"), "avro_broken", "states 1 records"),
    bad_file("plain", "avro", "a negative number of records", "a.avro", state_records(b"\x05"), "avro_broken", "states -3 records"),
    bad_file("plain", "avro", "names longer than any sound ones", "a.avro", lambda: make.encode_avro([{"text": GOOD, "x" * (1 << 20): "y"}]), "bomb_suspected", "1,048,576 characters"),
    bad_file("plain", "avro", "no records", "a.avro", make.write_avro("string", [GOOD]), "avro_broken", "no records"),
    bad_file("plain", "avro", "a list of many nulls in few bytes", "a.avro", lambda: make.write_avro(NULLS_AVRO, [{"text": GOOD, "tags": [None] * 5000}] * 5), "bomb_suspected", "100,000 bytes", unsuspected_bytes=100_000),
    bad_file("plain", "arrow", "one long text seen by many rows", "a.arrow", lambda: make.write_arrow(make.text_table(make.view_often("x" * 999, 500))), "bomb_suspected", "100,000 bytes", unsuspected_bytes=100_000, ratio=1),
    bad_file("plain", "arrow", "one long text for a run of rows", "a.arrow", lambda: make.write_arrow(pa.table({"text": [GOOD] * 500, "more": pa.RunEndEncodedArray.from_arrays([500], ["x" * 999])})), "bomb_suspected", "100,000 bytes", unsuspected_bytes=100_000, ratio=1),
    bad_file("plain", "csv", "a long name for a value in each row", "a.csv", f"text,{'x' * 999}\n".encode() + f"{GOOD},1\n".encode() * 500, "bomb_suspected", "100,000 bytes", unsuspected_bytes=100_000, ratio=1),
    bad_file("plain", "avro", "endless rows of nothing", "a.avro", ENDLESS_AVRO, "bomb_suspected", "more than 200,000 rows"),
    bad_file("plain", "ods", "web page under its name", "a.ods", b"<html>", "format_mismatch", "a web page"),
]  # fmt: skip

BINARY_AVRO = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "bytes"}]}
MIXED_AVRO = {"type": "record", "name": "R", "fields": [{"name": "text", "type": ["string", "int"]}]}
ROW_CASES = [
    bad_row("plain", "csv", "too few fields", "a.csv", csv_with("A film"), "row_shape", "1 field where the header has 2", b"A film"),
    bad_row("plain", "csv", "too many fields", "a.csv", csv_with('A film, "a", bad,2'), "row_shape", "4 fields", b'A film, "a", bad,2'),
    bad_row("plain", "csv latin-1", "too few fields, and not UTF-8", "a.csv", csv_with(b"caf\xe9"), "row_shape", "1 field", b"caf\xe9"),
    bad_row("plain", "csv latin-1", "text is not UTF-8", "a.csv", csv_with(b"caf\xe9,2"), "text_encoding", "'text': byte 4 (0xe9)", b"caf\xe9"),
    bad_row("plain", "csv", "surrogate written as UTF-8", "a.csv", csv_with(b"a\xed\xa0\x80,2"), "text_encoding", "byte 2", b"a\xed\xa0\x80"),
    bad_row("plain", "csv", "id is not UTF-8", "a.csv", csv_with(b"A film.,\xff"), "text_encoding", "column 'id'", b"A film."),
    bad_row("plain", "csv", "only spaces and line breaks", "a.csv", csv_with('" \u00a0\n\t",2'), "text_blank"),
    bad_row("plain", "csv", "NUL in the text", "a.csv", csv_with("a\0b,2"), "text_nul"),
    bad_row("plain", "csv", "only punctuation", "a.csv", csv_with("... <br /> !?,2"), "text_no_words"),
    bad_row("plain", "csv", "text too long", "a.csv", csv_with(f"{TOO_LONG},2"), "text_too_long", "100,005 characters"),
    bad_row("plain", "csv", "header again", "a.csv", csv_with("text,id"), "row_shape", "repeats the column names", b"text,id"),
    bad_row("plain", "csv quoted", "header again", "a.csv", csv_with('"text","id"'), "row_shape", "repeats the column names"),
    bad_row("plain", "csv quoted", "header again after a mark", "a.csv", csv_with('\ufeff"text","id"'), "row_shape", "repeats the column names"),
    bad_row("plain", "jsonl", "not JSON", "a.jsonl", jsonl_with(b'{"text": "A film'), "row_shape", "character 10", b'{"text": "A film'),
    bad_row("plain", "jsonl", "no object", "a.jsonl", jsonl_with(b'["A film."]'), "row_shape", "a list, not an object"),
    bad_row("plain", "jsonl", "number with too many digits", "a.jsonl", jsonl_with(b'{"n": ' + b"9" * 5000 + b"}"), "row_shape", "too many digits"),
    bad_row("plain", "jsonl", "lists too deep", "a.jsonl", jsonl_with(b'{"a": ' + b"[" * 90 + b"]" * 90 + b"}"), "row_shape", "64 deep"),
    bad_row("plain", "jsonl", "lists deeper than can be read", "a.jsonl", jsonl_with(b'{"a": ' + b"[" * 99_999), "row_shape", "too deep"),
    bad_row("plain", "jsonl", "more keys than columns may be", "a.jsonl", jsonl_with(b'{"text": "A film."' + b"".join(b', "%d": 0' % n for n in range(10_000)) + b"}"), "row_shape", "10,001 keys"),
    bad_row("plain", "jsonl", "a key twice", "a.jsonl", jsonl_with(b'{"text": "a", "text": "b"}'), "row_shape", "several values"),
    bad_row("plain", "jsonl latin-1", "a key twice that is not UTF-8", "a.jsonl", jsonl_with(b'{"text": "A film.", "\xff": 1, "\xff": 2}'), "row_shape"),
    bad_row("plain", "jsonl latin-1", "text key is not UTF-8", "a.jsonl", jsonl_with(b'{"t\xffxt": "A film."}'), "row_shape"),
    bad_row("plain", "jsonl", "long key over many values", "a.jsonl", jsonl_with(b'{"text": "A film.", "' + b"k" * 20_000 + b'": {' + b", ".join(b'"%d": 1' % n for n in range(200)) + b"}}"), "row_shape"),
    bad_row("plain", "jsonl", "text is null", "a.jsonl", jsonl_with(b'{"text": null}'), "text_missing"),
    bad_row("plain", "jsonl", "text is a word for nothing", "a.jsonl", jsonl_with(b'{"text": "NaN"}'), "text_not_given", "'NaN'", b"NaN"),
    bad_row("plain", "csv", "spam by another column", "a.csv", f"text,status\n{GOOD},ok\nBuy now,spam\n{GOOD},ok\n".encode(), "no_review", "'spam'", b"Buy now", profile=SPAM),
    bad_row("plain", "csv", "a text that was taken away", "a.csv", csv_with(b"[removed],2"), "text_not_given", "'[removed]'", b"[removed]"),
    bad_row("plain", "csv", "a row of empty cells", "a.csv", csv_with(b","), "text_not_given", "the row is empty"),
    bad_row("plain", "csv", "a rating without a text", "a.csv", f"text,rating\n{GOOD},8/10\n,9/10\n{GOOD},7/10\n".encode(), "text_not_given"),
    bad_row("plain", "jsonl", "text is a number", "a.jsonl", jsonl_with(b'{"text": 12.5}'), "text_type", "a number", b"12.5"),
    bad_row("plain", "jsonl latin-1", "text is not UTF-8", "a.jsonl", jsonl_with(b'{"text": "caf\xe9", "id": 2}'), "text_encoding", "'text'", b"caf\xe9"),
    bad_row("plain", "jsonl latin-1", "another column is not UTF-8", "a.jsonl", jsonl_with(b'{"text": "A film.", "tags": ["\xe9"]}'), "text_encoding", "'tags'", b"A film."),
    bad_row("plain", "jsonl", "half a surrogate pair escaped", "a.jsonl", jsonl_with(b'{"text": "a\\ud83d"}'), "text_encoding", "surrogate", b"a\xed\xa0\xbd"),
    bad_row("gz", "jsonl", "line longer than can be held", "a.jsonl.gz", make.to_gz(jsonl_with(b'{"text": "' + b"a" * 3000 + b'"}')), "text_too_long", "a line of 3,012 bytes", batch_bytes=2000),
    bad_row("plain", "json", "no object", "a.json", json_with(b'"A film."'), "row_shape", "a text or null, not an object", b'"A film."'),
    bad_row("plain", "json", "a key twice", "a.json", json_with(b'{"text": "a", "text": "b"}'), "row_shape", "several values"),
    bad_row("plain", "json latin-1", "text is not UTF-8", "a.json", json_with(b'{"text": "caf\xe9"}'), "text_encoding", "'text'", b"caf\xe9"),
    bad_row("plain", "json", "more keys than columns may be", "a.json", json_with(b'{"text": "A film."' + b"".join(b', "%d": 0' % n for n in range(10_000)) + b"}"), "row_shape", "10,001 keys"),
    bad_row("plain", "parquet", "text is null", "a.parquet", parquet_with(None, pa.string()), "text_missing"),
    bad_row("plain", "parquet", "string that is not UTF-8", "a.parquet", make.write_parquet(pa.table({"text": make.invalid_strings([GOOD.encode(), b"\xff", GOOD.encode()])})), "text_encoding", "byte 1", b"\xff"),
    bad_row("plain", "arrow", "string that is not UTF-8", "a.arrow", make.write_arrow(pa.table({"text": make.invalid_strings([GOOD.encode(), b"\xff", GOOD.encode()])})), "text_encoding", "byte 1", b"\xff"),
    bad_row("plain", "avro", "text is not UTF-8", "a.avro", make.write_avro(BINARY_AVRO, [{"text": GOOD.encode()}, {"text": b"caf\xe9"}, {"text": GOOD.encode()}], "null").replace(b'"type": "bytes"', b'"type":"string"'), "text_encoding", "'text'", b"caf\xe9"),
    bad_row("plain", "avro", "text is a number", "a.avro", make.write_avro(MIXED_AVRO, [{"text": GOOD}, {"text": 12}, {"text": GOOD}]), "text_type", "a number", b"12"),
    bad_row("zip", "text latin-1", "text is not UTF-8", "a.zip", make.to_zip(texts_with(b"caf\xe9")), "text_encoding", "byte 4", b"caf\xe9"),
    bad_row("zip", "text", "file with 0 bytes", "a.zip", make.to_zip(texts_with(b"")), "text_blank"),
    bad_row("tar", "text utf-16", "half a character", "a.tar", make.to_tar(texts_with(b"\xff\xfea\0b")), "text_encoding", "UTF-16", b"\xff\xfea\0b"),
    bad_row("tar.gz", "text", "file longer than can be held", "a.tgz", make.to_gz(make.to_tar(texts_with(b"word " * 1000))), "text_too_long", "a file of 5,000 bytes", batch_bytes=2000),
]  # fmt: skip

FILE_CASES = [*COMPRESSION_CASES, *NAME_CASES, *ZIP_CASES, *TAR_CASES, *FORMAT_CASES, *TABLE_CASES]


def name_case(case: Case) -> str:
    return f"{case.container}-{case.encoding}-{case.defect}"


def write_case(folder: Path, case: Case) -> Path:
    path = folder / case.name
    path.write_bytes(case.data if isinstance(case.data, bytes) else case.data())
    return path


def read_case(folder: Path, case: Case) -> pa.Table:
    return pa.Table.from_batches(read_review_file(write_case(folder, case), case.options), READ_SCHEMA)


def mark_case(case: Case) -> Any:
    """Name a case, and mark it if its file is read in a separate process."""
    return pytest.param(
        case, id=name_case(case), marks=[pytest.mark.process] if case.encoding in TABLE_FORMATS else []
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", [mark_case(case) for case in FILE_CASES])
def test_a_bad_file_is_refused_in_words_of_our_own(tmp_path: Path, case: Case) -> None:
    with pytest.raises(FileRefusedError) as refusal:
        read_case(tmp_path, case)
    assert refusal.value.rule == case.rule
    assert case.says in refusal.value.detail
    assert refusal.value.detail.endswith(FILE_RULES[refusal.value.rule])
    own = refusal.value.detail.lower().replace(case.encoding, "")
    assert not FOREIGN_WORDS.search(own)


def read_header(kind: type[tarfile.TarInfo], archive: Any) -> tarfile.TarInfo:
    """Read a header as tarfile does since the fix of CVE-2025-13462: not by the `frombuf` of a subclass."""
    block = archive.fileobj.read(tarfile.BLOCKSIZE)
    info = vars(tarfile.TarInfo)["frombuf"].__get__(None, kind)(block, archive.encoding, archive.errors)
    info.offset = archive.fileobj.tell() - tarfile.BLOCKSIZE
    return info._proc_member(archive)  # type: ignore[no-any-return]


@pytest.mark.slow
@pytest.mark.parametrize("case", [mark_case(case) for case in TAR_CASES if "header" in case.defect])
def test_a_hostile_header_is_refused_whatever_method_of_tarfile_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    monkeypatch.setattr(tarfile.TarInfo, "fromtarfile", classmethod(read_header))
    test_a_bad_file_is_refused_in_words_of_our_own(tmp_path, case)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str | None, str | None]]]:
    """The result of the row contract for every row of `ROW_CASES`: (rule, detail) by the case's name."""
    tables = {name_case(case): read_case(tmp_path_factory.mktemp("rows"), case) for case in ROW_CASES}
    rows = pa.concat_tables(tables.values()).combine_chunks()
    _, bad = check_rows(measure_rows(rows, mark_texts_with_words(rows["text"])), RowLimits())
    verdicts = iter([bad.get(position, (None, None)) for position in range(len(rows))])
    return {name: [next(verdicts) for _ in range(len(table))] for name, table in tables.items()}


@pytest.mark.parametrize("case", ROW_CASES, ids=name_case)
def test_a_bad_row_is_set_aside_alone(
    tmp_path: Path, judged: dict[str, list[tuple[str | None, str | None]]], case: Case
) -> None:
    rows = read_case(tmp_path, case).to_pylist()
    verdicts = judged[name_case(case)]
    assert tuple(rule or "good" for rule, _ in verdicts) == case.rows
    assert [row["text"] for row in rows if row["row_number"] != 2] == [GOOD, GOOD]
    detail = verdicts[1][1]
    assert detail is not None
    assert case.says in detail
    assert not FOREIGN_WORDS.search(detail)
    assert case.raw is None or rows[1]["raw"] == case.raw


def test_every_rule_of_the_reader_is_in_the_table() -> None:
    elsewhere = {
        "file_unreadable",
        "profile_wrong",
        "profile_column_missing",
        "link_refused",
        "too_many_bad_rows",
        "too_few_rows",
        "export_too_small",
        "rows_renumbered",
        "values_not_read",
        "workers_killed",
    }
    assert {case.rule for case in FILE_CASES} == set(FILE_RULES) - elsewhere
    assert {rule for case in ROW_CASES for rule in case.rows} == {"good", *ROW_RULES}


# What is no file of bytes


def refuse(path: Path) -> str:
    with pytest.raises(FileRefusedError) as refusal:
        list(read_review_file(path))
    return refusal.value.rule


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    assert refuse(tmp_path / "a.csv") == "file_unreadable"


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(CSV)
    (tmp_path / "a.csv").symlink_to(tmp_path / "real.csv")
    assert refuse(tmp_path / "a.csv") == "link_refused"


@pytest.mark.process
def test_a_refusal_shows_no_more_of_a_file_than_a_person_reads(tmp_path: Path) -> None:
    path = tmp_path / "reviews.json"
    path.write_text('{"%s": [{"text": "good"}]}' % ("9" * 30_000))
    with pytest.raises(FileRefusedError) as caught:
        list(read_review_file(path))
    assert len(caught.value.detail) < 5_000


def test_rows_of_another_encoding_keep_ids_and_text_though_none_is_good(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_bytes('{"review_id": "a", "movie_id": "m", "text": "café"}\n'.encode("cp1252"))
    [batch] = read_review_file(path)
    kept = [batch[name].to_pylist() for name in ("review_id", "movie_id", "raw", "rule")]
    assert kept == [["a"], ["m"], ["café".encode("cp1252")], ["text_encoding"]]
