"""A Prefect server of its own for all flow tests, and homes for them to work in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.settings import Settings, load_settings
from tests.flows.small_home import promote_small_model


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[None]:
    """One temporary server and database for the session; entering it takes some 8 s."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session", autouse=True)
def no_reports() -> Iterator[None]:
    """Leave the reports of runs out, which take a second each; the tests of reports ask for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_REPORTS", "false")
        yield


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty home; flows read it from the environment."""
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path / "home"))
    return load_settings()


@pytest.fixture
def scoring_home(settings: Settings) -> Settings:
    """A home with a promoted model and an empty inbox."""
    settings.inbox_dir.mkdir(parents=True)
    promote_small_model(settings)
    return settings
