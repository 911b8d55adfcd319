"""The stages of `ingest-reviews` as Prefect tasks: each shows its progress and records its checks."""

from prefect.assets import add_asset_metadata, materialize

from data_contracts.archive import check_archive
from data_contracts.errors import SourceError
from data_contracts.expectations import CheckResult
from data_contracts.reviews import SPLITS, Provenance, check_reviews
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.archive.download import FetchedArchive, fetch_archive
from tasks.archive.reader import count_folders, read_archive, resolve_provenance
from tasks.archive.reviews_parquet import (
    build_tables,
    count_rows,
    read_provenance,
    write_tables,
)
from tasks.stages.lineage import ARCHIVE, PARQUET
from tasks.stages.retries import WHEN_IT_MAY_PASS
from tasks.stages.run_page import judge_checks, show_live_progress
from tasks.support.progress import show_progress
from tasks.warehouse.run_log import Run

NEXT_STEP = "get the archive anew, or name another one with --archive; nothing was written."


@materialize(ARCHIVE, name="fetch-archive", **WHEN_IT_MAY_PASS)
def fetch(source: str, home: Home) -> FetchedArchive:
    """Give the archive as it lies on this machine: as named, or downloaded, resumed and checked."""
    with show_progress("Fetching the archive", None) as report:
        fetched = fetch_archive(source, home.archive, report=report)
    add_asset_metadata(ARCHIVE, {"sha256": fetched.sha256, "bytes": fetched.path.stat().st_size})
    pass_fault_point("ingest: archive fetched")
    return fetched


@materialize(PARQUET, asset_deps=[ARCHIVE], name="convert-archive", **WHEN_IT_MAY_PASS)
def convert(run: Run, archive: FetchedArchive, accept_unverified: bool) -> list[CheckResult]:
    """Read the archive as a stream, check it, check the rows that it gives, and only then write them.

    Gives every check that was made; a broken contract is recorded before it raises.
    """
    with show_live_progress("Reading the archive", archive.path.stat().st_size) as report:
        contents = read_archive(archive.path, report=report)
    provenance = resolve_provenance(contents, accept_unverified)
    checks = check_archive(count_folders(contents, provenance.dataset))
    judge_checks(run, checks, NEXT_STEP)
    tables = build_tables(contents)
    row_checks = check_reviews(tables, provenance.dataset)
    judge_checks(run, row_checks, NEXT_STEP)
    with show_live_progress("Writing Parquet", sum(len(table) for table in tables.values())) as report:
        write_tables(tables, provenance, run.home.reviews, report=report)
    rows = {split: len(table) for split, table in tables.items()}
    add_asset_metadata(
        PARQUET, {"dataset": provenance.dataset, "fingerprint": provenance.data_fingerprint, **rows}
    )
    return [*checks, *row_checks]


def describe_reviews(home: Home) -> tuple[Provenance, dict[str, int]]:
    """Give where the reviews come from and how many there are by split."""
    provenance = read_provenance(home.reviews)
    if provenance is None:
        raise SourceError(f"{home.reviews}: holds no complete reviews Parquet. Run `reviews ingest` again.")
    return provenance, {split: count_rows(home.reviews, split) for split in SPLITS}
