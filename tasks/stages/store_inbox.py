"""The stages of `score-reviews` that read the inbox of an object store: fetch a group of objects, score it, drop it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import StoreError, StoreUnreachableError
from data_contracts.storage.home import Home
from tasks.inbox.killed_runs import read_killed_runs
from tasks.inbox.source_files import FoundFile, SkippedFile, SourceFile, group_found_files
from tasks.scoring.known_files import find_statuses, pick_new, settle_returned
from tasks.scoring.plan import ScoringRequest
from tasks.scoring.run_outcome import GroupResult, describe_replaced, make_skipped
from tasks.stages.log_messages import Figures, list_figures
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.run_page import show_live_progress
from tasks.stages.score import score_and_commit, score_files, score_together, warn_of_failure
from tasks.store.inbox_objects import fetch_arrivals
from tasks.store.work_folders import clear_spool
from tasks.support.wording import count
from tasks.warehouse.file_ledger import look_up, record_seen

if TYPE_CHECKING:
    from tasks.scoring.group_to_part import ScoringJob


@dataclass(frozen=True)
class FetchedGroup:
    """Objects that were copied into the spool: those with new content, and those that could not be read."""

    new: tuple[SourceFile, ...]
    skipped: tuple[SkippedFile, ...]


@list_figures.register
def _(fetched: FetchedGroup) -> Figures:
    return {"files_new": len(fetched.new), "files_skipped": len(fetched.skipped)}


@task(name="fetch-objects", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def fetch_objects(home: Home, request: ScoringRequest, files: Sequence[FoundFile]) -> FetchedGroup:
    """Copy a group of objects into the spool, and record their content, so that known ones are not read again."""
    with show_live_progress(
        f"Fetching {count(len(files), 'object')}", sum(file.size for file in files)
    ) as report:
        fetched = fetch_arrivals(str(request.store), files, report)
    known = [each for each in fetched if isinstance(each, SourceFile)]
    ledger = look_up(home.warehouse, {file.source_sha256 for file in known})
    settle_returned(home, known, ledger.statuses)
    record_seen(home.warehouse, known)
    statuses = find_statuses(home, known, ledger.statuses)
    new = pick_new(known, statuses, retry_refused=bool(request.named))
    skipped = [each for each in fetched if isinstance(each, SkippedFile)]
    return FetchedGroup(tuple(new), (*skipped, *describe_replaced(known, ledger)))


def report_trouble(
    place: str, error: StoreError | None, undone: str = GroupResult.undone
) -> Iterator[GroupResult]:
    """Yield a failed result if a place in the store could not be listed or read, so that the run fails at its end."""
    if error:
        yield warn_of_failure(GroupResult((place,), None, error=error, undone=undone), error)


def score_stored(
    job: "ScoringJob", request: ScoringRequest, files: Sequence[FoundFile]
) -> Iterator[GroupResult]:
    """Fetch, score and commit the objects of a store, group by group, so that the spool holds one group at a time.

    Those over which runs were killed come last, each alone.
    If the store does not answer, the groups after it wait for the next run.
    """
    home = job.run.home
    arranged = read_killed_runs(home).arrange(files, tries_all=bool(request.named))
    groups = group_found_files(arranged.first, request.group_bytes)
    for group in (*groups, *((file,) for file in arranged.last)):
        for result in score_together(home, group, partial(_score_object_group, job, request)):
            clear_spool(home)
            yield result
            if isinstance(result.error, StoreUnreachableError):
                return
    if arranged.aside:
        yield make_skipped(arranged.aside)


def _score_object_group(
    job: "ScoringJob", request: ScoringRequest, files: Sequence[FoundFile]
) -> GroupResult:
    """Fetch a group of objects, score those with new content, and commit them."""
    uris = tuple(file.uri for file in files)
    try:
        fetched = fetch_objects(job.run.home, request, files)
    except Exception as error:  # no error of one group may stop the others
        return warn_of_failure(GroupResult(uris, None, error=error), error)
    if not fetched.new:
        return GroupResult(uris, None, fetched.skipped)
    new = [file.uri for file in fetched.new]
    result = score_and_commit(job.run.home, new, partial(score_files, job, fetched.new))
    return replace(result, postponed=(*fetched.skipped, *result.postponed))
