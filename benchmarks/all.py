"""Runs all benchmarks of `make bench` in order, and writes their tables into `docs/performance.md`.

    python -m benchmarks.all [--archive PATH] [--home data/bench] [--only NAME ...]

Needs the archive (REVIEWS_ARCHIVE or --archive), and an hour or two on a machine that does nothing else. The home is
prepared once: the archive is ingested, `lstm` trained and promoted, `cnn_lstm` trained. Each benchmark's tables replace
those of its name in the document as soon as they are measured, with the machine and the commit.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.commands import REVIEWS
from deployments.installation_paths import PROJECT_ROOT
from docs.pages import Part, write_part
from models.graphs.batches import count_cores
from tasks.warehouse.model_registry import list_models

DOCUMENT = PROJECT_ROOT / "docs" / "performance.md"


def main() -> None:
    """Run the chosen benchmarks, by default all, and write their output into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, default=os.environ.get("REVIEWS_ARCHIVE"))
    parser.add_argument("--home", type=Path, default=PROJECT_ROOT / "data" / "bench")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="such as: scoring, flow, answers")
    arguments = parser.parse_args()
    if arguments.archive is None:
        parser.error("name the archive: --archive PATH, or REVIEWS_ARCHIVE=PATH")
    home = arguments.home.absolute()
    bundles = prepare_home(home, Path(arguments.archive).absolute())
    commands = list_commands(home, bundles)
    for name in arguments.only or commands:
        print(f"{name} ...", flush=True)
        command = [sys.executable, "-m", *commands[name]]
        done = subprocess.run(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True, check=True)
        print(done.stdout, flush=True)
        content = f"{describe_machine()}\n\n{done.stdout.strip()}"
        write_part(Part(DOCUMENT, "make bench", name), content)


def list_commands(home: Path, bundles: dict[str, Path]) -> dict[str, tuple[str, ...]]:
    """Return each benchmark's module and options, by the name of its part of the document."""
    return {
        "scoring": (
            "benchmarks.scoring",
            str(home / "reviews" / "test.parquet"),
            *map(str, bundles.values()),
        ),
        "flow": ("benchmarks.whole_flow", str(home)),
        "start-up": ("benchmarks.start_up", str(home)),
        "answers": ("benchmarks.answers", "--scores", "10000000", "--runs", "3"),
        "growth": ("benchmarks.growth",),
    }


def prepare_home(home: Path, archive: Path) -> dict[str, Path]:
    """Ingest and train if that is not done yet; return the newest bundle of each variant (`lstm` is the champion)."""
    reviews = [str(REVIEWS), "--home", str(home)]
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


if __name__ == "__main__":
    main()
