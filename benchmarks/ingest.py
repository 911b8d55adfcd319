"""How long ingesting the archive takes, beside gzip, tar, and Keras's reader of folders of texts.

    python -m benchmarks.ingest ARCHIVE [--runs 5]

Our time includes reading, contracts and writing Parquet, without Prefect and the imports of Arrow and Great
Expectations. All are measured in turns. Prints a Markdown table and the peak memory of our ingest.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks.ratios import print_sides
from data_contracts.archive import check_archive
from data_contracts.expectations import require_success
from data_contracts.reviews_parquet import check_reviews
from tasks.archive.dataset_identity import resolve_provenance
from tasks.archive.parquet_files import build_tables, write_tables
from tasks.archive.reader import count_folders, read_archive

ROOT = Path(__file__).parents[1]
OURS = """
import json, resource, sys
from pathlib import Path
from time import perf_counter
from benchmarks.ingest import ingest
archive = Path(sys.argv[1])
ingest(archive)  # loads the libraries
started = perf_counter()
ingest(archive)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps([perf_counter() - started, peak]))
"""
KERAS = """
import json, sys
from time import perf_counter
from models.tensorflow import load_tensorflow
load_tensorflow()
import keras
started = perf_counter()
read = sum(
    len(texts)
    for split in ("train", "test")
    for texts, _ in keras.utils.text_dataset_from_directory(
        f"{sys.argv[1]}/aclImdb/{split}", class_names=["neg", "pos"], batch_size=256, verbose=False
    )
)
print(json.dumps([perf_counter() - started, read]))
"""


def main() -> None:
    """Time all programs in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    peaks = []
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            taken, peak = run_python(OURS, arguments.archive)
            peaks.append(peak)
            sides: dict[str, float] = {
                "`gzip -dc`, to nowhere": time_command("gzip", "-dc", str(arguments.archive)),
                "`tar xzf`, to files": time_command("tar", "xzf", str(arguments.archive), "-C", folder),
                "Keras's `text_dataset_from_directory`, of those files, labelled ones": run_python(
                    KERAS, Path(folder)
                )[0],
                "ingest: read, contracts, Parquet": taken,
            }
        for name, took in sides.items():
            seconds.setdefault(name, []).append(took)
    print_sides("| how | ratio to `gzip -dc`", seconds)
    print(f"\nPeak memory of ours {statistics.median(peaks):.2f} GiB.")


def run_python(code: str, argument: Path) -> list[float]:
    """Run code in a process of its own; return the JSON list of numbers that it prints."""
    command = [sys.executable, "-c", code, str(argument)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    numbers: list[float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def time_command(*command: str) -> float:
    """Return the seconds that a command takes; its standard output is discarded."""
    return time_of(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))


def time_of(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    started = perf_counter()
    work()
    return perf_counter() - started


def ingest(archive: Path) -> None:
    """Read, check and write the archive like the flow `ingest-reviews`."""
    contents = read_archive(archive)
    provenance = resolve_provenance(contents, accept_unverified=True)
    checks = check_archive(count_folders(contents, provenance.dataset))
    tables = build_tables(contents)
    require_success([*checks, *check_reviews(tables, provenance.dataset)], "look at the archive.")
    with tempfile.TemporaryDirectory() as folder:
        write_tables(tables, provenance, Path(folder))


if __name__ == "__main__":
    main()
