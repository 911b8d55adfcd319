"""What a scoring run returns and says: its name, and its message, in the terminal and on its page in Prefect alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tasks.findings.finding import Finding
from tasks.findings.rendering import list_lines
from tasks.inbox.source_files import SkippedFile
from tasks.labelling.intake import TakenLabels
from tasks.scoring.plan import EARLIER_READING, PlannedFile, ScoringPlan
from tasks.scoring.run_outcome import FILES, ROWS, RunOutcome
from tasks.support.wording import count, escape_controls, name_files

MOST_FOUND, _SOURCES_NAMED, _FILES_NAMED = 14, 3, 5
"""Most lines of a message on findings, sources whose accuracy it has, and files of labels or copies."""
PLAN_LINES = 50
"""The largest number of files that the message of a plan lists."""
_READ_AGAIN = (
    "what was scored before is not read again, whatever --source says. Next: put it into the folder of that source "
    "in the inbox, then `reviews sources rescan`"
)


@dataclass(frozen=True)
class ScoringSummary:
    """What the flow returns: what its run did and found."""

    inbox: str
    files_found: int
    files_scored: int
    rows_scored: int
    rows_quarantined: int
    model_id: str | None
    files_refused: int
    skipped: tuple[SkippedFile, ...]
    files_rescored: int = 0
    """Source files that another model had scored before; not counted in `files_scored`."""
    rows_rescored: int = 0
    files_left: int = 0
    """Source files that the next run scores again, since the time of this one for that was over."""
    rows_left: int = 0
    counting_again: tuple[str, ...] = ()
    """The files of which an earlier reading, by the present profile, counts again."""
    files_replaced: int = 0
    """Files that count no more, since a full export, or a file that begins with them, took their place."""
    findings: tuple[Finding, ...] = ()
    """What the run has found that somebody should know: what is new, and what it has seen itself."""
    accuracy: tuple[str, ...] = ()
    """How often the scores agree with what the sources gave: a phrase for each."""
    report: str | None = None
    """Path of the run's report; None if nothing was committed or reports are switched off."""
    taken: TakenLabels = field(default_factory=TakenLabels)
    """The labels that people gave to reviews, taken in from the inboxes."""
    copies: tuple[str, ...] = ()
    """The files that have come with the bytes of others that came before."""
    shadow: str | None = None
    """What was scored with the shadow, in words; None if no shadow is on, or nothing waited for it."""


def name_outcome(outcome: RunOutcome, files_unread: int) -> str:
    """Return the name of a run after its outcome, such as `1 file 20 reviews, 2 files 50 reviews again 1 file left`."""
    counted = (
        (outcome.total(files), outcome.total(rows), again)
        for files, rows, again in zip(FILES, ROWS, ("", " again"), strict=True)
    )
    did = [
        f"{count(files, 'file')} {count(rows, 'review')}{again}" for files, rows, again in counted if files
    ]
    aside = {
        "refused": outcome.total("files_refused"),
        "not read": files_unread,
        "left": outcome.count_left()["files_left"],
    }
    return " ".join(
        [", ".join(did) or "nothing new", *(f"{count(n, 'file')} {what}" for what, n in aside.items() if n)]
    )


def describe_scoring(summary: ScoringSummary | ScoringPlan, has_source: bool = False) -> str:
    """Return the message of a run, what it scored and found, or that of its plan.

    `has_source`: somebody named the source by whose profile the files are read.
    """
    if isinstance(summary, ScoringPlan):
        return describe_plan(summary)
    has_read = summary.files_scored or summary.files_refused or summary.skipped
    left = (
        f"{count(summary.rows_left, 'review')} of {count(summary.files_left, 'file')} for the next run with --rescore: "
        "the time of REVIEWS_RESCORE_MINUTES is over"
    )
    copies = (
        f"{count(len(summary.copies), 'file')} with the bytes of one that came before, not read again: "
        f"{name_files(summary.copies, _FILES_NAMED)}"
    )
    accuracy = list(summary.accuracy[:_SOURCES_NAMED])
    if more := len(summary.accuracy) - len(accuracy):
        accuracy.append(f"and {more:,} more: reviews sql live-accuracy")
    earlier = count(summary.files_replaced, "earlier file")
    replaced = f"{earlier} of the same source: what the new one lacks counts no more"
    said: dict[str, Iterable[str]] = {
        "replaced": [replaced] * bool(summary.files_replaced),
        "left": [left] * bool(summary.files_left),
        "known": [_READ_AGAIN] if has_source and not has_read else [],
        "labels": filter(None, [name_labels(summary.taken)]),
        "accuracy": accuracy,
        "copies": [copies] * bool(summary.copies),
        "shadow": filter(None, [summary.shadow]),
        "report": filter(None, [summary.report]),
    }
    found = list(list_lines(summary.findings))
    if len(found) > MOST_FOUND:
        found[MOST_FOUND - 1 :] = ["  more        reviews findings"]
    told = [
        f"  {kind:<12}{escape_controls(words)}" for kind, all_words in said.items() for words in all_words
    ]
    return "\n".join([*_describe_scored(summary), *found, *told])


def _describe_scored(summary: ScoringSummary) -> list[str]:
    """Return the lines of the message of `reviews score` on what was scored and quarantined."""
    if summary.counting_again and not summary.files_scored:
        return _describe_counting_again(summary)
    if summary.files_scored + summary.files_rescored + summary.files_refused == 0:
        # A mistyped home has an empty inbox, so the message names the inbox.
        where = f", in {escape_controls(summary.inbox)}" if not summary.files_found else ""
        unread = f"; {count(len(summary.skipped), 'file')} not read" if summary.skipped else ""
        return [f"Nothing new: {count(summary.files_found, 'file')} looked at{where}{unread}"]
    if summary.files_scored + summary.files_rescored == 0:
        return [f"Nothing scored: {count(summary.files_refused, 'file')} refused"]
    by = f" with {summary.model_id}" if summary.model_id else ""
    lines = [f"Scored {count(summary.rows_scored, 'review')} of {count(summary.files_scored, 'file')}{by}"]
    if summary.files_rescored:
        again = f"{count(summary.rows_rescored, 'review')} of {count(summary.files_rescored, 'file')}"
        lines.append(f"  again       {again} that other models had scored")
    if summary.counting_again:
        lines += [f"  {line}" for line in _describe_counting_again(summary)]
    if summary.rows_quarantined:
        query = "select uri, row_number, rule, detail from open_quarantine"
        lines.append(f'  {count(summary.rows_quarantined, "row")} quarantined: reviews sql "{query}"')
    return lines


def _describe_counting_again(summary: ScoringSummary) -> list[str]:
    """Return the lines on files of which an earlier reading counts again."""
    files = summary.counting_again
    return [
        f"Read in this way before, and count so again: {count(len(files), 'file')}; nothing of them is scored",
        f"  {name_files(files, PLAN_LINES)}",
        "`reviews export --new` brings an export up to date with the readings that count",
    ]


def name_labels(taken: TakenLabels) -> str:
    """Return in words which labels a run took in, and from which files; nothing where none was new or changed."""
    if not taken.sheets:
        return ""
    older = f", {taken.older:,} given by a later file too" if taken.older else ""
    withdrawn = f", {taken.lost:,} withdrawn" if taken.lost else ""
    files = name_files(taken.sheets, _FILES_NAMED)
    return f"{count(taken.labels, 'label')} taken in{older}{withdrawn}: {files}"


def describe_plan(plan: ScoringPlan) -> str:
    """Return the message of `reviews score --dry-run`: at most `PLAN_LINES` files and why each, then the totals."""
    by = f"with {plan.model_id}" if plan.model_id else "once a model is promoted: none is yet (reviews train)"
    listed = (*plan.files, *plan.labels)
    if not plan.files:
        lines = [f"Nothing to score: {count(plan.files_found, 'file')} looked at. Would score {by}."]
        lines += _tabulate_plan(listed) if listed else []
    else:
        again = all(file.why == EARLIER_READING for file in plan.files)
        would = "Would score nothing, but let earlier readings count again" if again else f"Would score {by}"
        lines = [f"{would}; nothing was changed.", *_tabulate_plan(listed)]
    if plan.rescore_seconds is not None:
        minutes = f"{plan.rescore_seconds / 60:g} min of scoring again"
        lines.append(f"  After {minutes} a run leaves the rest to the next one (REVIEWS_RESCORE_MINUTES).")
    lines += [f"  skipped {escape_controls(each.uri)}: {each.reason}" for each in plan.skipped]
    return "\n".join(lines)


def _tabulate_plan(files: Sequence[PlannedFile]) -> list[str]:
    """Return the lines of the message of a plan: its first files, and the totals."""
    shown = files[:PLAN_LINES]
    totals = _total_plan(files)
    width = max(len("why"), *(len(why) for why in totals))
    rows = [
        (
            file.why,
            "-" if file.rows is None else f"{file.rows:,}",
            escape_controls("  ".join(filter(None, (file.uri, file.trouble)))),
        )
        for file in shown
    ]
    digits = max(len("rows"), *(len(count) for _, count, _ in rows))
    lines = [
        f"  {why:<{width}}  {count:>{digits}}  {name}"
        for why, count, name in [("why", "rows", "file"), *rows]
    ]
    if len(files) > len(shown):
        lines.append(f"  and {len(files) - len(shown):,} more")
    return [*lines, *(f"  total {why}: {words}" for why, words in totals.items())]


def _total_plan(files: Sequence[PlannedFile]) -> dict[str, str]:
    """Count files, rows and the files that a run would refuse for each reason of a plan; return words by reason.

    The rows of files that are not read before the run, such as objects of a store, are not known.
    """
    totals = {}
    for why in dict.fromkeys(file.why for file in files):
        those = [file for file in files if file.why == why]
        troubled = sum(file.trouble is not None for file in those)
        counted = [file.rows for file in those if file.rows is not None]
        rows = f", {count(sum(counted), 'row')}" if counted else ""
        unscored = f", {troubled:,} of the files would not be scored" if troubled else ""
        totals[why] = f"{count(len(those), 'file')}{rows}{unscored}"
    return totals
