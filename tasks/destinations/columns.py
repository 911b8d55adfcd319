"""The columns that a destination gets, with their types and meanings: its schema, and the version of that."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.exports.export_files import make_schema

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1
"""The version of what is delivered. A change of columns, types or of what a row means adds one, and an entry to
`tasks/destinations/postgres_schema.py:MIGRATIONS`; everything is delivered again then."""
KEYS = {"current": ("review",), "all": ("source_sha256", "row_number", "model_id")}
"""The columns that are unique, by what is delivered."""


@dataclass(frozen=True)
class Column:
    """A column of a destination."""

    name: str
    postgres: str
    """Its type in PostgreSQL."""
    parquet: str
    """Its type in Parquet, as DuckDB names it."""
    meaning: str
    is_required: bool = False
    """Whether it is never null."""


@dataclass(frozen=True)
class Layout:
    """Which rows a destination gets, and which of the columns that not everyone should have."""

    rows: str = "current"
    """One of `KEYS`: one row a review, or one row per source row and model."""
    texts: bool = False
    extra: bool = False


COLUMNS = (
    Column(
        "review",
        "uuid",
        "VARCHAR",
        "the review, by its `review_id` (where there is none: its text) and `movie_id`; the same in every file",
        is_required=True,
    ),
    Column("source_sha256", "text", "VARCHAR", "of the bytes of the row's file", is_required=True),
    Column("row_number", "bigint", "BIGINT", "in that file, from 1", is_required=True),
    Column("review_id", "text", "VARCHAR", "null where the source names none"),
    Column("movie_id", "text", "VARCHAR", "null where the source names none"),
    Column("reviewed_at", "timestamp with time zone", "TIMESTAMPTZ", "null where the source gives none"),
    Column(
        "given_label", "text", "VARCHAR", "'positive' or 'negative' by the source; null where it gives none"
    ),
    Column(
        "given_rating", "double precision", "DOUBLE", "1 to 10 stars by the source; null where it gives none"
    ),
    Column("model_id", "text", "VARCHAR", "of the model that gave the score", is_required=True),
    Column("score", "double precision", "DOUBLE", "P(positive), 0 to 1", is_required=True),
    Column("sentiment", "text", "VARCHAR", "'positive' or 'negative'", is_required=True),
    Column("predicted_rating", "double precision", "DOUBLE", "1 to 10 stars", is_required=True),
    Column("token_count", "integer", "INTEGER", "words of the whole text", is_required=True),
    Column(
        "oov_rate", "real", "FLOAT", "share of them that the model does not know, 0 to 1", is_required=True
    ),
    Column("truncated", "boolean", "BOOLEAN", "more words than the model reads", is_required=True),
    Column(
        "scored_at", "timestamp with time zone", "TIMESTAMPTZ", "when the model gave it", is_required=True
    ),
    Column("run_id", "text", "VARCHAR", 'the run that scored it; only with `rows = "all"`'),
    Column("uri", "text", "VARCHAR", "the name under which its file was first committed"),
    Column("member", "text", "VARCHAR", "name inside a zip or tar; null elsewhere"),
    Column("source", "text", "VARCHAR", "the source of its file: a folder of the inbox, or 'default'"),
    Column(
        "in_english",
        "boolean",
        "BOOLEAN",
        "whether the text seems to be in English; null where that is not known",
    ),
    Column("text_sha256", "text", "VARCHAR", "of the text's UTF-8 bytes", is_required=True),
    Column(
        "extra",
        "text",
        "VARCHAR",
        "the source's other columns, as JSON; they may name writers; only with `extra = true`",
    ),
    Column("text", "text", "VARCHAR", "the source's text; only with `texts = true`"),
)


def list_columns(layout: Layout) -> list[Column]:
    """Return the columns of a layout in their order."""
    absent = {"run_id": layout.rows == "current", "extra": not layout.extra, "text": not layout.texts}
    return [column for column in COLUMNS if not absent.get(column.name)]


def make_arrow_schema(layout: Layout) -> "pa.Schema":
    """Return the schema of the Parquet files of a layout."""
    return make_schema({column.name: column.parquet for column in list_columns(layout)})
