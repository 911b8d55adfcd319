"""Generates the table of the delivered columns in docs/destinations.md, with the meanings that the DDL gives them."""

from docs.markdown import escape_cell, format_table
from docs.tables_page import read_relations
from tasks.delivery.columns import COLUMNS, POSTGRES_TYPES, REQUIRED

HEADER = ("column", "in PostgreSQL", "in files", "meaning")
RELATIONS = ("scored_reviews", "source_reviews", "latest_scores")
"""Where to look for the meaning of a column; the last one that has it counts."""
NOTES = {
    "review": "by its `review_id` (where there is none: its text) and `movie_id`; the same in every file",
    "source_sha256": "of the bytes of the source file",
    "run_id": 'the run that scored it; a release is a run of its own; only with `rows = "all"`',
    "in_english": "whether the text seems to be in English; null where that is not known",
    "text_sha256": "of the text's UTF-8 bytes",
    "extra": "the source's other columns, as JSON in a text; they may name writers",
}
"""What a delivery says of a column in its own words."""


def make_table() -> str:
    """Return a Markdown table of the columns in their order."""
    relations = {each.name: each for each in read_relations()}
    meanings = {column.name: column.meaning for name in RELATIONS for column in relations[name].columns}
    rows = [
        [
            f"`{name}`",
            f"{'uuid' if name == 'review' else POSTGRES_TYPES[kind]}{'' if name in REQUIRED else ', null'}",
            kind,
            escape_cell({**meanings, **NOTES}[name]),
        ]
        for name, kind in COLUMNS.items()
    ]
    return format_table(HEADER, rows, words=len(HEADER))
