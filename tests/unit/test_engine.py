"""Tests of the dispatch of groups to workers, with workers that are functions of the test."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import hypothesis.strategies as st
import pytest
from hypothesis import given

from data_contracts.errors import EngineError, ObjectMissingError, StoreError, WorkerKilledError
from data_contracts.rules_and_limits import RowLimits
from data_contracts.storage.home import Home
from tasks.engine import dask_workers
from tasks.engine.dask_workers import DaskEngine, open_engine
from tasks.engine.dispatch import AHEAD, PER_WORKER, Outcome, Task, score_groups
from tasks.engine.worker_group_task import GroupSummary, GroupTask, Recipe, do_work, name_work
from tasks.engine.worker_text_task import TextTask, gather_groups, name_text_work
from tasks.inbox.source_files import GROUP_BYTES, FoundFile, SourceFile
from tasks.reading.rows import ReadOptions
from tasks.scoring.rescoring import ALL_ROWS, OlderSource, cut_rows
from tasks.scoring.run_outcome import GroupResult
from tasks.sources.catalogue import Catalogue
from tasks.stages.engine import committing_groups, rescoring_on_engine
from tasks.stages.engine.committing_groups import end_groups, may_join
from tasks.stages.engine.engine_run import Ended, EngineRun
from tasks.store.checked_folders import CopiedFile
from tasks.store.stored_texts import StoredTexts

RECIPE = Recipe("file:///s", "home", "run", "model", "print", RowLimits(), ReadOptions(), Catalogue())


def make_tasks(*groups: str) -> list[GroupTask]:
    """Return a task for each group; its files are the letters."""
    return [GroupTask(RECIPE, tuple(FoundFile(name, Path(name), 1, 0) for name in group)) for group in groups]


def name_files(task: GroupTask) -> str:
    return "".join(file.uri for file in task.files)


@dataclass
class Workers:
    """An engine that ends the groups in an order of its own; a group with an `x` kills all that are in flight."""

    choose: Callable[[Sequence[str]], int] = lambda names: 0
    workers: int = 2
    fail: str = ""
    most: int = 0
    scored: list[str] = field(default_factory=list)
    running: dict[int, GroupTask] = field(default_factory=dict)
    handles: Iterable[int] = field(default_factory=lambda: iter(range(10**6)))

    def count_workers(self) -> int:
        return self.workers

    def wait_for_worker(self) -> None: ...

    def submit(self, task: Task) -> Any:
        assert isinstance(task, GroupTask)
        handle = next(iter(self.handles))
        self.running[handle] = task
        self.most = max(self.most, len(self.running))
        return handle

    def wait_for_some(self, handles: Collection[Any]) -> Sequence[tuple[Any, Outcome]]:
        killing = [handle for handle in handles if "x" in name_files(self.running[handle])]
        if killing:  # those that wait in the workers that die are suspects too
            return [(handle, None) for handle in handles if self.running.pop(handle)]
        waiting = list(handles)
        handle = waiting[self.choose([name_files(self.running[each]) for each in waiting]) % len(waiting)]
        name = name_files(self.running.pop(handle))
        self.scored.append(name)
        return [(handle, StoreError(name) if name == self.fail else GroupSummary((), (), name))]


def score(workers: Workers, *groups: str) -> list[tuple[str, Any]]:
    return [
        (name_files(task), result.key if isinstance(result, GroupSummary) else type(result))
        for task, result in score_groups(workers, make_tasks(*groups))
    ]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(0, 3))
def test_results_come_in_the_order_of_the_groups_however_they_end(turns: list[int], workers: int) -> None:
    chosen = iter(turns * 40)
    groups = [chr(97 + number) for number in range(20)]
    engine = Workers(lambda names: next(chosen), workers)
    assert score(engine, *groups) == [(name, name) for name in groups]
    assert sorted(engine.scored) == groups
    assert engine.most <= PER_WORKER * max(workers, 1)


def test_groups_after_one_that_takes_long_are_scored_meanwhile_up_to_a_bound() -> None:
    engine = Workers(lambda names: len(names) - 1, workers=1)
    tasks = iter(make_tasks(*(chr(97 + number) for number in range(50))))
    next(score_groups(engine, tasks))
    assert len(engine.scored) == AHEAD


def test_no_worker_waits_for_a_group_while_results_are_given_back() -> None:
    engine = Workers(workers=2)
    for _ in islice(score_groups(engine, make_tasks(*"abcdefghi")), 5):
        assert len(engine.running) == 2 * PER_WORKER


def test_an_error_of_one_group_is_its_result() -> None:
    assert score(Workers(fail="b"), "a", "b", "c") == [("a", "a"), ("b", StoreError), ("c", "c")]


def test_a_file_that_kills_workers_is_found_and_the_others_are_scored() -> None:
    engine = Workers()
    found = score(engine, "ab", "cdxe", "fg", "h", "i")
    assert found == [
        ("ab", "ab"),
        ("cd", "cd"),
        ("x", WorkerKilledError),
        ("e", "e"),
        ("fg", "fg"),
        ("h", "h"),
        ("i", "i"),
    ]


@given(st.lists(st.text("abcx", min_size=1, max_size=9), max_size=9), st.integers(1, 3))
def test_every_file_has_one_result_and_only_those_that_kill_are_named(
    groups: list[str], workers: int
) -> None:
    found = score(Workers(workers=workers), *groups)
    assert "".join(name for name, _ in found) == "".join(groups)
    assert all((result is WorkerKilledError) == (name == "x") for name, result in found)


@dataclass
class Cluster:
    """A client of Dask, and a clock: workers come after so many seconds."""

    come_after: float
    now: float = 0

    def nthreads(self) -> dict[str, int]:
        return {"tcp://worker": 1} if self.now >= self.come_after else {}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait_for_worker(cluster: Cluster, address: str = "tcp://host:8786") -> list[str]:
    """Wait for a worker of a cluster; return what was said."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dask_workers, "time", cluster)
        DaskEngine(cluster, address, said.append).wait_for_worker()
    return said


def test_a_run_that_waits_for_a_worker_says_so_at_once_and_each_minute_until_one_comes() -> None:
    cluster = Cluster(come_after=130)
    first, *others = wait_for_worker(cluster)
    assert first == (
        "waits for a worker: tcp://host:8786 has none. In 5 min the run gives up; the next one goes on. Next: "
        "`dask worker tcp://host:8786 --nthreads 1` on any machine with this project and the store's credentials."
    )
    assert [each.split(". ")[1][:8] for each in others] == ["In 4 min", "In 3 min"]
    assert cluster.now == 130


def test_where_there_is_a_worker_nothing_is_said() -> None:
    assert wait_for_worker(Cluster(come_after=0)) == []


@pytest.mark.parametrize(("address", "has_advice"), [("tcp://host:8786", True), ("local:2", False)])
def test_a_run_gives_up_when_no_worker_comes_for_too_long(address: str, has_advice: bool) -> None:
    cluster = Cluster(come_after=10**6)
    with pytest.raises(EngineError, match=f"{address}: no worker came within 5 min") as caught:
        wait_for_worker(cluster, address)
    assert ("dask worker tcp://host:8786" in str(caught.value), cluster.now) == (has_advice, 300)


def test_the_time_to_score_again_begins_when_there_is_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def begin(groups: Iterator[Any], seconds: float | None) -> Iterator[Any]:
        order.append("time")
        return iter(())

    workers = Workers()
    monkeypatch.setattr(workers, "wait_for_worker", lambda: order.append("worker"))
    monkeypatch.setattr(rescoring_on_engine, "take_in_time", begin)
    monkeypatch.setattr(rescoring_on_engine, "delete_all_texts", lambda *_: None)
    run = EngineRun(cast(Any, None), RECIPE, cast(Any, None), workers)
    list(rescoring_on_engine.rescore(run, [OlderSource("1", "a.csv", "csv", 9, 1)], 60))
    assert order == ["worker", "time"]


def test_without_dask_the_error_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(EngineError, match=r"needs the extra `scale`.*Next: .*pip install"),
        open_engine("local:2", tmp_path),
    ):
        pass


def make_source(name: str, size: int = 1, rows: int = 1) -> OlderSource:
    return OlderSource(name, name, "csv", 1, rows, size=size)


def make_text_task(texts: str, *files: str, in_group: int = 1, recipe: Recipe = RECIPE) -> TextTask:
    stored = StoredTexts("home", CopiedFile(1, texts))
    return TextTask(recipe, tuple(make_source(name) for name in files), stored, in_group)


@given(st.integers(1, 50), st.integers(1, 200), st.integers(1, 60))
def test_the_ranges_into_which_a_file_is_cut_have_each_row_once(rows: int, size: int, most: int) -> None:
    ranges = cut_rows([make_source("a", size, rows)], most)
    inside = [number for first, last in ranges for number in range(max(first, 1), min(last, rows) + 1)]
    assert inside == list(range(1, rows + 1))
    assert len(ranges) == 1 or len(ranges) <= -(-size // most)
    assert cut_rows([make_source("a", size, rows), make_source("b", size, rows)], most) == [ALL_ROWS]


def test_the_tasks_of_a_group_are_committed_together_however_it_was_cut_or_halved() -> None:
    done = GroupSummary((), (), "key")
    tasks = [
        make_text_task("1", "a", "b", in_group=3),
        make_text_task("1", "c", in_group=3),
        make_text_task("2", "d", in_group=2),
        make_text_task("3", "d", in_group=2),
        make_text_task("4", "e"),
    ]
    groups = [[task for task, _ in group] for group in gather_groups((task, done) for task in tasks)]
    assert groups == [tasks[:2], tasks[2:4], tasks[4:]]


def test_scores_are_used_again_only_for_the_same_texts_and_model() -> None:
    others = [
        make_text_task("2", "a"),
        make_text_task("1", "b"),
        make_text_task("1", "a", "b"),
        make_text_task("1", "a", recipe=replace(RECIPE, model_id="other")),
        make_text_task("1", "a", recipe=replace(RECIPE, fingerprint="other")),
    ]
    own = name_text_work(make_text_task("1", "a"))
    assert own not in {name_text_work(task) for task in others}
    assert own == name_text_work(make_text_task("1", "a", recipe=replace(RECIPE, run_id="later")))


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "other"},
        {"fingerprint": "other"},
        {"limits": RowLimits(max_text_chars=7)},
        {"options": ReadOptions(batch_rows=7)},
        {"catalogue": Catalogue(chosen="shop-a")},
    ],
)
def test_a_part_is_used_again_only_for_the_same_work(change: dict[str, Any]) -> None:
    file = SourceFile("s3://b/inbox/a.csv", Path("a.csv"), 1, 0, "f" * 64)
    other = Recipe(**{**vars(RECIPE), **change})
    assert name_work(other, [file]) != name_work(RECIPE, [file])
    again = Recipe(**{**vars(RECIPE), "run_id": "later", "options": ReadOptions(report_reading=print)})
    assert name_work(again, [file]) == name_work(RECIPE, [file])


def make_ready(name: str, content: str = "1") -> tuple[GroupTask, GroupSummary]:
    """Return a group of one object whose part is in the store."""
    found = FoundFile(name, Path(name), len(content), 0)
    seen = SourceFile(name, Path(name), len(content), 0, f"sha256 of {content[:9]}")
    return GroupTask(RECIPE, (found,)), GroupSummary((seen,), (), "key")


@pytest.mark.parametrize(
    ("files", "is_joined"),
    [
        ({"a": "1", "b": "2", "c": "3"}, True),
        ({"a": "1", "c": "2", "b": "3"}, False),
        ({"a": "1", "b": "2", "c": "1"}, False),
        ({"a": "1", "b": "2" * GROUP_BYTES}, False),
    ],
    ids=["in order", "not by name", "a content twice", "too large"],
)
def test_groups_are_committed_at_once_only_if_that_gives_the_same_tables(
    files: dict[str, str], is_joined: bool
) -> None:
    assert may_join([make_ready(name, content) for name, content in files.items()]) == is_joined


def test_groups_that_are_ready_are_committed_before_one_that_failed_and_though_the_workers_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def give() -> Iterator[tuple[GroupTask, GroupSummary | Exception]]:
        yield from (make_ready("a"), make_ready("b", "2"), (make_ready("c")[0], StoreError("gone")))
        yield from (make_ready("d"), make_ready("e", "2"))
        raise EngineError("The scheduler was lost.")

    def commit(run: EngineRun, ready: Sequence[tuple[GroupTask, GroupSummary]]) -> Iterator[Ended]:
        yield tuple(file for group, _ in ready for file in group.files), GroupResult((), None)

    monkeypatch.setattr(committing_groups, "_end_ready", commit)
    monkeypatch.setattr(committing_groups, "_end_group", lambda run, ended: GroupResult((), None))
    ended: list[str] = []
    names = ("".join(file.uri for file in files) for files, _ in end_groups(cast(EngineRun, None), give()))
    with pytest.raises(EngineError):
        ended.extend(names)
    assert ended == ["ab", "c", "de"]


def make_unreadable(folder: Path) -> GroupTask:
    """Return the task of an object that can't be read in a store below a folder, which has no bundle yet."""
    recipe = replace(RECIPE, store=f"file://{folder}/store")
    (folder / "store").mkdir()
    return GroupTask(recipe, (FoundFile(f"{recipe.store}/inbox/gone.csv", folder, 1, 0),))


def test_an_object_that_can_t_be_read_is_skipped_by_a_worker_that_can_read_the_bundle(tmp_path: Path) -> None:
    task = make_unreadable(tmp_path)
    bundle = tmp_path / "store" / "bundles" / RECIPE.model_id / RECIPE.fingerprint
    bundle.mkdir(parents=True)
    bundle.joinpath("manifest.json").write_text("{}", "utf-8")
    [skipped] = do_work(task, Home(tmp_path / "home"), tmp_path).skipped
    assert skipped.reason == "was deleted before it was read"


def test_a_worker_that_can_read_neither_its_objects_nor_the_bundle_fails_the_group(tmp_path: Path) -> None:
    with pytest.raises(ObjectMissingError, match=r"manifest\.json: is not there"):
        do_work(make_unreadable(tmp_path), Home(tmp_path / "home"), tmp_path)
