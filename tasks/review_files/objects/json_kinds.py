"""Tells a .json file of lines of objects from one document, by its beginning."""

import json
from dataclasses import replace
from itertools import chain

from tasks.containers.members import Member
from tasks.review_files.columns import select_columns
from tasks.review_files.encodings import decode_start
from tasks.review_files.objects.object_rows import MAX_DEPTH, is_deeper
from tasks.review_files.options import ReadOptions


def find_json_lines(member: Member, options: ReadOptions) -> Member:
    """Return a JSON member with the format 'jsonl' if it is lines of objects, and 'json' if it is one document."""
    if options.json_path is not None:
        return member
    raw, head = b"", ""
    while len(raw) <= options.batch_bytes and "\n" not in head.strip() and (more := next(member.chunks, b"")):
        raw += more
        head = decode_start(raw, options)
    format_name = "json" if _is_document(head, options) else "jsonl"
    return replace(member, format=format_name, chunks=chain([raw], member.chunks))


def _is_document(head: str, options: ReadOptions) -> bool:
    """Return whether a text begins as one document, not as lines of objects.

    It does if it begins with a list, if its first line is only the beginning of an object, or if it is one line with an
    object without a text, but with a list of objects.
    """
    first, _, rest = head.strip().partition("\n")
    line = first.rstrip()
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
    """Return whether an object has a text column; a list of objects by such a name holds the reviews themselves."""
    place = select_columns(tuple(row), options.column_plan).known.get("text")
    return place is not None and not _is_list_of_rows(list(row.values())[place])


def _has_rows(value: object) -> bool:
    """Return whether a value is a list of objects or an empty one, or an object that has one somewhere in it."""
    if isinstance(value, dict):
        return any(map(_has_rows, value.values()))
    return _is_list_of_rows(value)


def _is_list_of_rows(value: object) -> bool:
    """Return whether a value is a list of objects, or an empty one."""
    return isinstance(value, list) and (not value or isinstance(value[0], dict))
