"""The flow `score-reviews`: new review files → contract → scored parts → one transaction a group → DuckDB.

It scores the files whose content is new, so a second run scores nothing. With `rescore` it also scores again what
other models have scored; with `dry_run` it only returns its plan. It needs a promoted model only if there is something
to score. One run at a time per home: a second one waits for the first. If a group of files fails, the run goes on with
the others and fails at its end. If a shadow is on, it scores last (`flows/shadow_scoring.py`).
"""

from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain

from prefect import flow

from data_contracts.errors import EngineError, StoreError
from data_contracts.storage.durable import remove_leftovers
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.store_uris import INBOX, LABELS_IN_STORE
from deployments.home_of_deployment import load_settings_of_run
from deployments.settings import Settings
from flows.alerts import is_of_deployment, tell_at_end
from flows.grants import is_granted
from flows.group_loop import score_new, score_older
from flows.recording import record_flow_run
from flows.scoring_message import ScoringSummary, describe_scoring, name_outcome
from flows.shadow_scoring import score_with_shadow
from tasks.engine.dask_workers import open_scoring
from tasks.findings.finding import NOTE, Finding
from tasks.findings.gathering import name_killed, name_refused, name_unread
from tasks.findings.rendering import list_told
from tasks.labelling.intake import find_unread
from tasks.maintenance.retention import drop_old_trainings
from tasks.report.weeks import is_week_due
from tasks.scoring.plan import (
    PendingFiles,
    ScoringPlan,
    ScoringRequest,
    list_parameters,
    name_inboxes,
    require_consistent,
    to_utc,
)
from tasks.scoring.renewed_mentions import renew_mentions
from tasks.scoring.rescoring import OlderSource, find_rescorable
from tasks.scoring.run_outcome import GroupResult, RunOutcome, name_committed, require_no_failure
from tasks.stages import score as stages
from tasks.stages.events import emit_outcome
from tasks.stages.log_messages import log_warning, tell, warn
from tasks.stages.publish import deliver_due, keep_snapshot, publish_copy
from tasks.stages.queue_turns import take_turn
from tasks.stages.retries import look
from tasks.stages.run_page import end_completed, join_lines, name_failure, name_run, show_lines
from tasks.stages.store_inbox import report_trouble, score_stored
from tasks.stages.take_in_labels import count_labels, take_labels
from tasks.stages.write_pages import report_run, write_last_week
from tasks.store.work_folders import clear_spool
from tasks.support.locking import hold_folder
from tasks.support.wording import count
from tasks.warehouse.model_registry import PromotedModel
from tasks.warehouse.publishing import list_unpublished_runs, needs_publishing
from tasks.warehouse.run_log import Run, list_stopped


@flow(name="score-reviews", flow_run_name="score-reviews")
@take_turn()
@name_failure()
def score_reviews(
    files: list[str] | None = None,
    since: datetime | None = None,
    model_id: str | None = None,
    rescore: bool = False,
    dry_run: bool = False,
    source: str | None = None,
    rescan: str | None = None,
) -> ScoringSummary | ScoringPlan:
    """Score the review files that are new by content.

    Args:
        files: Files or folders to read instead of the whole inbox: names within the inbox, absolute paths in it or in a
            folder of the setting REVIEWS_INPUT_DIRS, or URIs in the inbox of the setting REVIEWS_STORE. Files that were
            refused before are tried again.
        since: Ignore files that were last changed before this moment; a later run can still score them. With
            `rescore`, also ignore source files that were first committed before it. Without a time zone it is UTC.
        model_id: Score with this model instead of the champion: its id, or the beginning of it alone. It must have
            been promoted at some time.
        rescore: Also score again every source file that another model has scored and this one has not; with `files`,
            only those files. The older scores stay.
        dry_run: Change nothing; return the plan: which files would be scored, why, and with which model.
        source: Read the named files as files of this source, by its profile; without it, their folders in the inbox say
            of which source they are.
        rescan: Instead of new files, read again the files that this source sent, by its present profile, where another
            one read them. The new readings count from then on; the earlier ones stay as history.
    """
    settings, named = load_settings_of_run(), tuple(files or ())
    request = ScoringRequest(
        named,
        to_utc(since),
        model_id,
        rescore,
        source,
        rescan,
        within=None if is_granted(named) else settings.input_dirs,
        store=settings.store,
        engine=settings.dask,
        rescore_seconds=60 * settings.rescore_minutes if settings.rescore_minutes else None,
    )
    require_consistent(request)
    if dry_run:
        return _end_plan(stages.plan_scoring(settings.home, request))
    with tell_at_end("score-reviews", settings) as happened:
        if settings.snapshot_store:
            from tasks.snapshots.after_runs import require_not_taken_over

            require_not_taken_over(settings.home, settings.snapshot_store)  # else this home is to stop
        summary, outcome = _score_and_deliver(request, settings, happened)
    summary = replace(summary, findings=(*happened, *summary.findings))
    pass_fault_point("score: before reported")
    name_run(f"score-reviews {name_outcome(outcome, len(summary.skipped))}")
    message = describe_scoring(summary)
    if outcome.has_committed():
        show_lines("outcome", message)
    return end_completed(join_lines(message), summary)


def _score_and_deliver(
    request: ScoringRequest, settings: Settings, happened: list[Finding]
) -> tuple[ScoringSummary, RunOutcome]:
    """Score, tidy up, and deliver what was committed, even if the run fails; then let the shadow score."""
    try:
        summary, outcome, run = _run_scoring(request, settings, happened)
        _tidy_up(settings)
    except Exception:
        _hand_on(settings)
        raise
    _hand_on(settings)
    if settings.write_weeks and settings.home.published.is_file() and is_week_due(settings.home):
        happened += write_last_week(settings.home, settings.site_url)
    did = score_with_shadow(run, settings)
    if did and summary.report:
        report_run(run, settings.site_url)  # once more: until here it must wait for no shadow
    return replace(summary, shadow=did), outcome


def _hand_on(settings: Settings) -> None:
    """Keep a snapshot in the store, and deliver to the destinations what was committed."""
    keep_snapshot(settings.home, settings.snapshot_store, settings.keep_backups)
    deliver_due(settings.home, settings.destination_urls)


def _run_scoring(
    request: ScoringRequest, settings: Settings, happened: list[Finding]
) -> tuple[ScoringSummary, RunOutcome, Run]:
    """Score all pending files while no other run does, and publish what was committed, even if a group fails."""
    home = settings.home
    home.make()
    for folder in (home.inbox, home.parts):
        folder.mkdir(parents=True, exist_ok=True)
    done: list[GroupResult] = []
    with name_committed(done):
        try:
            with (
                hold_folder(home.parts, stages.announce_wait),
                record_flow_run("score-reviews", list_parameters(request), settings) as run,
            ):
                happened += name_killed(run, is_of_deployment)
                summary = _score_pending(request, settings, run, done)
                outcome = RunOutcome(tuple(done))
                summary = _note_found(summary, settings, outcome, run, is_whole=not request.named)
        except Exception:
            # Readers get what was committed, labels too, even though the run failed.
            outcome = RunOutcome(tuple(done))
            if outcome.has_committed() or (done and needs_publishing(home)):
                _publish_outcome(outcome, settings, run)
            raise
        if outcome.has_committed() or needs_publishing(home):
            report = _publish_outcome(outcome, settings, run)
            summary = replace(summary, report=report)
    return summary, outcome, run


def _note_found(
    summary: ScoringSummary, settings: Settings, outcome: RunOutcome, run: Run, *, is_whole: bool
) -> ScoringSummary:
    """Record what the run found, and add it to the summary; raise the errors of groups that failed."""
    scored = outcome.files("scored")
    checked, stopped = stages.Checked(), list_stopped(run)
    if stopped or any(file.run_id for file in scored):
        checked = stages.check_scored(run, scored, stopped)
        checked = stages.judge_promise(run, checked)
    lasting = name_unread([each for each in summary.skipped if not each.waits])
    refused = {file.uri: file for file in outcome.files("refused")}
    noted = stages.note_found(run, checked, lasting, refused, is_whole)
    # A file that is refused when it is read again keeps the reading that it has.
    said = "\n".join(each.what for each in noted if each.kind == "refused_file")
    others = refused.keys() - {each.subject for each in noted}
    kept = [refused[uri] for uri in sorted(others) if uri not in said]
    findings = (
        *noted,
        *(name_refused(run.home, [each.uri], str(each.rule), str(each.detail)) for each in kept),
        *name_unread([each for each in summary.skipped if each.waits], level=NOTE),
        *name_unread(summary.taken.partly, "Read in part", NOTE),
    )
    for line in list_told(findings):
        log_warning(line)
    require_no_failure(outcome)
    return replace(summary, findings=findings, accuracy=checked.accuracy)


def _publish_outcome(outcome: RunOutcome, settings: Settings, run: Run) -> str | None:
    """Publish what was committed, show it on the run's page, emit its events, and write its report.

    Return the path of the report. A run before this one may have committed and could not publish: it is named, and
    reported too.
    """
    home = settings.home
    scorers = {file.run_id for file in outcome.files()}
    late = [run_id for run_id in list_unpublished_runs(home) if run_id not in scorers]
    publish_copy(home)
    emit_outcome(outcome)
    for run_id in late:
        tell(f"Published what the run {run_id} had committed and could not publish.")
        if settings.write_reports:
            report_run(Run(home, run_id), settings.site_url)
    if outcome.has_committed() and settings.write_reports:
        return report_run(run, settings.site_url)
    return None


def _tidy_up(settings: Settings) -> None:
    """Move scored files out of the inbox and delete the bytes of old quarantined rows, if the settings ask for it.

    Delete the checkpoints of trainings that were stopped long ago, too.
    """
    drop_old_trainings(settings.home)
    move, days = settings.scored_files == "move", settings.keep_quarantine_days
    if (move or days) and stages.tidy_up(settings.home, move=move, quarantine_days=days):
        publish_copy(settings.home)


def _end_plan(plan: ScoringPlan) -> ScoringPlan:
    """End the flow after a dry run: show the plan on its page, and return it; raise `StoreError` as the run would."""
    planned = count(len(plan.files), "file")
    name_run(f"score-reviews dry run {planned}")
    message = describe_scoring(plan)
    show_lines("outcome", message)
    if plan.trouble:
        raise StoreError(
            f"{plan.trouble}\nA run would score {planned} of the home, then fail for this reason."
        )
    return end_completed(join_lines(message), plan)


def _score_pending(
    request: ScoringRequest, settings: Settings, run: Run, done: list[GroupResult]
) -> ScoringSummary:
    """Commit the leftover parts of earlier runs, score new files, then those that only other models have scored.

    Last, take in the labels, and log what was not read, since a run that fails returns no summary. The result of each
    group is appended to `done` at once, so that the caller has it even if a later group fails.
    """
    home = settings.home
    clear_spool(home)
    remove_leftovers(home.published.parent)  # of a backup that was killed while it published what readers had
    found, model = _score_found(request, settings, run, done)
    outcome = RunOutcome(tuple(done))
    left = outcome.count_left()
    run.counts.update({"files_found": found.files_found, **outcome.count()})
    run.counts.update(left if left["files_left"] else {})
    objects = found.stored.labels
    if (home.labels.is_dir() or objects) and find_unread(home, objects).files and needs_publishing(home):
        publish_copy(home)  # a file of labels may get the run killed, each time
    taken = take_labels(home, request.store, objects)
    done.extend(report_trouble(f"{request.store}/{LABELS_IN_STORE}/", taken.trouble, "labels not taken in"))
    run.counts.update(count_labels(taken))
    run.counts["files_failed"] = len(RunOutcome(tuple(done)).list_failed())
    skipped = (*found.skipped, *outcome.list_postponed(), *taken.skipped)
    run.counts["files_unread"] = len({file.uri for file in skipped})
    return ScoringSummary(
        inbox=name_inboxes(home, request),
        files_found=found.files_found,
        files_scored=outcome.total("files_scored"),
        rows_scored=outcome.total("rows_scored"),
        rows_quarantined=outcome.total("rows_quarantined"),
        model_id=model.model_id if model else None,
        files_refused=outcome.total("files_refused"),
        skipped=skipped,
        files_rescored=outcome.total("files_rescored"),
        rows_rescored=outcome.total("rows_rescored"),
        files_left=left["files_left"],
        rows_left=left["rows_left"],
        files_replaced=found.files_replaced + outcome.total("files_replaced"),
        counting_again=tuple(each.uri for each in found.rescan.earlier) if found.rescan else (),
        copies=outcome.list_copies(found.copies),
        taken=taken,
    )


def _score_found(
    request: ScoringRequest, settings: Settings, run: Run, done: list[GroupResult]
) -> tuple[PendingFiles, PromotedModel | None]:
    """Commit leftover parts, find the files to score, and score them; return what was found, and the model, if any."""
    home = settings.home
    model = stages.choose_model(home, request.model_id) if request.model_id else None
    for result in stages.commit_leftovers(home):
        done.append(result)
    found = stages.find_new_files(home, request)
    done.extend(report_trouble(f"{request.store}/{INBOX}/", found.stored.trouble))
    if found.new:
        model = model or stages.choose_model(home)
    if found.rescan and found.rescan.earlier:
        earlier = [each.source_sha256 for each in found.rescan.earlier]
        stages.let_count_again(home, earlier, found.rescan.replaces)
    older: list[OlderSource] = []
    if request.rescore:
        model_id = model.model_id if model else None
        find = partial(find_rescorable, home.warehouse, model_id, request.since, found.named_sources)
        older = look("find-older-scores", find)
    if found.new or older or found.stored.unread:
        model = model or stages.choose_model(home)
        with open_scoring(request.engine, warn) as score_by:
            bundle = home.bundles / model.model_id
            job = stages.make_job(run, model, settings.limits, request, found)
            job = replace(job, score_chunks=score_by(bundle, model.bundle_fingerprint))
            stored = score_stored(job, request, found.stored.unread)
            for result in chain(score_new(job, request, found.new), stored, score_older(job, request, older)):
                done.append(result)
                if isinstance(result.error, EngineError):
                    break  # each group after it would wait for a worker as long
    if request.rescore:
        look("find-mentions", partial(renew_mentions, home.warehouse, request.rescore_seconds))
    return found, model
