"""Finds JSON's escapes of half a surrogate pair, for which a parser would put a question mark."""

import re
from collections.abc import Iterator

_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# Escaped backslashes and whole pairs are matched first, so that what is left is half a pair.
_ESCAPES = re.compile(rb"\\\\|" + _HIGH + _LOW + b"|(" + _HIGH + b"|" + _LOW + b")")
_HIGH_AT_END = re.compile(_HIGH + rb"\Z")
_ESCAPE_BYTES, _PAIR_BYTES = 6, 12


def decode_half_pairs(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Replace each escape of half a surrogate pair by its bytes, which are not UTF-8; the rest is unchanged."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        end = _find_end(data)
        rest = data[end:]
        yield _replace(data[:end])
    yield _replace(rest)


def _find_end(data: bytes) -> int:
    """Return a position near the end that is not inside of an escape or a pair of them."""
    start = data.find(b"\\", max(len(data) - _PAIR_BYTES + 1, 0))
    if start < 0:
        return len(data)
    before = data[:start]
    # After an odd number of backslashes, this one is the second half of an escaped backslash.
    start -= (len(before) - len(before.rstrip(b"\\"))) % 2
    window = data[max(start - _ESCAPE_BYTES, 0) : start]
    return start - _ESCAPE_BYTES if _HIGH_AT_END.match(window) else start


def _replace(data: bytes) -> bytes:
    """Replace the halves in text that begins and ends outside of escapes."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return data
    return _ESCAPES.sub(_encode_half, data)


def _encode_half(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        return match[0]
    return chr(int(match[1][2:], 16)).encode("utf-8", "surrogatepass")
