"""How long a scoring run without new files takes, beside an empty Prefect flow, measured in turns.

    python -m benchmarks.idle_run [--files 10000] [--runs 5]

Each run is a new process that uses a Prefect server started for the benchmark, with all of its data in a temporary
folder. Every file in the inbox is in the ledger. The time is that of the whole process, with its start and imports.
Prints each run, then the medians, with the difference and the ratio to the empty flow.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.part_schemas import PART_SCHEMAS
from data_contracts.storage.home import Home
from deployments.installation_paths import PROJECT_ROOT
from deployments.local_server.server_process import run_server
from deployments.settings import Settings
from models.evaluation.gate import Decision
from tasks.inbox.source_files import SourceFile, hash_file, look_into
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.file_ledger import record_seen
from tasks.warehouse.promotion import DecisionRecord, record_decision
from tasks.warehouse.publishing import publish

MODEL_ID = "benchmark"
IDLE = """
from flows.score_reviews import score_reviews
summary = score_reviews(rescore={rescore})
assert (summary.files_found, summary.files_scored + summary.files_rescored) == ({files}, 0), summary
"""
EMPTY = "from prefect import flow; flow(name='empty')(lambda: None)()"


def main() -> None:
    """Create a home of scored files, start a server, time the scripts in turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="idle-run-") as folder:
        settings = Settings(Home(Path(folder, "home")))
        fill_home(settings, arguments.files)
        with serve_benchmark(Path(folder, "prefect")) as environment:
            environment["REVIEWS_HOME"] = str(settings.home.folder)
            report(time_all(name_scripts(arguments.files), environment, arguments.runs))


def name_scripts(files: int) -> dict[str, str]:
    """Return the timed scripts by name; those of idle runs fail if they find a file to score."""
    return {
        "empty flow": EMPTY,
        "idle run": IDLE.format(rescore=False, files=files),
        "idle run, rescoring": IDLE.format(rescore=True, files=files),
    }


def report(seconds: Mapping[str, Sequence[float]]) -> None:
    """Print the medians, and the difference and ratio of each to that of the empty flow."""
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    empty = medians["empty flow"]
    for name, median in medians.items():
        print(f"{name:<22} median {median:.2f} s, adds {median - empty:+.2f} s, ratio {median / empty:.2f}")


def time_all(scripts: Mapping[str, str], environment: Mapping[str, str], runs: int) -> dict[str, list[float]]:
    """Time each script `runs` times in turns, after one untimed run of each; return the seconds by script."""
    seconds: dict[str, list[float]] = {name: [] for name in scripts}
    for number in range(-1, runs):
        for name, script in scripts.items():
            took = time_script(script, environment)
            if number >= 0:
                seconds[name].append(took)
        if number >= 0:
            print(", ".join(f"{name} {each[-1]:.2f} s" for name, each in seconds.items()), flush=True)
    return seconds


def time_script(script: str, environment: Mapping[str, str]) -> float:
    """Return the seconds that a new process takes to run a script."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT_ROOT, env=environment, capture_output=True, check=True
    )
    return time.perf_counter() - started


def fill_home(settings: Settings, files: int) -> None:
    """Create an inbox of `files` small files that are all scored by a promoted model."""
    settings.home.inbox.mkdir(parents=True)
    for number in range(files):
        (settings.home.inbox / f"{number:06}.txt").write_text(f"a good film, number {number}")
    hashed = map(hash_file, look_into(settings.home.inbox).files)
    sources = [each for each in hashed if isinstance(each, SourceFile)]
    record_seen(settings.home.warehouse, sources)
    promote(settings.home.warehouse)
    commit_parts(settings.home.warehouse, write_part(settings.home.folder / "part", sources))
    publish(settings.home)


def promote(warehouse: Path) -> None:
    """Record a model without a bundle, and make it the champion."""
    with open_warehouse(warehouse, write=True) as connection:
        names = "model_id, variant, seed, dataset, data_fingerprint, code_fingerprint, bundle_fingerprint"
        values = [MODEL_ID, "none", 0, "other", "", "", "", datetime.now(UTC)]
        connection.execute(
            f"INSERT INTO models ({names}, trained_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values
        )
    record_decision(warehouse, DecisionRecord(Decision(True, "for a benchmark"), MODEL_ID, None, "always"))


def write_part(folder: Path, sources: Sequence[SourceFile]) -> Path:
    """Write a part in which each source file has one review; return its folder."""
    folder.mkdir()
    now = datetime.now(UTC)
    key = [{"source_sha256": source.source_sha256, "row_number": 1} for source in sources]
    score = {
        "model_id": MODEL_ID,
        "run_id": MODEL_ID,
        "score": 0.5,
        "sentiment": "positive",
        "predicted_rating": 5.5,
    }
    words = {"token_count": 5, "oov_rate": 0.0, "truncated": False, "scored_at": now}
    rows = {
        "source_reviews": [
            {**each, "text": each["source_sha256"], "text_sha256": _hash(each)} for each in key
        ],
        "scored_reviews": [{**each, **score, **words} for each in key],
        "quarantined_rows": [],
        "scored_files": [
            {
                "source_sha256": source.source_sha256,
                "model_id": MODEL_ID,
                "run_id": MODEL_ID,
                "status": "scored",
                "uri": source.uri,
            }
            | {"format": "text", "bytes": source.size, "rows_read": 1}
            for source in sources
        ],
    }
    for name, schema in PART_SCHEMAS.items():
        pq.write_table(pa.Table.from_pylist(rows[name], schema=schema), folder / f"{name}.parquet")
    return folder


def _hash(row: Mapping[str, object]) -> str:
    return sha256(str(row["source_sha256"]).encode()).hexdigest()


@contextmanager
def serve_benchmark(prefect_home: Path) -> Iterator[dict[str, str]]:
    """Run a Prefect server, with schedules and pages, while the block runs; yield the environment for its clients."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {
        **own,
        "PREFECT_HOME": str(prefect_home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with run_server(environment) as server:
        yield {**environment, **server.environment}


if __name__ == "__main__":
    main()
