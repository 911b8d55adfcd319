"""Tells the answers of a server, that something succeeded or failed, from reviews."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.review_files.column_mapping import Columns
from tasks.review_files.plans.normalized_names import normalize_name

OF_REVIEWS = {"given_rating", "given_label", "review_id", "reviewed_at"}
"""Our columns that an answer does not have itself."""
OF_OPINIONS = OF_REVIEWS - {"reviewed_at"}
"""Those that it does not have even if it says when it was given."""
OF_ANSWERS = {"message", "content", "comment", "description"}
"""Keys of a text that may be of an answer, beside its reviews."""
REPLIES = {"replies", "reply", "comments", "responses", "answers", "children", "thread", "history"}
"""Keys of lists that a review may have."""
NO_TEXT = re.compile(
    r"[\d\s:.,/+TZ-]*"  # a number or a date
    r"|(?=\D*\d)[\w.:-]{1,64}"  # an id
    r"|https?://[!-~]+|[\w.+-]+@[\w.-]+",
    re.ASCII,
)
"""A value that is no text, whatever its name."""
_FAILED = re.compile(r"err|fail|unauthori|forbidden|denied|exceeded|timeout", re.IGNORECASE)
_LEAST_FAILURE = 400
"""The lowest status of HTTP that says that something failed."""
_DONE = {"ok", "success", "200"}
"""Codes that say that nothing failed, in lower case."""


def has_message(names: Sequence[str], columns: Columns) -> bool:
    """Return whether the text of an object with these keys is a `message`, and it has no column of a review beside."""
    place = columns.known.get("text")
    return (
        place is not None
        and normalize_name(names[place]) == "message"
        and not OF_REVIEWS & columns.known.keys()
    )


def says_done(row: Mapping[str, Any]) -> bool:
    """Return whether an object is the answer of a server that it succeeded."""
    truths, codes = _list_states(row)
    return True in truths or any(str(code).casefold() in _DONE for code in codes)


def says_failed(row: Mapping[str, Any]) -> bool:
    """Return whether an object is the answer of a server that something failed."""
    truths, codes = _list_states(row)
    has_error = any(value for name, value in row.items() if normalize_name(name) in ("error", "errors"))
    is_failure = (isinstance(code, int) and code >= _LEAST_FAILURE for code in codes)
    names_failure = (isinstance(code, str) and _FAILED.search(code) is not None for code in codes)
    return has_error or False in truths or any(is_failure) or any(names_failure)


def _list_states(row: Mapping[str, Any]) -> tuple[list[object], list[object]]:
    """Return what an object states of its success: its truth values, then its codes."""
    values = {normalize_name(name): value for name, value in row.items()}
    truths = [values.get(name) for name in ("success", "ok")]
    return truths, [values.get(name) for name in ("status", "statuscode", "code")]
