"""The stages of `score-reviews` as Prefect tasks. The model is loaded only where there is something to score."""

import functools
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger, task
from prefect.assets import add_asset_metadata, materialize

from data_contracts.errors import ContractError, ReviewsError
from data_contracts.faults import pass_fault_point
from data_contracts.limits import FIELD_RULES, FIELD_WORDS, RowLimits
from tasks.inbox.source_files import PassedOver, SourceFile
from tasks.maintenance.retention import drop_old_bytes, move_scored
from tasks.scoring.plan import (
    OLDER_MODEL,
    Outstanding,
    PlannedFile,
    ScoringPlan,
    ScoringRequest,
    find_outstanding,
    plan_new_files,
)
from tasks.scoring.rescoring import OlderSource, find_older_sources, rescore_group
from tasks.stages.events import tell_drift
from tasks.stages.lineage import BUNDLE, INBOX, SCORES
from tasks.stages.retries import WHEN_IT_MAY_PASS
from tasks.stages.run_page import judge_checks, show_live_progress, warn
from tasks.support.interruption import stop_if_interrupted
from tasks.support.wording import count, escape_controls
from tasks.warehouse.commit import CommitSummary, CommittedFile, commit_parts
from tasks.warehouse.connection import finish_rewriting
from tasks.warehouse.model_registry import Champion, find_champion, find_promoted, require_promoted

if TYPE_CHECKING:
    from models.bundle.scorer import Scorer

NEXT_STEP = "this is a fault of the model or of this program: nothing of the group was committed."
DRIFT_NEXT_STEP = (
    'the scores are committed and stay; look at what came in: reviews sql "from drift where drifted". Train anew if '
    "such reviews will go on coming, or set REVIEWS_DRIFT=warn."
)
FIVE_STARS = (
    "look like stars out of five: none is above 5, and 4 or 5 stands with praise. Next: write them as 4/5"
)
FAILED_NEXT_STEP = "Next: mend what the message names; the next run tries these files again."
COUNTS = ("files_scored", "files_refused", "rows_scored", "rows_quarantined")
"""Of a commit, told as the metadata of the asset `scored_reviews`."""
FILES_NAMED = 20
"""Files of a failed group that a message names at most."""


@dataclass(frozen=True)
class GroupSummary:
    """What became of one group of files, small enough to hand between tasks."""

    part_dir: Path
    postponed: tuple[PassedOver, ...]


@dataclass(frozen=True)
class FailedGroup:
    """Files of which nothing was committed, and why."""

    uris: tuple[str, ...]
    error: Exception


@dataclass(frozen=True)
class Work:
    """What a run has done so far, added to group by group."""

    commits: list[CommitSummary] = field(default_factory=list)
    postponed: list[PassedOver] = field(default_factory=list)
    failures: list[FailedGroup] = field(default_factory=list)

    def has_committed(self) -> bool:
        """Tell whether the ledger holds files that it did not hold before."""
        return any(each.files_scored or each.files_refused for each in self.commits)

    def total(self, name: str) -> int:
        """Add up one count of all commits."""
        return sum(getattr(each, name) for each in self.commits)

    def files(self, status: str | None = None) -> list[CommittedFile]:
        """Give the files that the ledger holds since this run, of one status if it is given."""
        return [file for each in self.commits for file in each.files if status in (None, file.status)]


def announce_wait(folder: Path) -> None:
    """Say that this run waits for another one, which scores into the same folder."""
    warn(f"Another run is scoring into {folder}: waiting until it has ended.")


@task(name="find-new-files", **WHEN_IT_MAY_PASS)
def find_new_files(inbox: Path, warehouse: Path, request: ScoringRequest) -> Outstanding:
    """Find the files to score, and keep what was seen, so that a known file is not read again."""
    found = find_outstanding(inbox, warehouse, request, record=True)
    pass_fault_point("score: files seen")
    return found


@task(name="choose-model", **WHEN_IT_MAY_PASS)
def choose_model(warehouse: Path, bundles_dir: Path, model_id: str | None = None) -> Champion:
    """Give the champion, or the named model if it was promoted once, its bundle unaltered; no other scores."""
    from models.bundle.folder import require_unaltered

    model = require_promoted(_find_model(warehouse, model_id), model_id)
    require_unaltered(bundles_dir / model.model_id, model.bundle_fingerprint)
    return model


def _find_model(warehouse: Path, model_id: str | None) -> Champion | None:
    """Give the champion if there is one, or the named model, which must have been promoted once."""
    model = None
    if warehouse.exists():
        model = find_champion(warehouse) if model_id is None else find_promoted(warehouse, model_id)
    return model if model_id is None else require_promoted(model, model_id)


@task(name="plan-scoring", **WHEN_IT_MAY_PASS)
def plan_scoring(inbox: Path, warehouse: Path, bundles_dir: Path, request: ScoringRequest) -> ScoringPlan:
    """Say what a run would do, and change nothing."""
    from models.bundle.folder import require_unaltered

    model = _find_model(warehouse, request.model_id)
    outstanding = find_outstanding(inbox, warehouse, request, record=False)
    older = []
    if request.rescore and model is not None:
        older = find_older_sources(warehouse, model.model_id, request.since, outstanding.named_sources)
    if model is not None and (outstanding.new or older):
        require_unaltered(bundles_dir / model.model_id, model.bundle_fingerprint)
    again = [PlannedFile(source.uri, OLDER_MODEL, source.rows_read) for source in older]
    return ScoringPlan(
        inbox=str(inbox),
        files_found=outstanding.files_found,
        model_id=model.model_id if model else None,
        files=(*plan_new_files(outstanding, request.text_column), *again),
        passed_over=outstanding.passed_over,
    )


@task(name="score-files", **WHEN_IT_MAY_PASS)
def score_files(
    files: Sequence[SourceFile],
    model: Champion,
    bundles_dir: Path,
    parts_dir: Path,
    warehouse: Path,
    run_id: str,
    limits: RowLimits,
    text_column: str | None,
) -> GroupSummary:
    """Score one group of files into a part on disk; the checks are recorded whatever they say."""
    from tasks.review_files.reader import ReadOptions
    from tasks.scoring.groups import ScoringJob, score_group
    from tasks.scoring.parts import keep_part

    scorer = _load_scorer_once(bundles_dir / model.model_id, model.bundle_fingerprint)
    job = ScoringJob(scorer, parts_dir, run_id, limits, ReadOptions(text_column=text_column))
    with show_live_progress(f"Scoring {_name_group(files)}", sum(file.size for file in files)) as report:
        outcome = score_group(job, files, report)
    judge_checks(warehouse, run_id, outcome.checks, NEXT_STEP)
    return GroupSummary(keep_part(outcome.part), outcome.postponed)


@task(name="find-older-scores", **WHEN_IT_MAY_PASS)
def find_older_scores(
    warehouse: Path, model_id: str | None, since: datetime | None, among: Collection[str] | None
) -> list[OlderSource]:
    """Find the sources that other models have scored and `model_id`, else the champion, has not."""
    return find_older_sources(warehouse, model_id, since, among)


@task(name="score-again", **WHEN_IT_MAY_PASS)
def score_again(
    sources: Sequence[OlderSource],
    model: Champion,
    bundles_dir: Path,
    parts_dir: Path,
    warehouse: Path,
    published: Path,
    run_id: str,
) -> GroupSummary:
    """Score the texts of sources that only other models have scored into a part, checked like any other."""
    from tasks.scoring.groups import ScoringJob
    from tasks.scoring.parts import keep_part

    scorer = _load_scorer_once(bundles_dir / model.model_id, model.bundle_fingerprint)
    job = ScoringJob(scorer, parts_dir, run_id)
    name = f"Scoring {_name_group(sources)} again"
    with show_live_progress(name, sum(source.size for source in sources)) as report:
        outcome = rescore_group(job, sources, published, report)
    judge_checks(warehouse, run_id, outcome.checks, NEXT_STEP)
    return GroupSummary(keep_part(outcome.part), ())


@functools.lru_cache(maxsize=1)
def _load_scorer_once(bundle_dir: Path, fingerprint: str) -> "Scorer":
    """Load the model whose bundle has this fingerprint, once for all groups of a run."""
    from models.evaluation.gate import load_blessed_scorer

    return load_blessed_scorer(bundle_dir, fingerprint)


def _name_group(files: Sequence[SourceFile] | Sequence[OlderSource]) -> str:
    return Path(files[0].uri).name if len(files) == 1 else f"{len(files)} files"


@materialize(SCORES, asset_deps=[BUNDLE, INBOX], name="commit-part", **WHEN_IT_MAY_PASS)
def commit(part_dir: Path, warehouse: Path) -> CommitSummary:
    """Commit one part in one transaction; then it is no longer needed."""
    summary = commit_parts(warehouse, part_dir)
    pass_fault_point("score: after commit")
    shutil.rmtree(part_dir)
    add_asset_metadata(SCORES, {name: getattr(summary, name) for name in COUNTS})
    return summary


@task(name="judge-drift", **WHEN_IT_MAY_PASS)
def judge_drift(warehouse: Path, run_id: str, scored_by: Collection[str], severity: str) -> list[str]:
    """Compare what the runs `scored_by` scored with the models' held-out reviews; give what has drifted, in words.

    The results are recorded as those of `run_id`. Raises `ContractError` where `severity` is 'error'.
    """
    from tasks.scoring.drift import judge_drift as judge
    from tasks.scoring.drift import name_drifted

    results = judge(warehouse, scored_by, severity)
    drifted = name_drifted(results)
    if drifted and severity == "warn":
        for words in drifted:
            get_run_logger().warning(f"Drift in {words}")
        tell_drift([result.columns for result in results if not result.success], drifted)
    judge_checks(warehouse, run_id, results, DRIFT_NEXT_STEP)
    return drifted


@task(name="find-unclear-fields", **WHEN_IT_MAY_PASS)
def find_unclear_fields(warehouse: Path, run_id: str, scored_by: Collection[str]) -> list[str]:
    """Say which dates, labels and ratings of the files scored by the runs `scored_by` were not understood, or wrongly.

    Files without a row are named too. What the scale of ratings was checked for is recorded as results of `run_id`.
    """
    from tasks.scoring.rating_scale import judge_rating_scale
    from tasks.warehouse.run_log import list_files_without_rows, list_unclear_fields, record_checks

    found = [
        f"{uri}: {count(rows, FIELD_WORDS[rule][0])}, {FIELD_WORDS[rule][1]}"
        for uri, rule, rows in list_unclear_fields(warehouse, scored_by, list(FIELD_RULES))
    ]
    scales = judge_rating_scale(warehouse, scored_by)
    record_checks(warehouse, run_id, [result for _, result in scales])
    found += [
        f"{file.uri}: {count(file.ratings, 'rating')}, taken for stars out of ten, {FIVE_STARS}"
        for file, result in scales
        if not result.success
    ]
    for words in found:
        get_run_logger().warning(f"Not understood in {words}")
    without_rows = [f"{uri}: it has no rows" for uri in list_files_without_rows(warehouse, scored_by)]
    for words in without_rows:
        get_run_logger().warning(f"Nothing to score in {words}")
    return found + without_rows


@task(name="tidy-up", **WHEN_IT_MAY_PASS)
def tidy_up(inbox: Path, warehouse: Path, scored_dir: Path, *, move: bool, quarantine_days: float) -> bool:
    """Move scored files out of the inbox and drop the bytes of old bad rows, as far as the settings ask for it.

    Tells whether the database has changed.
    """
    if move:
        for stays in move_scored(inbox, warehouse, scored_dir):
            warn(
                f"{escape_controls(stays.uri)}: {stays.reason}. It stays in the inbox; the next run tries again."
            )
    return bool(quarantine_days and drop_old_bytes(warehouse, quarantine_days))


def commit_leftovers(parts_dir: Path, warehouse: Path, work: Work) -> None:
    """Commit the parts that an earlier run scored but did not commit, and remove what it left half made.

    A part that was damaged since, or breaks its contract, is removed too: its files are not in the ledger, so
    they are scored again.
    """
    finish_rewriting(warehouse)
    if not any(parts_dir.iterdir()):
        return  # what reads parts takes a moment to load
    from tasks.scoring.parts import find_waiting, list_uris

    for part_dir in find_waiting(parts_dir, _tell_dropped):
        with going_on(work, list_uris(part_dir)):
            try:
                work.commits.append(commit(part_dir, warehouse))
            except ContractError as error:
                _tell_dropped(part_dir, f"breaks its contract ({error})")
                shutil.rmtree(part_dir)


def _tell_dropped(part_dir: Path, trouble: str) -> None:
    warn(f"{part_dir}: a part of an earlier run {trouble}; its files are scored anew.")


@contextmanager
def going_on(work: Work, uris: Sequence[str]) -> Iterator[None]:
    """Let a group of files fail alone: note what the block raises, and go on with the other groups."""
    try:
        yield
    except Exception as error:  # whatever it is, the other groups can do without this one
        stop_if_interrupted(error)
        work.failures.append(FailedGroup(tuple(uris), error))
        warn(f"{_name_files(uris)}: not scored, going on with the others. {error}")


def require_no_failure(work: Work) -> None:
    """Raise what made groups fail, if any did, with the names of their files and what was committed.

    A single error keeps its class, and so the exit status; several become one `ReviewsError`.
    """
    if not work.failures:
        return
    files, rows = work.total("files_scored"), work.total("rows_scored")
    done = f"Committed all the same: {files:,} files, {rows:,} reviews. {FAILED_NEXT_STEP}"
    first = work.failures[0]
    if len(work.failures) == 1:
        raise _say_more(first.error, f"Not scored: {_name_files(first.uris)}\n{done}") from first.error
    lines = [f"- {_name_files(failed.uris)}: {failed.error}" for failed in work.failures]
    head = f"{len(lines)} groups of files failed:"
    raise ReviewsError("\n".join([head, *lines, done])) from first.error


def _say_more(error: Exception, words: str) -> Exception:
    """Give an error of the same class with more words; one that takes no plain message gets them as a note."""
    try:
        return type(error)(f"{error}\n{words}")
    except Exception:  # what an error of another library wants to be made of is not known
        error.add_note(words)
        return error if not isinstance(error, ReviewsError) else ReviewsError(f"{error}\n{words}")


def _name_files(uris: Sequence[str]) -> str:
    more = f" and {len(uris) - FILES_NAMED:,} more" if len(uris) > FILES_NAMED else ""
    return ", ".join(map(escape_controls, uris[:FILES_NAMED])) + more
