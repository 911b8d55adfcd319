"""Scoring again by workers what other models have scored: its texts are handed out, and only the scores come back."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import ReviewsError, StoreError, WorkerKilledError
from data_contracts.storage.durable import make_folder, remove
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from tasks.engine.dispatch import score_again, score_groups
from tasks.engine.worker_group_task import GroupSummary
from tasks.engine.worker_text_task import TextTask, gather_groups, read_scores
from tasks.inbox.source_files import WORKER_GROUP_BYTES, group_found_files
from tasks.scoring.rescoring import (
    OlderSource,
    RowRange,
    cut_rows,
    describe_killing,
    make_rescored_part,
    take_in_time,
    write_texts,
)
from tasks.scoring.run_outcome import GroupResult, make_left
from tasks.stages.engine.engine_run import Ended, EngineRun
from tasks.stages.engine.fetched_parts import fetch_scored, fetch_whole, warn_of_dropped
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.score import ScoredGroup, keep_checked, score_and_commit, warn_of_failure
from tasks.store.connecting import Store
from tasks.store.stored_parts import StoredPart, delete_part
from tasks.store.stored_texts import StoredTexts, delete_all_texts, delete_texts, put_texts
from tasks.warehouse.run_log import record_checks

if TYPE_CHECKING:
    from tasks.scoring.group_to_part import ScoringJob


def rescore(run: EngineRun, older: Sequence[OlderSource], seconds: float | None) -> Iterator[Ended]:
    """Let workers score again what other models have scored; yield the files of each group with its result.

    After so many seconds with a worker no further group is begun, and those that are left get that as their result.
    """
    if not older:
        return
    run.engine.wait_for_worker()
    groups = iter(group_found_files(older, WORKER_GROUP_BYTES))
    try:
        tasks = _make_text_tasks(run, take_in_time(groups, seconds))
        for results in gather_groups(score_groups(run.engine, tasks)):
            yield from _end_texts(run, results)
    finally:
        with suppress(StoreError):  # they are collected when they are old
            delete_all_texts(run.store, run.recipe.home_id)
    if (waiting := make_left(groups)).left:
        yield waiting.left, waiting


def _make_text_tasks(run: EngineRun, groups: Iterable[tuple[OlderSource, ...]]) -> Iterator[TextTask]:
    """Yield the tasks of each group, whose texts are put into the store when a worker is free for them."""
    for group in groups:
        ranges = cut_rows(group, WORKER_GROUP_BYTES)
        for rows in ranges:
            texts = store_texts(run.home, run.store, group, rows)
            yield TextTask(run.recipe, group, texts, len(ranges) * len(group))


@task(name="store-texts", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def store_texts(home: Home, store: Store, sources: Sequence[OlderSource], rows: RowRange) -> StoredTexts:
    """Write the texts of some rows of sources to the store."""
    make_folder(home.spool)
    with TemporaryDirectory(dir=home.spool) as folder:
        write_texts(home.published, sources, rows, Path(folder) / "texts.parquet")
        return put_texts(store, ensure_home_id(home), Path(folder))


def _end_texts(
    run: EngineRun, results: Sequence[tuple[TextTask, GroupSummary | Exception]]
) -> Iterator[tuple[Sequence[OlderSource], GroupResult]]:
    """Commit what workers made of the texts of a group; yield an error for the files of which some rows failed."""
    failed = {each.files: result for each, result in results if isinstance(result, Exception)}
    for files, error in failed.items():
        uris = tuple(file.uri for file in files)
        if isinstance(error, WorkerKilledError):
            with suppress(ReviewsError):  # then the texts are tried in one more run
                record_checks(run.job.run, [describe_killing(files[0], run.recipe.model_id)])
        yield files, warn_of_failure(GroupResult(uris, None, error=error), error)
    done = [
        (each, result)
        for each, result in results
        if isinstance(result, GroupSummary) and each.files not in failed
    ]
    if whole := tuple(dict.fromkeys(file for each, _ in done for file in each.files)):
        uris = tuple(file.uri for file in whole)
        yield whole, score_and_commit(run.home, uris, partial(_join_texts, run, whole, done))
    with suppress(StoreError):  # they are collected when they are old
        delete_texts(run.store, [each.texts for each, _ in results])


def _join_texts(
    run: EngineRun, sources: Sequence[OlderSource], done: Sequence[tuple[TextTask, GroupSummary]]
) -> ScoredGroup:
    """Fetch the scores of some sources, and make the part of them."""
    folder, parts = run.home.spool / "scores", []
    for each, summary in done:
        if summary.dropped:
            warn_of_dropped(summary.dropped)
        part = StoredPart(run.store, run.recipe.home_id, str(summary.key))
        make_again = partial(score_again, run.engine, each)
        fetch = partial(fetch_whole, part, summary=summary, make_again=make_again)
        fetch_scored(folder / part.key, fetch)
        parts.append(part)
    try:
        return join_scores(run.job, run.recipe.model_id, sources, [folder / part.key for part in parts])
    finally:  # also where they break the contract: they are made anew then
        pass_fault_point("engine: scores joined")
        remove(folder)
        with suppress(StoreError):  # they are collected when they are old
            for part in parts:
                delete_part(part)


@task(name="join-scores", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def join_scores(
    job: "ScoringJob", model_id: str, sources: Sequence[OlderSource], folders: Sequence[Path]
) -> ScoredGroup:
    """Make the part of sources from the scores in folders, and record its checks."""
    scores = (read_scores(folder, job.run.run_id) for folder in folders)
    return keep_checked(job.run, make_rescored_part(job, model_id, sources, scores))
