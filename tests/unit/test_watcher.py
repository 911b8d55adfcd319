"""Tests that the watcher reports each completely arrived file once, and never during a run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.local_server.inbox_watcher import FULL_BYTES, START_SECONDS, make_inbox_check


@pytest.fixture
def told() -> list[int]:
    return []


@pytest.fixture
def time() -> list[float]:
    """The clock of the watcher, in seconds."""
    return [0.0]


@pytest.fixture
def look(tmp_path: Path, told: list[int], time: list[float]) -> Callable[[], None]:
    """Check `tmp_path`, long enough after the previous check that a requested run has ended."""
    watch = make_inbox_check(tmp_path, lambda: False, told.append, lambda: time[0])

    def look() -> None:
        time[0] += START_SECONDS
        watch()

    return look


def test_a_file_is_told_once_two_looks_in_a_row_see_the_same(
    tmp_path: Path, told: list[int], look: Callable[[], None]
) -> None:
    growing = tmp_path / "growing.csv"
    for size in (1, 2, 3):
        growing.write_bytes(b"x" * size)
        look()
    assert told == []
    look()
    look()
    assert told == [1]


def test_a_file_that_changed_is_told_again(tmp_path: Path, told: list[int], look: Callable[[], None]) -> None:
    (tmp_path / "a.csv").write_text("old")
    look()
    look()
    (tmp_path / "a.csv").write_text("newer")
    look()
    look()
    assert told == [1, 1]


def test_nothing_is_told_while_a_run_goes_on_and_all_of_it_after(tmp_path: Path, told: list[int]) -> None:
    busy = [True]
    look = make_inbox_check(tmp_path, lambda: busy[0], told.append)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text")
        look(), look()
    assert told == []
    busy[0] = False
    look()
    assert told == [2]


def test_nothing_more_is_told_until_the_run_that_was_told_is_seen_or_does_not_come(
    tmp_path: Path, told: list[int], time: list[float]
) -> None:
    busy = [False]
    look = make_inbox_check(tmp_path, lambda: busy[0], told.append, lambda: time[0])
    (tmp_path / "a.csv").write_text("text")
    look(), look()
    (tmp_path / "b.csv").write_text("text")
    look(), look(), look()
    assert told == [1]
    busy[0] = True
    look()
    busy[0] = False
    look()
    assert told == [1, 1]
    (tmp_path / "c.csv").write_text("text")
    look(), look()
    assert told == [1, 1]
    time[0] = START_SECONDS
    look()
    assert told == [1, 1, 1]


def test_what_came_on_a_full_disk_is_told_again_at_the_first_look_after_it_has_space(
    tmp_path: Path, told: list[int], time: list[float]
) -> None:
    space = [0]
    look = make_inbox_check(tmp_path, lambda: False, told.append, lambda: time[0], lambda path: space[0])
    (tmp_path / "a.csv").write_text("text")
    for times in (0, 0, 0, 50, 50):
        time[0] += START_SECONDS
        space[0] = times * FULL_BYTES
        look()
    assert told == [1, 1]
