"""Tests of deliveries by runs, and of the commands on destinations."""

import logging
import re
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.delivery.delivering import deliver_forgotten, list_failing
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.stages import publish as stage
from tasks.warehouse.publishing import needs_publishing
from tests.support.exported_homes import add, make_home
from tests.support.warehouse_parts import hash_text


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path / "home")
    made.destinations.mkdir()
    return made


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What runs warn of; their tasks are called as functions."""
    said: list[str] = []
    monkeypatch.setattr(stage, "warn", said.append)
    monkeypatch.setattr(stage, "get_run_logger", lambda: logging.getLogger("tests"))
    monkeypatch.setattr(stage, "deliver_scores", stage.deliver_scores.fn)
    return said


def write(home: Home, name: str, folder: Path) -> None:
    (home.destinations / f"{name}.toml").write_text(f'kind = "parquet"\nfolder = "{folder}"\nrows = "all"\n')


def count_rows(folder: Path) -> int:
    [(rows,)] = duckdb.execute(f"SELECT count(*) FROM read_parquet('{folder}/**/*.parquet')").fetchall()
    return int(rows)


def run(home: Home, *arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["--home", str(home.folder), "destinations", *arguments])
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.slow
def test_a_destination_that_is_down_is_warned_of_once_and_the_others_go_on(
    home: Home, warned: list[str], tmp_path: Path
) -> None:
    write(home, "down", tmp_path / "no" / "disk")
    write(home, "lake", tmp_path / "lake")
    for _ in range(2):
        stage.deliver_due(home, {})
    assert [text.partition(":")[0] for text in warned] == ["Not delivered"]
    assert count_rows(tmp_path / "lake") == 2
    (tmp_path / "no").mkdir()
    add(home, "b.csv")
    stage.deliver_due(home, {})
    assert list_failing(home) == {}
    assert (count_rows(tmp_path / "no" / "disk"), count_rows(tmp_path / "lake")) == (3, 3)


def test_a_destination_whose_file_was_removed_is_named_when_a_row_is_forgotten(
    home: Home, tmp_path: Path
) -> None:
    write(home, "lake", tmp_path / "lake")
    assert deliver_forgotten(home, {}) == []
    (home.destinations / "lake.toml").unlink()
    [line] = deliver_forgotten(home, {})
    assert line.startswith("lake: its file was removed. Next: delete what was delivered there")


@pytest.mark.slow
def test_a_user_adds_fills_and_looks_at_a_destination(home: Home, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    assert "Next: reviews --home" in run(home, "add", "lake", "--folder", lake, "--rows", "all")
    assert "It lacks changes of 1 file" in run(home, "check", "lake")
    assert "2 rows of 1 file delivered" in run(home, "deliver")
    assert "It has 2 rows; the home has 2." in run(home, "check", "lake")
    assert re.search(r"lake: complete at .*\n  folder .* \(every score\)", run(home, "status"))
    assert '"rows_behind": 0' in run(home, "status", "--format", "json")
    assert "2 rows" in run(home, "deliver", "lake", "--again")


def test_wrong_use_changes_nothing_and_says_what_to_do(home: Home) -> None:
    assert "give one of --table and --folder" in run(home, "add", "bi", status=2)
    for folder in (str(home.inbox), f"file://{home.inbox}"):
        assert "must not be changed" in run(home, "add", "bi", "--folder", folder, status=2)
    assert "small letters" in run(home, "add", "Bi", "--table", "t", status=2)
    assert "reviews.scores" in run(home, "add", "bi", "--table", "no table", status=2)
    assert "there is no such destination" in run(home, "check", "bi", status=2)
    assert "--take-over needs the NAME" in run(home, "deliver", "--take-over", status=2)
    assert "There is no destination" in run(home, "deliver")


@pytest.mark.slow
def test_what_is_forgotten_leaves_destinations_at_once_and_those_that_fail_are_named(
    home: Home, tmp_path: Path
) -> None:
    write(home, "lake", tmp_path / "lake")
    run(home, "deliver")
    write(home, "down", tmp_path / "no" / "disk")
    said: list[str] = []
    forget_everywhere(home, ForgetRequest(f"{hash_text('a.csv')[:12]}:1", "row", "ann"), said.append)
    assert count_rows(tmp_path / "lake") == 1
    assert any("a destination may still hold it: down" in line for line in said)


def test_what_a_delivery_settles_is_published(home: Home, tmp_path: Path) -> None:
    write(home, "down", tmp_path / "no" / "disk")
    run(home, "deliver", status=1)
    assert not needs_publishing(home)
    (tmp_path / "no").mkdir()
    run(home, "deliver")
    assert not needs_publishing(home)
