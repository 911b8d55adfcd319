"""Reads plain text files: each file is one review, and its text is the unchanged content.

A name as in the Stanford archive, ID_RATING.txt, gives the rating, and the rating gives the label; 0 stars mean no
rating. The ID is not used as review id, since each folder of that archive has the same ones. A file is one row, so an
invalid text is a defect of its row, not a refusal.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from data_contracts.rules_and_limits import name_rated_sentiment
from data_contracts.sources.profile import OWN_SCALES, Columns, Profile
from tasks.containers.members import Member, naming_member
from tasks.reading.columns import Reading
from tasks.reading.encodings import decode_text
from tasks.reading.options import KEPT_BYTES, ReadOptions
from tasks.reading.raw_rows import Defect, RawRows

TEXT_FILES = Reading(
    "text files", Profile(columns=Columns(text=("text",), given_rating="rating"), rating=OWN_SCALES[10])
)
"""How text files are read: their names give ratings out of ten."""
_STANFORD_NAME = re.compile(r"\d+_(\d|10)\.txt(?:\.gz|\.zst|\.bz2|\.xz)?", re.ASCII | re.IGNORECASE)
_MARKED_UP = re.compile(r"\s*(?:<(?:!doctype html|html|\?xml)\b|\[?\s*\{\s*\")", re.IGNORECASE)
"""The beginning of a web page, XML or JSON."""
_MOST_LINES = 200
"""Lines of a review, at most: a file with more is rather a table, or a list."""


@dataclass(frozen=True)
class TextFile:
    """The content of one text file."""

    member: str | None
    file_name: str
    data: bytes
    """The original bytes; of a file that is too long only the start."""
    size: int
    """Bytes of the complete file."""


def read_text_file(member: Member, longest: int) -> TextFile:
    """Read a text file to its end, but keep about `longest` bytes of it at most."""
    held, size = bytearray(), 0
    with naming_member(member.name):
        for chunk in member.chunks:
            size += len(chunk)
            if size <= longest:
                held += chunk
            elif len(held) < KEPT_BYTES:
                held += chunk[:KEPT_BYTES]
    return TextFile(member.name, member.file_name, bytes(held), size)


def make_text_rows(files: Sequence[TextFile], first_row: int, options: ReadOptions) -> RawRows:
    """Return n text files as n rows; the first one gets the number `first_row`."""
    texts: list[str | None] = []
    defects: dict[int, Defect] = {}
    for position, file in enumerate(files):
        text, defect = _decode_text_file(file, options)
        texts.append(text)
        if defect is not None:
            defects[position] = defect
    stars = [_read_stars(file.file_name) for file in files]
    known = {
        "text": pa.array(texts, pa.string()),
        "given_rating": pa.array([None if each is None else str(each) for each in stars], pa.string()),
        "given_label": pa.array([name_rated_sentiment(each) for each in stars], pa.string()),
    }
    numbers = pa.array(range(first_row, first_row + len(files)), pa.int64())
    return RawRows(TEXT_FILES, numbers, known, None, defects, is_table=False)


def _decode_text_file(file: TextFile, options: ReadOptions) -> tuple[str | None, Defect | None]:
    """Return the text of a text file and None, or None and the defect of its text."""
    if file.size > options.batch_bytes:
        detail = f"a file of {file.size:,} bytes, the limit is {options.batch_bytes:,}"
        return None, Defect("text_too_long", detail, file.data[:KEPT_BYTES])
    try:
        text = decode_text(file.data, options)
    except UnicodeDecodeError as error:
        detail = f"byte {error.start + 1:,} is not valid {error.encoding.upper()}"
        return None, Defect("text_encoding", detail, file.data)
    if _MARKED_UP.match(text):
        return None, Defect("row_shape", "a web page, XML or JSON, not a review", file.data)
    lines = text.splitlines()
    if len(lines) > _MOST_LINES or _is_table(lines):
        what = "columns" if _is_table(lines) else f"{len(lines):,} lines"
        detail = f"{what}, and a .txt is one review: call a table .csv or .tsv, or name its [file] format"
        return None, Defect("row_shape", detail, file.data[:KEPT_BYTES])
    return text, None


def _is_table(lines: Sequence[str]) -> bool:
    """Return whether lines are those of a table: tabs separate as many names as values in the first row."""
    tabs = [line.strip().count("\t") for line in lines[:2]]
    return len(tabs) > 1 and tabs[0] == tabs[1] > 0


def _read_stars(file_name: str) -> int | None:
    """Return the rating in the name of a text file of Stanford's archive, else None."""
    match = _STANFORD_NAME.fullmatch(file_name)
    return (int(match[1]) or None) if match else None
