"""Reads plain text files: one file is one review, whatever its line breaks, just as it is.

A name as in the Stanford archive, ID_RATING.txt, gives the rating and from it the label; 0 stars are none.
Its ID is no review id, since the same ones occur in each folder. A file is one row, so what is wrong with its
text sets aside that row alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from data_contracts.limits import name_rated_sentiment
from tasks.containers.members import Member, naming_member
from tasks.review_files.columns import Defect, FoundRows
from tasks.review_files.encodings import decode_text
from tasks.review_files.options import KEPT_BYTES

_STANFORD_NAME = re.compile(r"\d+_(\d|10)\.txt(?:\.gz|\.zst)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class TextFile:
    """The content of one text file."""

    member: str | None
    file_name: str
    data: bytes
    """The bytes as found, of a file that is too long only the start."""
    size: int
    """Bytes of the whole file."""


def read_text_file(member: Member, longest: int) -> TextFile:
    """Read a whole text file, but hold no more of it than `longest` bytes."""
    held, size = bytearray(), 0
    with naming_member(member.name):
        for chunk in member.chunks:
            size += len(chunk)
            if size <= longest:
                held += chunk
            elif len(held) < KEPT_BYTES:
                held += chunk[:KEPT_BYTES]
    return TextFile(member.name, member.file_name, bytes(held), size)


def find_text_rows(files: Sequence[TextFile], first_row: int, longest: int) -> FoundRows:
    """Make n text files into n rows; the first one gets the number `first_row`."""
    texts: list[str | None] = []
    defects: dict[int, Defect] = {}
    for position, file in enumerate(files):
        text, defect = _decode(file, longest)
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
    return FoundRows(numbers, known, None, defects)


def _decode(file: TextFile, longest: int) -> tuple[str | None, Defect | None]:
    if file.size > longest:
        words = f"a file of {file.size:,} bytes; one may have {longest:,}"
        return None, Defect("text_too_long", words, file.data[:KEPT_BYTES])
    try:
        return decode_text(file.data), None
    except UnicodeDecodeError as error:
        words = f"byte {error.start + 1:,} is not valid {error.encoding.upper()}"
        return None, Defect("text_encoding", words, file.data)


def _read_stars(file_name: str) -> int | None:
    match = _STANFORD_NAME.fullmatch(file_name)
    return (int(match[1]) or None) if match else None
