"""Formats values as text: numbers with nouns, texts with control characters escaped, JSON on one line.

Imports only the standard library, so that light commands start fast.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_REORDERING = (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Code points of characters that end lines or change the direction of the text after them."""


def count(number: int, what: str) -> str:
    """Return a number with its noun, such as `1 file` or `2,140 reviews`; `what` is the noun in the singular."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def describe_duration(seconds: float) -> str:
    """Return a duration in whole minutes, such as `2 h 5 min`."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min" if minutes else "less than a minute"


def escape_controls(text: str, keep: str = "") -> str:
    """Return `text` with control characters, ANSI codes too, as `\\x1b` and the like, except those in `keep`."""
    return text if text.isprintable() else text.translate(_map_to_escapes(keep))


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
