"""Generates the tables of the column names and platforms that are recognised without a profile."""

from tasks.review_files.inference.known_column_names import COLUMN_NAMES, LATER_NAMES
from tasks.review_files.inference.platforms import PLATFORMS, POLARITY, Platform


def make_names() -> str:
    """Return a table of the names of each of our columns."""
    lines = ["| what | column names, in this order of preference |", "| --- | --- |"]
    return "\n".join(lines + [f"| {ours} | {_list(ours)} |" for ours in COLUMN_NAMES])


def _list(ours: str) -> str:
    """Return the names of one of our columns, and after them those that are less sure."""
    later = LATER_NAMES.get(ours, ())
    return _quote(COLUMN_NAMES[ours]) + (f"; then {_quote(later)}" if later else "")


def make_platforms() -> str:
    """Return a table of the platforms and data sets, and the columns by which their files are recognised."""
    lines = ["| recognised | by the columns | ratings |", "| --- | --- | --- |"]
    return "\n".join(lines + [_make_line(platform) for platform in (*PLATFORMS, POLARITY)])


def _make_line(platform: Platform) -> str:
    """Return the line of a platform."""
    marks = ", ".join(" or ".join(f"`{name}`" for name in mark.split("|")) for mark in platform.marks)
    scale = f"to {platform.scale.highest:g}" if platform.scale else ""
    return f"| {platform.name} | {marks} | {scale} |"


def _quote(names: tuple[str, ...]) -> str:
    """Return names as a list in code."""
    return ", ".join(f"`{name}`" for name in names)
