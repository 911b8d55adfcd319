"""Tests of the folder of a home: other users of the machine can't read it, and it keeps its id."""

import stat
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id, read_home_id
from flows.command.cli import main


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def read_mode(home: Home) -> int:
    return stat.S_IMODE(home.folder.stat().st_mode)


def test_a_new_home_is_closed_to_other_users(home: Home) -> None:
    home.make()
    assert read_mode(home) == 0o700


@pytest.mark.parametrize(
    ("before", "after"), [(0o755, 0o700), (0o777, 0o700), (0o750, 0o750), (0o2770, 0o2770)]
)
def test_a_home_that_others_may_enter_is_closed_by_the_next_command_and_that_of_a_group_stays(
    home: Home, before: int, after: int
) -> None:
    home.id_file.parent.mkdir(parents=True)
    home.id_file.touch()
    home.folder.chmod(before)
    said = CliRunner().invoke(main, ["--home", str(home.folder), "models", "variants"])
    assert (said.exit_code, read_mode(home)) == (0, after)
    assert ("is closed now" in said.stderr) == (before != after)


def test_a_folder_that_is_no_home_is_not_closed(home: Home) -> None:
    home.folder.mkdir(mode=0o755)
    CliRunner().invoke(main, ["--home", str(home.folder), "models", "variants"])
    assert read_mode(home) == 0o755


def test_a_home_keeps_the_id_that_it_was_given_first(home: Home) -> None:
    assert read_home_id(home) is None
    assert ensure_home_id(home) == ensure_home_id(home) == read_home_id(home)


def test_two_that_draw_an_id_at_once_both_get_the_one_that_was_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_other = list[str]()

    def draw_late() -> uuid.UUID:
        """Let another process draw and keep an id when this one has found none, and has not kept its own."""
        monkeypatch.undo()
        of_the_other.append(ensure_home_id(home))
        return uuid.uuid4()

    monkeypatch.setattr(uuid, "uuid4", draw_late)
    assert [ensure_home_id(home)] == of_the_other == [read_home_id(home)]


def test_an_id_that_cannot_be_read_is_not_replaced(home: Home) -> None:
    home.id_file.mkdir(parents=True)
    with pytest.raises(ReviewsError, match=r"home-id.*can't be read .*Next:"):
        ensure_home_id(home)
