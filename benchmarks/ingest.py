"""Ingest of the archive beside `gzip -dc` of the same file, alternating in one run.

    python -m benchmarks.ingest ARCHIVE [--runs 5]

Counts reading, contracts and writing, not the start-up (imports of Arrow and Great Expectations) and not
Prefect. Prints each run, the median ratio and the peak memory of the process.
"""

import argparse
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from data_contracts.archive import check_archive
from data_contracts.expectations import require_success
from data_contracts.reviews import check_reviews
from tasks.archive import count_folders, read_archive, resolve_provenance
from tasks.reviews_parquet import build_tables, write_tables


def main() -> None:
    """Time both sides in turn and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    ingest(arguments.archive)  # loads what is loaded once a process
    ratios = []
    for _ in range(arguments.runs):
        unzipped = time_of(lambda: unzip(arguments.archive))
        ingested = time_of(lambda: ingest(arguments.archive))
        ratios.append(ingested / unzipped)
        print(f"gzip -dc {unzipped:.2f} s, ingest {ingested:.2f} s, ratio {ratios[-1]:.1f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"median ratio {statistics.median(ratios):.1f}, peak memory {peak:,.0f} MiB")


def time_of(work: Callable[[], None]) -> float:
    """Give the seconds that `work` takes."""
    started = perf_counter()
    work()
    return perf_counter() - started


def unzip(archive: Path) -> None:
    """Unpack the archive to nowhere with gzip itself."""
    subprocess.run(["gzip", "-dc", str(archive)], stdout=subprocess.DEVNULL, check=True)


def ingest(archive: Path) -> None:
    """Read, check and write the archive, as the flow does."""
    contents = read_archive(archive)
    provenance = resolve_provenance(contents, accept_unverified=True)
    checks = check_archive(count_folders(contents, provenance.dataset))
    tables = build_tables(contents)
    require_success([*checks, *check_reviews(tables, provenance.dataset)], "look at the archive.")
    with tempfile.TemporaryDirectory() as folder:
        write_tables(tables, provenance, Path(folder))


if __name__ == "__main__":
    main()
