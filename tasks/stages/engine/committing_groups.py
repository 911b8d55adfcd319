"""Commits what workers made of groups of objects, in the order of the groups, several in one transaction.

A commit costs as much as some thousand reviews, beside what its rows cost. So the parts of groups that follow each
other are joined to one, as large as a group on one machine, where that gives what their commits one by one would. If
anything goes wrong with it, each is committed by itself, so that one group harms no other.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256

from data_contracts.errors import ReviewsError, StoreError, StoreUnreachableError, WorkerKilledError
from data_contracts.storage.durable import remove
from data_contracts.storage.faults import pass_fault_point
from tasks.engine.dispatch import score_again
from tasks.engine.worker_group_task import GroupSummary, GroupTask
from tasks.inbox.source_files import GROUP_BYTES, GROUP_FILES, SkippedFile
from tasks.scoring.run_outcome import GroupResult, describe_replaced
from tasks.stages.engine.deadly_objects import refuse_object
from tasks.stages.engine.engine_run import Ended, EngineRun
from tasks.stages.engine.fetched_parts import Fetch, fetch_joined, fetch_scored, fetch_whole, warn_of_dropped
from tasks.stages.log_messages import log_warning
from tasks.stages.run_page import judge_checks
from tasks.stages.score import NEXT_STEP, commit, may_be_of_a_file, score_and_commit, warn_of_failure
from tasks.store.stored_parts import StoredPart, delete_part
from tasks.support.interruption import stop_if_interrupted
from tasks.warehouse.file_ledger import look_up, record_seen
from tasks.warehouse.readings.grown_files import replace_returned

Ready = tuple[GroupTask, GroupSummary]
"""A group with what its worker said of it; its part is complete in the store."""


def end_groups(
    run: EngineRun, results: Iterable[tuple[GroupTask, GroupSummary | Exception]]
) -> Iterator[Ended]:
    """Commit what workers made of groups, in order; yield the files of those that were committed together."""
    ready: list[Ready] = []
    try:
        for group, result in results:
            other = _find_ready(group, result)
            if ready and not (other and may_join([*ready, other])):
                yield from _end_ready(run, ready)
                ready = []
            if other:
                ready.append(other)
            else:
                yield group.files, _end_group(run, (group, result))
    except ReviewsError:  # no group comes any more, and what is ready is not to wait for the next run
        yield from _end_ready(run, ready)
        raise
    yield from _end_ready(run, ready)


def _find_ready(group: GroupTask, result: GroupSummary | Exception) -> Ready | None:
    """Return a group whose worker has left a part of it; None if there is none."""
    return (group, result) if isinstance(result, GroupSummary) and result.key is not None else None


def may_join(groups: Sequence[Ready]) -> bool:
    """Return whether one commit of groups is no larger than on one machine, and gives what their own commits would.

    In one commit the files arrive in the order of their names, and each content must be there once.
    """
    files = [file for group, _ in groups for file in group.files]
    contents = [file.source_sha256 for _, summary in groups for file in summary.seen]
    uris = [file.uri for file in files]
    return (
        len(files) <= GROUP_FILES
        and sum(file.size for file in files) <= GROUP_BYTES
        and uris == sorted(uris)
        and len(contents) == len(set(contents))
    )


def _end_ready(run: EngineRun, ready: Sequence[Ready]) -> Iterator[Ended]:
    """Commit the parts of groups at once, or, where that fails, one by one."""
    if len(ready) > 1 and (done := _commit_joined(run, ready)):
        yield tuple(file for group, _ in ready for file in group.files), done
        return
    for each in ready:
        yield each[0].files, _end_group(run, each)


def _commit_joined(run: EngineRun, ready: Sequence[Ready]) -> GroupResult | None:
    """Commit the parts of several groups in one transaction; return None if that fails, unless the store is silent."""
    parts = [_name_part(run, summary) for _, summary in ready]
    folder = run.home.parts / sha256("".join(part.key for part in parts).encode()).hexdigest()[:24]
    uris = tuple(file.uri for group, _ in ready for file in group.files)
    try:
        replaced = _record_summaries(run, [summary for _, summary in ready])
        fetched = fetch_joined(folder, [_describe_fetch(run, each) for each in ready])
        committed = commit(fetched.part_dir, run.home.warehouse)
    except StoreUnreachableError as error:  # nor would it answer for one of them
        return warn_of_failure(GroupResult(uris, None, error=error), error)
    except Exception as error:  # one of the groups is at fault, or each fails likewise
        stop_if_interrupted(error)
        log_warning(
            f"{len(ready)} parts could not be committed together: {error} Each is committed by itself."
        )
        remove(folder)
        return None
    for part in parts:
        _drop_part(part)
    return GroupResult(uris, committed, (*replaced, *fetched.postponed))


def _name_part(run: EngineRun, summary: GroupSummary) -> StoredPart:
    """Return the place of the part of a group in the store."""
    return StoredPart(run.store, run.recipe.home_id, str(summary.key))


def _describe_fetch(run: EngineRun, ready: Ready) -> Fetch:
    """Return what fetches the part of a group into a folder."""
    group, summary = ready
    make_again = partial(score_again, run.engine, group)
    return partial(fetch_whole, _name_part(run, summary), summary=summary, make_again=make_again)


def _end_group(run: EngineRun, ended: tuple[GroupTask, GroupSummary | Exception]) -> GroupResult:
    """Commit what a worker made of a group; return an error as a result, so that other groups go on."""
    group, result = ended
    uris = tuple(file.uri for file in group.files)
    if isinstance(result, WorkerKilledError):
        refused = refuse_object(run, group.files[0], result)
        return warn_of_failure(refused, result) if refused.error is result else refused
    if isinstance(result, Exception):
        return warn_of_failure(GroupResult(uris, None, error=result), result)
    try:
        replaced = _record_summaries(run, [result])
    except Exception as error:  # no error of one group may stop the others
        return warn_of_failure(GroupResult(uris, None, error=error), error)
    if result.key is None:
        return GroupResult(uris, None, (*result.skipped, *replaced))
    folder = run.home.parts / result.key
    fetch = partial(fetch_scored, folder, _describe_fetch(run, (group, result)))
    done = score_and_commit(run.home, uris, fetch)
    # The home keeps it for the next run, or it never can be committed.
    if done.committed or folder.exists() or may_be_of_a_file(done.error):
        _drop_part(_name_part(run, result))
    return replace(done, postponed=(*replaced, *done.postponed))


def _drop_part(part: StoredPart) -> None:
    """Delete a part in the store that the home has."""
    pass_fault_point("engine: part committed")
    with suppress(StoreError):  # it is collected when it is old
        delete_part(part)


def _record_summaries(run: EngineRun, summaries: Sequence[GroupSummary]) -> list[SkippedFile]:
    """Record which objects were seen, with which content; raise `ContractError` if a contract is broken.

    Return the objects that hold a full export which was replaced since.
    """
    for summary in summaries:
        if summary.dropped:
            warn_of_dropped(summary.dropped)
    seen = [file for summary in summaries for file in summary.seen]
    ledger = look_up(run.home.warehouse, {file.source_sha256 for file in seen})
    returned = [file for file in seen if file.grown_from and file.source_sha256 in ledger.statuses]
    if returned:
        replace_returned(run.home.warehouse, returned)
    record_seen(run.home.warehouse, seen)
    judge_checks(run.job.run, [check for summary in summaries for check in summary.broken], NEXT_STEP)
    return describe_replaced(seen, ledger)
