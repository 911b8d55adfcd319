"""Generates the table of an export's columns in docs/exports.md, with the meanings that the DDL gives them."""

from docs.markdown import escape_cell, format_table
from docs.tables_page import read_relations
from tasks.exports.export_files import COLUMNS

HEADER = ("column", "type", "meaning")
RELATIONS = ("scored_reviews", "source_reviews", "latest_scores")
"""Where to look for the meaning of a column; the last one that has it counts."""
NOTES = {
    "source_sha256": "of the bytes of the source file",
    "extra": "the source's other columns, as JSON in a text; null where there are none; absent with `--no-extra`",
    "run_id": "the run that scored it; a release is a run of its own; absent with `--current`",
    "text": "the source's text; absent with `--no-text`",
}
"""What an export says of a column in its own words."""


def make_table() -> str:
    """Return a Markdown table of the columns in their order."""
    relations = {each.name: each for each in read_relations()}
    meanings = {column.name: column.meaning for name in RELATIONS for column in relations[name].columns}
    rows = [[f"`{name}`", kind, escape_cell({**meanings, **NOTES}[name])] for name, kind in COLUMNS.items()]
    return format_table(HEADER, rows, words=len(HEADER))
