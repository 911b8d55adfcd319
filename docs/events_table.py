"""The table of events in docs/operations.md, from the docstring of `tasks/stages/events.py`."""

import ast
from pathlib import Path

MODULE = Path(__file__).parents[1] / "tasks" / "stages" / "events.py"


def make_table() -> str:
    """Return the table in the module's docstring, which is parsed without importing the module."""
    docstring = ast.get_docstring(ast.parse(MODULE.read_text("utf-8"))) or ""
    return "\n".join(line for line in docstring.splitlines() if line.startswith("|"))
