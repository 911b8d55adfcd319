"""The flow `ingest-reviews`: archive → contracts → reviews Parquet.

A second run with the same source does nothing. Needs the archive, or the way to it; see `docs/ingest.md`.
"""

from dataclasses import dataclass

from prefect import flow

from data_contracts.expectations import describe_failure
from data_contracts.faults import pass_fault_point
from deployments.settings import load_settings
from flows.recording import record_flow_run
from tasks import ingest_stages as stages
from tasks.publish_stage import publish_copy
from tasks.published import needs_publishing
from tasks.reviews_parquet import is_up_to_date
from tasks.run_page import name_run


@dataclass(frozen=True)
class IngestSummary:
    """What a run did: reviews by split, and where they come from."""

    archive: str
    dataset: str
    verification: str
    reviews: dict[str, int]
    reviews_dir: str
    changed: bool
    checks: int
    warnings: tuple[str, ...]


@flow(name="ingest-reviews", flow_run_name="ingest-reviews")
def ingest_reviews(archive: str | None = None, accept_unverified: bool = False) -> IngestSummary:
    """Download and check the review archive and convert it to Parquet.

    Args:
        archive: path or URL of the archive; without it the setting REVIEWS_ARCHIVE, else Stanford's address.
        accept_unverified: take an archive whose content is not a known one; the data's fingerprint says so.
    """
    settings = load_settings()
    source = archive or settings.archive
    parameters = {"archive": source, "accept_unverified": accept_unverified}
    with record_flow_run("ingest-reviews", parameters, settings) as run:
        fetched = stages.fetch(source, settings.archive_dir)
        changed = not is_up_to_date(settings.reviews_dir, fetched.sha256, accept_unverified)
        checks = []
        if changed:
            checks = stages.convert(
                fetched, settings.reviews_dir, settings.warehouse, run.run_id, accept_unverified
            )
        provenance, reviews = stages.describe_reviews(settings.reviews_dir)
        run.counts.update(reviews)
    pass_fault_point("ingest: before published")
    if changed or needs_publishing(settings.warehouse, settings.published):
        publish_copy(settings.warehouse, settings.published)
    done = f"{sum(reviews.values()):,} reviews" if changed else "nothing new"
    name_run(f"ingest-reviews {provenance.dataset} {done}")
    return IngestSummary(
        archive=source,
        dataset=provenance.dataset,
        verification=provenance.verification,
        reviews=reviews,
        reviews_dir=str(settings.reviews_dir),
        changed=changed,
        checks=len(checks),
        warnings=tuple(describe_failure(check) for check in checks if not check.success),
    )
