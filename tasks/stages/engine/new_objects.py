"""Scoring new objects by workers: groups are handed out; the parts that workers made are fetched and committed."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from data_contracts.errors import EngineLostError, WorkerKilledError
from data_contracts.storage.durable import remove
from tasks.engine.dispatch import score_groups
from tasks.engine.group_work import GroupTask
from tasks.inbox.killed_runs import read_killed_runs
from tasks.inbox.source_files import SHARED_BYTES, WORKER_GROUP_BYTES, FoundFile, group_found_files
from tasks.scoring.plan import ScoringRequest
from tasks.scoring.run_outcome import GroupResult, make_skipped
from tasks.stages.engine.committing_groups import end_groups
from tasks.stages.engine.deadly_objects import refuse_object
from tasks.stages.engine.engine_run import Ended, EngineRun
from tasks.stages.engine.large_objects import score_large_object
from tasks.warehouse.file_ledger import list_contents, list_done


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
        yield from end_groups(run, score_groups(run.engine, _make_tasks(run, request, tuple(some))))
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
        return refuse_object(run, file, result.error)
    finally:
        remove(file.path.parent)  # to be refused it was copied once more


def _make_tasks(run: EngineRun, request: ScoringRequest, files: Sequence[FoundFile]) -> Iterator[GroupTask]:
    """Yield the groups, each with what is known when it is handed out, so that copies of known files are not scored."""
    done = list_done(retry_refused=bool(request.named))
    for group in group_found_files(files, WORKER_GROUP_BYTES):
        known = list_contents(run.home.warehouse, {file.size for file in group}, done)
        yield GroupTask(run.recipe, group, frozenset(known))
