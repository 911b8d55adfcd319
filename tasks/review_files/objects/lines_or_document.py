"""Tells a .json file of lines of objects from one document, by its beginning; refuses an error that a server answered.

An answer on one line may have a text of its own, such as `message`, beside the array of reviews: it is a document.
"""

import json
import re
from dataclasses import replace
from itertools import chain

from tasks.containers.members import Member
from tasks.review_files.column_mapping import select_columns
from tasks.review_files.encodings import decode_start
from tasks.review_files.objects.object_rows import MAX_DEPTH, is_deeper
from tasks.review_files.objects.server_answers import (
    OF_ANSWERS,
    OF_OPINIONS,
    REPLIES,
    has_message,
    says_done,
    says_failed,
)
from tasks.review_files.options import ReadOptions
from tasks.review_files.plans.normalized_names import normalize_name, quote_name
from tasks.support.refusals import refusal
from tasks.support.wording import quote_word

_SHOWN = 5
_COMMENTS = re.compile(r"(?:\s*(?:(?://|#)[^\n]*\n|/\*.*?\*/))+\s*", re.DOTALL)
"""Comments above the first value of a file."""
_BY_ROWS = ". as $table | first(.[]) | keys_unsorted[] as $row | $table | map_values(.[$row])"
"""A program of jq that writes a table by its columns as lines."""


def find_json_lines(member: Member, options: ReadOptions) -> Member:
    """Return a JSON member with the format 'jsonl' if it is lines of objects, and 'json' if it is one document.

    Raises `FileRefusedError`: json_broken, for a server's answer that something failed, and a document below comments.
    """
    if options.json_path is not None:
        return member
    raw, head = b"", ""
    while len(raw) <= options.batch_bytes and "\n" not in head.strip() and (more := next(member.chunks, b"")):
        raw += more
        head = decode_start(raw, options)
    comments, below = split_comments(head)
    if comments and _is_document(below, options):
        raise refusal("json_broken", f"{comments}: delete them")
    format_name = "json" if _is_document(head, options) else "jsonl"
    return replace(member, format=format_name, chunks=chain([raw], member.chunks))


def split_comments(head: str) -> tuple[str, str]:
    """Return what is wrong with the comments at the start of a text, "" if there are none, and the text below them."""
    comments = _COMMENTS.match(head)
    if comments is None:
        return "", head
    first = quote_name(comments[0].strip().splitlines()[0])
    return f"JSON has no comments, such as {first} above its first bracket", head[comments.end() :]


def _is_document(head: str, options: ReadOptions) -> bool:
    """Return whether a text begins as one document, not as lines of objects.

    It does if it begins with a list, if its first line is only the beginning of an object, or if it is one line with an
    object that is no review, but has a list of objects. Refuses an answer that says only what went wrong.
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
    if not _has_rows(row):
        _require_no_columns(row)
        _require_no_error(row, options)
        return False
    return not _is_review(row, options)


def _is_review(row: dict[str, object], options: ReadOptions) -> bool:
    """Return whether an object is a review that has lists, not an answer that has the reviews in a list."""
    known = select_columns(tuple(row), options.column_plan).known
    if "text" not in known or _is_list_of_rows(list(row.values())[known["text"]]):
        return False
    name = normalize_name(list(row)[known["text"]])
    if name not in OF_ANSWERS or OF_OPINIONS & known.keys():
        return True
    signs = (says_done(row), _has_texts(row, options))
    return not (all(signs) if "reviewed_at" in known and name != "message" else any(signs))


def _require_no_columns(row: dict[str, object]) -> None:
    """Refuse a table by its columns, as pandas writes it: each value has the values of a column by their rows."""
    first, *others = row.values() or [None]
    if not others or not isinstance(first, dict) or not first or not all(map(str.isdecimal, first)):
        return
    if all(isinstance(each, dict) and each.keys() == first.keys() for each in others):
        problem = "it is a table by its columns: write it by rows (pandas: orient='records', lines=True)"
        raise refusal("json_broken", f"{problem}, or jq -c {quote_word(_BY_ROWS)} writes them as lines")


def _require_no_error(row: dict[str, object], options: ReadOptions) -> None:
    """Refuse an object such as `{"error": ..., "message": ...}`, with which a server answers that something failed."""
    columns = select_columns(tuple(row), options.column_plan)
    if has_message(tuple(row), columns) and not options.column_plan.text and says_failed(row):
        problem = f"it is one object with the keys {', '.join(map(repr, list(row)[:_SHOWN]))}, and no review"
        raise refusal("json_broken", f"{problem}: it may be a server's answer that something failed")


def _has_texts(value: object, options: ReadOptions) -> bool:
    """Return whether a value is a list of objects with a text column, or an object that has one that is no reply."""
    if isinstance(value, dict):
        others = (each for name, each in value.items() if normalize_name(name) not in REPLIES)
        return any(_has_texts(each, options) for each in others)
    first = _find_row(value) if isinstance(value, list) else None
    return first is not None and "text" in select_columns(tuple(first), options.column_plan).known


def _has_rows(value: object) -> bool:
    """Return whether a value is a list of objects or an empty one, or an object that has one somewhere in it."""
    if isinstance(value, dict):
        return any(map(_has_rows, value.values()))
    return _is_list_of_rows(value)


def _is_list_of_rows(value: object) -> bool:
    """Return whether a value is a list with objects, or an empty one."""
    return isinstance(value, list) and (not value or _find_row(value) is not None)


def _find_row(values: list[object]) -> dict[str, object] | None:
    """Return the first object of a list; None if it has none."""
    return next((value for value in values if isinstance(value, dict)), None)
