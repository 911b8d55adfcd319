"""Tests of report files: complete or not at all, the newest are kept, none has a forgotten text."""

import os
from pathlib import Path

import pytest

from data_contracts.errors import SourceError, UsageError
from data_contracts.storage.home import Home
from tasks.report import writing
from tasks.report.writing import drop_older_reports, drop_reports_of_forgotten, name_report, write_report
from tests.support.report_homes import NEXT_RUN, RUN, change, make_run
from tests.support.warehouse_parts import PartFile, hash_text


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one published run."""
    make_run(tmp_path, [PartFile("f.csv", [{"score": 0.9}, {"score": 0.1}])])
    return tmp_path


def write(home: Path, name: str = "latest") -> Path:
    return write_report(Home(home), name)


def test_a_name_never_leads_out_of_the_folder() -> None:
    assert name_report("../../etc/passwd") == "______etc_passwd.html"


@pytest.mark.slow
def test_a_write_that_fails_leaves_the_report_before_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(home)
    before = path.read_bytes()

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(SourceError, match="No space left on device"):
        write(home)
    assert path.read_bytes() == before
    assert [path.name for path in (home / "reports").iterdir()] == [f"{RUN}.html"]


def test_only_the_newest_reports_stay_and_what_is_no_report_is_left_alone(home: Path) -> None:
    folder = home / "reports"
    folder.mkdir()
    names = [f"{number}{RUN[1:]}.html" for number in range(4)]
    for age, name in enumerate(names):
        (folder / name).write_text("")
        os.utime(folder / name, (age, age))
    (folder / "mine.html").write_text("")
    (folder / f".{NEXT_RUN}.html.999999999.tmp").write_text("half")
    assert [path.name for path in drop_older_reports(folder, 2)] == [names[1], names[0]]
    assert sorted(path.name for path in folder.iterdir()) == [names[2], names[3], "mine.html"]


@pytest.mark.slow
def test_a_report_that_shows_a_forgotten_row_is_removed_and_no_other(home: Path) -> None:
    make_run(home, [PartFile("g.csv", [{"score": 0.5}])], NEXT_RUN)
    kept, gone = write(home, NEXT_RUN), write(home, RUN)
    assert drop_reports_of_forgotten(Home(home)) == []
    values = f"'{hash_text('f.csv')}', 2, false, NULL, 'ann', now(), NULL, NULL, NULL, true"
    trace = f"INSERT INTO forgotten_rows VALUES ({values})"
    change(home / "reviews.duckdb", trace)
    assert drop_reports_of_forgotten(Home(home)) == [gone]
    assert list((home / "reports").iterdir()) == [kept]


@pytest.mark.slow
def test_a_report_of_a_row_that_is_forgotten_while_it_is_written_does_not_stay(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = f"'{hash_text('f.csv')}', 2, false, NULL, 'ann', now(), NULL, NULL, NULL, true"
    trace = f"INSERT INTO forgotten_rows VALUES ({values})"
    make = writing._make_report

    def forget_meanwhile(home: Home, name: str) -> tuple[str, str]:
        made = make(home, name)
        change(home.warehouse, trace)
        return made

    monkeypatch.setattr(writing, "_make_report", forget_meanwhile)
    with pytest.raises(SourceError, match="was forgotten meanwhile"):
        write(home, RUN)
    assert list((home / "reports").glob("*.html")) == []


def test_a_report_does_not_take_the_place_of_a_pipe_or_device(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is no regular file"):
        write_report(Home(tmp_path), output=pipe)
    assert pipe.is_fifo()
