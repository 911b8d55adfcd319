"""Tests that a home keeps its id, by which stores, destinations and deployments know it."""

import uuid
from pathlib import Path

import pytest

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id, read_home_id


def test_a_home_keeps_the_id_that_it_was_given_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert read_home_id(home) is None
    assert ensure_home_id(home) == ensure_home_id(home) == read_home_id(home)


def test_two_that_draw_an_id_at_once_both_get_the_one_that_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, of_the_other = Home(tmp_path), list[str]()

    def draw_late() -> uuid.UUID:
        """Let another process draw and keep an id when this one has found none, and has not kept its own."""
        monkeypatch.undo()
        of_the_other.append(ensure_home_id(home))
        return uuid.uuid4()

    monkeypatch.setattr(uuid, "uuid4", draw_late)
    assert [ensure_home_id(home)] == of_the_other == [read_home_id(home)]


def test_an_id_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.id_file.mkdir(parents=True)
    with pytest.raises(ReviewsError, match=r"home-id.*can't be read .*Next:"):
        ensure_home_id(home)
