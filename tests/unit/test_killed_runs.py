"""Tests that a file over which runs were killed keeps no other file waiting, and is lost by none of that."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.storage.home import Home
from tasks.inbox.killed_runs import ALONE_FROM, NEVER_FROM, read_killed_runs, record_scoring
from tasks.inbox.source_files import SourceFile, group_found_files


def make_file(name: str) -> SourceFile:
    return SourceFile(name, Path(name), 100, 0, name * 64)


NEVER_CLOSED: list[AbstractContextManager[None]] = []
FILES = [make_file("a"), make_file("b"), make_file("c")]


def arrange(home: Home, files: Sequence[SourceFile] = FILES, *, named: bool = False) -> tuple[str, ...]:
    """Return the names of the files that a run would score first, last and not at all."""
    arranged = read_killed_runs(home).arrange(files, tries_all=named)
    return tuple(
        "".join(file.uri for file in some) for some in (arranged.first, arranged.last, arranged.aside)
    )


def begin(home: Home, files: Sequence[SourceFile]) -> AbstractContextManager[None]:
    """Begin to score files, and keep that open until the tests end, as a process that is killed never closes it."""
    recording = record_scoring(home, files)
    recording.__enter__()
    NEVER_CLOSED.append(recording)
    return recording


def kill_run(home: Home, files: Sequence[SourceFile], times: int = 1) -> None:
    """Leave behind what a run leaves that is killed while it scores these files."""
    for _ in range(times):
        begin(home, files)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_files_over_which_two_runs_were_killed_are_scored_last_each_alone(home: Home) -> None:
    kill_run(home, FILES[:2], ALONE_FROM - 1)
    assert arrange(home) == ("abc", "", "")
    kill_run(home, FILES[:2])
    assert arrange(home) == ("c", "ab", "")


def test_the_others_are_scored_before_a_file_that_kills_every_run_is_left_out_unless_it_is_named(
    home: Home,
) -> None:
    scored = set()
    for _ in range(ALONE_FROM + 2):
        killed = read_killed_runs(home)
        arranged = killed.arrange(FILES, tries_all=False)
        for group in (*group_found_files(arranged.first), *((file,) for file in arranged.last)):
            recording = begin(home, group)
            if FILES[1] in group:
                break  # the run is killed
            recording.__exit__(None, None, None)
            scored |= {file.uri for file in group}
    assert scored == {"a", "c"}
    kill_run(home, FILES[1:2])
    assert arrange(home) == ("ac", "", "b")
    assert arrange(home, FILES[1:2], named=True) == ("", "b", "")


def test_only_kills_in_a_row_count(home: Home) -> None:
    kill_run(home, FILES[:1], NEVER_FROM - 1)
    with pytest.raises(ValueError, match="an error"), record_scoring(home, FILES[:1]):
        raise ValueError("an error, which is no kill")
    kill_run(home, FILES[:1])
    assert arrange(home) == ("abc", "", "")


def test_nothing_is_left_when_no_run_was_killed(home: Home) -> None:
    with record_scoring(home, FILES):
        pass
    assert list(home.running.iterdir()) == []


def test_a_file_that_was_mended_is_another_one(home: Home) -> None:
    kill_run(home, FILES, NEVER_FROM)
    mended = replace(FILES[0], size=FILES[0].size + 1)
    assert arrange(home, [mended]) == ("a", "", "")


@pytest.mark.parametrize("record", ["{", "[]", '{"now": [], "killed": {"a": null}}'])
def test_a_damaged_record_stops_no_run(home: Home, record: str) -> None:
    home.running.mkdir()
    (home.running / "scored-now.json").write_text(record)
    assert arrange(home) == ("abc", "", "")
