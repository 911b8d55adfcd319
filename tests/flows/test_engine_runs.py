"""Tests of `score-reviews` with workers: what they score is committed as what the run itself scores."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_contracts.errors import ContractError, EngineError, UsageError, WorkerKilledError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from flows.command.actions.forget import forget
from tasks.engine import group_work
from tasks.maintenance.forgetting import ForgetRequest
from tasks.scoring.parts import list_uris
from tasks.scoring.plan import ScoringRequest, require_consistent
from tasks.stages import score as stages
from tasks.stages.engine import ended_groups
from tasks.store.connecting import open_store
from tasks.store.stored_parts import PartManifest, StoredPart, upload_part
from tests.support.forked import run_to_fault
from tests.support.inner_engine import score_by_engine, use_inner_engine
from tests.support.scoring_runs import CSV, count, drop, prove, run
from tests.support.small_home import ask
from tests.support.stored_runs import send

ROWS = "select source_sha256, row_number, round(score, 6), text from latest_scores order by all"
LEDGER = "select uri, status, rule, rows_read, source, bytes from scored_files order by all"
CHECKS = "select source_sha256, boundary, rule, success, unexpected_count from contract_results order by all"
QUARANTINED = "select uri, row_number, rule, raw from quarantined_rows order by all"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store that is set, with five objects in its inbox."""
    folder = tmp_path / "store"
    for number in range(3):
        send(folder, f"shop-a/{number}.csv", f"text,stars\ngood film {number},8\nbad plot {number},2\n ,3\n")
    send(folder, "copy.csv", "text,stars\ngood film 1,8\nbad plot 1,2\n ,3\n")
    send(folder, "refused.csv", "stars\n8\n")
    monkeypatch.setenv("REVIEWS_STORE", f"file://{folder}")
    return folder


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def describe(home: Home) -> dict[str, Any]:
    return {query: ask(home.published, query) for query in (ROWS, LEDGER, CHECKS, QUARANTINED)}


@pytest.mark.slow
def test_what_workers_score_equals_what_one_machine_scores(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "mine.csv", CSV)
    alone = Home(shutil.copytree(scoring_home.folder, tmp_path / "alone"))
    with use_inner_engine(tmp_path / "worker"):
        summary = run()
        assert (summary.files_scored, summary.rows_scored, summary.rows_quarantined) == (4, 8, 4)
        assert len(summary.refused) == 1
        assert run().files_scored == 0
    prove(scoring_home)
    assert not [name for name in list_files(store) if name.startswith("parts/")]
    assert not scoring_home.spool.exists()
    monkeypatch.setenv("REVIEWS_HOME", str(alone.folder))
    run()
    assert describe(scoring_home) == describe(alone)


@pytest.mark.slow
def test_groups_that_are_committed_together_give_the_newest_rows_that_one_machine_gives(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scoring_home.sources).mkdir()
    (scoring_home.sources / "club.toml").write_text(
        'each_file = "replaces"\n[columns]\ntext = "words"\n', "utf-8"
    )
    for number in range(3):
        send(store, f"club/{number}.csv", f"words\ngood film of all {number}\nbad film of all {number}\n")
        send(
            store,
            f"days/{number}.csv",
            f"review_id,text\nsame,good film of day {number}\nown-{number},bad film\n",
        )
    alone = Home(shutil.copytree(scoring_home.folder, tmp_path / "alone"))
    with use_inner_engine(tmp_path / "worker"):
        assert run().files_replaced == 2
    prove(scoring_home)
    monkeypatch.setenv("REVIEWS_HOME", str(alone.folder))
    run()
    assert describe(scoring_home) == describe(alone)
    newest = ask(alone.published, "select text from latest_scores where review_id = 'same'")
    assert newest == [("good film of day 2",)]


@pytest.mark.slow
def test_workers_compress_the_texts_that_go_to_the_store(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: set[str] = set()

    def upload(part: StoredPart, folder: Path, run_id: str, postponed: dict[str, str]) -> PartManifest:
        group = pq.read_metadata(folder / "source_reviews.parquet").row_group(0)
        used.update(group.column(number).compression for number in range(group.num_columns))
        return upload_part(part, folder, run_id, postponed)

    monkeypatch.setattr(group_work, "upload_part", upload)
    with use_inner_engine(tmp_path / "worker"):
        assert run().files_scored == 3
    assert used == {"ZSTD"}


@pytest.mark.slow
def test_an_object_that_kills_workers_is_refused_by_name_and_the_others_are_scored(
    scoring_home: Home, store: Path, tmp_path: Path
) -> None:
    send(store, "shop-a/1-killer.csv", "text\na killing film\n")
    with use_inner_engine(tmp_path / "worker"):
        with pytest.raises(WorkerKilledError, match=r"(?s)1-killer.csv.*Committed all the same: 3 files"):
            run()
        assert run().files_scored == 0
    refused = ask(
        scoring_home.published, "select uri, detail from scored_files where rule = 'workers_killed'"
    )
    assert [uri.rpartition("/")[2] for uri, _ in refused] == ["1-killer.csv"]
    assert list_files(scoring_home.parts) == []


@pytest.mark.slow
def test_a_run_that_loses_its_workers_keeps_what_it_has_and_the_next_one_goes_on(
    scoring_home: Home, store: Path, tmp_path: Path
) -> None:
    with (
        use_inner_engine(tmp_path / "worker", lost_after=2),
        pytest.raises(EngineError, match=r"(?s)was lost.*Not scored: "),
    ):
        run()
    with use_inner_engine(tmp_path / "worker"):
        run()
    assert count(scoring_home, "scored_reviews") == 6
    prove(scoring_home)


def damage(folder: Path, name: str, content: bytes) -> None:
    """Write something else into a file of each part in a store."""
    found = [path for path in folder.glob("parts/**/*") if path.name == name]
    assert found
    for path in found:
        path.write_bytes(content)


@pytest.mark.slow
def test_a_part_left_in_the_store_with_a_wrong_manifest_is_made_anew(
    scoring_home: Home, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with use_inner_engine(tmp_path / "worker", lost_after=1), pytest.raises(EngineError):
        run()
    damage(store, "manifest.json", b'{"attempt": "../../../secret", "files": {}}')
    with use_inner_engine(tmp_path / "worker"):
        run()
    assert (
        "is no manifest (its attempt is '../../../secret'). Its part is made anew." in capsys.readouterr().err
    )
    assert count(scoring_home, "scored_reviews") == 6
    assert not (store / "parts").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"), [("manifest.json", b"{}"), ("source_reviews.parquet", b"short")]
)
def test_a_part_that_is_damaged_before_it_is_fetched_is_made_anew_by_the_same_run(
    scoring_home: Home,
    store: Path,
    tmp_path: Path,
    name: str,
    content: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def upload_and_damage(*arguments: Any) -> PartManifest:
        made = upload_part(*arguments)
        damage(store, name, content)
        monkeypatch.setattr(group_work, "upload_part", upload_part)
        return made

    monkeypatch.setattr(group_work, "upload_part", upload_and_damage)
    with use_inner_engine(tmp_path / "worker"):
        run()
    assert count(scoring_home, "scored_reviews") == 6
    prove(scoring_home)


@pytest.mark.slow
def test_a_part_that_cannot_be_committed_does_not_stay_in_the_store(
    scoring_home: Home, store: Path, tmp_path: Path
) -> None:
    with use_inner_engine(tmp_path / "worker", lost_after=1), pytest.raises(EngineError):
        run()
    damage(
        store,
        "manifest.json",
        b'{"attempt": "%s", "run_id": "r", "files": {}, "postponed": {}}' % (b"f" * 32),
    )
    with use_inner_engine(tmp_path / "worker"):
        with pytest.raises(Exception, match="Next: "):
            run()
        run()
    assert count(scoring_home, "scored_reviews") == 6
    prove(scoring_home)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(
    "point",
    [
        "engine: part uploaded#2",
        "engine: part fetched#2",
        "engine: parts joined",
        "score: inside commit",
        "score: after commit",
        "engine: part committed#2",
    ],
)
def test_a_part_is_scored_and_committed_once_though_the_run_is_killed(
    scoring_home: Home, store: Path, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_to_fault(point, score_by_engine, scoring_home.folder, f"file://{store}", tmp_path / "worker")
    left = {
        name.split("/")[2] for name in list_files(store) if name.endswith("manifest.json") and "parts" in name
    }
    made: list[str] = []

    def note(part: StoredPart, *arguments: Any) -> PartManifest:
        made.append(part.key)
        return upload_part(part, *arguments)

    monkeypatch.setattr(group_work, "upload_part", note)
    with use_inner_engine(tmp_path / "worker"):
        run()
    assert not left & set(made)
    assert count(scoring_home, "(select distinct source_sha256, row_number from scored_reviews)") == 6
    assert count(scoring_home, "scored_reviews") == 6
    doubled = (
        "select 1 from contract_results where source_sha256 in (select source_sha256 from scored_reviews) "
    )
    assert (
        ask(scoring_home.warehouse, f"{doubled} group by source_sha256, boundary, rule having count(*) > 1")
        == []
    )
    prove(scoring_home)


@pytest.mark.slow
def test_groups_are_committed_together_and_one_that_cannot_be_harms_no_other(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(store, "shop-a/0-bad.csv", "text,stars\ngood film,8\n")
    send(store, "shop-a/1-more.csv", "text,stars\nbad film,1\n")
    commits: list[str] = []

    whole = stages.commit

    def commit(part_dir: Path, warehouse: Path) -> Any:
        commits.append(" ".join(uri.rpartition("/")[2] for uri in list_uris(part_dir)))
        if "0-bad.csv" in commits[-1]:
            raise ContractError("rows_accounted_for is broken")
        return whole(part_dir, warehouse)

    for module in (ended_groups, stages):
        monkeypatch.setattr(module, "commit", commit)
    with (
        use_inner_engine(tmp_path / "worker"),
        pytest.raises(ContractError, match=r"(?s)is broken.*0-bad.csv"),
    ):
        run()
    assert commits == [
        "copy.csv refused.csv 0-bad.csv 0.csv",
        "copy.csv refused.csv",
        "0-bad.csv 0.csv",
        "1-more.csv 1.csv 2.csv",
    ]
    assert count(scoring_home, "scored_reviews") == 5


def test_workers_without_a_store_are_a_wrong_setting() -> None:
    with pytest.raises(UsageError, match="REVIEWS_STORE"):
        require_consistent(ScoringRequest(engine="local:2"))


@pytest.mark.slow
def test_forgetting_leaves_no_byte_of_a_row_in_parts_in_a_store_that_is_set_no_more(
    scoring_home: Home, store: Path, tmp_path: Path
) -> None:
    send(store, "shop-b/secret.csv", "review_id,text\nr1,a good zebrafish film\n")
    with use_inner_engine(tmp_path / "worker"):
        run()
        left = StoredPart(open_store(f"file://{store}"), ensure_home_id(scoring_home), "abc")
        (tmp_path / "left").mkdir()
        (tmp_path / "left" / "source_reviews.parquet").write_bytes(b"a good zebrafish film")
        upload_part(left, tmp_path / "left", "run-of-a-killed-flow")
    forget(scoring_home, ForgetRequest("r1", None, "ann"), lambda line: None, store=None)
    assert [name for name in list_files(store) if b"zebrafish" in (store / name).read_bytes()] == [
        "inbox/shop-b/secret.csv"
    ]
