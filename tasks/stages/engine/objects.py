"""Scoring new objects by workers: groups are handed out; the parts that workers made are fetched and committed."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import EngineLostError, StoreError, WorkerKilledError
from data_contracts.storage.durable import remove
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.engine.dispatch import score_again, score_groups
from tasks.engine.group_work import GroupSummary, GroupTask
from tasks.inbox.killed_runs import read_killed_runs
from tasks.inbox.source_files import (
    SHARED_BYTES,
    WORKER_GROUP_BYTES,
    FoundFile,
    SkippedFile,
    SourceFile,
    group_found_files,
)
from tasks.scoring.plan import ScoringRequest
from tasks.scoring.run_outcome import GroupResult, describe_replaced, make_skipped
from tasks.stages.engine.engine_run import Ended, EngineRun, fetch_scored, warn_of_dropped
from tasks.stages.engine.large_objects import score_large_object
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.run_page import judge_checks
from tasks.stages.score import NEXT_STEP, ScoredGroup, score_and_commit, warn_of_failure
from tasks.store.arrivals import fetch_arrivals, place_copy
from tasks.store.connecting import Store
from tasks.store.stored_parts import StoredPart, delete_part
from tasks.support.refusals import refusal
from tasks.warehouse.file_ledger import list_contents, list_done, look_up, record_seen

if TYPE_CHECKING:
    from tasks.scoring.groups import ScoringJob


@task(name="refuse-file", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def refuse_killer(job: "ScoringJob", model_id: str, store: Store, file: FoundFile) -> ScoredGroup:
    """Make a part by which an object is refused over which workers died."""
    from tasks.scoring.groups import refuse_unread
    from tasks.scoring.parts import keep_part

    [fetched] = fetch_arrivals(store.uri, [place_copy(file, job.run.home.spool)])
    if not isinstance(fetched, SourceFile):
        raise StoreError(f"{fetched.uri}: {fetched.reason}")
    record_seen(job.run.home.warehouse, [fetched])
    error = refusal("workers_killed", "several workers ended while they read or scored it, alone too")
    return ScoredGroup(keep_part(refuse_unread(job, model_id, fetched, error)), ())


def score_objects(run: EngineRun, request: ScoringRequest, files: Sequence[FoundFile]) -> Iterator[Ended]:
    """Let workers score the objects of a store, in their order; yield the files of each group with its result.

    The rows of a large object are shared out among them while they score nothing else. Those over which runs were
    killed come last.
    """
    arranged = read_killed_runs(run.home).arrange(files, tries_all=bool(request.named))
    for is_large, some in groupby((*arranged.first, *arranged.last), lambda file: file.size >= SHARED_BYTES):
        if is_large:
            yield from (((file,), _share_out(run, request, file)) for file in some)
            continue
        for group, result in score_groups(run.engine, _make_tasks(run, request, tuple(some))):
            yield group.files, _end_group(run, (group, result))
    if arranged.aside:
        uris = {file.uri for file in arranged.aside}
        yield tuple(file for file in files if file.uri in uris), make_skipped(arranged.aside)


def _share_out(run: EngineRun, request: ScoringRequest, file: FoundFile) -> GroupResult:
    """Let all workers score the rows of an object; raise `EngineLostError` if there are none any more."""
    result = score_large_object(run, request, file)
    if isinstance(result.error, EngineLostError):
        raise result.error
    if not isinstance(result.error, WorkerKilledError):
        return result
    try:
        return _refuse(run, file, result.error)
    finally:
        remove(file.path.parent)  # to be refused it was copied once more


def _refuse(run: EngineRun, file: FoundFile, error: WorkerKilledError) -> GroupResult:
    """Refuse an object that kills workers; return the error with what was committed."""
    refuse = partial(refuse_killer, run.job, run.recipe.model_id, run.store, file)
    refused = score_and_commit(run.home, (file.uri,), refuse)
    return refused if refused.error else replace(refused, error=error)


def _make_tasks(run: EngineRun, request: ScoringRequest, files: Sequence[FoundFile]) -> Iterator[GroupTask]:
    """Yield the groups, each with what is known when it is handed out, so that copies of known files are not scored."""
    done = list_done(retry_refused=bool(request.named))
    for group in group_found_files(files, WORKER_GROUP_BYTES):
        known = list_contents(run.home.warehouse, {file.size for file in group}, done)
        yield GroupTask(run.recipe, group, frozenset(known))


def _end_group(run: EngineRun, ended: tuple[GroupTask, GroupSummary | Exception]) -> GroupResult:
    """Commit what a worker made of a group; return an error as a result, so that other groups go on."""
    (group, result), job = ended, run.job
    uris = tuple(file.uri for file in group.files)
    if isinstance(result, WorkerKilledError):
        refused = _refuse(run, group.files[0], result)
        return warn_of_failure(refused, result) if refused.error is result else refused
    if isinstance(result, Exception):
        return warn_of_failure(GroupResult(uris, None, error=result), result)
    try:
        replaced = _record_summary(job, result)
    except Exception as error:  # no error of one group may stop the others
        return warn_of_failure(GroupResult(uris, None, error=error), error)
    if result.key is None:
        return GroupResult(uris, None, (*result.skipped, *replaced))
    part = StoredPart(run.store, run.recipe.home_id, result.key)
    make_again = partial(score_again, run.engine, group)
    fetch = partial(fetch_scored, part, run.home.parts / part.key, result, make_again)
    done = score_and_commit(job.run.home, uris, fetch)
    _drop_fetched(part, job.run.home, done)
    return replace(done, postponed=(*replaced, *done.postponed))


def _drop_fetched(part: StoredPart, home: Home, done: GroupResult) -> None:
    """Delete a part in the store that was committed, or that the home keeps for the next run."""
    if done.committed or (home.parts / part.key).exists():
        pass_fault_point("engine: part committed")
        with suppress(StoreError):  # it is collected when it is old
            delete_part(part)


def _record_summary(job: "ScoringJob", summary: GroupSummary) -> list[SkippedFile]:
    """Record which objects were seen, with which content; raise `ContractError` if a contract is broken.

    Return the objects that hold a full export which was replaced since.
    """
    if summary.dropped:
        warn_of_dropped(summary.dropped)
    sources = {file.source_sha256 for file in summary.seen}
    ledger = look_up(job.run.home.warehouse, sources, summary.seen)
    judge_checks(job.run, summary.broken, NEXT_STEP)
    return describe_replaced(summary.seen, ledger)
