"""The stages of `score-reviews` as Prefect tasks. The model is loaded only if there is something to score."""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import task
from prefect.assets import add_asset_metadata, materialize
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import (
    BundleError,
    ContractError,
    EngineError,
    ReviewsError,
    StoreError,
    StoreUnreachableError,
    WarehouseError,
    WarehouseMemoryError,
)
from data_contracts.rules_and_limits import RowLimits
from data_contracts.storage.durable import name_full_disk, remove
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.findings.finding import KINDS, OF_FILES, Finding
from tasks.findings.gathering import OF_TABLES, check_deliveries, gather_from_tables, name_drift
from tasks.findings.recorded import Noted, Row, note_findings
from tasks.inbox.killed_runs import let_alone, record_scoring
from tasks.inbox.source_files import FOR_NEXT_GROUP, FoundFile, SkippedFile, SourceFile
from tasks.maintenance.retention import drop_old_bytes, move_scored
from tasks.scoring.grown_files import find_earlier, note_growth
from tasks.scoring.plan import (
    PendingFiles,
    ScoringPlan,
    ScoringRequest,
    find_pending_files,
    make_plan,
)
from tasks.scoring.rescoring import OlderSource, rescore_group
from tasks.scoring.run_outcome import COUNTS, GroupResult
from tasks.sources.catalogue import load_catalogue
from tasks.stages.events import emit_drift, emit_training_due, emit_unusual_deliveries
from tasks.stages.lineage import BUNDLE, INBOX, SCORES
from tasks.stages.log_messages import warn
from tasks.stages.publish import end_forgetting
from tasks.stages.retries import RETRY_TRANSIENT, look
from tasks.stages.run_page import judge_checks, show_live_progress
from tasks.support.interruption import stop_if_interrupted
from tasks.support.lock_holders import describe_holder
from tasks.support.wording import escape_controls, name_files, quote_word
from tasks.warehouse.commit import CommitSummary, CommittedFile, commit_parts
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.model_registry import PromotedModel, find_model, find_scoring_model, require_champion
from tasks.warehouse.readings.full_exports import replace_files
from tasks.warehouse.readings.superseding import let_count
from tasks.warehouse.run_log import Run, record_checks

if TYPE_CHECKING:
    from data_contracts.expectations import CheckResult
    from tasks.scoring.group_to_part import GroupOutcome, ScoringJob

NEXT_STEP = "this is a fault of the model or of this program: nothing of the group was committed."

_AnyFile = TypeVar("_AnyFile", FoundFile, SourceFile)
_STORE_READINGS = "CREATE TEMP TABLE earlier_readings AS SELECT unnest(?::VARCHAR[]) AS source_sha256"


@dataclass(frozen=True)
class ScoredGroup:
    """A group of files that was scored into a part and not committed yet."""

    part_dir: Path
    postponed: tuple[SkippedFile, ...]


@dataclass(frozen=True)
class Checked:
    """What the files that a run scored show."""

    found: tuple[Finding, ...] = ()
    sources: frozenset[str] = frozenset()
    """The sources of these files."""
    accuracy: tuple[str, ...] = ()
    """A phrase for each source that gave labels or ratings."""
    drift: tuple["CheckResult", ...] = ()
    champion: Mapping[str, Any] | None = None
    """The row of the champion, where a training is due from now on."""


def announce_wait(folder: Path) -> None:
    """Warn for whom this run waits: another run or command, which holds the lock on the same folder."""
    warn(f"Waiting for {describe_holder(folder)}, which holds {folder}.")


def find_new_files(home: Home, request: ScoringRequest) -> PendingFiles:
    """Find the files to score, and record all files seen, so that the next run need not read unchanged files."""
    pending = look("find-new-files", partial(find_pending_files, home, request, record=True))
    pass_fault_point("score: files seen")
    return pending


@task(name="choose-model", **RETRY_TRANSIENT)
def choose_model(home: Home, model_id: str | None = None) -> PromotedModel:
    """Return the model that scores: the one of `model_id` or the beginning of it, by default the champion.

    Raises `BundleError` if it was never promoted or its bundle was altered.
    """
    from models.bundle.fingerprint import require_fingerprint

    model = require_champion(find_scoring_model(home.warehouse, model_id))
    require_fingerprint(home.bundles / model.model_id, model.bundle_fingerprint)
    return model


@task(name="plan-scoring", **RETRY_TRANSIENT)
def plan_scoring(home: Home, request: ScoringRequest) -> ScoringPlan:
    """Return what a scoring run would do, without changing anything."""
    return make_plan(home, request)


@task(name="score-files", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def score_files(job: "ScoringJob", files: Sequence[SourceFile]) -> ScoredGroup:
    """Score one group of files into a part on disk, and record its checks."""
    from tasks.scoring.group_to_part import score_group

    name, size = f"Scoring {_name_group(files)}", sum(file.size for file in files)
    with record_scoring(job.run.home, files), show_live_progress(name, size) as report:
        earlier = find_earlier(job.run.home.warehouse, job.catalogue, files)
        grown = note_growth(files, earlier, lambda uri: job.catalogue.find(uri).name)
        outcome = score_group(job, grown, report)
    return keep_checked(job.run, outcome)


@task(name="score-again", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def score_again(job: "ScoringJob", sources: Sequence[OlderSource]) -> ScoredGroup:
    """Score the texts of sources that only other models have scored into a part on disk, and record its checks."""
    name = f"Scoring {_name_group(sources)} again"
    with show_live_progress(name, sum(source.size for source in sources)) as report:
        outcome = rescore_group(job, sources, report)
    return keep_checked(job.run, outcome)


@task(name="let-count-again", **RETRY_TRANSIENT)
def let_count_again(home: Home, readings: Collection[str], replaces: bool) -> None:
    """Let earlier readings count again, in place of later ones; with `replaces`, also of all files before them."""
    with open_warehouse(home.warehouse, write=True) as connection, begin_transaction(connection):
        connection.execute(_STORE_READINGS, [list(readings)])
        let_count(connection, "earlier_readings")
        if replaces:
            replace_files(
                connection, "(FROM earlier_readings SEMI JOIN source_reviews USING (source_sha256))"
            )


def make_job(
    run: Run, model: PromotedModel, limits: RowLimits, request: ScoringRequest, found: PendingFiles
) -> "ScoringJob":
    """Return what these stages score every group with. The model is loaded once, when the first group needs it."""
    from models.bundle.blessed_scorer import load_blessed_scorer
    from tasks.reading.rows import ReadOptions
    from tasks.scoring.group_to_part import ScoringJob

    folder = run.home.bundles / model.model_id
    load = functools.cache(partial(load_blessed_scorer, folder, model.bundle_fingerprint))
    # A profile that was changed since the plan must not read under the name of the one before.
    catalogue = found.rescan.catalogue if found.rescan else load_catalogue(run.home, request.source)
    return ScoringJob(run, load, limits, ReadOptions(), catalogue)


def keep_checked(run: Run, outcome: "GroupOutcome") -> ScoredGroup:
    """Give the part of a group its final name, with its checks in it; if one has failed, record them and raise that."""
    from tasks.scoring.part_folders import add_checks, keep_part

    if any(not check.success and check.severity == "error" for check in outcome.checks):
        judge_checks(run, outcome.checks, NEXT_STEP)
    add_checks(outcome.part, run.run_id, outcome.checks)
    return ScoredGroup(keep_part(outcome.part), outcome.postponed)


def _name_group(files: Sequence[SourceFile] | Sequence[OlderSource]) -> str:
    """Name a group of files for the name of its Prefect task."""
    return Path(files[0].uri).name if len(files) == 1 else f"{len(files)} files"


@materialize(SCORES, asset_deps=[BUNDLE, INBOX], name="commit-part", **RETRY_TRANSIENT)
def commit(part_dir: Path, warehouse: Path) -> CommitSummary:
    """Commit one part in one transaction, and delete its folder."""
    summary = commit_parts(warehouse, part_dir)
    pass_fault_point("score: after commit")
    remove(part_dir)  # a part that stays is known as committed
    add_asset_metadata(SCORES, {name: getattr(summary, name) for name in COUNTS})
    return summary


@task(name="check-scored", **RETRY_TRANSIENT)
def check_scored(run: Run, files: Sequence[CommittedFile], stopped: Collection[str] = ()) -> Checked:
    """Return what the files that were committed show; record for `run` whether their sources sent as usual.

    The reviews of each source are compared with its past, those of new ones with held-out ones. `stopped` are runs that
    were killed, maybe between their commits and this.
    """
    from tasks.scoring.drift import judge_drift, list_sources
    from tasks.scoring.unclear_values import list_unclear
    from tasks.sources.accuracy import describe_agreement, measure_agreement
    from tasks.sources.suspicious_rows import find_reused_ids

    run_ids = {*(file.run_id for file in files if file.run_id), *stopped}
    scored_by = sorted(run_ids, key=lambda each: (each != run.run_id, each))
    with open_warehouse(run.home.warehouse, write=False) as connection:
        deliveries = check_deliveries(connection, run.home)
        drift = judge_drift(connection, run.home, scored_by)
        accuracy = tuple(map(describe_agreement, measure_agreement(connection, scored_by)))
        found = (
            *name_drift(drift),
            *list_unclear(connection, run.home, scored_by),
            *find_reused_ids(run.home, files),
        )
        sources = {*list_sources(connection, scored_by), *(each.source for each in found if each.source)}
    record_checks(run, [*deliveries, *drift])
    return Checked(found, frozenset(sources), accuracy, tuple(drift))


def note_found(
    run: Run, checked: Checked, unread: Sequence[Finding], refused: Collection[str], is_whole: bool
) -> tuple[Finding, ...]:
    """Record what a run found, and emit events of what is new; return what it has opened, or seen itself.

    `refused` are the files that it refused; `is_whole`: it looked at the whole inbox, so `unread` is all of these.
    """
    try:
        noted = look("note-findings", partial(_note_found, run, checked, unread, is_whole))
    except ReviewsError as error:  # the scores are committed, so the run has not failed
        warn(f"What the run found was not recorded: {error}")
        return ()
    itself = {each.key for each in (*checked.found, *unread, *noted.opened)}
    itself |= {("refused_file", uri) for uri in refused}
    return tuple(
        each
        for each in noted.seen
        if each.kind != "quarantined_rows"  # of which the message has a number
        and (each.key in itself or KINDS[each.kind].word == "delivery")
    )


def _note_found(run: Run, checked: Checked, unread: Sequence[Finding], is_whole: bool) -> Noted:
    """Do the stage that records what a run found."""
    with open_warehouse(run.home.warehouse, write=False) as connection:
        in_tables = gather_from_tables(connection, run.home)

    def covers(row: Row) -> bool:
        if row["kind"] in OF_FILES:
            return bool(checked.sources) and row["source"] in {None, *checked.sources}
        return row["kind"] in OF_TABLES or (is_whole and row["kind"] == "unread_file")

    found = (*checked.found, *unread, *in_tables)
    return note_findings(run.home.warehouse, found, covers, run.run_id, partial(_emit_opened, run, checked))


def _emit_opened(run: Run, checked: Checked, noted: Noted) -> None:
    """Emit which sources have drifted, are late or sent few or many rows, and why a training is due, if it is news."""
    opened: dict[str, list[Finding]] = {}
    for each in noted.opened:
        opened.setdefault(KINDS[each.kind].word, []).append(each)
    if drifted := [each.what for each in opened.get("drift", ())]:
        emit_drift([result.columns for result in checked.drift if not result.success], drifted)
    if unusual := opened.get("delivery"):
        emit_unusual_deliveries([each.subject for each in unusual], [each.what for each in unusual])
    if checked.champion and (due := opened.get("training")):
        reasons = [each.subject.rpartition("(")[2].rstrip(")") for each in due]
        emit_training_due(run.home, checked.champion, reasons, [each.what for each in due])


def judge_promise(run: Run, checked: Checked) -> Checked:
    """Judge the champion by what it promised; return also for which reasons a training is due from now on.

    Each reason is found once for a champion.
    """
    return look("judge-promise", partial(_judge_promise, run, checked))


def _judge_promise(run: Run, checked: Checked) -> Checked:
    """Do the stage that judges the champion."""
    from tasks.training.champion_promise import judge_champion
    from tasks.training.due import AT_LABELS, find_new_reasons, name_reason
    from tasks.training.own_rows import find_archive_texts

    with open_warehouse(run.home.warehouse, write=True) as connection, begin_transaction(connection):
        judged = judge_champion(connection)
        texts = partial(find_archive_texts, run.home)
        reasons = find_new_reasons(connection, judged, AT_LABELS, texts) if judged else []
    if judged is None or not reasons:
        return checked
    champion = find_model(run.home.warehouse, judged.champion.model_id)
    command = f"reviews train --with-own --variant {quote_word(champion['variant'])}"
    due = [
        Finding("training_due", name_reason(judged.champion, each.reason), each.words, command)
        for each in reasons
    ]
    return replace(checked, found=(*checked.found, *due), champion=champion)


@task(name="tidy-up", **RETRY_TRANSIENT)
def tidy_up(home: Home, *, move: bool, quarantine_days: float) -> bool:
    """Move scored files out of the inbox and delete the bytes of old quarantined rows, if the settings ask for it.

    Return whether the database has changed.
    """
    if move:
        for file in move_scored(home):
            warn(
                f"{escape_controls(file.uri)}: {file.reason}. It stays in the inbox; the next run tries again."
            )
    return bool(quarantine_days and drop_old_bytes(home.warehouse, quarantine_days))


def score_together(
    home: Home, files: Sequence[_AnyFile], score: Callable[[Sequence[_AnyFile]], GroupResult]
) -> Iterator[GroupResult]:
    """Score and commit files by `score` as one group, or as several if they have too many rows for one.

    If one of them may be why that fails, each is scored alone; one that fails alone is so in later runs too.
    """
    waiting = tuple(files)
    while waiting:
        result, deferred = take_out(score(waiting), FOR_NEXT_GROUP)
        if may_be_of_a_file(result.error):
            if len(waiting) > 1:
                for file in waiting:
                    yield from score_together(home, (file,), score)
                return
            let_alone(home, waiting[0])
        yield result
        waiting = tuple(file for file in waiting if file.uri in deferred)


def take_out(result: GroupResult, reason: str) -> tuple[GroupResult, set[str]]:
    """Return the result of a group without the files that were postponed for a reason, and the uris of these."""
    deferred = {file.uri for file in result.postponed if file.reason == reason}
    postponed = tuple(file for file in result.postponed if file.uri not in deferred)
    return replace(result, postponed=postponed), deferred


def may_be_of_a_file(error: Exception | None) -> bool:
    """Return whether the content of a file may be what a group failed for, not the machine, the model or a store."""
    others = (OSError, BundleError, EngineError, StoreError, WarehouseError)
    return error is not None and (isinstance(error, WarehouseMemoryError) or not isinstance(error, others))


def score_and_commit(home: Home, uris: Sequence[str], score: Callable[[], ScoredGroup]) -> GroupResult:
    """Score a group of files by `score` and commit its part; return an error as a result, so that others go on."""
    postponed: tuple[SkippedFile, ...] = ()
    scored = None
    try:
        with name_full_disk(home.parts):
            scored = score()
        postponed = scored.postponed
        return GroupResult(tuple(uris), commit(scored.part_dir, home.warehouse), postponed)
    except Exception as error:  # no error of one group may stop the others
        if scored is not None and may_be_of_a_file(error):
            remove(scored.part_dir)  # its files are scored again, each alone
        return warn_of_failure(GroupResult(tuple(uris), None, postponed, error), error)


def commit_leftovers(home: Home) -> Iterator[GroupResult]:
    """Commit the leftover parts of an earlier run, yielding the result of each; delete its unfinished parts.

    A part that is damaged, breaks its contract or needs too much memory is deleted too. Its files are not in the
    ledger, so they are scored again. Before that, what was to be forgotten is.
    """
    end_forgetting(home)
    if not any(home.parts.iterdir()):
        return  # saves the import below, which is slow
    from tasks.scoring.part_folders import find_waiting, list_uris

    for part_dir in find_waiting(home.parts, _warn_of_dropped):
        uris = tuple(list_uris(part_dir))
        try:
            result = GroupResult(uris, commit(part_dir, home.warehouse))
        except (ContractError, WarehouseMemoryError) as error:
            _warn_of_dropped(part_dir, f"can't be committed ({error})")
            remove(part_dir)
            result = GroupResult(uris, None)
        except Exception as error:
            result = warn_of_failure(GroupResult(uris, None, error=error), error)
        yield result


def _warn_of_dropped(part_dir: Path, problem: str) -> None:
    """Warn that a leftover part of an earlier run is not committed."""
    warn(f"{part_dir}: a part of an earlier run {problem}; its files are scored again.")


def warn_of_failure(result: GroupResult, error: Exception) -> GroupResult:
    """Warn of a failed group and return its result; raise `KeyboardInterrupt` if Ctrl-C was pressed."""
    stop_if_interrupted(error)
    is_end = isinstance(error, StoreUnreachableError | EngineError)  # for what comes after it too
    then = "what comes after it waits for the next run" if is_end else "going on with the others"
    warn(f"{name_files(result.uris)}: {result.undone}, {then}. {error}")
    return result
