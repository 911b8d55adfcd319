"""Checks the names of text encodings that a user gives for files without a byte order mark."""

import codecs

_ASCII = bytes(range(128))
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


def extends_ascii(name: str) -> bool:
    """Return whether an encoding reads bytes of ASCII as ASCII does, as cp1252 does and UTF-16 does not."""
    try:
        return _ASCII.decode(name) == _ASCII.decode("ascii")
    except UnicodeDecodeError:
        return False
