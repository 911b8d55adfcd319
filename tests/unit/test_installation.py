"""Tests of what an installation consists of: the files of a wheel, and the folders that it uses."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from deployments.guarded_server import LOOPBACK_NAMES, list_hosts
from deployments.installation_paths import (
    PREFECT_FILE,
    PROJECT_ROOT,
    find_default_home,
    find_settings_file,
    require_prefect_home,
)
from deployments.settings import find_unknown, load_settings

PACKAGES = ("reviews", "flows", "tasks", "models", "data_contracts", "deployments")


def test_a_checkout_keeps_its_data_and_its_settings_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    assert find_default_home(tmp_path) == tmp_path / "data"
    assert find_settings_file(tmp_path) == tmp_path / ".env"


def test_a_folder_that_prefect_home_names_is_made_for_its_user_alone(tmp_path: Path) -> None:
    require_prefect_home({"PREFECT_HOME": str(tmp_path / "prefect")})
    assert (tmp_path / "prefect").stat().st_mode & 0o777 == 0o700


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
        if path.is_file()
    }
    beside = {
        path
        for package in PACKAGES
        for path in (PROJECT_ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__"
    }
    assert PREFECT_FILE in shipped
    assert beside == shipped


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


DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((PROJECT_ROOT / "compose.yaml").read_text("utf-8"))


def test_the_image_gets_what_the_wheel_is_built_from_and_nothing_that_is_secret() -> None:
    lines = (PROJECT_ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert let_in == {*PACKAGES, "LICENSE", "README.md", "pyproject.toml", "requirements.lock"}
    assert all((PROJECT_ROOT / name).exists() for name in let_in)


def test_the_image_does_not_run_as_root() -> None:
    last_stage = DOCKERFILE.rpartition("FROM ")[2]
    assert re.findall(r"^USER (.*)$", last_stage, re.MULTILINE) == ["reviews"]


def test_compose_sets_only_settings_that_there_are_and_mounts_every_secret() -> None:
    service = COMPOSE["services"]["reviews"]
    settings = service["environment"]
    assert find_unknown(settings) == []
    values = {**settings, "REVIEWS_DATABASE_URL_FILE": ""}  # the file is there in the container alone
    found = load_settings(values)
    names = list_hosts("REVIEWS_METRICS_HOST", found.metrics_host, found.allowed_hosts)
    assert names == [*LOOPBACK_NAMES, "0.0.0.0", "reviews"]
    for each in COMPOSE["services"].values():
        named = {Path(value).name for value in each["environment"].values() if "/run/secrets/" in value}
        assert named == set(each["secrets"]) <= COMPOSE["secrets"].keys()


def test_compose_publishes_the_ports_on_this_machine_alone_and_waits_as_long_as_systemd_for_a_stop() -> None:
    service = COMPOSE["services"]["reviews"]
    assert service["ports"] == ["127.0.0.1:4200:4200", "127.0.0.1:9108:9108"]
    unit = (PROJECT_ROOT / "deployments" / "systemd" / "reviews.service").read_text("utf-8")
    assert f"TimeoutStopSec={service['stop_grace_period'].removesuffix('s')}\n" in unit
