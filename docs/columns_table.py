"""Generates the tables of the column names, platforms and files of their exports that are known without a profile."""

from collections.abc import Iterator

from tasks.review_files.exports.other_files import OTHER_FILES, OtherFile
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


def make_other_files() -> str:
    """Return a table of the files of exports that hold no reviews, and the first lines by which they are known."""
    lines = ["| file | holds | it begins with |", "| --- | --- | --- |"]
    return "\n".join(lines + [_make_other_line(other) for other in OTHER_FILES])


def _make_other_line(other: OtherFile) -> str:
    """Return the line of a file that holds no reviews."""
    below = f", above {known}" if (known := " and ".join(_describe_rows(other))) else ""
    place = "" if other.path is None else f", in `{other.path}`"
    lines = [f"`{','.join(line)}`" if line else "a row" for line in (*other.above, other.header)]
    return f"| {other.platform} {other.name} | {other.holds} | {', '.join(lines)}{below}{place} |"


def _describe_rows(other: OtherFile) -> Iterator[str]:
    """Yield what its rows must be, in words."""
    if other.is_single:
        yield f"one row with `{other.first}` as the first field"
    elif other.first is not None:
        yield f"rows with `{other.first}` or nothing as the first field"
    if other.second is not None:
        found = f"`{other.second}` or nothing as the" if other.second else "an empty"
        yield f"rows with {found} second field"


def _quote(names: tuple[str, ...]) -> str:
    """Return names as a list in code."""
    return ", ".join(f"`{name}`" for name in names)
