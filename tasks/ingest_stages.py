"""The stages of `ingest-reviews` as Prefect tasks: each shows its progress and records its checks."""

from pathlib import Path

from prefect import task

from data_contracts.archive import check_archive
from data_contracts.errors import SourceError
from data_contracts.expectations import CheckResult, require_success
from data_contracts.reviews import SPLITS, Provenance, check_reviews
from tasks.archive import count_folders, read_archive, resolve_provenance
from tasks.download import FetchedArchive, fetch_archive
from tasks.progress import show_progress
from tasks.reviews_parquet import (
    build_tables,
    count_rows,
    read_provenance,
    write_tables,
)
from tasks.run_log import record_checks

NEXT_STEP = "get the archive anew, or name another one with --archive; nothing was written."


@task(name="fetch-archive")
def fetch(source: str, archive_dir: Path) -> FetchedArchive:
    """Give the archive as it lies on this machine: as named, or downloaded, resumed and checked."""
    with show_progress("Fetching the archive", None) as report:
        return fetch_archive(source, archive_dir, report=report)


@task(name="convert-archive")
def convert(
    archive: FetchedArchive, reviews_dir: Path, warehouse: Path, run_id: str, accept_unverified: bool
) -> list[CheckResult]:
    """Read the archive as a stream, check it, check the rows that it gives, and only then write them.

    Gives every check that was made; a broken contract is recorded before it raises.
    """
    with show_progress("Reading the archive", archive.path.stat().st_size) as report:
        contents = read_archive(archive.path, report=report)
    provenance = resolve_provenance(contents, accept_unverified)
    checks = check_archive(count_folders(contents, provenance.dataset))
    _record(warehouse, run_id, checks)
    tables = build_tables(contents)
    row_checks = check_reviews(tables, provenance.dataset)
    _record(warehouse, run_id, row_checks)
    with show_progress("Writing Parquet", sum(len(table) for table in tables.values())) as report:
        write_tables(tables, provenance, reviews_dir, report=report)
    return [*checks, *row_checks]


def describe_reviews(reviews_dir: Path) -> tuple[Provenance, dict[str, int]]:
    """Give where the reviews come from and how many there are by split."""
    provenance = read_provenance(reviews_dir)
    if provenance is None:
        raise SourceError(f"{reviews_dir}: holds no complete reviews Parquet. Run `reviews ingest` again.")
    return provenance, {split: count_rows(reviews_dir, split) for split in SPLITS}


def _record(warehouse: Path, run_id: str, checks: list[CheckResult]) -> None:
    record_checks(warehouse, run_id, checks)
    require_success(checks, NEXT_STEP)
