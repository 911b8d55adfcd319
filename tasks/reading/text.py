"""Decodes text, escapes invalid bytes so that a parser can process it, and reads text files, each as one review.

A byte order mark decides the encoding (UTF-8, UTF-16 or UTF-32); without one it is the option `encoding`, else UTF-8.
No encoding is guessed: in a Latin-1 or cp1252 file each row with a non-ASCII character is quarantined, and a UTF-16
file without a mark is refused. Other encodings than UTF-8 are transcoded as a stream; a file with an error in them is
refused, since the rest of it can't be trusted.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import name_rated_sentiment
from data_contracts.sources.profile import OWN_SCALES, Columns, Profile
from tasks.reading.columns import Reading
from tasks.reading.containers import Member, naming_member
from tasks.reading.rows import KEPT_BYTES, Defect, RawRows, ReadOptions, number_rows
from tasks.reading.streams import cut_anew, read_head
from tasks.support.refusals import refusal

# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_MARK_BYTES = max(map(len, _MARKS))

# A byte is escaped as two of Unicode's 32 noncharacters U+FDD0 to U+FDEF: one of the first 16 for its upper four bits,
# one of the last 16 for its lower four. Bytes that are not UTF-8 are 0x80 and above.
_TO_ESCAPE = re.compile("[\udc80-\udcff\ufdd0-\ufdef]+")
_ESCAPED = re.compile("[\ufdd8-\ufddf][\ufde0-\ufdef]")
_NONCHARACTER_START = b"\xef\xb7"

TEXT_FILES = Reading(
    "text files", Profile(columns=Columns(text=("text",), given_rating="rating"), rating=OWN_SCALES[10])
)
"""How text files are read: their names give ratings out of ten."""
_STANFORD_NAME = re.compile(r"\d+_(\d|10)\.txt(?:\.gz|\.zst|\.bz2|\.xz)?", re.ASCII | re.IGNORECASE)
_MARKED_UP = re.compile(r"\s*+(?:<(?:!doctype html|html|\?xml)\b|(?:\[\s*+)?\{\s*+\")", re.IGNORECASE)
"""The beginning of a web page, XML or JSON."""
_MOST_LINES = 200
"""Lines of a review, at most: a file with more is rather a table, or a list."""


def to_utf8(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[bytes]:
    """Transcode the text of a file to UTF-8 without byte order marks; text in UTF-8 is passed on unchanged.

    Raises `FileRefusedError`: encoding_broken, or encoding_unknown for text that looks like UTF-16 without a mark.
    """
    head = read_head(chunks, _MARK_BYTES)
    mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    encoding = _MARKS.get(mark) or codecs.lookup(options.encoding or "utf-8").name
    if not mark and options.encoding is None and b"\0" in head[:_MARK_BYTES]:
        raise refusal(
            "encoding_unknown", "NUL bytes at the very start, as in UTF-16 without a byte order mark"
        )
    chunks = chain([head[len(mark) :]], chunks)
    return chunks if encoding == "utf-8" else _transcode(chunks, encoding)


def _transcode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Decode a text in another encoding and encode it as UTF-8; refuse a file that is not in that encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
            done += len(chunk)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        # That a text in UTF-16 begins with no byte order mark is an error without a place.
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        name = encoding.removesuffix("-le").removesuffix("-be").upper()
        place = f"the {name} text is not valid, near byte {done + start + 1:,}"
        raise refusal("encoding_broken", place) from error


# Bytes that are not UTF-8


def escape_invalid(chunks: Iterator[bytes], notice: Callable[[], None]) -> Iterator[bytes]:
    """Escape bytes that are not UTF-8, so that a parser accepts all chunks; valid text is passed on unchanged.

    `notice` is called before each chunk with escapes is yielded; before that nothing needs to be restored. The
    noncharacters used for escapes are escaped too, so `restore_bytes` returns exactly the original bytes.
    """
    return (_escape(text, notice) for text in cut_anew(chunks, _end_of_whole_characters))


def restore_bytes(text: str) -> bytes:
    """Return the original bytes of a text from `escape_invalid`."""

    def unescape(match: re.Match[str]) -> str:
        upper, lower = map(ord, match.group())
        return chr(0xDC00 + ((upper - 0xFDD0) << 4 | lower - 0xFDE0))

    return _ESCAPED.sub(unescape, text).encode("utf-8", "surrogateescape")


def restore_column(column: pa.Array) -> tuple[pa.Array, dict[int, bytes]]:
    """Undo `escape_invalid` in [n] strings; return them with null for texts that are not UTF-8.

    The second value maps the positions of those, 0 to n - 1, to their original bytes.
    """
    escaped = pc.match_substring_regex(column, _ESCAPED.pattern)
    if not pc.any(escaped).as_py():
        return column, {}
    restored = [None if text is None else restore_bytes(text) for text in column.to_pylist()]
    return decode_column(pa.array(restored, pa.binary()))


def decode_column(column: pa.Array) -> tuple[pa.Array, dict[int, bytes]]:
    """Decode [n] binary values as UTF-8; return them with null for invalid ones, and the bytes of those by position."""
    try:
        return column.cast(pa.string()), {}
    except pa.ArrowInvalid:
        values = column.to_pylist()
    invalid = {position: value for position, value in enumerate(values) if not _is_utf8(value or b"")}
    valid = [None if position in invalid else value for position, value in enumerate(values)]
    return pa.array(valid, pa.binary()).cast(pa.string()), invalid


def _end_of_whole_characters(data: bytes) -> int:
    """Return the length of `data` without an incomplete UTF-8 character at its end."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return len(data) - back if length > back else len(data)
        if byte < 0x80:
            break
    return len(data)


def _escape(chunk: bytes, notice: Callable[[], None]) -> bytes:
    """Escape what is not UTF-8 in a chunk, and call `notice` if something is escaped."""
    # The fastest ways to search for a single byte (Python) and to check UTF-8 (Arrow), by far.
    may_be_mistaken = _NONCHARACTER_START[:1] in chunk and _NONCHARACTER_START in chunk
    if not may_be_mistaken and _is_utf8(chunk):
        return chunk
    notice()

    def escape(match: re.Match[str]) -> str:
        run = match.group().encode("utf-8", "surrogateescape")
        return "".join(chr(0xFDD0 + (byte >> 4)) + chr(0xFDE0 + (byte & 15)) for byte in run)

    return _TO_ESCAPE.sub(escape, chunk.decode("utf-8", "surrogateescape")).encode()


def _is_utf8(data: bytes) -> bool:
    """Return whether a chunk is valid UTF-8."""
    offsets = pa.array([0, len(data)], pa.int32()).buffers()[1]
    text = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


# Text files. A name as in the Stanford archive, ID_RATING.txt, gives the rating, and the rating gives the label; 0
# stars mean no rating. The ID is not used as review id, since each folder of that archive has the same ones. A file is
# one row, so an invalid text is a defect of its row, not a refusal.


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
    decoded = [_decode_text_file(file, options) for file in files]
    names = [_STANFORD_NAME.fullmatch(file.file_name) for file in files]
    stars = [(int(name[1]) or None) if name else None for name in names]
    known = {
        "text": pa.array([None if isinstance(each, Defect) else each for each in decoded], pa.string()),
        "given_rating": pa.array([None if each is None else str(each) for each in stars], pa.string()),
        "given_label": pa.array([name_rated_sentiment(each) for each in stars], pa.string()),
    }
    defects = {place: each for place, each in enumerate(decoded) if isinstance(each, Defect)}
    reading = TEXT_FILES
    if options.profile is not None:
        profile = reading.profile.model_copy(update={"movie": options.profile.movie})
        reading = replace(reading, profile=profile)
    return RawRows(reading, number_rows(first_row, len(files)), known, None, defects, is_table=False)


def _decode_text_file(file: TextFile, options: ReadOptions) -> str | Defect:
    """Return the text of a text file, or its defect."""
    if file.size > options.batch_bytes:
        detail = f"a file of {file.size:,} bytes, the limit is {options.batch_bytes:,}"
        return Defect("text_too_long", detail, file.data[:KEPT_BYTES])
    try:
        text = b"".join(to_utf8(iter([file.data]), options)).decode()
    except (UnicodeDecodeError, FileRefusedError) as error:
        detail = (
            f"byte {error.start + 1:,} is not valid UTF-8"
            if isinstance(error, UnicodeDecodeError)
            else error.detail
        )
        return Defect("text_encoding", detail, file.data)
    if _MARKED_UP.match(text):
        return Defect("row_shape", "a web page, XML or JSON, not a review", file.data)
    lines = text.splitlines()
    tabs = [line.strip().count("\t") for line in lines[:2]]
    is_table = len(tabs) > 1 and tabs[0] == tabs[1] > 0  # as many names as values in the first row
    if is_table or len(lines) > _MOST_LINES:
        what = "columns" if is_table else f"{len(lines):,} lines"
        detail = f"{what}, and a .txt is one review: call a table .csv or .tsv, or name its [file] format"
        return Defect("row_shape", detail, file.data[:KEPT_BYTES])
    return text
