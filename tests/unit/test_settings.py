"""Tests of settings: defaults, environment variables, and invalid values."""

import re
from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from deployments import installation_paths
from deployments.installation_paths import PROJECT_ROOT
from deployments.settings import GONE, SECRETS, find_unknown, load_settings


def test_the_home_is_data_in_the_projects_root_wherever_one_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({}).home.folder == PROJECT_ROOT / "data"


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REVIEWS_HOME=/from/file\nREVIEWS_ARCHIVE=file.tar.gz\n")
    monkeypatch.setattr(installation_paths, "find_settings_file", lambda: tmp_path / ".env")
    found = load_settings({"REVIEWS_HOME": "/from/environment"})
    assert (found.home.folder, found.archive) == (Path("/from/environment"), "file.tar.gz")


def test_input_folders_are_whole_paths_set_apart_like_those_of_path() -> None:
    assert load_settings({"REVIEWS_INPUT_DIRS": "/srv/a:/srv/b c:"}).input_dirs == (
        Path("/srv/a"),
        Path("/srv/b c"),
    )
    with pytest.raises(
        UsageError, match=r"REVIEWS_INPUT_DIRS=.*must have absolute paths of folders, not 'exports'"
    ):
        load_settings({"REVIEWS_INPUT_DIRS": "/srv/a:exports"})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("REVIEWS_PORT", "80.5", "must be a valid integer"),
        ("REVIEWS_RESCORE_MINUTES", "nan", "must be less than or equal to 1440"),
        ("REVIEWS_DASK", "tcp://host", ""),
        ("REVIEWS_DRAIN_SECONDS", "-1", "must be greater than"),
        ("REVIEWS_DRAIN_SECONDS", "x" * 100_000, r"'x{80}\.\.\.': it must be a valid number"),
        ("REVIEWS_HOME", "~no-such-user-here", "there is no such user"),
        ("REVIEWS_HOME", "/tmp/\udcff", "is not UTF-8"),
        ("REVIEWS_HOME", "/dev/null", "is a file"),
        ("REVIEWS_HOME", "/tmp/my home?", "DuckDB can't open a path with a question mark"),
        ("REVIEWS_FAULT", "nonsense", "'nonsense' is none.*score: files seen"),
        ("REVIEWS_FAULT", "score: files seen#0", "is none"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_what_it_may_be(name: str, value: str, says: str) -> None:
    with pytest.raises(UsageError, match=f"{name}.*{says}") as caught:
        load_settings({name: value})
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "address",
    ["http://", "https:///path", "http://:80/", "http://host:99999", "http://[::1/x", "http://host:0"],
)
def test_an_address_without_a_host_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="REVIEWS_ALERT_URL: has no host") as caught:
        load_settings({"REVIEWS_ALERT_URL": f"{address}?secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_the_address_of_a_database_gets_the_driver_that_prefect_needs(scheme: str) -> None:
    settings = load_settings({"REVIEWS_DATABASE_URL": f"{scheme}://reviews:secret@db:5432/prefect"})
    assert settings.database_url == "postgresql+asyncpg://reviews:secret@db:5432/prefect"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("address", ["mysql://u:secret@db/p", "postgresql:///secret", "secret"])
def test_an_address_of_another_database_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="REVIEWS_DATABASE_URL: must be like postgresql://") as caught:
        load_settings({"REVIEWS_DATABASE_URL": address})
    assert "secret" not in str(caught.value)


SECRET_URL = "http://host/secret"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "alert-url"
    path.write_text(f"{SECRET_URL}\n")
    return path


def test_a_secret_may_be_in_a_file_of_its_own(secret_file: Path) -> None:
    assert load_settings({"REVIEWS_ALERT_URL_FILE": str(secret_file)}).alert_url == SECRET_URL
    assert find_unknown(dict.fromkeys([f"{name}_FILE" for name in SECRETS], "")) == []


def test_the_address_of_a_destination_can_be_in_a_file_too(secret_file: Path) -> None:
    variables = {"REVIEWS_DESTINATION_BI_TEAM_URL_FILE": str(secret_file)}
    settings = load_settings(variables)
    assert settings.destination_urls == {"bi-team": SECRET_URL}
    assert SECRET_URL not in repr(settings)
    assert find_unknown(variables) == []


def test_a_secret_file_of_the_environment_wins_over_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret_file: Path
) -> None:
    (tmp_path / ".env").write_text("REVIEWS_ALERT_URL=http://other/\n")
    monkeypatch.setattr(installation_paths, "find_settings_file", lambda: tmp_path / ".env")
    assert load_settings({"REVIEWS_ALERT_URL_FILE": str(secret_file)}).alert_url == SECRET_URL


def test_a_secret_that_is_set_twice_is_refused(secret_file: Path) -> None:
    both = {"REVIEWS_ALERT_URL": "http://other/", "REVIEWS_ALERT_URL_FILE": str(secret_file)}
    with pytest.raises(UsageError, match="REVIEWS_ALERT_URL and REVIEWS_ALERT_URL_FILE are both set"):
        load_settings(both)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "can't be read"), (b" \n", "is empty"), (b"\xff\xfesecret", "is not UTF-8")]
)
def test_a_secret_file_without_a_secret_is_named_and_its_content_is_not_repeated(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "secret-file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=f"REVIEWS_ALERT_URL_FILE='{path}': {says}.*Next: "):
        load_settings({"REVIEWS_ALERT_URL_FILE": str(path)})


def test_a_setting_that_there_is_not_is_told_with_the_nearest_one_or_what_takes_its_place() -> None:
    found = find_unknown({"REVIEWS_HOMES": "/x", "REVIEWS_XYZZY": "1", "REVIEWS_HOME": "/y", "PATH": "/z"})
    assert found == [
        "'REVIEWS_HOMES' sets nothing. Did you mean REVIEWS_HOME?",
        "'REVIEWS_XYZZY' sets nothing.",
    ]
    assert "largest_bad_share" in find_unknown({"REVIEWS_MAX_BAD_SHARE": "0.5"})[0]


def test_every_setting_that_the_program_reads_is_known() -> None:
    packages = ("data_contracts", "models", "tasks", "deployments", "flows")
    modules = [path for package in packages for path in (PROJECT_ROOT / package).rglob("*.py")]
    read = {name for path in modules for name in re.findall(r'"(REVIEWS_[A-Z_]+)"', path.read_text("utf-8"))}
    assert len(read) > 15
    assert find_unknown(dict.fromkeys(read - GONE.keys(), "")) == []
