"""Tests of what an installation consists of: the files of a wheel, and the folders that it uses."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from deployments.installation import PREFECT_FILE, PROJECT_ROOT, find_default_home, find_settings_file

PACKAGES = ("flows", "tasks", "models", "data_contracts", "deployments")


def test_a_checkout_keeps_its_data_and_its_settings_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    assert find_default_home(tmp_path) == tmp_path / "data"
    assert find_settings_file(tmp_path) == tmp_path / ".env"


def test_an_installed_wheel_keeps_them_in_the_folders_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    site_packages = tmp_path / "site-packages"
    assert find_default_home(site_packages) == tmp_path / "share" / "review-ratings"
    assert find_settings_file(site_packages) == tmp_path / "config" / "review-ratings" / ".env"


def test_every_file_beside_the_code_is_in_the_wheel() -> None:
    declared = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = declared["tool"]["setuptools"]["package-data"]
    shipped = {
        path
        for package, globs in patterns.items()
        for each in globs
        for path in (PROJECT_ROOT / package.replace(".", "/")).glob(each)
    }
    beside = {
        path
        for package in PACKAGES
        for path in (PROJECT_ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__"
    }
    assert PREFECT_FILE in shipped
    assert beside == shipped


def test_prefect_finds_the_deployments_in_the_root_of_a_checkout() -> None:
    assert (PROJECT_ROOT / "prefect.yaml").resolve() == PREFECT_FILE


@pytest.mark.process
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    command = tmp_path / ".local" / "bin" / "reviews"
    command.parent.mkdir(parents=True)
    command.touch(0o755)
    unit = tmp_path / "reviews.service"
    shipped = (PROJECT_ROOT / "deployments" / "systemd" / "reviews.service").read_text("utf-8")
    unit.write_text(shipped.replace("%h", str(tmp_path)), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
