"""How long `reviews score` takes for ten reviews and for none, beside the start-up that any such program needs.

    python -m benchmarks.start_up HOME [--files 1000] [--runs 5]

HOME has a promoted model. The other program imports TensorFlow and Prefect and runs an empty flow. All run in turns, in
new processes; all but one use a Prefect server that is started for the benchmark. An idle run finds that many files,
which are scored already. Prints a Markdown table.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.commands import REVIEWS, copy_home, run_command, run_python, serve_benchmark
from benchmarks.pairs import print_ratios, take_turns, time_call

EMPTY = "import tensorflow; from prefect import flow; flow(name='empty')(lambda: None)()"


def main() -> None:
    """Time the programs in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        copy_home(arguments.home) as idle,
        serve_benchmark(Path(folder) / "prefect") as server,
    ):
        ten = Path(folder) / "ten.csv"
        ten.write_text("review\n" + "".join(f"a good film with a plot, number {n}\n" for n in range(10)))
        (idle / "inbox").mkdir()
        for number in range(arguments.files):
            (idle / "inbox" / f"{number:06}.txt").write_text(f"a good film, number {number}")
        score(idle, server)
        alone = {name: value for name, value in server.items() if name != "PREFECT_API_URL"}
        sides: dict[str, Callable[[], object]] = {
            "TensorFlow, Prefect, an empty flow": partial(run_python, EMPTY, environment=server),
            "ten reviews, server running": partial(score_ten, arguments.home, ten, server),
            "ten reviews, no server running": partial(score_ten, arguments.home, ten, alone),
            f"nothing new among {arguments.files:,} files, server running": partial(score, idle, server),
        }
        taken = take_turns({name: partial(time_call, side) for name, side in sides.items()}, arguments.runs)
    print_ratios("what", taken, digits=2)


def score_ten(home: Path, file: Path, environment: Mapping[str, str]) -> None:
    """Score a file in a copy of a home."""
    with copy_home(home) as own:
        score(own, environment, file)


def score(home: Path, environment: Mapping[str, str], *files: Path) -> None:
    """Run `reviews score`, without the report, which is written after the rows are committed and published."""
    own = {**os.environ, **environment, "REVIEWS_HOME": str(home), "REVIEWS_REPORTS": "false"}
    run_command([str(REVIEWS), "score", *map(str, files)], own)


if __name__ == "__main__":
    main()
