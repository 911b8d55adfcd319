"""Generates the tree of packages in docs/design.md from the first docstring line of each `__init__.py`."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("reviews", "flows", "deployments", "tasks", "models", "data_contracts", "benchmarks", "docs")
"""In the order of imports: a package imports only those after it. The last two are not part of the program."""


def make_tree() -> str:
    """Return a nested Markdown list of the packages and those in them."""
    return "\n".join(line for package in PACKAGES for line in _list_package(ROOT / package))


def _list_package(folder: Path, depth: int = 0) -> Iterator[str]:
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    name = folder.relative_to(ROOT).as_posix() if depth == 0 else folder.name
    yield f"{'  ' * depth}- **`{name}/`** {docstring.partition(chr(10))[0]}"
    for inner in sorted(folder.iterdir()):
        if depth == 0 and (inner / "__init__.py").is_file():
            yield from _list_package(inner, depth + 1)
