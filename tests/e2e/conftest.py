"""Fixtures of the end-to-end tests: one run of the demo, whose home all tests share, and ways to run commands."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from deployments.installation_paths import PROJECT_ROOT
from flows.command.cli import main
from tests.support.command import PATIENCE_SECONDS, Call, Command, Finished, start_command
from tests.support.once import make_once
from tests.support.prefect_database import copy_prefect_database

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
    "--disable-features=AimEnabled,HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,MediaRouter,"
    "NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,PreconnectToSearch,"
    "WebUIOmniboxAimPopup,WebUIOmniboxPopup",
)
"""The foreign name leads here, as DNS rebinding makes one. The last two features are pages for the address bar of each
window, in processes of their own, which nobody sees. The others are those of Playwright's list, which this one
replaces, that ask servers elsewhere, draw late or leave HTTP."""


def call_reviews(home: Path, *arguments: str | Path) -> Finished:
    """Run a read-only `reviews` command in this process."""
    done = CliRunner().invoke(main, [*map(str, arguments)], env={"REVIEWS_HOME": str(home)})
    return Finished(done.exit_code, done.stdout, done.stderr)


def ask(home: Path, query: str) -> list[dict[str, Any]]:
    """Run a query by `reviews sql`; return its rows."""
    found = call_reviews(home, "sql", "--format", "json", query)
    assert found.status == 0, found.err
    return list(json.loads(found.out))


def run_reviews(home: Path, *arguments: str | Path, server: Mapping[str, str] | None = None) -> Finished:
    """Run the `reviews` command in its own process, outside the project's folder.

    `server` is the environment that names a Prefect server; without one the command starts its own.
    """
    return start_reviews(home, *arguments, server=server).wait()


def start_reviews(home: Path, *arguments: str | Path, server: Mapping[str, str] | None = None) -> Command:
    """Start the process of `run_reviews` without waiting for it."""
    environment = make_environment(home, server)
    if server is None:
        copy_prefect_database(home / "prefect")
    return start_command(Call(tuple(map(str, arguments)), environment, home.parent))


def run_installed(home: Path, *arguments: str | Path) -> Finished:
    """Run the installed `reviews` program, including its whole start-up."""
    done = subprocess.run(
        [str(REVIEWS), *map(str, arguments)],
        cwd=home.parent,
        env=make_environment(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def make_environment(home: Path, server: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command for a home, and for a Prefect server if one is given."""
    own = {"REVIEWS_HOME": str(home), "PREFECT_HOME": str(home / "prefect")}
    return {**os.environ, **own, **(server or {})}


@dataclass(frozen=True)
class Demo:
    """The demo's home, and the demo's output."""

    home: Path
    said: Finished


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run `reviews --home … demo` once per session; each test process uses its own copy of the home."""
    assert REVIEWS.exists(), f"run `make setup` first: {REVIEWS} is missing ({PROJECT_ROOT})"
    shared = make_once("demo", run_demo)
    home = tmp_path_factory.mktemp("demo") / "home"
    shutil.copytree(shared / "home", home)
    return Demo(home, Finished(**json.loads((shared / "said.json").read_text("utf-8"))))


def run_demo(folder: Path) -> None:
    """Run the demo in `folder`, and save its output beside its home."""
    home = folder / "home"
    home.mkdir()
    finished = run_installed(home, "--home", home, "demo")
    (folder / "said.json").write_text(json.dumps(asdict(finished)), "utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium, headless, with a new profile."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS) as browser,
    ):
        yield browser
