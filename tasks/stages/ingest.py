"""The stages of `ingest-reviews` as Prefect tasks. Each shows its progress and records its checks."""

from prefect.assets import add_asset_metadata, materialize

from data_contracts.archive import check_archive
from data_contracts.errors import SourceError
from data_contracts.expectations import CheckResult
from data_contracts.reviews_parquet import SPLITS, Provenance, check_reviews
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.archive.dataset_identity import resolve_provenance
from tasks.archive.download import FetchedArchive, fetch_archive
from tasks.archive.parquet_files import build_tables, count_rows, read_provenance, write_tables
from tasks.archive.reader import count_folders, read_archive
from tasks.stages.lineage import ARCHIVE, PARQUET
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.run_page import judge_checks, show_live_progress
from tasks.support.progress import show_progress
from tasks.warehouse.run_log import Run

NEXT_STEP = "download the archive again, or name another one with --archive; nothing was written."


@materialize(ARCHIVE, name="fetch-archive", **RETRY_TRANSIENT)
def fetch(source: str, home: Home) -> FetchedArchive:
    """Return the archive on this machine: the file `source`, or a checked download from the address `source`."""
    with show_progress("Fetching the archive", None) as report:
        fetched = fetch_archive(source, home.archive, report=report)
    add_asset_metadata(ARCHIVE, {"sha256": fetched.sha256, "bytes": fetched.path.stat().st_size})
    pass_fault_point("ingest: archive fetched")
    return fetched


@materialize(PARQUET, asset_deps=[ARCHIVE], name="convert-archive", **RETRY_TRANSIENT)
def convert(run: Run, archive: FetchedArchive, accept_unverified: bool) -> list[CheckResult]:
    """Convert the archive to the reviews Parquet, which is written only after the archive and all rows were checked.

    Return every check. A broken contract is recorded, then raised as a `ContractError`.
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
    """Return the provenance of the ingested reviews and their number by split."""
    provenance = read_provenance(home.reviews)
    if provenance is None:
        raise SourceError(
            f"{home.reviews}: holds no complete reviews Parquet. Next: run `reviews ingest` again."
        )
    return provenance, {split: count_rows(home.reviews, split) for split in SPLITS}
