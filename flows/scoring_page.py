"""What a scoring run shows on its page in Prefect, and the events that it emits."""

from collections.abc import Sequence
from typing import Any

from data_contracts.storage.home import Home
from flows.alerts import Concerns
from tasks.inbox.source_files import SkippedFile
from tasks.labelling.intake import TakenLabels
from tasks.scoring.plan import ScoringPlan
from tasks.scoring.run_outcome import FILES, ROWS, RunOutcome, name_files
from tasks.stages.events import emit_committed, emit_refused
from tasks.stages.lineage import trace_lineage
from tasks.stages.log_messages import log_warning
from tasks.stages.run_page import show_lineage, show_table
from tasks.stages.score import SourceNotes
from tasks.support.wording import count
from tasks.warehouse.commit import CommittedFile

FILES_NAMED = 5
"""The largest number of files that a message names of those that were refused or not read, that are labels, or of which
something was passed over."""

FILES_LOGGED = 20
"""The largest number of files that were not read of which the log has a line each."""


def show_outcome(outcome: RunOutcome, seconds: float) -> None:
    """Show a table of the files that this run added to the ledger, log the refused ones, and emit the events.

    `seconds` is the duration of the run, for the rate above the table.
    """
    files, refused = outcome.files(), outcome.files("refused")
    if files:
        show_table(
            "scored-files", [_describe_file(file) for file in files], _describe_total(outcome, seconds)
        )
    if refused:
        log_warning(name_refused(refused))
        emit_refused([file.uri for file in refused], [str(file.rule) for file in refused])
    for model_id in _list_models(outcome):
        emit_committed(model_id, outcome.of_model(model_id).count())


def show_sources(outcome: RunOutcome, home: Home) -> None:
    """Show the lineage of the scores that this run added: the model and its data."""
    for model_id in _list_models(outcome):
        show_lineage(trace_lineage(home, model_id))


def _list_models(outcome: RunOutcome) -> list[str]:
    """List the models whose scores were added: more than one if leftover parts are of another model."""
    return list(dict.fromkeys(file.model_id for file in outcome.files("scored")))


def show_plan(plan: ScoringPlan) -> None:
    """Show the plan of a dry run as a table on the run's page in Prefect."""
    rows = [
        {
            "file": file.uri,
            "why": file.why,
            "rows": file.rows,
            "trouble": file.trouble,
        }
        for file in (*plan.files, *plan.labels)
    ]
    model = plan.model_id or "no model: none is promoted yet"
    title = f"What a run would score, with {model}.{name_limit(plan)}"
    show_table("scoring-plan", rows or [{"file": "nothing to do"}], title)


def describe_plan(plan: ScoringPlan) -> str:
    """Return the message of a dry run: how many files a run would score, and of how many it would take in labels."""
    labels = f", and take in labels of {count(len(plan.labels), 'file')}" if plan.labels else ""
    would = f"It would score {count(len(plan.files), 'file')}{labels}."
    return f"A dry run: nothing was changed. {would}{name_limit(plan)}"


def name_limit(plan: ScoringPlan) -> str:
    """Say how much of what a plan would score again one run does; nothing where there is no limit."""
    if plan.rescore_seconds is None:
        return ""
    minutes = f"{plan.rescore_seconds / 60:g} min of scoring again"
    runs = plan.rescoring and count(plan.rescoring.count_runs(plan.rescore_seconds), "run")
    more = f"; one process like this one needs about {runs}" if runs else ""
    return f" After {minutes} a run leaves the rest to the next one (REVIEWS_RESCORE_MINUTES){more}."


def name_outcome(outcome: RunOutcome, files_unread: int) -> str:
    """Return the name of a run after its outcome, such as `1 file 20 reviews, 2 files 50 reviews again 1 file left`."""
    did = ", ".join(
        f"{count(files, 'file')} {count(rows, 'review')}{again}" for files, rows, again in _count(outcome)
    )
    aside = {
        "refused": len(outcome.files("refused")),
        "not read": files_unread,
        "left": outcome.count_left()["files_left"],
    }
    return " ".join([did or "nothing new", *(f"{count(n, 'file')} {what}" for what, n in aside.items() if n)])


def name_scored(outcome: RunOutcome) -> str:
    """Return in words what a run scored, apart from that what it scored again; nothing if there was neither."""
    return ", ".join(
        f"{count(rows, 'review')} of {count(files, 'file')} scored{again}"
        for files, rows, again in _count(outcome)
    )


def _count(outcome: RunOutcome) -> list[tuple[int, int, str]]:
    """Count the files and the rows that a run scored, then those that it scored ` again`; leave out what is zero."""
    counted = [
        (outcome.total(files), outcome.total(rows), again)
        for files, rows, again in zip(FILES, ROWS, ("", " again"), strict=True)
    ]
    return [each for each in counted if each[0]]


def name_refused(refused: Sequence[CommittedFile]) -> str:
    """Describe in one line which files were refused, and by which rules."""
    named = ", ".join(f"{file.uri} ({file.rule})" for file in refused[:FILES_NAMED])
    more = f" and {len(refused) - FILES_NAMED:,} more" if len(refused) > FILES_NAMED else ""
    return f"{count(len(refused), 'file')} refused: {named}{more}"


def name_refusal(outcome: RunOutcome) -> Concerns:
    """Return, for the webhook, which files a run refused, and what to do."""
    refused = outcome.files("refused")
    then = "Next: `reviews sql rejected-files` says why; mend them, and put them into the inbox again."
    return {f"refused by {refused[0].run_id}": f"{name_refused(refused)}. {then}"} if refused else {}


def name_unusual(notes: SourceNotes) -> Concerns:
    """Return, for the webhook, the sources that are late, or sent few or many rows."""
    return {each: f"Unusual: {each}. Next: ask those who send it." for each in notes.deliveries}


def name_due(due: Sequence[str]) -> Concerns:
    """Return, for the webhook, the reasons for which a training is due."""
    then = "Next: reviews train --with-own, unless REVIEWS_TRAIN_WHEN_DUE is set."
    return {each: f"A training is due: {each}. {then}" for each in due}


def name_notes(notes: SourceNotes) -> list[str]:
    """Return a phrase for each thing to know of the sources."""
    return [*notes.languages, *notes.deliveries]


def name_left(files_left: int, rows_left: int) -> str:
    """Return in words how much of what other models have scored a run leaves to the next one."""
    return f"{count(rows_left, 'review')} of {count(files_left, 'file')} left for the next run with rescore"


def name_labels(taken: TakenLabels) -> str:
    """Return in words which labels a run took in, and from which files; nothing where none was new or changed."""
    if not taken.sheets:
        return ""
    replaced = f", {taken.replaced:,} replaced by that of a later file" if taken.replaced else ""
    older = f", {taken.older:,} given by a later file too" if taken.older else ""
    withdrawn = f", {len(taken.lost):,} withdrawn" if taken.lost else ""
    files = name_files(taken.sheets, FILES_NAMED)
    return f"{count(taken.labels, 'label')} taken in{replaced}{older}{withdrawn}: {files}"


def name_copies(copies: Sequence[str]) -> str:
    """Describe in one line which files are copies, so that nobody looks for their scores under their own names."""
    files = count(len(copies), "file")
    return (
        f"{files} with the bytes of one that came before, not read again: {name_files(copies, FILES_NAMED)}"
    )


def log_unread(skipped: Sequence[SkippedFile], what: str = "Not read") -> None:
    """Log which files were not read, and why, so that the person who looks after the server learns of them."""
    for file in skipped[:FILES_LOGGED]:
        log_warning(f"{what}: {file.uri}: {file.reason}")
    if len(skipped) > FILES_LOGGED:
        log_warning(f"{what}: {len(skipped) - FILES_LOGGED:,} more")


def name_unread(skipped: Sequence[SkippedFile], what: str = "not read") -> str:
    """Describe in one line which files were not read, and why each of the first ones was not."""
    named = "; ".join(f"{name_files([file.uri])} ({file.reason})" for file in skipped[:FILES_NAMED])
    more = f"; {len(skipped) - FILES_NAMED:,} more" if len(skipped) > FILES_NAMED else ""
    return f"{count(len(skipped), 'file')} {what}: {named}{more}"


def _describe_file(file: CommittedFile) -> dict[str, Any]:
    """Return the row of a file in the table on the scoring run's page."""
    return {
        "file": file.uri,
        "format": file.format,
        "rows": file.rows_read,
        "scored": file.rows_scored,
        "quarantined": file.rows_quarantined,
        "status": "scored again" if file.is_rescored else file.status,
        "rule": file.rule or "",
        "detail": file.detail or "",
    }


def _describe_total(outcome: RunOutcome, seconds: float) -> str:
    """Return the line above the table of files on the page of a scoring run."""
    rows, quarantined = outcome.total(*ROWS), outcome.total("rows_quarantined")
    scored = name_scored(outcome) or "Nothing scored"
    left = outcome.count_left()
    more = f"; {name_left(**left)}" if left["files_left"] else ""
    return (
        f"{scored}, {count(quarantined, 'row')} quarantined, "
        f"{count(len(outcome.files('refused')), 'file')} refused, "
        f"in {seconds:.1f} s, loading the model included ({rows / max(seconds, 0.1):,.0f} reviews/s){more}."
    )
