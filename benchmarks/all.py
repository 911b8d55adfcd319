"""Runs all benchmarks of `make bench` in order, and writes their tables and plot into `docs/performance.md`.

    python -m benchmarks.all [--archive PATH] [--home data/bench] [--runs 5] [--only NAME ...]

Needs the archive (REVIEWS_ARCHIVE or --archive), and one to two hours on a machine that does nothing else. The home is
prepared once: the archive is ingested, `lstm` trained and promoted, `cnn_lstm` trained. Each benchmark's table replaces
the one of its name in the document as soon as it is measured, with the machine and the commit.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.plots import draw
from deployments.installation_paths import PROJECT_ROOT
from docs.pages import Part, write_part
from models.graphs.batches import count_cores
from tasks.warehouse.model_registry import list_models

DOCUMENT = PROJECT_ROOT / "docs" / "performance.md"
PLOT = PROJECT_ROOT / "docs" / "images" / "benchmarks.svg"
SIZES = ("1000", "10000", "100000", "1000000")


def main() -> None:
    """Run the chosen benchmarks, by default all, and write their output into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, default=os.environ.get("REVIEWS_ARCHIVE"))
    parser.add_argument("--home", type=Path, default=PROJECT_ROOT / "data" / "bench")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="such as: engine, ingest, flow")
    arguments = parser.parse_args()
    if arguments.archive is None:
        parser.error("name the archive: --archive PATH, or REVIEWS_ARCHIVE=PATH")
    home, archive = arguments.home.absolute(), Path(arguments.archive).absolute()
    bundles = prepare_home(home, archive)
    commands = list_commands(home, archive, bundles, arguments.runs)
    for name in arguments.only or commands:
        print(f"{name} ...", flush=True)
        module, *options = commands[name]
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *options],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        print(done.stdout, flush=True)
        write_down(name, f"{describe_machine()}\n\n{done.stdout.strip()}")
    draw(read_figures(home / "engine.json"), read_figures(home / "sizes.json"), PLOT)


def list_commands(
    home: Path, archive: Path, bundles: dict[str, Path], runs: int
) -> dict[str, tuple[str, ...]]:
    """Return each benchmark's module and options, by the name of its part of the document."""
    test, every = ("--reviews", str(home / "reviews" / "test.parquet")), ("--runs", str(runs))
    folders = tuple(str(folder) for folder in bundles.values())
    named = tuple(option for folder in folders for option in ("--bundle", folder))
    return {
        "engine": ("scoring_engine", *named, *test, *every, "--json", str(home / "engine.json")),
        "same-scores": ("same_scores", *folders, *test),
        "without-model": ("without_model", *folders, *test, *every),
        "ingest": ("ingest", str(archive), *every),
        "start-up": ("start_up", str(home), *every),
        "flow": ("whole_flow", str(home), *every),
        "answers": ("answers", *every),
        "growth": ("growth",),
        "site": ("site", *every),
        "sizes": (
            "whole_flow",
            str(home),
            "--sizes",
            *SIZES,
            "--runs",
            "3",
            "--json",
            str(home / "sizes.json"),
        ),
    }


def prepare_home(home: Path, archive: Path) -> dict[str, Path]:
    """Ingest and train if that is not done yet; return the newest bundle of each variant (`lstm` is the champion)."""
    reviews = [str(Path(sys.executable).with_name("reviews")), "--home", str(home)]
    subprocess.run([*reviews, "ingest", "--archive", str(archive)], check=True)
    for variant, promote in (("lstm", "always"), ("cnn_lstm", "never")):
        if variant not in find_bundles(home):
            subprocess.run([*reviews, "train", "--variant", variant, "--promote", promote], check=True)
    return find_bundles(home)


def find_bundles(home: Path) -> dict[str, Path]:
    """Return the newest bundle of each variant."""
    models = list_models(home / "reviews.duckdb")
    return {model["variant"]: home / "bundles" / model["model_id"] for model in reversed(models)}


def describe_machine() -> str:
    """Describe the machine, the Python version, the commit and the date in one line."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"*{read_processor()}, {count_cores()} cores, {memory:.0f} GiB, no GPU; Python "
        f"{platform.python_version()}; commit {commit or 'unknown'}, {datetime.now(UTC):%Y-%m-%d}.*"
    )


def read_processor() -> str:
    """Return the processor's name, and whether it has AVX-512, which changes the speed most."""
    try:
        facts = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"model name\s*: (.*)", facts)
    return (name[1] if name else platform.machine()) + (" with AVX-512" if "avx512f" in facts else "")


def write_down(name: str, text: str) -> None:
    """Replace the part `name` of the document by `text`."""
    write_part(Part(DOCUMENT, "make bench", name), text)


def read_figures(path: Path) -> dict[str, dict[str, float]]:
    """Return the figures that a benchmark wrote for the plot; empty if it has not run yet."""
    figures: dict[str, dict[str, float]] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return figures


if __name__ == "__main__":
    main()
