"""Tests that every command syncs its files before it renames them, and their folder afterwards."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from data_contracts.part_schemas import PART_SCHEMAS
from deployments.settings import load_settings
from models.bundle.reading_facts import read_facts
from models.tensorflow import load_tensorflow
from tasks.delivery.delivering import ExportRequest, export
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.warehouse.model_registry import record_model
from tests.support.ingested import ingest_small_archive
from tests.support.promoting import promote_model
from tests.support.scoring_runs import CSV, drop, run
from tests.support.small_home import build_small_bundle
from tests.support.system_calls import find_unsynced, read_calls, trace

NAMED = {
    "backup/chunks/*",
    "bundles/*",
    "exports/*/reviews-000001.parquet",
    "exports/_delivered.json",
    "parts/*",
    "published/reviews.duckdb",
    "reviews.duckdb",
    "reviews/train.parquet",
    "scored/*/a.csv",
}
"""What gets its name in the home, at least."""


def quiet(said: str) -> None:
    pass


def use_every_command(folder: Path) -> None:
    """Ingest, write a bundle, score, publish, move the file, export, back up, forget and restore (with the bundle)."""
    home = load_settings().home
    ingest_small_archive(folder)
    bundle = build_small_bundle(home.bundles)
    record_model(home.warehouse, read_facts(bundle))
    promote_model(home.warehouse, bundle.name, "for a test")
    drop(home, "a.csv", CSV)
    run()
    export(home, None, ExportRequest(only_new=True))
    back_up_home(home, home.folder / "backup", quiet)
    forget_everywhere(home, ForgetRequest("a", None, "ann"), quiet)
    (next(home.bundles.iterdir()) / "vocabulary.json").unlink()
    restore_home(home, home.folder / "backup", quiet)


def list_content(path: Path) -> Iterable[Path]:
    """Return the content of a folder; parts are deleted after their commit."""
    if path.parent.name == "parts":
        return [Path(f"{name}.parquet") for name in PART_SCHEMAS]
    return [each.relative_to(path) for each in path.rglob("*")]


@pytest.mark.process
@pytest.mark.usefixtures("new_databases")
def test_every_command_syncs_what_gets_its_name_and_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("REVIEWS_HOME", str(home))
    monkeypatch.setenv("REVIEWS_SCORED_FILES", "move")
    load_tensorflow()  # before, since every system call of a traced process is slow
    with trace(tmp_path / "calls.txt"):
        use_every_command(tmp_path)
    # What Python compiles of TensorFlow's generated code is renamed too, beside that code.
    calls = [call for call in read_calls(tmp_path / "calls.txt") if call.paths[-1].suffix != ".pyc"]
    renamed = [call.paths[1].relative_to(home) for call in calls if call.is_rename]
    assert {name for name in NAMED if any(path.match(name) for path in renamed)} == NAMED
    assert find_unsynced(calls, home, list_content) == []
