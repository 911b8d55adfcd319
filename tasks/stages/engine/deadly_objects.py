"""Refuses an object over which several workers died, so that the others go on."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import StoreError, WorkerKilledError
from tasks.inbox.source_files import FoundFile, SourceFile
from tasks.scoring.run_outcome import GroupResult
from tasks.stages.engine.engine_run import EngineRun
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.score import ScoredGroup, score_and_commit
from tasks.store.connecting import Store
from tasks.store.inbox_objects import fetch_arrivals, place_copy
from tasks.support.refusals import refusal
from tasks.warehouse.file_ledger import record_seen

if TYPE_CHECKING:
    from tasks.scoring.group_to_part import ScoringJob


@task(name="refuse-file", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def refuse_killer(job: "ScoringJob", model_id: str, store: Store, file: FoundFile) -> ScoredGroup:
    """Make a part by which an object is refused over which workers died."""
    from tasks.scoring.group_to_part import refuse_unread
    from tasks.scoring.part_folders import keep_part

    [fetched] = fetch_arrivals(store.uri, [place_copy(file, job.run.home.spool)])
    if not isinstance(fetched, SourceFile):
        raise StoreError(f"{fetched.uri}: {fetched.reason}")
    record_seen(job.run.home.warehouse, [fetched])
    error = refusal("workers_killed", "several workers ended while they read or scored it, alone too")
    return ScoredGroup(keep_part(refuse_unread(job, model_id, fetched, error)), ())


def refuse_object(run: EngineRun, file: FoundFile, error: WorkerKilledError) -> GroupResult:
    """Refuse an object that kills workers; return the error with what was committed."""
    refuse = partial(refuse_killer, run.job, run.recipe.model_id, run.store, file)
    refused = score_and_commit(run.home, (file.uri,), refuse)
    return refused if refused.error else replace(refused, error=error)
