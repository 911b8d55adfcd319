"""The watcher tells of files that have arrived whole, once, and never while a run goes on."""

from pathlib import Path

import pytest

from deployments.watcher import watch_inbox


@pytest.fixture
def told() -> list[int]:
    return []


def test_a_file_is_told_once_two_looks_in_a_row_see_the_same(tmp_path: Path, told: list[int]) -> None:
    look = watch_inbox(tmp_path, lambda: False, told.append)
    growing = tmp_path / "growing.csv"
    for size in (1, 2, 3):
        growing.write_bytes(b"x" * size)
        look()
    assert told == []
    look()
    look()
    assert told == [1]


def test_a_file_that_changed_is_told_again(tmp_path: Path, told: list[int]) -> None:
    look = watch_inbox(tmp_path, lambda: False, told.append)
    (tmp_path / "a.csv").write_text("old")
    look(), look()
    (tmp_path / "a.csv").write_text("newer")
    look(), look()
    assert told == [1, 1]


def test_nothing_is_told_while_a_run_goes_on_and_all_of_it_after(tmp_path: Path, told: list[int]) -> None:
    busy = [True]
    look = watch_inbox(tmp_path, lambda: busy[0], told.append)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text")
        look(), look()
    assert told == []
    busy[0] = False
    look()
    assert told == [2]


def test_a_file_that_was_taken_away_is_nothing_to_tell(tmp_path: Path, told: list[int]) -> None:
    look = watch_inbox(tmp_path, lambda: False, told.append)
    (tmp_path / "a.csv").write_text("text")
    look(), look()
    (tmp_path / "a.csv").unlink()
    look(), look()
    assert told == [1]


def test_an_inbox_that_is_not_there_yet_is_empty(tmp_path: Path, told: list[int]) -> None:
    look = watch_inbox(tmp_path / "inbox", lambda: False, told.append)
    look(), look()
    assert told == []
