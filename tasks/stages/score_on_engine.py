"""The stages of `score-reviews` that let the workers of an engine score the objects of a store, and commit the parts.

Only this run writes to the database. A part is fetched into the home, then committed as one that the home has made.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import (
    ObjectDamagedError,
    ObjectMissingError,
    ReviewsError,
    StoreError,
    StoreUnreachableError,
    WorkerKilledError,
)
from data_contracts.storage.durable import build_folder
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from tasks.engine.dask_workers import open_engine
from tasks.engine.dispatch import Engine, Result, score_again, score_groups
from tasks.engine.group_work import GroupSummary, GroupTask, Recipe
from tasks.inbox.source_files import FoundFile, SkippedFile, SourceFile, group_found_files
from tasks.scoring.plan import ScoringRequest, describe_replaced
from tasks.scoring.run_outcome import GroupResult
from tasks.stages.log_lines import Figures, list_figures
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.run_page import judge_checks, show_live_progress, warn
from tasks.stages.score import NEXT_STEP, ScoredGroup, score_and_commit, warn_of_failure
from tasks.stages.score_objects import clear_spool
from tasks.store.arrivals import fetch_arrivals, place_copy
from tasks.store.connecting import Store, open_store
from tasks.store.stored_bundles import upload_bundle
from tasks.store.stored_parts import StoredPart, collect_parts, delete_part, fetch_part, find_manifest
from tasks.support.refusals import refusal
from tasks.support.wording import count
from tasks.warehouse.file_ledger import list_contents, list_done, look_up, record_seen
from tasks.warehouse.model_registry import PromotedModel

if TYPE_CHECKING:
    from tasks.scoring.groups import ScoringJob

GROUP_BYTES = 8 << 20
"""Most bytes of a worker's group, unless one object alone is larger: less than on one machine, so that all workers end
at about the same time."""


@dataclass(frozen=True)
class FetchedPart(ScoredGroup):
    """A part that a worker made, in the home."""

    worker: str
    seconds: float
    """How long the worker took."""


@list_figures.register
def _(part: FetchedPart) -> Figures:
    return {"worker": part.worker, "worker_seconds": round(part.seconds, 2)}


@task(name="upload-bundle", **RETRY_TRANSIENT)
def share_bundle(home: Home, store: Store, model: PromotedModel) -> None:
    """Write the model's bundle to the store, from which the workers fetch it, unless it is there."""
    upload_bundle(store, home.bundles / model.model_id, model.bundle_fingerprint)


@task(name="fetch-part", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def fetch_scored(
    part: StoredPart, home: Home, summary: GroupSummary, make_again: Callable[[], GroupSummary]
) -> FetchedPart:
    """Fetch a part from the store into the home, checked by its manifest; the part may then be committed.

    A part that is damaged there is deleted and made again.
    """
    try:
        return _fetch_part(part, home, summary)
    except (ObjectDamagedError, ObjectMissingError) as error:
        delete_part(part)
        _warn_of_dropped(error)
    again = make_again()
    if again.key != part.key:
        raise StoreError(
            "Its objects have changed meanwhile, so its part was not committed. Next: run again."
        )
    try:
        return _fetch_part(part, home, again)
    except (ObjectDamagedError, ObjectMissingError) as error:
        raise StoreError(f"{error} It was made anew already. Next: find who else writes there.") from None


def _fetch_part(part: StoredPart, home: Home, summary: GroupSummary) -> FetchedPart:
    """Fetch a part; raise `ObjectDamagedError` or `ObjectMissingError` if it is not whole."""
    manifest = find_manifest(part)
    if manifest is None:
        raise ObjectDamagedError(f"{part.store.name(part.folder)}: has no manifest.")
    folder = home.parts / part.key
    with build_folder(folder, replace=True) as building:
        fetch_part(part, manifest, building)
        pass_fault_point("engine: part fetched")
    return FetchedPart(folder, summary.skipped, summary.worker, summary.seconds)


def _warn_of_dropped(problem: object) -> None:
    """Warn that a part in the store is not used."""
    warn(f"{str(problem).partition(' Next: ')[0]} Its part is made anew.")


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


def score_on_engine(
    job: "ScoringJob", model: PromotedModel, request: ScoringRequest, files: Sequence[FoundFile]
) -> Iterator[GroupResult]:
    """Let workers score the objects of a store, group by group, and commit what they made, in the order of the groups.

    If the store or the scheduler does not answer, or no worker is left, the groups after it wait for the next run.
    """
    home, left, failed = job.run.home, {file.uri for file in files}, False
    try:
        store = open_store(str(request.store))
        home_id = ensure_home_id(home)
        collect_parts(store, home_id)
        share_bundle(home, store, model)
        recipe = _make_recipe(job, model, store, home_id)
        name, size = f"Scoring {count(len(files), 'object')}", sum(file.size for file in files)
        with (
            show_live_progress(name, size) as report,
            open_engine(str(request.engine), home.spool / "workers") as engine,
        ):
            for group, result in score_groups(engine, _make_tasks(recipe, home, request, files)):
                ended = _end_group(job, recipe, engine, (group, result))
                left -= {file.uri for file in group.files}
                report(sum(file.size for file in group.files))
                yield ended
                failed = failed or ended.error is not None
                if isinstance(ended.error, StoreUnreachableError):
                    return
        if not failed:  # what is left was of attempts that came too late
            collect_parts(store, home_id, timedelta())
    except ReviewsError as error:
        uris = tuple(file.uri for file in files if file.uri in left)
        yield warn_of_failure(GroupResult(uris, None, error=error), error)
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


def _make_tasks(
    recipe: Recipe, home: Home, request: ScoringRequest, files: Sequence[FoundFile]
) -> Iterator[GroupTask]:
    """Yield the groups, each with what is known when it is handed out, so that copies of known files are not scored."""
    done = list_done(retry_refused=bool(request.named))
    for group in group_found_files(files, GROUP_BYTES):
        known = list_contents(home.warehouse, {file.size for file in group}, done)
        yield GroupTask(recipe, group, frozenset(known))


def _end_group(job: "ScoringJob", recipe: Recipe, engine: Engine, ended: Result) -> GroupResult:
    """Commit what a worker made of a group; return an error as a result, so that other groups go on."""
    group, result = ended
    uris, store = tuple(file.uri for file in group.files), open_store(recipe.store)
    if isinstance(result, WorkerKilledError):
        refuse = partial(refuse_killer, job, recipe.model_id, store, group.files[0])
        refused = score_and_commit(job.run.home, uris, refuse)
        return refused if refused.error else warn_of_failure(replace(refused, error=result), result)
    if isinstance(result, Exception):
        return warn_of_failure(GroupResult(uris, None, error=result), result)
    try:
        replaced = _record_summary(job, result)
    except Exception as error:  # no error of one group may stop the others
        return warn_of_failure(GroupResult(uris, None, error=error), error)
    if result.key is None:
        return GroupResult(uris, None, (*result.skipped, *replaced))
    part = StoredPart(store, recipe.home_id, result.key)
    fetch = partial(fetch_scored, part, job.run.home, result, partial(score_again, engine, group))
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
        _warn_of_dropped(summary.dropped)
    sources = {file.source_sha256 for file in summary.seen}
    ledger = look_up(job.run.home.warehouse, sources, summary.seen)
    judge_checks(job.run, summary.broken, NEXT_STEP)
    return describe_replaced(summary.seen, ledger)
