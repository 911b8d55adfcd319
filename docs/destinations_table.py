"""Generates the table of a destination's columns in docs/destinations.md."""

from docs.markdown import escape_cell, format_table
from tasks.destinations.columns import COLUMNS

HEADER = ("column", "in PostgreSQL", "in Parquet", "meaning")


def make_table() -> str:
    """Return a Markdown table of the columns in their order."""
    rows = [
        [
            f"`{column.name}`",
            f"{column.postgres}{'' if column.is_required else ', null'}",
            column.parquet,
            escape_cell(column.meaning),
        ]
        for column in COLUMNS
    ]
    return format_table(HEADER, rows, words=len(HEADER))
