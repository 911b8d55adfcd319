"""The stages of `score-reviews` that let the workers of an engine score, and commit the parts: new objects, old texts.

Only this run writes to the database. A part is fetched into the home, then committed as one that the home has made.
What other models have scored is handed out by its texts; of it only the scores come back.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
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
from data_contracts.storage.durable import build_folder, make_folder, remove
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from tasks.engine.dask_workers import open_engine
from tasks.engine.dispatch import Engine, score_again, score_groups
from tasks.engine.group_work import GroupSummary, GroupTask, Recipe
from tasks.engine.text_work import TextTask, gather_groups, read_scores
from tasks.inbox.source_files import WORKER_GROUP_BYTES, FoundFile, SkippedFile, SourceFile, group_found_files
from tasks.scoring.plan import ScoringRequest, describe_replaced
from tasks.scoring.rescoring import (
    OlderSource,
    RowRange,
    cut_rows,
    describe_killing,
    make_rescored_part,
    set_aside_killers,
    write_texts,
)
from tasks.scoring.run_outcome import GroupResult
from tasks.stages.log_lines import Figures, list_figures
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.run_page import judge_checks, show_live_progress, warn
from tasks.stages.score import NEXT_STEP, ScoredGroup, keep_checked, score_and_commit, warn_of_failure
from tasks.store.arrivals import fetch_arrivals, place_copy
from tasks.store.connecting import Store, open_store
from tasks.store.copy_upload import remember_store
from tasks.store.stored_bundles import upload_bundle
from tasks.store.stored_parts import StoredPart, collect_parts, delete_part, fetch_part, find_manifest
from tasks.store.stored_texts import StoredTexts, delete_all_texts, delete_texts, put_texts
from tasks.store.workplace import clear_spool
from tasks.support.refusals import refusal
from tasks.support.wording import count
from tasks.warehouse.file_ledger import list_contents, list_done, look_up, record_seen
from tasks.warehouse.model_registry import PromotedModel
from tasks.warehouse.run_log import record_checks

if TYPE_CHECKING:
    from tasks.scoring.groups import ScoringJob

_AnyFile = FoundFile | OlderSource
_Ended = tuple[Sequence[_AnyFile], GroupResult]
"""Some files and what became of them."""


@dataclass(frozen=True)
class FetchedPart(ScoredGroup):
    """A part that a worker made, in the home."""

    worker: str
    seconds: float
    """How long the worker took."""


@dataclass(frozen=True)
class EngineRun:
    """A run that lets workers score, and what it works with."""

    job: "ScoringJob"
    recipe: Recipe
    store: Store
    engine: Engine

    @property
    def home(self) -> Home:
        """The home of the run."""
        return self.job.run.home


@list_figures.register
def _(part: FetchedPart) -> Figures:
    return {"worker": part.worker, "worker_seconds": round(part.seconds, 2)}


@task(name="upload-bundle", **RETRY_TRANSIENT)
def share_bundle(home: Home, store: Store, model: PromotedModel) -> None:
    """Write the model's bundle to the store, from which the workers fetch it, unless it is there."""
    upload_bundle(store, home.bundles / model.model_id, model.bundle_fingerprint)


@task(name="fetch-part", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def fetch_scored(
    part: StoredPart, folder: Path, summary: GroupSummary, make_again: Callable[[], GroupSummary]
) -> FetchedPart:
    """Fetch a part from the store into a new folder of the home, checked by its manifest.

    A part that is damaged there is deleted and made again.
    """
    try:
        return _fetch_part(part, folder, summary)
    except (ObjectDamagedError, ObjectMissingError) as error:
        delete_part(part)
        _warn_of_dropped(error)
    again = make_again()
    if again.key != part.key:
        raise StoreError(
            "Its objects have changed meanwhile, so its part was not committed. Next: run again."
        )
    try:
        return _fetch_part(part, folder, again)
    except (ObjectDamagedError, ObjectMissingError) as error:
        raise StoreError(f"{error} It was made anew already. Next: find who else writes there.") from None


def _fetch_part(part: StoredPart, folder: Path, summary: GroupSummary) -> FetchedPart:
    """Fetch a part; raise `ObjectDamagedError` or `ObjectMissingError` if it is not whole."""
    manifest = find_manifest(part)
    if manifest is None:
        raise ObjectDamagedError(f"{part.store.name(part.folder)}: has no manifest.")
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
        yield GroupResult(tuple(file.uri for file in aside), None, tuple(aside))
    if not (files or again):
        return

    def work(run: EngineRun) -> Iterator[_Ended]:
        yield from _score_objects(run, request, files)
        yield from _rescore(run, again)

    what = [count(len(files), "object")] * bool(files) + [f"{count(len(again), 'file')} again"] * bool(again)
    yield from _use_engine((job, model, request), f"Scoring {' and '.join(what)}", (*files, *again), work)


def _score_objects(run: EngineRun, request: ScoringRequest, files: Sequence[FoundFile]) -> Iterator[_Ended]:
    """Let workers score the objects of a store; yield the files of each group with its result."""
    for group, result in score_groups(run.engine, _make_tasks(run, request, files)):
        yield group.files, _end_group(run, (group, result))


def _rescore(run: EngineRun, older: Sequence[OlderSource]) -> Iterator[_Ended]:
    """Let workers score again what other models have scored, likewise; the texts go to them through the store."""
    if not older:
        return
    try:
        for results in gather_groups(score_groups(run.engine, _make_text_tasks(run, older))):
            yield from _end_texts(run, results)
    finally:
        with suppress(StoreError):  # they are collected when they are old
            delete_all_texts(run.store, run.recipe.home_id)


def _use_engine(
    plan: tuple["ScoringJob", PromotedModel, ScoringRequest],
    name: str,
    files: Sequence[_AnyFile],
    work: Callable[[EngineRun], Iterator[_Ended]],
) -> Iterator[GroupResult]:
    """Yield the results of `work`, which names the files of each; what is left after an error gets it as its result."""
    (job, model, request), left, failed = plan, dict.fromkeys(files), False
    home = job.run.home
    try:
        store, home_id = open_store(str(request.store)), ensure_home_id(home)
        remember_store(home, store.uri)
        collect_parts(store, home_id)
        share_bundle(home, store, model)
        recipe = _make_recipe(job, model, store, home_id)
        with (
            show_live_progress(name, sum(file.size for file in files)) as report,
            open_engine(str(request.engine), home.spool / "workers") as engine,
        ):
            for done, ended in work(EngineRun(job, recipe, store, engine)):
                for file in done:
                    left.pop(file, None)
                report(sum(file.size for file in done))
                yield ended
                failed = failed or ended.error is not None
                if isinstance(ended.error, StoreUnreachableError):
                    return
        if not failed:  # what is left was of attempts that came too late
            collect_parts(store, home_id, timedelta())
    except ReviewsError as error:
        yield warn_of_failure(GroupResult(tuple(file.uri for file in left), None, error=error), error)
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
        refuse = partial(refuse_killer, job, run.recipe.model_id, run.store, group.files[0])
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
        _warn_of_dropped(summary.dropped)
    sources = {file.source_sha256 for file in summary.seen}
    ledger = look_up(job.run.home.warehouse, sources, summary.seen)
    judge_checks(job.run, summary.broken, NEXT_STEP)
    return describe_replaced(summary.seen, ledger)


def _make_text_tasks(run: EngineRun, sources: Sequence[OlderSource]) -> Iterator[TextTask]:
    """Yield the tasks of each group, whose texts are put into the store when a worker is free for them."""
    for group in group_found_files(sources, WORKER_GROUP_BYTES):
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
        texts = put_texts(store, ensure_home_id(home), Path(folder))
    pass_fault_point("engine: texts stored")
    return texts


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
            _warn_of_dropped(summary.dropped)
        part = StoredPart(run.store, run.recipe.home_id, str(summary.key))
        fetch_scored(part, folder / part.key, summary, partial(score_again, run.engine, each))
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
