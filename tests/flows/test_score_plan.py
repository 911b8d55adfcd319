"""Tests that a dry run of `score-reviews` reports what would be scored and why, and changes no file."""

import os
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from data_contracts.errors import BundleError
from data_contracts.storage.home import Home
from flows.command import startup
from flows.command.cli import main
from tests.support.scoring_runs import CSV, drop, plan, run
from tests.support.small_home import promote_small_model


def picture(folder: Path) -> dict[str, tuple[int, str]]:
    """Return the times and contents of all files below a folder."""
    return {
        str(path): (path.stat().st_mtime_ns, sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in sorted(folder.rglob("*"))
    }


def test_an_empty_home_stays_without_a_database(home: Home) -> None:
    found = plan(rescore=True)
    assert (found.model_id, found.files_found, found.files) == (None, 0, ())
    assert not home.folder.exists()


@pytest.mark.slow
def test_every_reason_is_told_with_its_rows(scoring_home: Home) -> None:
    drop(scoring_home, "kept.csv", CSV)
    drop(scoring_home, "changes.csv", "text\ngood plot\n")
    run()
    model_id = promote_small_model(scoring_home, seed=1).name
    drop(scoring_home, "changes.csv", "text\ngood plot\nbad plot\n")
    drop(scoring_home, "new.csv", "text\nfilm\n")
    drop(scoring_home, "copy.csv", CSV)
    found = plan(rescore=True)
    assert found.model_id == model_id
    assert {(file.uri, file.why, file.rows) for file in found.files} == {
        ("changes.csv", "changed", 2),
        ("new.csv", "new", 1),
        ("changes.csv", "older model", 1),
        ("kept.csv", "older model", 3),
    }
    assert {file.why for file in plan().files} == {"new", "changed"}


def test_a_file_that_a_reader_refuses_is_told_with_its_rule(scoring_home: Home) -> None:
    drop(scoring_home, "odd.csv", "Verdict\ngood film\n")
    (file,) = plan().files
    assert (file.rows, str(file.trouble).startswith("would be refused: text_column_missing")) == (None, True)


@pytest.mark.slow
def test_nothing_at_all_is_changed(scored_home: Home) -> None:
    promote_small_model(scored_home, seed=1)
    drop(scored_home, "b.csv", "text\ngood plot\n")
    before = picture(scored_home.folder)
    plan(rescore=True)
    assert picture(scored_home.folder) == before


def test_the_command_shows_the_plan(scoring_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "PREFECT_DEFAULTS", {})
    os.utime(drop(scoring_home, "old.csv", CSV), (0, 0))
    drop(scoring_home, "fresh.csv", "text\ngood plot\n")
    command = ["--home", str(scoring_home.folder), "score", "--dry-run", "--rescore", "--since", "2020-01-01"]
    shown = CliRunner().invoke(main, command)
    assert (shown.exit_code, "fresh.csv" in shown.stdout, "old.csv" in shown.stdout) == (0, True, False)


def test_an_altered_bundle_is_told_before_a_run(scoring_home: Home) -> None:
    (next(scoring_home.bundles.iterdir()) / "vocabulary.json").write_text('["film"]')
    drop(scoring_home, "a.csv", CSV)
    with pytest.raises(BundleError, match="was altered"):
        plan()
