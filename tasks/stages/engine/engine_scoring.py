"""The stages of `score-reviews` that let the workers of an engine score, and commit the parts: new objects, old texts.

Only this run writes to the database. A part is fetched into the home, then committed as one that the home has made.
What other models have scored is handed out by its texts; of it only the scores come back.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from prefect import task

from data_contracts.errors import EngineLostError, ReviewsError, StoreUnreachableError, WorkerKilledError
from data_contracts.storage.durable import remove
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from tasks.engine.dask_workers import open_engine
from tasks.engine.dispatch import score_groups
from tasks.engine.worker_group_task import GroupTask, Recipe
from tasks.inbox.killed_runs import read_killed_runs
from tasks.inbox.source_files import (
    SHARED_BYTES,
    WORKER_GROUP_BYTES,
    FoundFile,
    group_found_files,
    make_source_file,
)
from tasks.scoring.grown_files import find_earlier
from tasks.scoring.known_files import find_statuses
from tasks.scoring.plan import ScoringRequest
from tasks.scoring.rescoring import OlderSource, set_aside_killers
from tasks.scoring.run_outcome import GroupResult, make_skipped
from tasks.stages.engine.committing_groups import end_groups
from tasks.stages.engine.deadly_objects import refuse_object
from tasks.stages.engine.engine_run import Ended, EngineRun
from tasks.stages.engine.large_objects import score_large_object
from tasks.stages.engine.rescoring_on_engine import rescore
from tasks.stages.log_messages import warn
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.run_page import show_live_progress
from tasks.stages.score import warn_of_failure
from tasks.store.connecting import Store, open_store
from tasks.store.published_upload import remember_store
from tasks.store.stored_bundles import upload_bundle
from tasks.store.stored_parts import collect_parts
from tasks.store.stored_texts import delete_all_texts
from tasks.store.work_folders import clear_spool
from tasks.support.wording import count
from tasks.warehouse.file_ledger import list_contents, list_done
from tasks.warehouse.model_registry import PromotedModel

if TYPE_CHECKING:
    from tasks.scoring.group_to_part import ScoringJob


@task(name="upload-bundle", **RETRY_TRANSIENT)
def share_bundle(home: Home, store: Store, model: PromotedModel) -> None:
    """Write the model's bundle to the store, from which the workers fetch it, unless it is there."""
    upload_bundle(store, home.bundles / model.model_id, model.bundle_fingerprint)


def score_on_engine(
    job: "ScoringJob",
    model: PromotedModel,
    request: ScoringRequest,
    files: Sequence[FoundFile],
    older: Sequence[OlderSource],
) -> Iterator[GroupResult]:
    """Let workers score the objects of a store, then again what other models have scored, and commit what they made.

    Both go group by group, in the order of the groups. If the store or the scheduler does not answer, or no worker is
    left, the groups after it wait for the next run. Texts that have killed workers too often are set aside.
    """
    again, aside = set_aside_killers(older, tries_all=bool(request.named))
    if aside:
        yield make_skipped(aside)
    if not (files or again):
        return

    def work(run: EngineRun) -> Iterator[Ended]:
        yield from score_objects(run, request, files)
        yield from rescore(run, again, request.rescore_seconds)

    what = [count(len(files), "object")] * bool(files) + [f"{count(len(again), 'file')} again"] * bool(again)
    yield from _use_engine((job, model, request), f"Scoring {' and '.join(what)}", (*files, *again), work)


def _use_engine(
    plan: tuple["ScoringJob", PromotedModel, ScoringRequest],
    name: str,
    files: Sequence[FoundFile | OlderSource],
    work: Callable[[EngineRun], Iterator[Ended]],
) -> Iterator[GroupResult]:
    """Yield the results of `work`, which names the files of each; those without one after an error get it as theirs."""
    (job, model, request), waiting = plan, dict.fromkeys(files)
    home = job.run.home
    try:
        store, home_id = open_store(str(request.store)), ensure_home_id(home)
        remember_store(home, store.uri)
        collect_parts(store, home_id)
        delete_all_texts(store, home_id)  # of a killed run
        share_bundle(home, store, model)
        recipe = _make_recipe(job, model, store, home_id)
        with (
            show_live_progress(name, sum(file.size for file in files)) as report,
            open_engine(
                str(request.engine), home.spool / "workers", lambda words: warn(f"{name} {words}")
            ) as engine,
        ):
            for done, ended in work(EngineRun(job, recipe, store, engine)):
                for file in done:
                    waiting.pop(file, None)
                report(sum(file.size for file in done))
                yield ended
                if isinstance(ended.error, StoreUnreachableError):
                    return
    except ReviewsError as error:
        yield warn_of_failure(GroupResult(tuple(file.uri for file in waiting), None, error=error), error)
    finally:
        clear_spool(home)


def _make_recipe(job: "ScoringJob", model: PromotedModel, store: Store, home_id: str) -> Recipe:
    """Return what every worker needs to know."""
    return Recipe(
        store.uri,
        home_id,
        job.run.run_id,
        model.model_id,
        model.bundle_fingerprint,
        job.limits,
        job.options,
        job.catalogue,
    )


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
        earlier = find_earlier(run.home.warehouse, run.job.catalogue, group)
        yield GroupTask(run.recipe, group, _list_known(run.home, group, done), tuple(earlier))


def _list_known(
    home: Home, files: Sequence[FoundFile], done: Collection[str | None]
) -> frozenset[tuple[str, str]]:
    """Return URI and sha256 of what each object may have that need not be scored."""
    contents = list_contents(home.warehouse, {file.size for file in files})
    may_be = [
        make_source_file(file, content)
        for size, content, _ in contents
        for file in files
        if file.size == size
    ]
    statuses = find_statuses(home, may_be, {content: status for _, content, status in contents})
    return frozenset((file.uri, file.source_sha256) for file, status in statuses.items() if status in done)
