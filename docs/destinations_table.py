"""Generates the list of the delivered columns in docs/destinations.md."""

from tasks.delivery.columns import COLUMNS, POSTGRES_TYPES, REQUIRED

NOTES = {
    "review": "by its `review_id` (where there is none: its text) and `movie_id`; the same in every file",
    "source_sha256": "of the bytes of the source file",
    "run_id": 'the run that scored it; a release is a run of its own; only with `rows = "all"`',
    "in_english": "whether the text seems to be in English; null where that is not known",
    "text_sha256": "of the text's UTF-8 bytes",
    "extra": "the source's other columns, as JSON in a text; they may name writers",
}
"""What a delivery says of a column in its own words."""


def make_list() -> str:
    """Return a Markdown list of the columns with their types in PostgreSQL: those with a note, then the others."""
    noted = [f"- `{name}` {_describe_type(name)}: {note}" for name, note in NOTES.items()]
    others = ", ".join(f"`{name}` {_describe_type(name)}" for name in COLUMNS if name not in NOTES)
    return "\n".join([*noted, f"- as in [tables.md](tables.md): {others}"])


def _describe_type(name: str) -> str:
    """Return the type of a column, with `?` where it may be null."""
    return ("uuid" if name == "review" else POSTGRES_TYPES[COLUMNS[name]]) + ("" if name in REQUIRED else "?")
