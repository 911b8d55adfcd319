"""The lineage of scores: archive → reviews Parquet → bundle → `scored_reviews`, with the rows of each.

The same four are assets in Prefect: `@materialize` with the key of an asset marks the task that makes it.
"""

from dataclasses import dataclass

from data_contracts.storage.home import Home
from models.bundle.reading_facts import read_facts
from tasks.warehouse.database.warehouse_connection import open_warehouse

ARCHIVE = "reviews://archive"
PARQUET = "reviews://parquet"
BUNDLE = "reviews://bundle"
INBOX = "reviews://inbox"
SCORES = "duckdb://reviews/scored_reviews"


@dataclass(frozen=True)
class LineageStep:
    """One of the four steps from the archive to the scores."""

    step: str
    what: str
    rows: int
    """0 for the archive, whose rows are not counted."""
    fingerprint: str
    """Hex digest of the content; '-' if there is none."""


def trace_lineage(home: Home, model_id: str) -> list[LineageStep]:
    """Return the four steps that led to the scores of a model."""
    facts = read_facts(home.bundles / model_id)
    provenance, rows, fingerprints = facts["provenance"], facts["rows"], facts["fingerprints"]
    query = "SELECT count(*) FROM scored_reviews WHERE model_id = ?"
    with open_warehouse(home.warehouse, write=False) as connection:
        ((scored,),) = connection.execute(query, [model_id]).fetchall()
    return [
        LineageStep("archive", provenance["dataset"], 0, provenance.get("source_sha256", "-")),
        LineageStep("Parquet", "reviews with a label", sum(rows.values()), fingerprints["data"]),
        LineageStep("bundle", model_id, rows["train"], fingerprints["bundle"]),
        LineageStep("scored_reviews", f"scored by {model_id}", scored, "-"),
    ]
