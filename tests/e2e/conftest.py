"""The demo, run once as a user would run it: its home serves every end-to-end test."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.settings import PROJECT_ROOT

REVIEWS = Path(sys.executable).with_name("reviews")


@dataclass(frozen=True)
class Finished:
    """What a command gave."""

    status: int
    out: str
    err: str


def run_reviews(home: Path, *arguments: str | Path, prefect_home: Path | None = None) -> Finished:
    """Run the real `reviews` command in a process of its own, away from the project's folder."""
    environment = {
        **os.environ,
        "REVIEWS_HOME": str(home),
        "PREFECT_HOME": str(prefect_home or home / "prefect"),
    }
    command = [str(REVIEWS), *map(str, arguments)]
    result = subprocess.run(
        command, cwd=home.parent, env=environment, capture_output=True, text=True, check=False, timeout=280
    )
    return Finished(result.returncode, result.stdout, result.stderr)


@dataclass(frozen=True)
class Demo:
    """The demo's home, and what the demo said."""

    home: Path
    said: Finished


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run `reviews --home … demo`."""
    assert REVIEWS.exists(), f"run `make setup` first: {REVIEWS} is missing ({PROJECT_ROOT})"
    home = tmp_path_factory.mktemp("demo") / "home"
    home.mkdir()
    return Demo(home, run_reviews(home, "--home", home, "demo"))
