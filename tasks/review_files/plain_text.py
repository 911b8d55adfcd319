"""Reads plain text files: each file is one review, and its text is the unchanged content.

A name as in the Stanford archive, ID_RATING.txt, gives the rating, and the rating gives the label; 0 stars mean no
rating. The ID is not used as review id, since each folder of that archive has the same ones. A file is one row, so an
invalid text is a defect of its row, not a refusal.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from data_contracts.rules_and_limits import name_rated_sentiment
from tasks.containers.members import Member, naming_member
from tasks.review_files.encodings import decode_text
from tasks.review_files.options import KEPT_BYTES, ReadOptions
from tasks.review_files.plans.labels import LABELS
from tasks.review_files.plans.ratings import TEN
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.raw_rows import Defect, RawRows

TEXT_FILES = ReadingPlan(ratings=TEN, labels=LABELS)
"""The plan of reading text files: their names give ratings out of ten."""
_STANFORD_NAME = re.compile(r"\d+_(\d|10)\.txt(?:\.gz|\.zst|\.bz2|\.xz)?", re.ASCII | re.IGNORECASE)

_JSON = json.JSONDecoder()
_AFTER_OBJECT = re.compile(r"[ \t]*(?:[\r\n,\]]|\Z)")
"""What follows an object that is all of its line, or in a list."""
_WEB_PAGE = re.compile(r"\s*<(?:!doctype html|html)\b", re.IGNORECASE)
_HEADER = r"[A-Za-z][A-Za-z-]{1,40}:(?:[ \t][^\r\n]{0,998})?\r?\n(?:[ \t]+\S[^\r\n]{0,998}\r?\n){0,50}"
_MAIL = re.compile(rf"\s{{0,20}}(?=(?:{_HEADER}){{0,50}}(?:From|Von):)((?:{_HEADER}){{2,100}})[ \t]*\r?\n")
_OF_MAIL = re.compile(r"^(?:Subject|Date|Sent|To|Betreff|Datum|Gesendet|An):", re.MULTILINE)
"""The headers of a mail: from whom it is, and at least one of these, above an empty line."""


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
    return RawRows(numbers, known, None, defects)


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
    if _WEB_PAGE.match(text):
        return None, Defect("row_shape", "a web page, not a review: save the table in it as CSV", file.data)
    if _is_json(text):
        detail = "JSON, not a review: call it .json, or .jsonl if each line is an object"
        return None, Defect("row_shape", detail, file.data)
    if _is_mail(text):
        detail = (
            "it begins with the headers of a mail: save its text alone, or mails as CSV with the column text"
        )
        return None, Defect("row_shape", detail, file.data)
    return text, None


def _is_json(text: str) -> bool:
    """Return whether a text, or its first line, is an object of JSON or a list that begins with one, not an empty one.

    Only the first object is parsed: a list of millions would take fifty times the memory of its text.
    """
    start = text.lstrip().removeprefix("[").lstrip()
    if not start.startswith("{"):
        return False
    try:
        value, end = _JSON.raw_decode(start)
    except (ValueError, RecursionError):
        return False
    return bool(value) and _AFTER_OBJECT.match(start, end) is not None


def _is_mail(text: str) -> bool:
    """Return whether a text begins with the headers of a mail, which would be scored with it."""
    match = _MAIL.match(text)
    return match is not None and _OF_MAIL.search(match[1]) is not None


def _read_stars(file_name: str) -> int | None:
    """Return the rating in the name of a text file of Stanford's archive, else None."""
    match = _STANFORD_NAME.fullmatch(file_name)
    return (int(match[1]) or None) if match else None
