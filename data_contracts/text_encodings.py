"""Checks the names of text encodings that a user gives for files without a byte order mark."""

import codecs

_UNSAFE = {"utf-7", "unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "mbcs", "oem"}
"""Python's encodings that are no encoding of files, or read ASCII as something else."""


def find_encoding(name: str) -> str | None:
    """Return the usual name of a text encoding, such as 'cp1252', or None if there is none of that name."""
    try:
        info = codecs.lookup(name)
        "".encode(info.name)
    except (LookupError, ValueError, UnicodeError):
        return None
    return None if info.name in _UNSAFE else info.name
