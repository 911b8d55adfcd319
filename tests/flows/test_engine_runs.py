"""Tests of `score-reviews` with workers: what they score is committed as what the run itself scores."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_contracts.errors import ContractError, EngineError, UsageError, WorkerKilledError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from tasks.engine import worker_group_task
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.scoring.part_folders import list_uris
from tasks.scoring.plan import ScoringRequest, require_consistent
from tasks.stages import score as stages
from tasks.stages.engine import committing_groups, fetched_parts
from tasks.store.connecting import open_store
from tasks.store.published_upload import list_remembered, remember_store
from tasks.store.stored_parts import PartManifest, StoredPart, upload_part
from tests.support.forked import run_to_fault
from tests.support.inner_engine import score_by_engine, use_inner_engine
from tests.support.scoring_runs import CSV, count, describe, drop, plan, prove, run
from tests.support.small_home import ask, copy_scoring_home
from tests.support.stored_runs import TABLES, Pair, list_files, list_parts, score_twice, send

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store that is set, with five objects in its inbox."""
    folder = make_store(tmp_path / "store")
    monkeypatch.setenv("REVIEWS_STORE", f"file://{folder}")
    return folder


def make_store(folder: Path) -> Path:
    """Put three objects, a copy and one that is refused into the inbox of a store."""
    for number in range(3):
        send(folder, f"shop-a/{number}.csv", f"text,stars\ngood film {number},8\nbad plot {number},2\n ,3\n")
    send(folder, "copy.csv", "text,stars\ngood film 1,8\nbad plot 1,2\n ,3\n")
    send(folder, "refused.csv", "stars\n8\n")
    return folder


@pytest.fixture(scope="module")
def compression() -> set[str]:
    """How the texts are compressed that workers write to the store, when they have scored those of `pair`."""
    return set()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, compression: set[str]) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    home, store = copy_scoring_home(Home(folder / "home")), make_store(folder / "store")
    drop(home, "mine.csv", CSV)
    describe(home, 'each_file = "replaces"\n[columns]\ntext = "words"\n', "club")
    for number in range(3):
        send(store, f"club/{number}.csv", f"words\ngood film of all {number}\nbad film of all {number}\n")
        send(
            store,
            f"days/{number}.csv",
            f"review_id,text\nsame,good film of day {number}\nown-{number},bad film\n",
        )

    def upload(part: StoredPart, folder: Path, *others: Any) -> PartManifest:
        group = pq.read_metadata(folder / "source_reviews.parquet").row_group(0)
        compression.update(group.column(number).compression for number in range(group.num_columns))
        return upload_part(part, folder, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_group_task, "upload_part", upload)
        return score_twice(home, store)


@pytest.mark.parametrize("query", TABLES.values(), ids=TABLES)
def test_what_workers_score_equals_what_one_machine_scores(pair: Pair, query: str) -> None:
    rows = ask(pair.home.published, query)
    assert rows == ask(pair.alone.published, query)
    assert rows != []


def test_a_run_counts_what_workers_have_scored_and_what_they_refused(pair: Pair) -> None:
    summary = pair.summary
    assert (summary.files_scored, summary.rows_scored, summary.rows_quarantined) == (10, 20, 4)
    assert summary.files_refused == 1


def test_what_workers_have_scored_is_whole_and_nothing_is_left_to_do_or_to_delete(
    pair: Pair,
) -> None:
    assert pair.left == ()
    assert pair.parts == []
    assert not pair.home.spool.exists()
    prove(pair.home)


def test_of_groups_that_are_committed_together_the_last_rows_and_exports_count(pair: Pair) -> None:
    assert pair.summary.files_replaced == 2
    exports = "select text from latest_scores where source = 'club' and text like 'good%'"
    assert ask(pair.home.published, exports) == [("good film of all 2",)]
    newest = "select text from latest_scores where review_id = 'same'"
    assert ask(pair.home.published, newest) == [("good film of day 2",)]


@pytest.mark.usefixtures("pair")
def test_workers_compress_the_texts_that_go_to_the_store(compression: set[str]) -> None:
    assert compression == {"ZSTD"}


def test_an_object_that_kills_workers_is_refused_by_name_and_the_others_are_scored(
    scoring_home: Home, store: Path, tmp_path: Path
) -> None:
    send(store, "shop-a/1-killer.csv", "text\na killing film\n")
    with use_inner_engine(tmp_path / "worker"):
        with pytest.raises(WorkerKilledError, match=r"(?s)1-killer.csv.*Committed all the same: 3 files"):
            run()
        assert plan().files == ()
    refused = ask(
        scoring_home.published, "select uri, detail from scored_files where rule = 'workers_killed'"
    )
    assert [uri.rpartition("/")[2] for uri, _ in refused] == ["1-killer.csv"]
    assert list_files(scoring_home.parts) == []


@dataclass(frozen=True)
class WentOn:
    """A home in which a run lost its workers, of whose parts one was damaged, and the next run went on."""

    home: Home
    store: Path
    error: str
    """What the first run raised."""
    whole: str
    """The key of the part that the first run left whole."""
    made: Sequence[str]
    """The keys of the parts that the next one made."""
    warned: Sequence[str]


@pytest.fixture(scope="module")
def went_on(tmp_path_factory: pytest.TempPathFactory) -> WentOn:
    folder = tmp_path_factory.mktemp("went-on")
    home, store = copy_scoring_home(Home(folder / "home")), make_store(folder / "store")
    made: list[str] = []
    warned: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_STORE", f"file://{store}")
        patch.setenv("REVIEWS_HOME", str(home.folder))
        with use_inner_engine(folder / "worker", lost_after=2), pytest.raises(EngineError) as raised:
            run()
        damaged, whole = sorted(store.glob("parts/*/*/manifest.json"))
        damaged.write_bytes(b'{"attempt": "../../../secret", "files": {}}')
        note_uploads(patch, made)
        patch.setattr(fetched_parts, "warn", warned.append)
        with use_inner_engine(folder / "worker"):
            run()
    return WentOn(home, store, str(raised.value), whole.parent.name, made, warned)


def note_uploads(patch: pytest.MonkeyPatch, made: list[str]) -> None:
    """Add to a list the key of each part that workers make."""

    def note(part: StoredPart, *arguments: Any) -> PartManifest:
        made.append(part.key)
        return upload_part(part, *arguments)

    patch.setattr(worker_group_task, "upload_part", note)


def test_a_run_that_loses_its_workers_keeps_what_it_has_and_the_next_one_goes_on(went_on: WentOn) -> None:
    assert re.search("(?s)was lost.*Not scored: ", went_on.error)
    assert len(went_on.made) == 2
    assert went_on.whole not in went_on.made
    assert count(went_on.home, "scored_reviews") == 6
    prove(went_on.home)


def test_a_part_left_in_the_store_with_a_wrong_manifest_is_made_anew(went_on: WentOn) -> None:
    [warning] = went_on.warned
    assert "is no manifest (its attempt is '../../../secret'). Its part is made anew." in warning
    assert not (went_on.store / "parts").exists()


def damage_uploads(patch: pytest.MonkeyPatch, store: Path, *damages: tuple[str, bytes]) -> None:
    """Let something else be written into a file of each of the first parts that workers make: a name and a content."""
    left = list(damages)

    def upload_and_damage(part: StoredPart, *arguments: Any) -> PartManifest:
        made = upload_part(part, *arguments)
        if left:
            name, content = left.pop(0)
            [path] = store.glob(f"parts/*/{part.key}/**/{name}")
            path.write_bytes(content)
        return made

    patch.setattr(worker_group_task, "upload_part", upload_and_damage)


def test_parts_that_are_damaged_before_they_are_fetched_are_made_anew_by_the_same_run(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage_uploads(monkeypatch, store, ("manifest.json", b"{}"), ("source_reviews.parquet", b"short"))
    with use_inner_engine(tmp_path / "worker") as engine:
        run()
    assert len(engine.scored) == 5  # three groups, two of them twice
    assert count(scoring_home, "scored_reviews") == 6
    prove(scoring_home)


def test_a_part_that_cannot_be_committed_does_not_stay_in_the_store(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = b'{"attempt": "%s", "run_id": "r", "files": {}, "postponed": {}}' % (b"f" * 32)
    damage_uploads(monkeypatch, store, ("manifest.json", empty))
    with use_inner_engine(tmp_path / "worker"):
        with pytest.raises(Exception, match="Next: "):
            run()
        run()
    assert count(scoring_home, "scored_reviews") == 6
    prove(scoring_home)


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
    left = {name.split("/")[2] for name in list_parts(store) if name.endswith("manifest.json")}
    made: list[str] = []
    note_uploads(monkeypatch, made)
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

    for module in (committing_groups, stages):
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


def test_a_home_knows_the_store_to_which_workers_write(pair: Pair) -> None:
    assert list_remembered(pair.home) == [f"file://{pair.store}"]


def test_forgetting_leaves_no_byte_of_a_row_in_parts_in_a_store_that_is_set_no_more(
    scored_home: Home, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    send(store, "a.csv")
    remember_store(scored_home, f"file://{store}")
    left = StoredPart(open_store(f"file://{store}"), ensure_home_id(scored_home), "abc")
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "source_reviews.parquet").write_bytes(b"good film")
    upload_part(left, tmp_path / "left", "run-of-a-killed-flow")
    forget_everywhere(scored_home, ForgetRequest("a", None, "ann"), lambda line: None, store=None)
    assert [name for name in list_files(store) if b"good film" in (store / name).read_bytes()] == [
        "inbox/a.csv"
    ]
