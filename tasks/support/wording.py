"""Formats values as text: numbers with nouns, texts with control characters escaped, JSON on one line.

Imports only the standard library, so that light commands start fast.
"""

import functools
import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_REORDERING = (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Code points of characters that end lines or change the direction of the text after them."""


def count(number: int, what: str) -> str:
    """Return a number with its noun, such as `1 file` or `2,140 reviews`; `what` is the noun in the singular."""
    ending = "" if number == 1 else "es" if what.endswith("s") else "s"
    return f"{number:,} {what}{ending}"


def describe_duration(seconds: float) -> str:
    """Return a duration in whole minutes, such as `2 h 5 min`."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min" if minutes else "less than a minute"


def escape_controls(text: str, keep: str = "") -> str:
    """Return `text` with control characters, ANSI codes too, as `\\x1b` and the like, except those in `keep`."""
    return text if text.isprintable() else text.translate(_map_to_escapes(keep))


def name_files(uris: Sequence[str], most: int = 20) -> str:
    """Return the names of the first `most` files in one line, with the number of the others."""
    more = f" and {len(uris) - most:,} more" if len(uris) > most else ""
    return ", ".join(map(escape_controls, uris[:most])) + more


def quote_word(text: str) -> str:
    """Return `text` as one word of a command that can be copied into a shell, without control characters.

    Where it has such, it is quoted as `$'...'`, which bash, zsh, ksh and BusyBox read: a terminal or a log must not act
    on a name. What is not printable stands there in octal, which is the only escape that ends after so many digits.
    """
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escape_for_shell, text)) + "'"


def _escape_for_shell(character: str) -> str:
    """Return a character as it stands within `$'...'`."""
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    # A name that is no UTF-8 has its bytes as surrogates.
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


def format_json(value: Any) -> str:
    """Return a value as JSON on one line, without control characters."""
    import json  # most light commands need none

    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # JSON allows most control characters inside a string, but terminals act on them.
    return text if text.isprintable() else text.translate(_map_to_json_escapes(_CONTROLS + _REORDERING))


def drop_nan(value: Any) -> Any:
    """Return a value to be shown or written, with None for every NaN and infinity, for which JSON has no words."""
    if isinstance(value, Mapping):
        return {name: drop_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [drop_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@functools.cache
def _map_to_escapes(keep: str) -> dict[int, str]:
    controls = {code: f"\\x{code:02x}" for code in _CONTROLS}
    white_space = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
    escapes = {**controls, **white_space, **_map_to_json_escapes(_REORDERING)}
    return {code: escape for code, escape in escapes.items() if chr(code) not in keep}


@functools.cache
def _map_to_json_escapes(codes: tuple[int, ...]) -> dict[int, str]:
    return {code: f"\\u{code:04x}" for code in codes}


def is_unicode(text: str) -> bool:
    """Return whether a text can be encoded in UTF-8: it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
