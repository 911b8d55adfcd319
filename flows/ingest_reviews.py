"""The flow `ingest-reviews`: archive → contracts → reviews Parquet.

A second run with the same source does nothing. The archive is a local file or is downloaded; see `docs/models.md`.
"""

from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from data_contracts.archive import PUBLISHED_URL
from data_contracts.errors import UsageError
from data_contracts.expectations import describe_failure
from data_contracts.storage.faults import pass_fault_point
from deployments.home_of_deployment import load_settings_of_run
from deployments.settings import Settings
from flows.alerts import is_of_deployment, tell_at_end
from flows.grants import is_granted
from flows.recording import record_flow_run
from tasks.archive.parquet_files import is_up_to_date
from tasks.findings.gathering import name_killed
from tasks.inbox.opening import place_within
from tasks.stages import ingest as stages
from tasks.stages.publish import publish_copy
from tasks.stages.queue_turns import take_turn
from tasks.stages.run_page import name_failure, name_run
from tasks.warehouse.publishing import needs_publishing


@dataclass(frozen=True)
class IngestSummary:
    """What a run did: the number of reviews in each split, their source, and the results of the contracts."""

    dataset: str
    verification: str
    reviews: dict[str, int]
    reviews_dir: str
    changed: bool
    checks: int
    warnings: tuple[str, ...]


def _choose_source(archive: str | None, settings: Settings) -> str:
    """Return the path or URL of the archive; raise `UsageError` if a run of a deployment may not read it.

    An arbitrary URL would let anyone who can start runs make the worker send requests into its own network.
    """
    if not archive:
        return settings.archive
    if archive in (settings.archive, PUBLISHED_URL) or is_granted([archive]):
        return archive
    placed = None
    if "://" not in archive:
        placed = place_within(Path(archive).absolute(), (settings.home.archive, *settings.input_dirs))
    if placed is None:
        raise UsageError(
            "A run of a deployment reads only the archive that REVIEWS_ARCHIVE names, Stanford's, or one in `archive/` "
            "of the home or a folder of REVIEWS_INPUT_DIRS. Next: put the archive there, or run `reviews ingest "
            "--archive PATH`."
        )
    return str(placed[1])


@flow(name="ingest-reviews", flow_run_name="ingest-reviews")
@take_turn()
@name_failure()
def ingest_reviews(archive: str | None = None, accept_unverified: bool = False) -> IngestSummary:
    """Download and check the review archive and convert it to Parquet.

    Args:
        archive: path or URL of the archive. The default is the setting REVIEWS_ARCHIVE, else Stanford's address. A
            path must be in `archive/` of the home or in a folder of the setting REVIEWS_INPUT_DIRS.
        accept_unverified: accept an archive whose content is not a known one; its reviews are recorded as unverified.
    """
    settings = load_settings_of_run()
    home = settings.home
    source = _choose_source(archive, settings)
    parameters = {"archive": source, "accept_unverified": accept_unverified}
    with tell_at_end("ingest-reviews", settings) as happened:
        with record_flow_run("ingest-reviews", parameters, settings) as run:
            happened += name_killed(run, is_of_deployment)
            fetched = stages.fetch(source, home)
            changed = not is_up_to_date(home.reviews, fetched.sha256, accept_unverified)
            checks = []
            if changed:
                checks = stages.convert(run, fetched, accept_unverified)
            provenance, reviews = stages.describe_reviews(home)
            run.counts.update(reviews)
        pass_fault_point("ingest: before published")
        if changed or needs_publishing(home):
            publish_copy(home)
    done = f"{sum(reviews.values()):,} reviews" if changed else "nothing new"
    name_run(f"ingest-reviews {provenance.dataset} {done}")
    return IngestSummary(
        dataset=provenance.dataset,
        verification=provenance.verification,
        reviews=reviews,
        reviews_dir=str(home.reviews),
        changed=changed,
        checks=len(checks),
        warnings=tuple(describe_failure(check) for check in checks if not check.success),
    )
