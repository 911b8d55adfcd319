"""Forgets rows in the database, its copies, pages and destinations, and names the files that may still hold them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from data_contracts.errors import ReviewsError, WarehouseError
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from data_contracts.storage.store_uris import LABELS_IN_STORE, is_store_uri
from tasks.delivery.delivering import deliver_forgotten
from tasks.findings.gathering import refresh_findings
from tasks.maintenance import forgetting
from tasks.maintenance.forgetting import NAME_SHOWN, ForgetRequest, Forgotten
from tasks.pages.formatting import cut_name
from tasks.snapshots.forgotten_beside import note_forgotten
from tasks.snapshots.manifests import parse_number
from tasks.snapshots.old_backups import is_old_backup
from tasks.snapshots.places import CHUNKS
from tasks.store.work_folders import clear_spool, clear_workplaces
from tasks.support.lock_holders import keep_runs_out
from tasks.support.wording import count, escape_controls, quote_word
from tasks.warehouse.database.rewriting import name_renewal_mark, name_rewrite_mark, rewrite_warehouse
from tasks.warehouse.database.warehouse_connection import require_warehouse
from tasks.warehouse.publishing import publish

_REPLACED = "reviews.replaced-*.duckdb"
"""The names of databases that restores replaced."""
_NOTHING_TO_FORGET = "`reviews score`; before that there is nothing to forget"


def forget_everywhere(
    home: Home,
    request: ForgetRequest,
    say: Callable[[str], None],
    store: str | None = None,
    destination_urls: Mapping[str, str] | None = None,
) -> None:
    """Delete rows from the database, copies, parts and pages; say what was deleted, and which other files have them.

    Of the object store that is set, and of those that were, the parts are deleted, whatever is in them: the next run
    makes them again. The snapshots there give way to one without the rows. The destinations and the home's exports get
    the deletion too; `destination_urls` are the addresses of their databases. Raises the `WarehouseError` of a copy
    that can't be published at the end: readers still see the one of before.
    """
    require_warehouse(home.warehouse, _NOTHING_TO_FORGET)
    with keep_runs_out(home, say):
        stores = _prepare_stores(home, store)
        forgetting.commit_waiting(home)
        clear_spool(home)
        kind = forgetting.find_forgettable(home.warehouse, request.name, request.kind).kind
        rows = forgetting.forget(home.warehouse, request, kind)
        lines, unpublished = _renew_copies(home, stores)
    say(
        f"Forgot {count(rows.rows, 'row')} ({rows.kind} {cut_name(request.name, NAME_SHOWN)}), "
        f"{rows.rows_quarantined:,} of them quarantined{_describe_earlier(rows)}."
    )
    for line in lines:
        say(line)
    _deliver(home, destination_urls or {}, unpublished, say)
    _report_copies(home, rows, store, say)
    if unpublished:
        raise unpublished


def finish_killed(
    home: Home, say: Callable[[str], None], store: str | None, destination_urls: Mapping[str, str]
) -> None:
    """Finish what a killed `forget` left: else nothing is found to forget, though copies still have it.

    Raises as `forget_everywhere` does.
    """
    marks = (name_rewrite_mark(home.warehouse), name_renewal_mark(home.warehouse))
    if not any(mark.exists() for mark in marks):
        return
    with keep_runs_out(home, say):
        stores = _prepare_stores(home, store)
        forgetting.finish_forgetting(home)
        lines, unpublished = _renew_copies(home, stores)
    for line in ("A `reviews forget` was killed: what it had left to delete is deleted now.", *lines):
        say(line)
    _deliver(home, destination_urls, unpublished, say)
    if unpublished:
        raise unpublished


def _renew_copies(home: Home, stores: Sequence[str]) -> tuple[list[str], WarehouseError | None]:
    """Leave what was forgotten out of all copies, here and in stores, and of reports.

    Return lines on what was deleted and what still holds it, and why no copy without it could be published, if so.
    """
    from tasks.report.writing import drop_reports_of_forgotten

    notes, unpublished = note_forgotten(home), None
    reports = drop_reports_of_forgotten(home)
    refresh_findings(home)
    rewrite_warehouse(home.warehouse)
    clear_workplaces(home)
    try:
        publish(home)
    except WarehouseError as error:  # the snapshots in stores are made of it, and wait too
        unpublished = error
        notes += [f"the store {each} may still hold it, until the next run" for each in stores]
    else:
        notes += [line for each in stores if (line := _renew_stored(home, each))]
    lines = [*map(_describe_report, reports), *(f"  {escape_controls(note)}" for note in notes)]
    return lines, unpublished


def _deliver(
    home: Home, urls: Mapping[str, str], unpublished: WarehouseError | None, say: Callable[[str], None]
) -> None:
    """Deliver to the destinations and the home's exports that rows were forgotten."""
    for problem in deliver_forgotten(home, urls):
        say(f"  a destination may still hold it: {escape_controls(problem)}")
    if not unpublished:
        name_renewal_mark(home.warehouse).unlink(missing_ok=True)


def _describe_report(path: Path) -> str:
    """Return the line on a report, or a page of a week, that was deleted."""
    week = path.stem.removeprefix("week-")
    again = path.stem if week == path.stem else f"--week {week}"
    return f"  deleted a report that showed it: {path.name} (to write it again: reviews report {again})"


def _prepare_stores(home: Home, store: str | None) -> list[str]:
    """Look whether the store that is set answers; return all stores that may have rows of a home.

    This comes before anything is forgotten: if it fails, the error says that nothing was.
    """
    from tasks.snapshots.after_runs import list_stores, name_place
    from tasks.snapshots.ownership import read_owner
    from tasks.snapshots.places import open_place

    try:
        if store is not None:
            read_owner(open_place(name_place(store)))  # fails if the store does not answer
        return list(dict.fromkeys([*([store] if store is not None else []), *list_stores(home)]))
    except ReviewsError as error:
        raise type(error)(f"Nothing was forgotten. {error}") from error


def _renew_stored(home: Home, store: str) -> str | None:
    """Delete the snapshots of a home in a store, and make a new one; return what there is to say of it."""
    from tasks.snapshots.after_runs import renew_snapshot

    try:
        done = renew_snapshot(home, store)
    except ReviewsError as error:
        return (
            f"the store {store} may still hold it: {error} The next run that keeps a snapshot there mends that; if "
            f"the store is gone for good: `reviews backup --gone {quote_word(store)}`"
        )
    return f"the snapshots in the store gave way to one without it: {done.name}" if done else None


def _report_copies(home: Home, done: Forgotten, store: str | None, say: Callable[[str], None]) -> None:
    """List what may still hold the forgotten rows: source files, sheets of labels, backups."""
    from tasks.labelling.intake import list_sheets

    stored = [uri for uri in done.files if is_store_uri(uri)]  # may have been deleted since
    present = [*forgetting.list_present(done, home), *stored]
    sheets = [*list_sheets(home, done.texts), *_list_stored_sheets(home, store, done, say)]
    replaced = sorted(home.folder.glob(_REPLACED))
    for path in (*present, *sheets, *(backups := _list_backups(home)), *replaced):
        say(f"  may still hold it: {escape_controls(str(path))}")
    if present or sheets or backups or replaced:
        say(
            "Next: edit or delete these files yourself. A scored file is read again only if it changes, or in a rescan."
        )


def _list_stored_sheets(
    home: Home, store: str | None, done: Forgotten, say: Callable[[str], None]
) -> list[str]:
    """Return the URIs of sheets of labels in stores that may hold the forgotten rows; say so if nobody can tell."""
    from tasks.labelling.intake import list_sheets_of_others, list_stored_sheets

    others = list_sheets_of_others(home, store)
    try:
        return [*others, *(list_stored_sheets(home, store, done.texts) if store else ())]
    except ReviewsError as error:
        say(
            f"  the store {store} may still hold it, look through its {LABELS_IN_STORE}/: {escape_controls(str(error))}"
        )
        return others


def _list_backups(home: Home) -> list[Path]:
    """Return the backups in the home, whatever the dates of these: clocks are set. The folder, if it can't be read.

    Chunks may be there without a manifest: of a backup that was killed, or whose manifest somebody deleted.
    """
    try:
        return [
            path
            for path in list_paths(home.backups, "*")
            if parse_number(path.name) is not None
            or is_old_backup(path)
            or (path.name == CHUNKS and any(path.iterdir()))
        ]
    except OSError:
        return [home.backups]


def describe_forgettable(home: Home, name: str, kind: str | None) -> str:
    """Describe the rows that `forget` would delete: how many, and of which files."""
    require_warehouse(home.warehouse, _NOTHING_TO_FORGET)
    matched = forgetting.find_forgettable(home.warehouse, name, kind)
    files = ", ".join(map(escape_controls, matched.files[:3])) + (", ..." if len(matched.files) > 3 else "")
    rows = f"{count(matched.rows, 'row')} of {count(len(matched.files), 'file')}"
    return f"{rows} ({files}), of the {matched.kind} {cut_name(name, NAME_SHOWN)}{_describe_earlier(matched)}"


def _describe_earlier(found: Forgotten) -> str:
    """Return the words on rows that are deleted besides the named ones, if there are any."""
    if not found.rows_of_earlier:
        return ""
    rows = count(found.rows_of_earlier, "row")
    return f"; and all {rows} of earlier readings that number rows otherwise: which of them are these is not known"
