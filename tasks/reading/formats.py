"""Finds the format of a file by its name, and refuses content that contradicts it."""

from pathlib import Path, PurePosixPath

from tasks.support.refusals import refusal

WORKBOOKS = ("xlsx", "xls", "ods")
_NAMED = {
    "csv": ".csv .psv",
    "tsv": ".tsv .tab",
    "jsonl": ".jsonl .ndjson",
    "json": ".json",
    "parquet": ".parquet",
    "xlsx": ".xlsx .xlsm .xlsb",
    "xls": ".xls",
    "ods": ".ods",
    "avro": ".avro",
    "orc": ".orc",
    "arrow": ".arrow .arrows .feather .ipc",
    "text": ".txt",
    "zip": ".zip",
    "tar": ".tar",
}
_FORMATS = {ending: name for name, endings in _NAMED.items() for ending in endings.split()}
_COMPRESSIONS = {".gz": "gz", ".zst": "zst", ".bz2": "bz2", ".xz": "xz"}
_SHORT = {".tgz": "tar.gz", ".tbz": "tar.bz2", ".tbz2": "tar.bz2", ".txz": "tar.xz", ".tzst": "tar.zst"}
UNKNOWN = "unknown"

# Formats that are not read are here too, so that such a member is refused as an archive, not as an unknown format.
_ARCHIVE_ENDINGS = {".zip", ".tar", *_SHORT, ".7z", ".rar", ".jar"}

_MAGIC = {
    b"\x1f\x8b\x08": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"PAR1": "parquet",
    b"ARROW1\0\0": "arrow",
    b"FEA1": "arrow",
    b"Obj\x01": "avro",
    b"%PDF-": "pdf",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\xfd7zXZ\x00": "xz",
    **{b"BZh%d" % level: "bzip2" for level in range(1, 10)},
    b"Rar!\x1a\x07": "rar",
    b"SQLite format 3\x00": "sqlite",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "OLE",
}
MAGIC_BYTES = max(map(len, _MAGIC))
_SPACE = 0x20
_OWN_MAGIC = {
    **{"gz": {"gzip"}, "zst": {"zstd"}, "bz2": {"bzip2"}, "xz": {"xz"}},
    **{name: {name} for name in ("zip", "parquet", "arrow", "avro")},
    **{name: {"zip", "OLE"} for name in WORKBOOKS},
}


def format_of(path: Path | PurePosixPath) -> str:
    """Return the format of a file or member by its name: 'csv', 'tar', ..., with '.gz', '.xz' etc. if compressed.

    Case does not matter; '.tgz' is 'tar.gz'. Returns 'unknown' for any other ending.
    """
    before, last = ["", "", *(suffix.lower() for suffix in path.suffixes)][-2:]
    if last in _SHORT:
        return _SHORT[last]
    compression = _COMPRESSIONS.get(last)
    format_name = _FORMATS.get(before if compression else last)
    # A zip compresses its members itself: compressed once more it could not be read as a stream.
    if format_name is None or (format_name == "zip" and compression):
        return UNKNOWN
    return f"{format_name}.{compression}" if compression else format_name


def split_format(format_name: str) -> tuple[str, str | None]:
    """Split 'csv.gz' into 'csv' and 'gz'; the second is None if the format has no compression."""
    base, _, compression = format_name.partition(".")
    return base, compression or None


def is_archive(path: PurePosixPath) -> bool:
    """Return whether a member's name is that of an archive, whether or not its format can be read."""
    return not _ARCHIVE_ENDINGS.isdisjoint(suffix.lower() for suffix in path.suffixes[-2:])


def require_content(expected: str, head: bytes) -> None:
    """Refuse content whose first bytes are those of another format than `expected` ('csv', 'gz', ...)."""
    found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if found and found not in _OWN_MAGIC.get(expected, ()):
        raise refusal("format_mismatch", f"the name says {expected}, the content begins as {found} data does")
    if found or not head:
        return
    if expected in _COMPRESSIONS.values() and all(byte >= _SPACE or byte in b"\t\r\n" for byte in head):
        raise refusal("format_mismatch", f"the content is not compressed: take .{expected} off its name")
    if expected in WORKBOOKS:  # shops call them so, since Excel opens such files
        fake = "no workbook: if it is a text file with commas or tabs, call it .csv or .tsv"
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
            fake = "a web page or XML: open it in a spreadsheet and save it as xlsx or as CSV UTF-8"
        raise refusal("format_mismatch", f"the name says {expected}, the content is {fake}")
