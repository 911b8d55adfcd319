"""Settings: defaults, what the environment changes, and what is refused."""

from pathlib import Path

import pytest

from data_contracts.archive import PUBLISHED_URL
from data_contracts.errors import UsageError
from deployments import settings as module
from deployments.settings import PROJECT_ROOT, load_settings


def test_the_home_is_data_in_the_projects_root_wherever_one_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({}).home == PROJECT_ROOT / "data"


def test_a_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({"REVIEWS_HOME": "mine"}).home == tmp_path / "mine"


def test_the_archive_is_stanfords_unless_named() -> None:
    assert load_settings({}).archive == PUBLISHED_URL
    assert load_settings({"REVIEWS_ARCHIVE": "x.tar.gz"}).archive == "x.tar.gz"


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REVIEWS_HOME=/from/file\nREVIEWS_ARCHIVE=file.tar.gz\n")
    monkeypatch.setattr(module, "PROJECT_ROOT", tmp_path)
    found = load_settings({"REVIEWS_HOME": "/from/environment"})
    assert (found.home, found.archive) == (Path("/from/environment"), "file.tar.gz")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REVIEWS_MAX_BAD_SHARE", "1.5"),
        ("REVIEWS_MAX_BAD_SHARE", "half"),
        ("REVIEWS_MAX_TEXT_CHARS", "0"),
        ("REVIEWS_MIN_BAD_ROWS", "-1"),
        ("REVIEWS_MIN_BAD_ROWS", "nan"),
    ],
)
def test_a_limit_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name):
        load_settings({name: value})


def test_so_many_reports_are_kept_as_the_environment_says() -> None:
    assert (load_settings({}).keep_reports, load_settings({"REVIEWS_KEEP_REPORTS": "0"}).keep_reports) == (
        100,
        0,
    )


def test_input_folders_are_whole_paths_set_apart_like_those_of_path() -> None:
    assert load_settings({"REVIEWS_INPUT_DIRS": "/srv/a:/srv/b c:"}).input_dirs == (
        Path("/srv/a"),
        Path("/srv/b c"),
    )
    with pytest.raises(
        UsageError, match="REVIEWS_INPUT_DIRS must name folders by their whole paths, not 'exports'"
    ):
        load_settings({"REVIEWS_INPUT_DIRS": "/srv/a:exports"})
