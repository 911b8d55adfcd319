"""How long `reviews score` takes for ten reviews, beside the start-up that any program with these libraries needs.

    python -m benchmarks.start_up HOME [--runs 5]

HOME has a promoted model. The other program imports TensorFlow and Prefect and runs an empty flow. Both run in turns
and use a Prefect server that is started for the benchmark; our command also runs without a running server. Prints a
Markdown table, and how long each group of imports takes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from benchmarks.idle_run import serve_benchmark
from benchmarks.ratios import print_sides
from benchmarks.whole_flow import REVIEWS, ROOT, copy_home, run_command

EMPTY = """
import tensorflow
from prefect import flow

@flow
def empty():
    pass

empty()
"""
PIECES = {
    "Python": "pass",
    "+ the command's flow, Prefect with it": "import flows.score_reviews",
    "+ Great Expectations": "import flows.score_reviews; from data_contracts.expectations import "
    "import_expectations; import_expectations()",
    "+ ONNX Runtime and the scorer": "import flows.score_reviews; from data_contracts.expectations import "
    "import_expectations; import_expectations(); import tasks.scoring.group_to_part, onnxruntime",
    "TensorFlow alone": "import tensorflow",
}
"""Code that imports libraries, by its name on the page; each but the last includes the imports before it."""


def main() -> None:
    """Time the programs in turns and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ten.csv"
        file.write_text(
            "review\n" + "".join(f"a good film with a plot, number {n}\n" for n in range(10)), "utf-8"
        )
        with serve_benchmark(Path(folder) / "prefect") as environment:
            for _ in range(arguments.runs):
                sides = {
                    "TensorFlow, Prefect, an empty flow": time_python(EMPTY, environment),
                    "ten reviews, server running": time_score(arguments.home, file, environment),
                    "ten reviews, no server running": time_score(
                        arguments.home, file, without_server(environment)
                    ),
                }
                for name, seconds in sides.items():
                    taken.setdefault(name, []).append(seconds)
    print_sides("| what | ratio", taken, digits=2)
    print("\n| imports, in a process of their own | share of TensorFlow's |\n| --- | ---: |")
    pieces = {name: [time_python(code, os.environ) for _ in range(3)] for name, code in PIECES.items()}
    for name, each in pieces.items():
        share = statistics.median(each) / statistics.median(pieces["TensorFlow alone"])
        print(f"| {name} | {share:.0%} |")


def time_python(code: str, environment: Mapping[str, str]) -> float:
    """Return the seconds of a Python process from its start to its end."""
    started = perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=dict(environment), check=True, capture_output=True
    )
    return perf_counter() - started


def time_score(home: Path, file: Path, environment: Mapping[str, str]) -> float:
    """Return the seconds of a process of `reviews score FILE`, in a copy of the home."""
    with copy_home(home) as own:
        started = perf_counter()
        # Without the report, which is written after the rows are committed and published.
        settings = {"REVIEWS_HOME": str(own), "REVIEWS_REPORTS": "false"}
        run_command([str(REVIEWS), "score", str(file)], {**environment, **settings})
        return perf_counter() - started


def without_server(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the address of a Prefect server."""
    return {name: value for name, value in environment.items() if name != "PREFECT_API_URL"}


if __name__ == "__main__":
    main()
