"""The variables with the addresses of destinations' databases, which are secrets.

Imports only the standard library, since every command reads its settings.
"""

import re
from collections.abc import Iterable, Mapping

_VARIABLE = re.compile(r"REVIEWS_DESTINATION_(?P<name>[A-Z0-9_]+)_URL")
_FILE = "_FILE"


def name_variable(name: str) -> str:
    """Return the name of the variable with the address of a destination's database."""
    return f"REVIEWS_DESTINATION_{name.upper().replace('-', '_')}_URL"


def list_variables(names: Iterable[str]) -> list[str]:
    """Return those of the variables `names` that hold an address, also if only a variable names the file with it."""
    return sorted(
        {each for each in (name.removesuffix(_FILE) for name in names) if _VARIABLE.fullmatch(each)}
    )


def read_urls(values: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses in variables, by the name of their destination."""
    found = {_VARIABLE.fullmatch(name): text.strip() for name, text in values.items()}
    return {match["name"].lower().replace("_", "-"): text for match, text in found.items() if match and text}
