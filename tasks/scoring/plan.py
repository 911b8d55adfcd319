"""What a scoring run has to do: which files are new by content, and the plan that a dry run shows.

Nothing here changes anything but `record_seen`, which a dry run does not call. Known files are not read.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.errors import FileRefusedError, UsageError
from data_contracts.storage.home import Home
from tasks.inbox.opening import place_within
from tasks.inbox.source_files import (
    Findings,
    FoundFile,
    SkippedFile,
    SourceFile,
    hash_file,
    look_at_named,
    look_into,
    make_source_file,
)
from tasks.scoring.rescoring import find_older_sources
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls
from tasks.warehouse.ledger import SeenFile, read_seen_files, read_statuses, record_seen
from tasks.warehouse.model_registry import find_scoring_model

NEW, CHANGED, REFUSED_BEFORE, OLDER_MODEL = "new", "changed", "refused before", "older model"
"""Why a file is to be scored."""


@dataclass(frozen=True)
class ScoringRequest:
    """What a run is asked to do."""

    named: tuple[str, ...] = ()
    """Files and folders to look at instead of the inbox; refused ones are tried again."""
    since: datetime | None = None
    """Leave out files last changed before, and for rescoring sources first committed before."""
    model_id: str | None = None
    """Score with this model instead of the champion."""
    rescore: bool = False
    """Score again what other models have scored and this one has not."""
    text_column: str | None = None
    within: tuple[Path, ...] | None = ()
    """Folders in which named files must lie, if not in the inbox; None: anywhere."""


@dataclass(frozen=True)
class PendingFiles:
    """What a look at the inbox gave: the files whose content is to be scored, and why each is."""

    files_found: int
    new: tuple[SourceFile, ...]
    why: tuple[str, ...]
    """[n] for each of `new`: new, changed, or refused before."""
    skipped: tuple[SkippedFile, ...]
    named_sources: frozenset[str] | None
    """The contents of the files that were named; None where the inbox was looked at."""


@dataclass(frozen=True)
class PlannedFile:
    """One file that a run would score."""

    uri: str
    why: str
    rows: int | None
    """Rows as read, bad ones too; None where the file can't be read to its end."""
    trouble: str | None = None
    """Why nothing of it would be scored."""


@dataclass(frozen=True)
class ScoringPlan:
    """What a run would do; `model_id` is None where no model has been promoted yet."""

    inbox: str
    files_found: int
    model_id: str | None
    files: tuple[PlannedFile, ...]
    skipped: tuple[SkippedFile, ...]


def to_utc(moment: datetime | None) -> datetime | None:
    """Give a moment in UTC; one that names no time zone is in UTC. Raises `UsageError` where UTC has no such year."""
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise UsageError(
            f"since: {moment.isoformat()} lies outside the years 1 to 9999 in UTC. Next: name a moment within them."
        ) from None


def find_pending_files(home: Home, request: ScoringRequest, record: bool) -> PendingFiles:
    """Find the files to score; a known file is not read, a copy of a known one is recognised by content.

    With `record`, what was seen is kept in the warehouse, so that it need not be read again.
    """
    findings = _look(home.inbox, request)
    seen_files = read_seen_files(home.warehouse, findings.files)
    known, unread = _hash_unknown(findings.files, seen_files)
    if record:
        record_seen(home.warehouse, [file for file in known if _is_news(file, seen_files.get(file.uri))])
    statuses = {seen.source_sha256: seen.status for seen in seen_files.values()}
    statuses.update(read_statuses(home.warehouse, {file.source_sha256 for file in known} - statuses.keys()))
    new = pick_new(known, statuses, retry_refused=bool(request.named))
    return PendingFiles(
        files_found=len(findings.files),
        new=tuple(new),
        why=tuple(_tell_why(file, seen_files.get(file.uri), statuses) for file in new),
        skipped=(*findings.skipped, *unread),
        named_sources=frozenset(file.source_sha256 for file in known) if request.named else None,
    )


def make_plan(home: Home, request: ScoringRequest) -> ScoringPlan:
    """Find what a run would score; the bundle of its model is checked where there is something to score."""
    from models.bundle.folder import require_unaltered

    model = find_scoring_model(home.warehouse, request.model_id)
    pending = find_pending_files(home, request, record=False)
    older = []
    if request.rescore and model is not None:
        older = find_older_sources(home.warehouse, model.model_id, request.since, pending.named_sources)
    if model is not None and (pending.new or older):
        require_unaltered(home.bundles / model.model_id, model.bundle_fingerprint)
    again = [PlannedFile(source.uri, OLDER_MODEL, source.rows_read) for source in older]
    return ScoringPlan(
        inbox=str(home.inbox),
        files_found=pending.files_found,
        model_id=model.model_id if model else None,
        files=(*_plan_new_files(pending, request.text_column), *again),
        skipped=pending.skipped,
    )


def pick_new(
    files: Sequence[SourceFile], statuses: dict[str, str | None], retry_refused: bool = False
) -> list[SourceFile]:
    """Give the files, in order, whose content no model has scored and no rule refused; of copies, the first.

    `statuses` are those of the ledger by sha256. With `retry_refused`, refused contents are given too.
    """
    done = {"scored"} if retry_refused else {"scored", "refused"}
    firsts: dict[str, SourceFile] = {}
    for file in files:
        if statuses.get(file.source_sha256) not in done:
            firsts.setdefault(file.source_sha256, file)
    return list(firsts.values())


def _plan_new_files(pending: PendingFiles, text_column: str | None) -> list[PlannedFile]:
    """Read the files that are to be scored, count their rows and say which a reader would refuse."""
    if not pending.new:
        return []
    with show_progress("Reading new files", sum(file.size for file in pending.new)) as report:
        return [
            _plan_file(file, why, text_column, report)
            for file, why in zip(pending.new, pending.why, strict=True)
        ]


def _look(inbox: Path, request: ScoringRequest) -> Findings:
    """Look at the inbox or the named files; those last changed before `since` are left out."""
    if request.named:
        named = _find_named(request, inbox)
        findings = look_at_named(list(named), inbox, {path: root for path, root in named.items() if root})
    else:
        findings = look_into(inbox) if inbox.exists() else Findings((), ())
    if request.since is None:
        return findings
    earliest_ns = int(request.since.timestamp() * 1_000_000) * 1000
    return Findings(tuple(file for file in findings.files if file.mtime_ns >= earliest_ns), findings.skipped)


def _find_named(request: ScoringRequest, inbox: Path) -> dict[Path, Path | None]:
    """Give the paths that were named, relative ones within the inbox, each with the folder that must hold it.

    All must be there, and where they may be.
    """
    if nameless := [name for name in request.named if not name.strip() or "\0" in name]:
        raise UsageError(f"{nameless[0]!r} names no file. Next: give names within the inbox, or whole paths.")
    paths: dict[Path, Path | None] = {inbox / name: None for name in request.named}
    if request.within is not None:
        paths = dict(_place_named(path, (inbox, *request.within)) for path in paths)
    missing = [escape_controls(str(path)) for path in paths if not os.path.lexists(path)]
    if missing:
        raise UsageError(
            f"Not there: {', '.join(missing)}. Next: give the whole path, as the machine that scores knows it, or "
            "the name within the inbox."
        )
    return paths


def _place_named(path: Path, folders: Sequence[Path]) -> tuple[Path, Path]:
    """Give a path without links, and the folder that holds it; what is elsewhere is not even looked at."""
    placed = place_within(path, folders)
    if placed is None:
        raise UsageError(
            f"{escape_controls(str(path))}: a run of a deployment reads the inbox and the folders of "
            "REVIEWS_INPUT_DIRS alone, and follows no link out of them. Next: put it into the inbox, let "
            "REVIEWS_INPUT_DIRS name its folder, or run `reviews score` with it."
        )
    root, real = placed
    return real, root


def _hash_unknown(
    files: Sequence[FoundFile], seen_files: dict[str, SeenFile]
) -> tuple[list[SourceFile], list[SkippedFile]]:
    """Give every file with its sha256, read anew only where name, size or time are not those known."""
    known = {
        uri: make_source_file(file, seen_files[uri].source_sha256)
        for uri, file in ((file.uri, file) for file in files)
        if uri in seen_files and seen_files[uri].is_unchanged
    }
    unknown = [file for file in files if file.uri not in known]
    if not unknown:
        return list(known.values()), []
    hashed: dict[str, SourceFile | SkippedFile] = {}
    with show_progress("Looking at new files", sum(file.size for file in unknown)) as report:
        for found in unknown:
            hashed[found.uri] = hash_file(found)
            report(found.size)
    looked_at = [known.get(file.uri) or hashed[file.uri] for file in files]
    return (
        [each for each in looked_at if isinstance(each, SourceFile)],
        [each for each in looked_at if isinstance(each, SkippedFile)],
    )


def _is_news(file: SourceFile, seen: SeenFile | None) -> bool:
    """Tell whether the row of a file in `inbox_files` is missing, wrong or old."""
    return seen is None or not seen.is_unchanged or seen.is_stale


def _tell_why(file: SourceFile, seen: SeenFile | None, statuses: dict[str, str | None]) -> str:
    if statuses.get(file.source_sha256) == "refused":
        return REFUSED_BEFORE
    return CHANGED if seen and seen.source_sha256 != file.source_sha256 else NEW


def _plan_file(
    file: SourceFile, why: str, text_column: str | None, report: Callable[[int], None]
) -> PlannedFile:
    """Count the rows of a file; `report` is told of its bytes, as well as the rows read tell."""
    from tasks.review_files.reader import ReadOptions, read_review_file

    rows, left = 0, file.size
    try:
        for batch in read_review_file(file.path, ReadOptions(text_column=text_column, root=file.root)):
            rows += batch.num_rows
            step = min(batch.nbytes, left)
            report(step)
            left -= step
    except FileRefusedError as refusal:
        waits = refusal.rule == "file_unreadable"
        trouble = f"would {'wait' if waits else 'be refused'}: {refusal.rule}: {refusal.detail}"
        return PlannedFile(file.uri, why, None, trouble)
    finally:
        report(left)
    return PlannedFile(file.uri, why, rows)
