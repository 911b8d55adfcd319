"""Reads a .json file: lines of objects, or one document, whichever its beginning is."""

import json
from collections.abc import Iterator
from itertools import chain

from tasks.review_files.columns import select_columns
from tasks.review_files.encodings import to_utf8
from tasks.review_files.objects.json_documents import read_json_document
from tasks.review_files.objects.json_lines import read_lines
from tasks.review_files.objects.object_rows import MAX_DEPTH, is_deeper
from tasks.review_files.options import ReadOptions
from tasks.review_files.raw_rows import RawRows


def read_json(chunks: Iterator[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a .json file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: json_broken, text_column_missing, bomb_suspected, and the rules of `to_utf8`.
    """
    text = to_utf8(chunks, options)
    head = _read_first_line(text, options.batch_bytes)
    read = read_json_document if options.json_path is not None or _is_document(head, options) else read_lines
    return read(chain([head], text), first_row, options)


def _read_first_line(text: Iterator[bytes], longest: int) -> bytes:
    """Return the start of a text: its first line that is not empty and some of the next, or about `longest` bytes."""
    head = b""
    while len(head) <= longest and b"\n" not in head.strip() and (more := next(text, None)) is not None:
        head += more
    return head


def _is_document(head: bytes, options: ReadOptions) -> bool:
    """Return whether a text begins as one document, not as lines of objects.

    It does if it begins with a list, if its first line is only the beginning of an object, or if it is one line with an
    object without a text, but with a list of objects.
    """
    first, _, rest = head.strip().partition(b"\n")
    line = first.decode("utf-8", "replace").rstrip()
    if not line or line.startswith("["):
        return bool(line)
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line) or not rest
    except (ValueError, RecursionError):
        return not rest
    if not isinstance(row, dict) or rest or is_deeper(row, MAX_DEPTH):
        return False
    return not _has_text(row, options) and _has_rows(row)


def _has_text(row: dict[str, object], options: ReadOptions) -> bool:
    """Return whether an object has a text column."""
    return "text" in select_columns(tuple(row), options.text_column).known


def _has_rows(value: object) -> bool:
    """Return whether a value is a list of objects or an empty one, or an object that has one somewhere in it."""
    if isinstance(value, dict):
        return any(map(_has_rows, value.values()))
    return isinstance(value, list) and (not value or isinstance(value[0], dict))
