"""Tests of rescoring with workers: what they score again is committed as what the run itself scores again."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import EngineError, ReviewsError, WorkerKilledError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from flows.command.actions.forget import forget
from tasks.engine import text_work
from tasks.maintenance.forgetting import ForgetRequest
from tasks.scoring import rescoring
from tasks.stages.engine import older_texts
from tasks.store.stored_parts import PartManifest, StoredPart, upload_part
from tests.support import inner_engine
from tests.support.forked import run_to_fault
from tests.support.inner_engine import rescore_by_engine, use_inner_engine
from tests.support.scoring_runs import count, drop, plan, prove, run
from tests.support.small_home import ask, copy_home, copy_scoring_home, promote_small_model

ROWS = (
    "select source_sha256, row_number, model_id, round(score, 6), sentiment, token_count, oov_rate, truncated"
)
TABLES = {
    "rows": f"{ROWS} from scored_reviews order by all",
    "ledger": "select source_sha256, model_id, uri, status, rows_read, source, bytes from scored_files order by all",
    "checks": "select source_sha256, boundary, rule, success, unexpected_count from contract_results order by all",
    "counts": "select counts::varchar from runs where flow = 'score-reviews' order by started_at",
}
FILES = 5


@pytest.fixture
def older_home(home: Home) -> Home:
    """A home with five files scored by the previous champion, one of them larger, and a new champion."""
    return copy_home(home, "older-scores-of-five", fill_older_home)


def fill_older_home(home: Home) -> None:
    copy_scoring_home(home)
    for number in range(FILES - 1):
        drop(home, f"shop-a/{number}.csv", f"text,stars\ngood film {number},8\nbad plot {number},2\n ,3\n")
    drop(home, "large.csv", "text\n" + "".join(f"a good zebrafish film {number}\n" for number in range(9)))
    run()
    promote_small_model(home, seed=1)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store that is set; its inbox is empty."""
    folder = tmp_path / "store"
    (folder / "inbox").mkdir(parents=True)
    monkeypatch.setenv("REVIEWS_STORE", f"file://{folder}")
    return folder


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def list_parts(store: Path) -> list[str]:
    return [name for name in list_files(store) if name.startswith("parts/")]


@pytest.mark.slow
def test_what_workers_score_again_equals_what_one_machine_does(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Home(shutil.copytree(older_home.folder, tmp_path / "alone"))
    monkeypatch.setattr(older_texts, "WORKER_GROUP_BYTES", 50)
    monkeypatch.setattr(rescoring, "WORKER_GROUP_BYTES", 50)
    with use_inner_engine(tmp_path / "worker") as engine:
        planned = plan(rescore=True).rescoring
        summary = run(rescore=True)
        assert planned is not None
        assert (planned.pieces, planned.rows) == (len(engine.scored), summary.rows_rescored)
        assert (summary.files_rescored, summary.rows_rescored) == (FILES, 17)
        assert run(rescore=True).files_rescored == 0
    assert engine.scored.count(("large.csv",)) > 1  # it was cut by its rows
    assert list_parts(store) == []
    assert not older_home.spool.exists()
    prove(older_home)
    monkeypatch.setenv("REVIEWS_HOME", str(alone.folder))
    run(rescore=True)
    run(rescore=True)
    for query in TABLES.values():
        assert ask(older_home.published, query) == ask(alone.published, query)


@pytest.mark.slow
def test_when_its_time_is_over_a_run_hands_no_further_group_out_and_the_next_one_goes_on(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Home(shutil.copytree(older_home.folder, tmp_path / "alone"))
    (store / "inbox" / "new.csv").write_text("text\ngood plot\n")
    monkeypatch.setattr(older_texts, "WORKER_GROUP_BYTES", 50)
    with use_inner_engine(tmp_path / "worker") as engine:
        monkeypatch.setenv("REVIEWS_RESCORE_MINUTES", "0.000001")
        summary = run(rescore=True)
        assert (summary.files_scored, summary.files_rescored, summary.rows_rescored) == (1, 1, 9)
        assert (summary.files_left, summary.rows_left) == (FILES - 1, 8)
        assert set(engine.scored) == {("new.csv",), ("large.csv",)}  # the second one in several pieces
        monkeypatch.delenv("REVIEWS_RESCORE_MINUTES")
        assert run(rescore=True).files_rescored == FILES - 1
    monkeypatch.setenv("REVIEWS_HOME", str(alone.folder))
    run(rescore=True)
    for name in ("rows", "ledger"):
        assert ask(older_home.published, TABLES[name]) == ask(alone.published, TABLES[name])


@pytest.mark.slow
def test_what_a_killed_run_left_in_the_store_is_kept_for_the_files_that_are_left(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = store / "parts" / ensure_home_id(older_home) / "scores" / "manifest.json"
    left.parent.mkdir(parents=True)
    left.write_text("{}")
    older_home.spool.mkdir()
    monkeypatch.setenv("REVIEWS_RESCORE_MINUTES", "0.000001")
    with use_inner_engine(tmp_path / "worker"):
        assert run(rescore=True).files_left > 0
    assert left.exists()


@pytest.mark.slow
def test_workers_are_started_once_for_new_objects_and_for_what_they_score_again(
    older_home: Home, store: Path, tmp_path: Path
) -> None:
    (store / "inbox" / "new.csv").write_text("text\ngood plot\n")
    with use_inner_engine(tmp_path / "worker") as engine:
        summary = run(rescore=True)
    assert (summary.files_scored, summary.files_rescored, engine.opened) == (1, FILES, 1)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(
    "point",
    ["engine: texts stored#2", "engine: part uploaded#2", "engine: scores joined"],
)
def test_texts_are_scored_again_once_though_the_run_is_killed(
    older_home: Home, store: Path, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_to_fault(point, rescore_by_engine, older_home.folder, f"file://{store}", tmp_path / "worker")
    left = {name.split("/")[2] for name in list_parts(store) if name.endswith("manifest.json")}
    made: list[str] = []

    def note(part: StoredPart, *arguments: Any) -> PartManifest:
        made.append(part.key)
        return upload_part(part, *arguments)

    monkeypatch.setattr(text_work, "upload_part", note)
    with use_inner_engine(tmp_path / "worker"):
        run(rescore=True)
    assert not left & set(made)
    assert count(older_home, "scored_reviews") == 2 * 17
    assert list_parts(store) == []
    prove(older_home)


@pytest.mark.slow
def test_a_file_whose_texts_kill_workers_is_named_and_the_others_are_scored(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inner_engine, "KILLER", "shop-a/1.csv")
    with (
        use_inner_engine(tmp_path / "worker"),
        pytest.raises(
            WorkerKilledError, match=r"(?s)Not scored: shop-a/1.csv\nCommitted all the same: 4 files"
        ),
    ):
        run(rescore=True)
    assert [name for name in list_parts(store) if "texts" in name] == []
    assert run(rescore=True).files_rescored == 1
    prove(older_home)


@pytest.mark.slow
def test_a_file_whose_texts_killed_workers_in_three_runs_is_handed_out_only_where_it_is_named(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = "shop-a/1.csv"
    monkeypatch.setattr(inner_engine, "KILLER", killer)
    with use_inner_engine(tmp_path / "worker") as engine:
        for _ in range(rescoring.KILLING_RUNS):
            with pytest.raises(WorkerKilledError, match=killer):
                run(rescore=True)
        before = len(engine.scored)
        [skipped] = run(rescore=True).skipped
        assert (skipped.uri, len(engine.scored)) == (killer, before)
        assert "killed workers in 3 runs" in skipped.reason
        assert [file.uri for file in plan(rescore=True).files] == []
        with pytest.raises(WorkerKilledError, match=killer):
            run(rescore=True, files=[killer])
        promote_small_model(older_home, seed=2)
        with pytest.raises(WorkerKilledError, match=killer):  # by another model they may do no harm
            run(rescore=True)
    assert run(rescore=True).files_rescored == 1  # without workers
    prove(older_home)


@pytest.mark.slow
def test_a_run_that_loses_its_workers_leaves_no_texts_in_the_store_and_the_next_one_goes_on(
    older_home: Home, store: Path, tmp_path: Path
) -> None:
    with use_inner_engine(tmp_path / "worker", lost_after=2), pytest.raises(EngineError, match="was lost"):
        run(rescore=True)
    assert [name for name in list_parts(store) if "texts" in name] == []
    with use_inner_engine(tmp_path / "worker"):
        run(rescore=True)
    assert count(older_home, "scored_reviews") == 2 * 17
    prove(older_home)


@pytest.mark.slow
def test_scores_that_are_damaged_before_they_are_fetched_are_made_anew_by_the_same_run(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload_and_damage(*arguments: Any) -> PartManifest:
        made = upload_part(*arguments)
        [scores] = store.glob("parts/*/*/*/scored_reviews.parquet")
        scores.write_bytes(b"short")
        monkeypatch.setattr(text_work, "upload_part", upload_part)
        return made

    monkeypatch.setattr(text_work, "upload_part", upload_and_damage)
    with use_inner_engine(tmp_path / "worker"):
        run(rescore=True)
    assert count(older_home, "scored_reviews") == 2 * 17


@pytest.mark.slow
@pytest.mark.process
def test_forgetting_leaves_no_byte_of_a_row_among_texts_and_scores_of_a_killed_run(
    older_home: Home, store: Path, tmp_path: Path
) -> None:
    arguments = (older_home.folder, f"file://{store}", tmp_path / "worker")
    run_to_fault("engine: part uploaded", rescore_by_engine, *arguments)
    assert any("texts" in name for name in list_parts(store))
    older_home.spool.mkdir(exist_ok=True)
    (older_home.spool / "texts.parquet").write_bytes(b"what a killed worker on this machine had fetched")
    [(text,)] = ask(
        older_home.published, "select text_sha256 from source_reviews where text like '%fish film 7'"
    )
    forget(older_home, ForgetRequest(text, "text", "ann"), lambda line: None, f"file://{store}")
    assert list_parts(store) == []
    assert not older_home.spool.exists()
    with use_inner_engine(tmp_path / "worker"):
        assert run(rescore=True).rows_rescored == 16
    prove(older_home)


@pytest.mark.slow
def test_a_worker_whose_texts_were_deleted_meanwhile_leaves_nothing(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget_meanwhile(part: StoredPart, *arguments: Any) -> PartManifest:
        made = upload_part(part, *arguments)
        shutil.rmtree(store / "parts" / part.home_id / "texts")
        return made

    monkeypatch.setattr(text_work, "upload_part", forget_meanwhile)
    with use_inner_engine(tmp_path / "worker"), pytest.raises(ReviewsError, match="was deleted meanwhile"):
        run(rescore=True)
    assert list_parts(store) == []
