"""Fixtures that run flows without a server or, for tests marked `server`, with a shared one; and their homes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from data_contracts.expectations import import_expectations
from data_contracts.storage.home import Home
from deployments.settings import Settings, load_settings
from tests.support.known_checks import keep_found
from tests.support.prefect_client import use_server
from tests.support.scoring_runs import CSV, copy_scored_home
from tests.support.serverless import run_with_server, run_without_server
from tests.support.small_home import copy_scoring_home


@pytest.fixture(scope="package")
def prefect_server(shared_server: Mapping[str, str]) -> Iterator[None]:
    """The shared server, as the server that Prefect's client uses."""
    with use_server(shared_server):
        yield


@pytest.fixture(scope="package", autouse=True)
def without_server() -> Iterator[None]:
    """Run flows as plain functions."""
    with run_without_server():
        yield


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the flows of a test that is marked `server` by Prefect's engine."""
    if request.node.get_closest_marker("server") is None:
        yield
        return
    request.getfixturevalue("prefect_server")
    with run_with_server():
        yield


@pytest.fixture(scope="package", autouse=True)
def only_scores() -> Iterator[None]:
    """Switch off the report of a run, which takes a second; its tests switch it on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_REPORTS", "false")
        yield


@pytest.fixture(scope="package", autouse=True)
def known_checks() -> Iterator[None]:
    """Reuse the results of contract checks that ran before on the same frame.

    Their library is loaded first. Commands load it in a thread that may outlast a test; pytest then makes errors of
    warnings again, also of those of that import, which would break off.
    """
    import_expectations()
    with keep_found():
        yield


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of an empty home, which flows read from the environment."""
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path / "home"))
    return load_settings()


@pytest.fixture
def empty_home(settings: Settings) -> Home:
    """An empty home, whose path flows read from the environment."""
    return settings.home


@pytest.fixture
def home(empty_home: Home) -> Home:
    """An empty home, unless a test module overrides this fixture."""
    return empty_home


@pytest.fixture
def scoring_home(empty_home: Home) -> Home:
    """A home with a promoted model and an empty inbox."""
    return copy_scoring_home(empty_home)


@pytest.fixture
def scored_home(empty_home: Home) -> Home:
    """A home in which `a.csv`, with two good rows and a bad one, was scored."""
    return copy_scored_home(empty_home, {"a.csv": CSV})
