"""The contract of how a file is read: no column of it is left unused without a word.

What no profile says stays as it was found, in `extra`, is named with some of its values, and is not used. No library is
needed.
"""

import json
from collections.abc import Iterable, Mapping

from data_contracts.expectations import CheckResult
from data_contracts.rules_and_limits import COLUMNS_USED, ROUNDED_IDS, UNREADABLE_COLUMNS

BOUNDARY = "readings"
_OWN_RULES = {ROUNDED_IDS, UNREADABLE_COLUMNS, "author"}
"""Keys of `extra` that are no columns of the file, or are known."""
_VALUES, _CHARACTERS, _COLUMNS = 3, 24, 12
"""Values of a column that are shown, characters of each, and columns."""


def judge_columns(
    source_sha256: str, profile: str, extras: Iterable[str], names: Mapping[str, str]
) -> CheckResult:
    """Return the result for a file that is read by the profile of this name: a warning if it leaves columns unused.

    `extras` are the further columns of some rows, as JSON objects. `names` has the file's name of each of our columns:
    under ours, `extra` has the values that could not be read. The profile of a source leaves unused what it wants to,
    so nothing is given of its `extras`.
    """
    found: dict[str, dict[str, None]] = {}
    for extra in extras:
        for name, value in json.loads(extra).items():
            if name in _OWN_RULES:
                continue
            values = found.setdefault(names.get(name, name), {})
            if len(values) < _VALUES:
                values[_shorten(value)] = None
    shown = [f"'{name}' ({', '.join(values)})" for name, values in list(found.items())[:_COLUMNS]]
    more = [f"{len(found) - _COLUMNS} more"] if len(found) > _COLUMNS else []
    return CheckResult(
        boundary=BOUNDARY,
        rule=COLUMNS_USED,
        expectation="expect_columns_used",
        columns=", ".join(sorted(names)),
        severity="warning",
        success=not found,
        observed=f"not used: {', '.join([*shown, *more])}" if found else f"read by the profile {profile}",
        expected="a profile that says what each column is",
        unexpected_count=len(found),
        source_sha256=source_sha256,
    )


def _shorten(value: object) -> str:
    """Return a value as a message shows it: on one line, and not too long."""
    text = " ".join(str(value).split())
    printable = "".join(
        character if character.isprintable() else "�" for character in text[: _CHARACTERS + 1]
    )
    return printable if len(printable) <= _CHARACTERS else f"{printable[:_CHARACTERS]}…"
