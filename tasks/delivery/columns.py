"""The columns that are delivered, with their types, and the choices of a destination among them."""

from collections.abc import Mapping
from dataclasses import dataclass

KEYS = {"current": ("review",), "all": ("source_sha256", "row_number", "model_id")}
"""The columns that are unique, by what is delivered."""
COLUMNS = {
    "review": "VARCHAR",
    "source_sha256": "VARCHAR",
    "row_number": "BIGINT",
    "review_id": "VARCHAR",
    "movie_id": "VARCHAR",
    "reviewed_at": "TIMESTAMPTZ",
    "given_label": "VARCHAR",
    "given_rating": "DOUBLE",
    "model_id": "VARCHAR",
    "score": "DOUBLE",
    "sentiment": "VARCHAR",
    "predicted_rating": "DOUBLE",
    "token_count": "INTEGER",
    "oov_rate": "FLOAT",
    "truncated": "BOOLEAN",
    "scored_at": "TIMESTAMPTZ",
    "run_id": "VARCHAR",
    "uri": "VARCHAR",
    "member": "VARCHAR",
    "source": "VARCHAR",
    "in_english": "BOOLEAN",
    "text_sha256": "VARCHAR",
    "extra": "VARCHAR",
    "text": "VARCHAR",
}
"""The columns in their order, each with its type in files, as DuckDB names it."""
REQUIRED = {"review", "source_sha256", "row_number", "model_id", "score", "sentiment", "predicted_rating"} | {
    *("token_count", "oov_rate", "truncated", "scored_at", "text_sha256")
}
"""Those that are never null."""
POSTGRES_TYPES = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    "BOOLEAN": "boolean",
    "TIMESTAMPTZ": "timestamp with time zone",
}


@dataclass(frozen=True)
class Layout:
    """Which rows a destination gets, and which of the columns that not everyone should have."""

    rows: str = "current"
    """One of `KEYS`: one row a review, or one per source row and model."""
    texts: bool = False
    extra: bool = False
    identities: bool = True
    """Whether it has the columns `review`, `in_english` and `text_sha256`, which take time; an export has them not."""
    raw: bool = False
    """Whether CSV cells that a spreadsheet would run as formulas are written unchanged."""
    since: str | None = None
    """The first day, in UTC, whose scores a folder gets, such as 2026-11-24."""


def list_columns(layout: Layout) -> Mapping[str, str]:
    """Return the columns of a layout in their order, each with its type in files."""
    # A row of the current scores may have been scored by several runs.
    absent = {"run_id": layout.rows == "current", "extra": not layout.extra, "text": not layout.texts}
    absent |= dict.fromkeys(("review", "in_english", "text_sha256"), not layout.identities)
    return {name: kind for name, kind in COLUMNS.items() if not absent.get(name)}
