"""Finds what a scoring run has to do: the files with new content, and the plan that a dry run shows.

Files that are known by name, size and time are not read again. Only `find_pending_files` with `record` writes to the
database; a dry run writes nothing.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import FileRefusedError, UsageError
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import is_store_uri
from tasks.inbox.opening import place_within
from tasks.inbox.source_files import (
    ENGINE_GROUP_BYTES,
    GROUP_BYTES,
    HAS_LABELS,
    Findings,
    FoundFile,
    SkippedFile,
    SourceFile,
    hash_file,
    look_at_named,
    look_into,
    make_source_file,
)
from tasks.labelling.intake import find_unread
from tasks.scoring.known_files import find_statuses, pick_new, settle_returned
from tasks.scoring.rescoring import find_rescorable
from tasks.scoring.run_outcome import describe_replaced, find_copies
from tasks.store.inbox_objects import Arrivals, find_arrivals
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls
from tasks.warehouse.file_ledger import SeenFile, look_up, read_seen_files, record_seen
from tasks.warehouse.model_registry import find_scoring_model

if TYPE_CHECKING:
    from tasks.reading.rows import ReadOptions
    from tasks.sources.rescanning import Rescan

NEW, CHANGED, REFUSED_BEFORE, OLDER_MODEL = "new", "changed", "refused before", "older model"
OTHER_PROFILE, EARLIER_READING = "other profile", "counts again"
"""Why a file is to be scored."""
WITH_LABELS = "labels"
"""Why a file is to be read that has labels by people."""


@dataclass(frozen=True)
class ScoringRequest:
    """The parameters of a scoring run, by which its work is planned."""

    named: tuple[str, ...] = ()
    """Files, folders and objects to score instead of the inboxes; refused ones among them are tried again."""
    since: datetime | None = None
    """Ignore files last changed before this moment, and when rescoring, sources first committed before it."""
    model_id: str | None = None
    """Score with this model instead of the champion."""
    rescore: bool = False
    """Also score the sources that other models have scored and this one has not."""
    source: str | None = None
    """The source of the named files; None: their folders in the inbox decide."""
    rescan: str | None = None
    """Instead of new files, read again those of this source that its present profile has not read."""
    within: tuple[Path, ...] | None = ()
    """Folders besides the inbox in which named files may be; None: named files may be anywhere."""
    store: str | None = None
    """The URI of the object store that has an inbox too."""
    engine: str | None = None
    """Where the workers are that score texts; None: this process does."""
    rescore_seconds: float | None = None
    """After so many seconds of scoring again no further group is begun; None: no limit."""

    @property
    def since_ns(self) -> int | None:
        """The moment `since` as the time of a file."""
        return None if self.since is None else int(self.since.timestamp() * 1_000_000) * 1000

    @property
    def group_bytes(self) -> int:
        """The most bytes of a group of files."""
        return ENGINE_GROUP_BYTES if self.engine else GROUP_BYTES

    @property
    def named_objects(self) -> tuple[str, ...]:
        """Those of `named` that are in a store."""
        return tuple(filter(is_store_uri, self.named))


@dataclass(frozen=True)
class PendingFiles:
    """The planned files, which are to be scored, and the reason for each."""

    files_found: int
    new: tuple[SourceFile, ...]
    why: tuple[str, ...]
    """The reason for each file of `new`: new, changed, or refused before."""
    skipped: tuple[SkippedFile, ...]
    named_sources: frozenset[str] | None
    """The sha256 of each file that was named; None if the inbox was searched."""
    rescan: "Rescan | None" = None
    """Where the files come from in a rescan."""
    stored: Arrivals = field(default_factory=Arrivals)
    """What was found in the inbox of a store. Its objects are not among `new`: their content is not known yet."""
    copies: Mapping[str, str | None] = field(default_factory=dict)
    """The files that came under a name for the first time, with the bytes of another one before that is not refused ->
    that one, if it is among `new`."""
    files_replaced: int = 0
    """Files that count no more, since a known one that begins with them has come again."""


@dataclass(frozen=True)
class PlannedFile:
    """One file that a run would score."""

    uri: str
    why: str
    rows: int | None
    """Number of rows, bad ones included; None if the file can't be read to its end."""
    trouble: str | None = None
    """Why no row of the file would be scored."""


@dataclass(frozen=True)
class ScoringPlan:
    """What a run would do; `model_id` is None if no model has been promoted yet."""

    inbox: str
    files_found: int
    model_id: str | None
    files: tuple[PlannedFile, ...]
    skipped: tuple[SkippedFile, ...]
    trouble: str | None = None
    """Why the inbox of the store could not be listed; the run would score the files of the home, then fail."""
    rescore_seconds: float | None = None
    """After how many seconds of scoring again a run leaves the rest to the next one, where there is something."""
    labels: tuple[PlannedFile, ...] = ()
    """The files of labels that a run would read."""


def to_utc(moment: datetime | None) -> datetime | None:
    """Convert the `since` of a plan to UTC, also its default zone; raise `UsageError` beyond the years 1 to 9999."""
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise UsageError(
            f"since: {moment.isoformat()} lies outside the years 1 to 9999 in UTC. Next: name a moment within them."
        ) from None


def require_consistent(request: ScoringRequest) -> None:
    """Raise `UsageError` if parameters contradict each other: some are for named files alone, or for new ones."""
    if request.source and not request.named:
        raise UsageError("--source is for named files: reviews score --source NAME FILE ...")
    if request.rescan is not None and (request.named or request.since):
        raise UsageError("rescan reads all files of a source again. Next: leave out files and since.")


def list_parameters(request: ScoringRequest) -> dict[str, Any]:
    """Return the parameters under the names that the flow has for them, as its run is recorded with."""
    names = ("since", "model_id", "rescore", "source", "rescan")
    return {"files": list(request.named) or None} | {name: getattr(request, name) for name in names}


def find_pending_files(home: Home, request: ScoringRequest, record: bool) -> PendingFiles:
    """Plan the files to score: those whose content is not in the ledger yet; in a rescan, see `plan_rescan`.

    A file that is known by name, size and time is not read; a copy of a known file is recognised by its sha256. With
    `record`, each new sha256 is stored in the warehouse, so that later runs need not read these files.
    """
    if request.rescan is not None:
        from tasks.sources.rescanning import plan_rescan

        rescan = plan_rescan(home, request.rescan)
        why = (OTHER_PROFILE,) * len(rescan.files)
        return PendingFiles(rescan.files_found, rescan.files, why, rescan.skipped, None, rescan)
    findings = _find_files(home.inbox, request)
    seen_files = read_seen_files(home.warehouse, findings.files)
    known, unread = _hash_unknown(findings.files, seen_files)
    stored, beginnings = Arrivals(), 0
    if request.named_objects or not request.named:
        stored = find_arrivals(home, request.store, request.named_objects, request.since_ns)
    if not request.named:
        stored = _leave_refused(home, stored)
    recorded = {uri for uri, seen in seen_files.items() if seen.is_unchanged and not seen.is_stale}
    unrecorded = [file for file in known if file.uri not in recorded]
    before = {uri: seen.source_sha256 for uri, seen in seen_files.items()}
    come = [file for file in known if file.source_sha256 != before.get(file.uri)]
    asked = {file.source_sha256 for file in come}
    ledger = look_up(home.warehouse, asked)
    if record:
        beginnings = settle_returned(home, come, ledger.statuses, request.source)
        record_seen(home.warehouse, [*unrecorded, *stored.stale])
    by_content = {**{seen.source_sha256: seen.status for seen in seen_files.values()}, **ledger.statuses}
    statuses = find_statuses(home, known, by_content)
    sources = {*(file.source_sha256 for file in known), *stored.list_known()}
    new = pick_new(known, statuses, retry_refused=bool(request.named))
    replaced = describe_replaced(come, ledger)
    skipped = [each for each in findings.skipped if each.reason != HAS_LABELS]  # every run takes these in
    return PendingFiles(
        files_found=len(findings.files) + len(findings.skipped) - len(skipped) + stored.files_found,
        new=tuple(new),
        why=tuple(_find_reason(file, seen_files.get(file.uri), statuses) for file in new),
        skipped=(*skipped, *unread, *replaced, *stored.skipped),
        named_sources=frozenset(sources) if request.named else None,
        stored=stored,
        copies=find_copies(come, new, statuses, told=[file.uri for file in replaced]),
        files_replaced=beginnings,
    )


def _leave_refused(home: Home, stored: Arrivals) -> Arrivals:
    """Return what was found in a store without the objects that would be refused again."""
    refused = [
        make_source_file(file, known.source_sha256)
        for file in stored.unread
        if (known := stored.seen.get(file.uri)) and known.is_unchanged and known.status == "refused"
    ]
    statuses = find_statuses(home, refused, {file.source_sha256: "refused" for file in refused})
    left = {file.uri for file, status in statuses.items() if status == "refused"}
    return replace(stored, unread=tuple(file for file in stored.unread if file.uri not in left))


def make_plan(home: Home, request: ScoringRequest) -> ScoringPlan:
    """Find what a run would score; if there is anything, check that the model's bundle is unaltered."""
    from models.bundle.fingerprint import require_fingerprint

    model = find_scoring_model(home.warehouse, request.model_id)
    pending = find_pending_files(home, request, record=False)
    older = []
    if request.rescore and model is not None:
        older = find_rescorable(home.warehouse, model.model_id, request.since, pending.named_sources)
    if model is not None and (pending.new or older):
        require_fingerprint(home.bundles / model.model_id, model.bundle_fingerprint)
    again = [PlannedFile(source.uri, OLDER_MODEL, source.rows_read) for source in older]
    if pending.rescan is not None:
        again = [PlannedFile(each.uri, EARLIER_READING, each.rows_read) for each in pending.rescan.earlier]
    labels = find_unread(home, pending.stored.labels)
    return ScoringPlan(
        inbox=name_inboxes(home, request),
        files_found=pending.files_found,
        model_id=model.model_id if model else None,
        files=(*_plan_new_files(home, pending, request), *_plan_objects(pending.stored), *again),
        skipped=(*pending.skipped, *labels.skipped),
        trouble=str(pending.stored.trouble) if pending.stored.trouble else None,
        rescore_seconds=request.rescore_seconds if older else None,
        labels=tuple(PlannedFile(file.uri, WITH_LABELS, None) for file in labels.files),
    )


def _plan_objects(stored: Arrivals) -> Iterator[PlannedFile]:
    """Plan the objects to read. A dry run downloads nothing, so it does not count their rows."""
    for file in stored.unread:
        seen = stored.seen.get(file.uri)
        refused = seen is not None and seen.is_unchanged and seen.status == "refused"
        yield PlannedFile(file.uri, REFUSED_BEFORE if refused else CHANGED if seen else NEW, None)


def name_inboxes(home: Home, request: ScoringRequest) -> str:
    """Return where a run looks for new files, in words."""
    inboxes = [str(home.inbox), *([f"{request.store}/inbox"] if request.store else [])]
    return " and ".join(request.named or inboxes)


def _plan_new_files(home: Home, pending: PendingFiles, request: ScoringRequest) -> list[PlannedFile]:
    """Plan the new files of a dry run: read them, count the rows of each, or find out why it would be refused."""
    if not pending.new:
        return []
    from tasks.reading.rows import ReadOptions
    from tasks.sources.catalogue import load_catalogue
    from tasks.sources.profile_options import choose_file_options

    catalogue = load_catalogue(home, request.source)
    choose = partial(choose_file_options, catalogue, ReadOptions())
    with show_progress("Reading new files", sum(file.size for file in pending.new)) as report:
        return [
            _plan_file(file, why, choose, report) for file, why in zip(pending.new, pending.why, strict=True)
        ]


def _find_files(inbox: Path, request: ScoringRequest) -> Findings:
    """Find the files to plan: those of the inbox, or the named ones; ignore those last changed before `since`."""
    if request.named:
        files = tuple(name for name in request.named if not is_store_uri(name))
        named = _resolve_named(replace(request, named=files), inbox)
        findings = look_at_named(list(named), inbox, {path: root for path, root in named.items() if root})
    else:
        findings = look_into(inbox) if inbox.exists() else Findings((), ())
    if request.since_ns is None:
        return findings
    return Findings(
        tuple(file for file in findings.files if file.mtime_ns >= request.since_ns), findings.skipped
    )


def _resolve_named(request: ScoringRequest, inbox: Path) -> dict[Path, Path | None]:
    """Return each path that the plan names, with the folder below which no link may be followed; None if allowed.

    Names are relative to the inbox or absolute. Raises `UsageError` if a path does not exist or may not be read.
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
    """Return the path without links and the one of `folders` that contains it; raise `UsageError` if none does."""
    placed = place_within(path, folders)
    if placed is None:
        raise UsageError(
            f"{escape_controls(str(path))}: a run of a deployment reads the inbox and the folders of "
            "REVIEWS_INPUT_DIRS alone, and follows no link out of them. Next: put it into the inbox, add its folder "
            "to REVIEWS_INPUT_DIRS, or run `reviews score` with it."
        )
    root, real = placed
    return real, root


def _hash_unknown(
    files: Sequence[FoundFile], seen_files: dict[str, SeenFile]
) -> tuple[list[SourceFile], list[SkippedFile]]:
    """Return the files with their sha256, and the skipped ones; hash only files whose name, size or time is new."""
    hashed: dict[str, SourceFile | SkippedFile] = {
        file.uri: make_source_file(file, seen.source_sha256)
        for file in files
        if (seen := seen_files.get(file.uri)) and seen.is_unchanged
    }
    if unknown := [file for file in files if file.uri not in hashed]:
        with show_progress("Looking at new files", sum(file.size for file in unknown)) as report:
            for found in unknown:
                hashed[found.uri] = hash_file(found)
                report(found.size)
    all_files = [hashed[file.uri] for file in files]
    return (
        [each for each in all_files if isinstance(each, SourceFile)],
        [each for each in all_files if isinstance(each, SkippedFile)],
    )


def _find_reason(file: SourceFile, seen: SeenFile | None, statuses: Mapping[SourceFile, str | None]) -> str:
    """Return the reason why a file is planned."""
    if statuses.get(file) == "refused":
        return REFUSED_BEFORE
    return CHANGED if seen and seen.source_sha256 != file.source_sha256 else NEW


def _plan_file(
    file: SourceFile, why: str, choose: Callable[[SourceFile], "ReadOptions"], report: Callable[[int], None]
) -> PlannedFile:
    """Count the rows of a file; `report` is called with an estimate of the bytes read, `file.size` in all."""
    from tasks.scoring.chunks import count_rows
    from tasks.scoring.file_outcomes import WAITING_RULES, name_file

    try:
        rows = count_rows(file, choose(file), report)
    except FileRefusedError as error:
        refusal = name_file(file, error)
        waits = "stay refused" if file.was_refused else "keep its reading" if why == OTHER_PROFILE else "wait"
        ends = waits if refusal.rule in WAITING_RULES else "be refused"
        trouble = f"would {ends}: {refusal.rule}: {refusal.detail}"
        return PlannedFile(file.uri, why, None, trouble)
    return PlannedFile(file.uri, why, rows)
