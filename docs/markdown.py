"""Formats Markdown for generated pages: tables and figures."""

import statistics
from collections.abc import Iterable, Sequence

NOTHING = "–"
"""The cell of a missing figure."""


def format_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Format a Markdown table: the first `words` columns are aligned left, the others, which have numbers, right."""
    lines = [columns, ["---" if place < words else "---:" for place in range(len(columns))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape_cell(text: str) -> str:
    """Escape `|` and `<` in Markdown that stands in a cell of a table; its other markup stays."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def format_spread(values: Sequence[float], digits: int) -> str:
    """Format values as their median with the lowest and highest: `0.5 (0.4 to 0.6)`; one value alone as itself."""
    if not values:
        return NOTHING
    median, low, high = (
        f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return median if len(values) == 1 else f"{median} ({low} to {high})"


def format_percent(share: float) -> str:
    """Format a share as a percentage with one decimal, without the percent sign."""
    return f"{100 * share:.1f}"
