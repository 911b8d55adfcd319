"""Values as text that people and programs can read safely: counted things, texts without controls, lines of JSON.

Starts quickly: it needs the standard library alone.
"""

import functools
import json
import math
from collections.abc import Mapping
from typing import Any

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_REORDERING = (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Characters that end lines or turn the direction of what follows them."""


def count(number: int, what: str) -> str:
    """Write a number with what it counts, such as `1 file` or `2,140 reviews`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def escape_controls(text: str, keep: str = "") -> str:
    """Write control characters (ANSI codes begin with one) as `\\x1b` and the like; `keep` are left as they are."""
    return text if text.isprintable() else text.translate(_spell_controls(keep))


def write_json(value: Any) -> str:
    """Write a value as JSON on one line, without a character that a terminal obeys."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # JSON itself allows most of them inside a text, terminals obey them.
    return text if text.isprintable() else text.translate(_spell_for_json(_CONTROLS + _REORDERING))


def drop_nan(value: Any) -> Any:
    """Put None in the place of every number that JSON has no word for: NaN and the infinities."""
    if isinstance(value, Mapping):
        return {name: drop_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [drop_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@functools.cache
def _spell_controls(keep: str) -> dict[int, str]:
    spelled = {code: f"\\x{code:02x}" for code in _CONTROLS}
    named = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
    everything = {**spelled, **named, **_spell_for_json(_REORDERING)}
    return {code: word for code, word in everything.items() if chr(code) not in keep}


@functools.cache
def _spell_for_json(codes: tuple[int, ...]) -> dict[int, str]:
    return {code: f"\\u{code:04x}" for code in codes}
