"""Markdown for the pages that code writes: paragraphs, tables, and figures as words."""

import re
import statistics
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

NOTHING = "–"
"""The cell of a figure that there is not."""

WIDTH = 118
"""Characters of a line of prose at most."""


def fill_paragraph(words: str, **figures: Any) -> str:
    """Put the figures into a paragraph and break it into lines."""
    text = " ".join(words.format(**figures).split())
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def format_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Format a Markdown table; the first columns, as many as `words`, are aligned as words, the others as numbers."""
    lines = [columns, ["---" if place < words else "---:" for place in range(len(columns))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape_cell(text: str) -> str:
    """Escape Markdown of our own for a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def escape_markdown(text: str) -> str:
    """Escape a text for a cell of a Markdown table, so that it is shown as it is, on one line."""
    marked = re.sub(r"([\\`*_\[\]|~$:])", r"\\\1", " ".join(text.split()))
    return marked.replace("&", "&amp;").replace("<", "&lt;")


def format_spread(values: Sequence[float], digits: int) -> str:
    """Format the median with the lowest and the highest of several values."""
    if not values:
        return NOTHING
    median, low, high = (
        f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return median if len(values) == 1 else f"{median} ({low} to {high})"


def format_percent(share: float) -> str:
    """Format a share as per cent, without the sign."""
    return f"{100 * share:.1f}"


def join_words(words: Iterable[str]) -> str:
    """Join words with commas, the last one with 'and'."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
