"""The demo, run once as a user would run it: its home serves every end-to-end test."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from deployments.settings import PROJECT_ROOT
from flows.command.cli import main
from tests.support.once import make_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REVIEWS = Path(sys.executable).with_name("reviews")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP rebound.test 127.0.0.1",
)
"""The last is a foreign name that leads here, as DNS rebinding makes one."""


@dataclass(frozen=True)
class Finished:
    """What a command gave."""

    status: int
    out: str
    err: str


def call_reviews(home: Path, *arguments: str | Path) -> Finished:
    """Run the `reviews` command in this process, as one that only asks can be."""
    done = CliRunner().invoke(main, [*map(str, arguments)], env={"REVIEWS_HOME": str(home)})
    return Finished(done.exit_code, done.stdout, done.stderr)


def run_reviews(home: Path, *arguments: str | Path, server: Mapping[str, str] | None = None) -> Finished:
    """Run the real `reviews` command in a process of its own, away from the project's folder.

    `server` is the environment that names a Prefect server; without one the command starts its own.
    """
    environment = {
        **os.environ,
        "REVIEWS_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        **(server or {}),
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
    """Run `reviews --home … demo`; of several processes with tests the first does, and each has a copy of the home."""
    assert REVIEWS.exists(), f"run `make setup` first: {REVIEWS} is missing ({PROJECT_ROOT})"
    shared = make_once("demo", run_demo)
    home = tmp_path_factory.mktemp("demo") / "home"
    shutil.copytree(shared / "home", home)
    return Demo(home, Finished(**json.loads((shared / "said.json").read_text("utf-8"))))


def run_demo(folder: Path) -> None:
    """Run the demo in `folder`, and keep what it said beside its home."""
    home = folder / "home"
    home.mkdir()
    finished = run_reviews(home, "--home", home, "demo")
    (folder / "said.json").write_text(json.dumps(asdict(finished)), "utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium, without a window, in a profile of its own."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS) as browser,
    ):
        yield browser
