"""Knows files beside data that have no rows: marks of Spark and Hadoop that it is complete, and descriptions."""

import re

_NAMES = {"_SUCCESS", "_metadata", "_common_metadata"}
_BEGINNINGS = ("_committed_", "_started_")
_ENDING = ".crc"
_DESCRIPTION = re.compile(
    r"(?:read[ _-]?me|licen[cs]e|copying|changelog)(?:\.(?:txt|md|rst|html?|pdf|rtf|docx?))?"
    r"|thumbs\.db|desktop\.ini",
    re.IGNORECASE,
)
"""What a data set says of itself, and what Windows puts into a folder: a `README.txt` is no review."""


def is_marker(name: str) -> bool:
    """Return whether a file only says something of the files beside it, by its name."""
    is_mark = name in _NAMES or name.startswith(_BEGINNINGS) or name.endswith(_ENDING)
    return is_mark or _DESCRIPTION.fullmatch(name) is not None
