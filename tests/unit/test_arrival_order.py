"""Tests that files which a restored database does not know are scored in the order in which they arrived before."""

import json
from pathlib import Path

import pytest

from data_contracts.storage.home import Home
from tasks.inbox.arrival_order import drop_arrivals, split_by_arrival, write_arrivals
from tasks.inbox.source_files import SourceFile

FILES = [SourceFile(name, Path(name), 1, 0, f"sha of {name}") for name in ("day10", "day11", "day9", "new")]


def split(home: Home) -> list[list[str]]:
    return [[file.uri for file in files] for files in split_by_arrival(home, FILES)]


def test_files_that_came_before_a_restore_come_first_in_their_order_and_apart(tmp_path: Path) -> None:
    write_arrivals(Home(tmp_path), {"sha of day9": 9, "sha of day10": 10, "sha of day11": 10})
    assert split(Home(tmp_path)) == [["day9"], ["day10", "day11"], ["new"]]


def test_the_record_of_an_older_version_which_has_moments_still_orders(tmp_path: Path) -> None:
    home = Home(tmp_path)
    write_arrivals(home, {})
    moments = {"sha of day9": "2026-11-28T06:00:00.000001", "sha of day10": "2026-11-28T06:15:00.000001"}
    next(home.running.iterdir()).write_text(json.dumps(moments))
    assert split(home) == [["day9"], ["day10"], ["day11", "new"]]


def test_a_record_that_was_dropped_orders_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    write_arrivals(home, {"sha of day9": 1})
    drop_arrivals(home)
    drop_arrivals(home)
    assert split(home) == [["day10", "day11", "day9", "new"]]


@pytest.mark.parametrize("record", ["", "[1]"])
def test_a_damaged_record_stops_no_run(tmp_path: Path, record: str) -> None:
    home = Home(tmp_path)
    write_arrivals(home, {})
    next(home.running.iterdir()).write_text(record)
    assert split(home) == [["day10", "day11", "day9", "new"]]
