"""The content of a scored part: Parquet files, each with columns of the table into which it is committed."""

import pyarrow as pa

from data_contracts.scored_reviews import SCORED_SCHEMA

_INSTANT = pa.timestamp("us", tz="UTC")
_JSON = pa.json_(pa.string())
"""DuckDB takes it as it is; to check a text that is to become JSON it needs many times its bytes."""

MENTION = pa.struct(
    [
        ("aspect", pa.string()),
        ("polarity", pa.string()),
        ("sureness", pa.float32()),
        ("start", pa.int32()),
        ("stop", pa.int32()),
    ]
)
"""What a sentence of a review says of an aspect: 'positive', 'negative' or 'neither', how surely, 0.5 to 1, and the
place of the sentence in the text, in characters."""

SOURCE_SCHEMA = pa.schema(
    [
        pa.field("source_sha256", pa.string(), nullable=False),
        pa.field("row_number", pa.int64(), nullable=False),
        ("member", pa.string()),
        ("review_id", pa.string()),
        ("movie_id", pa.string()),
        ("reviewed_at", _INSTANT),
        pa.field("text", pa.string(), nullable=False),
        pa.field("text_sha256", pa.string(), nullable=False),
        ("given_label", pa.string()),
        ("given_rating", pa.float64()),
        ("extra", _JSON),
        ("in_english", pa.bool_()),
        ("counts", pa.bool_()),
        ("near_key", pa.uint64()),
        ("mentions", pa.list_(MENTION)),
    ]
)
"""One row per accepted source row."""

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("source_sha256", pa.string(), nullable=False),
        pa.field("row_number", pa.int64(), nullable=False),
        ("uri", pa.string()),
        ("member", pa.string()),
        ("raw", pa.binary()),
        ("rule", pa.string()),
        ("detail", pa.string()),
        ("run_id", pa.string()),
        ("quarantined_at", _INSTANT),
        ("review_id", pa.string()),
        ("movie_id", pa.string()),
        ("reviewed_at", _INSTANT),
        ("given_label", pa.string()),
        ("given_rating", pa.float64()),
        ("extra", _JSON),
        ("raw_is_text", pa.bool_()),
    ]
)
"""One row per source row that broke a row rule."""

CARRIED_COLUMNS = ("review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "extra")
"""The columns of a source row besides its text. A quarantined row keeps them for its release."""

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("source_sha256", pa.string(), nullable=False),
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        ("rule", pa.string()),
        ("detail", pa.string()),
        ("uri", pa.string()),
        ("format", pa.string()),
        ("bytes", pa.int64()),
        ("rows_read", pa.int64()),
        ("run_id", pa.string()),
        ("source", pa.string()),
        ("profile_version", pa.string()),
        ("aspects_version", pa.string()),
        ("replaces_from_share", pa.float64()),
        ("grown_from", pa.list_(pa.string())),
    ]
)
"""One row per source file. The rows of a file with status 'refused' are not committed."""

PART_ONLY = ("replaces_from_share", "grown_from")
"""Columns that only the commit needs, so that no table has them. `replaces_from_share`: the file takes the place of
the files of its source before it if it has at least this share of the reviews of the last one; null where it adds.
`grown_from`: the earlier files whose bytes are its first ones."""

LATER_COLUMNS = {
    "source": "VARCHAR",
    "profile_version": "VARCHAR",
    "aspects_version": "VARCHAR",
    "in_english": "BOOLEAN",
    "counts": "BOOLEAN",
    "near_key": "UBIGINT",
    "mentions": "STRUCT(aspect VARCHAR, polarity VARCHAR, sureness FLOAT, start INTEGER, stop INTEGER)[]",
    "replaces_from_share": "DOUBLE",
    "grown_from": "VARCHAR[]",
}
"""Columns, with their types, that the parts of older versions lack; a killed run may have left one before an update."""

CHECKS = "contract_results"
"""The name of the part's file with the results of its checks; those of older versions lack it."""

PART_SCHEMAS = {
    "source_reviews": SOURCE_SCHEMA,
    "scored_reviews": SCORED_SCHEMA,
    "quarantined_rows": QUARANTINE_SCHEMA,
    "scored_files": LEDGER_SCHEMA,
}
