"""Tests that a run of a deployment is refused in another home than the one for which it was deployed."""

from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from deployments.homes import load_settings_of_run, name_home


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the home `here`, which is the home of this process."""
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path / "here"))
    return name_home()["name"]


def test_a_run_in_its_own_home_is_let_through(deployed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert name_home()["name"] == deployed
    monkeypatch.setenv("REVIEWS_DEPLOYED_HOME", deployed)
    assert load_settings_of_run().deployed_home == deployed


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
    assert name_home() == {"name": ""}
    monkeypatch.setenv("REVIEWS_DEPLOYED_HOME", "")
    assert load_settings_of_run().deployed_home is None
    assert not (tmp_path / "none").exists()
