"""Fixtures and hooks for all tests."""

import gc
import os
import platform
import subprocess
from collections.abc import Generator, Iterator, Mapping
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from data_contracts.library_loading import FEW_COLLECTIONS, pause_collection
from tasks.warehouse.database import duckdb_engine, migrating
from tests.support.databases import copy_tables, create_tables
from tests.support.known_pictures import keep_drawn
from tests.support.once import FOLDER

PROJECT_ROOT = Path(__file__).parents[1]
TRAINING_FLOWS = ("flows/test_train_model.py", "flows/test_durable_writes.py")
TOGETHER = ("models/", *TRAINING_FLOWS)
"""What runs in one process: each process in which one of these tests runs takes 4 s to import TensorFlow."""

FIRST = (
    ("e2e/test_up.py",),
    ("models/",),
    TRAINING_FLOWS,
    ("e2e/test_demo.py",),
    ("e2e/test_faults.py",),
    ("explore/test_explore.py",),
    ("e2e/", "flows/"),
    ("contracts/",),
)
"""What is started first of a whole run: what takes longest. Files that wait for processes start beside files that
compute: both cores have work."""

OF_ITS_OWN = ("archive", "browser", "process", "server", "training")
"""Markers of tests that may start processes."""

UNCHECKED = (hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture)
"""What hypothesis does not refuse: slow machines, and fixtures that all examples of a test share."""


def pytest_configure(config: pytest.Config) -> None:
    """Fail no property for its time, since machines are busy, and read the processor's name before tests start.

    With `--hypothesis-profile fast` a property is tried with 30 examples where it names no number of its own, with
    `unshrunk` the first example that fails is reported as it is. The first read of the name, by Keras's import, would
    start a process.
    """
    register = partial(hypothesis.settings.register_profile, deadline=None, suppress_health_check=UNCHECKED)
    register("tests")
    register("fast", max_examples=30)
    register("unshrunk", phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate))
    hypothesis.settings.load_profile(config.getoption("--hypothesis-profile") or "tests")
    platform.processor()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import and collect the tests without garbage collections: what that creates stays."""
    with pause_collection():
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests on the real archive, and sort all tests into the order in which they start."""
    for item in items:
        if "stanford_archive" in getattr(item, "fixturenames", ()):
            item.add_marker("archive")
    items.sort(key=lambda item: _find_turn(item.nodeid.partition("::")[0].removeprefix("tests/")))


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of garbage collections, and have fewer: most of it stays anyway."""
    gc.freeze()
    gc.set_threshold(*FEW_COLLECTIONS)


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Runs the tests of a file in one process, and all of `TOGETHER` in one."""

    def _split_scope(self, nodeid: str) -> str:
        is_one = nodeid.removeprefix("tests/").startswith(TOGETHER)
        return TOGETHER[0] if is_one else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Distribute the tests by file, where that was asked for, as `Scheduling` does."""
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def _find_turn(path: str) -> tuple[int, str, str]:
    """Return what a test file is sorted by. The folders of one turn are mixed, by the names of their files."""
    turn = next((turn for turn, first in enumerate(FIRST) if path.startswith(first)), len(FIRST))
    return turn, Path(path).name, path


@pytest.fixture(scope="session")
def stanford_archive() -> Path:
    """Path of the real archive; skips the test with a message if there is none."""
    named = os.environ.get("REVIEWS_ARCHIVE", "")
    path = Path(named) if named else PROJECT_ROOT.parent / "shared" / "data" / "aclImdb_v1.tar.gz"
    if not path.is_file():
        pytest.skip(f"the Stanford archive is not at hand: {path} (set REVIEWS_ARCHIVE to its path)")
    return path


@pytest.fixture(scope="session", autouse=True)
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the files that all test processes of a session share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def listed_fonts() -> None:
    """Let matplotlib list the fonts of a new machine, for which it starts a process, before a test that may not."""
    import matplotlib.font_manager  # noqa: F401


@pytest.fixture(autouse=True)
def no_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a test fail if it starts a process without the mark that allows it."""
    if any(request.node.get_closest_marker(name) for name in OF_ITS_OWN):
        return

    def refuse(*arguments: object, **named: object) -> NoReturn:
        pytest.fail("This test starts a process: mark it with @pytest.mark.process.")

    for owner, name in ((subprocess.Popen, "__init__"), (BaseProcess, "start"), (os, "fork")):
        monkeypatch.setattr(owner, name, refuse)


@pytest.fixture(scope="session")
def shared_server(shared_folder: Path) -> Iterator[Mapping[str, str]]:
    """Environment variables that name the session's Prefect server, which takes about 8 s to start."""
    from tests.support.shared_server import share_server

    with share_server() as environment:
        yield environment


@pytest.fixture(scope="session", autouse=True)
def copied_databases(shared_folder: Path) -> Iterator[None]:
    """Create new databases as copies of a template."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrating, "_create", copy_tables)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Let DuckDB compute in one thread, which is enough for some rows; the processes of tests use all cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(duckdb_engine._CONFIG, "threads", 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def known_pictures() -> Iterator[None]:
    """Draw equal charts of reports once per process."""
    with keep_drawn():
        yield


@pytest.fixture
def new_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Create databases without the template, for tests of their creation."""
    monkeypatch.setattr(migrating, "_create", create_tables)
