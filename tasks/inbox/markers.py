"""Knows the files that Spark and Hadoop write beside their data: they say that it is complete, and have no rows."""

_NAMES = {"_SUCCESS", "_metadata", "_common_metadata"}
_BEGINNINGS = ("_committed_", "_started_")
_ENDING = ".crc"


def is_marker(name: str) -> bool:
    """Return whether a file is a marker, by its name."""
    return name in _NAMES or name.startswith(_BEGINNINGS) or name.endswith(_ENDING)
