"""Tests that a run of a deployment is refused in another home than its own, and warns in another version."""

import logging
from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from deployments import home_of_deployment
from deployments.home_of_deployment import load_settings_of_run, name_home


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the home `here`, which is the home of this process."""
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path / "here"))
    return name_home()["name"]


def test_a_run_in_its_own_home_is_let_through(deployed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert name_home()["name"] == deployed
    monkeypatch.setenv("REVIEWS_DEPLOYED_HOME", deployed)
    load_settings_of_run()


@pytest.mark.parametrize("is_deployed", [True, False])
def test_a_run_in_another_home_is_refused_and_names_both(
    deployed: str, is_deployed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path / "there"))
    if is_deployed:
        name_home()
    monkeypatch.setenv("REVIEWS_DEPLOYED_HOME", deployed)
    with pytest.raises(UsageError, match=r"for the home .*/here on .*, has .*/there\. Nothing was done\."):
        load_settings_of_run()


def test_deployments_from_a_machine_without_a_home_run_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path / "none"))
    assert name_home()["name"] == ""
    monkeypatch.setenv("REVIEWS_DEPLOYED_HOME", "")
    load_settings_of_run()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("deployed_by", "warns"), [(None, False), ("same", False), ("0.1.0", True)])
def test_a_worker_of_another_version_than_the_deployment_warns_and_names_both(
    deployed: str,
    deployed_by: str | None,
    warns: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    present = name_home()["version"]
    monkeypatch.setattr(home_of_deployment, "get_run_logger", lambda: logging.getLogger("run"))
    version = present if deployed_by == "same" else deployed_by
    monkeypatch.setattr(home_of_deployment, "_find_deployed_version", lambda: version)
    load_settings_of_run()
    assert [
        "by version 0.1.0, and this worker, on " in each and present in each for each in caplog.messages
    ] == ([True] if warns else [])
