"""What `reviews forget` does: delete rows for good, and name the files that may still hold their texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import ReviewsError, WarehouseError
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from data_contracts.storage.store_uris import LABELS_IN_STORE
from flows.command.actions.destinations import deliver_forgotten
from flows.command.actions.home_protection import keep_runs_out
from flows.command.actions.site import renew_site
from tasks.backups.forgotten_beside import note_forgotten
from tasks.exports.export_ledger import holds_export
from tasks.maintenance import forgetting
from tasks.maintenance.forgetting import NAME_SHOWN, ForgetRequest, Forgotten
from tasks.pages.formatting import cut_name
from tasks.store.work_folders import clear_spool
from tasks.support.wording import count, escape_controls
from tasks.warehouse.database.rewriting import rewrite_warehouse
from tasks.warehouse.database.warehouse_connection import require_warehouse
from tasks.warehouse.publishing import publish

_REPLACED = "reviews.replaced-*.duckdb"
"""The names of databases that restores replaced."""
_NOTHING_TO_FORGET = "`reviews score`; before that there is nothing to forget"


@dataclass(frozen=True)
class _Deleted:
    """What was deleted, and what was made anew without it."""

    rows: Forgotten
    reports: Sequence[Path]
    pages: Sequence[Path]
    stored: Sequence[str]
    """What there is to say of the copies in stores, and of backups: sentences."""
    trouble: str | None
    """Why the site could not be made anew."""
    unpublished: WarehouseError | None
    """Why readers still see the copy of before; then those in stores and the site, which are made from it, wait too."""


def forget(
    home: Home,
    request: ForgetRequest,
    echo: Callable[[str], None],
    store: str | None = None,
    destination_urls: Mapping[str, str] | None = None,
) -> None:
    """Do what `reviews forget` does: delete rows, also from copies, parts, pages; list other files that have them.

    Of the object store that is set, and of those that were, the parts are deleted, whatever is in them: the next run
    makes them again. The copy there is made anew without the rows. The destinations get the deletion too;
    `destination_urls` are the addresses of their databases.
    """
    require_warehouse(home.warehouse, _NOTHING_TO_FORGET)
    with keep_runs_out(home, echo):
        deleted = _delete(home, request, store)
    _report_deleted(deleted, request.name, echo)
    for problem in deliver_forgotten(home, destination_urls or {}):
        echo(f"  a destination may still hold it: {escape_controls(problem)}")
    _report_copies(home, deleted.rows, store, echo)
    if deleted.unpublished:
        raise deleted.unpublished


def _delete(home: Home, request: ForgetRequest, store: str | None) -> _Deleted:
    """Delete rows from the database, its copies here and in stores, and the pages that show them."""
    from tasks.report.writing import drop_reports_of_forgotten
    from tasks.site.writing import drop_pages_of_forgotten

    forgetting.commit_waiting(home)
    clear_spool(home)
    stores = _prepare_stores(home, store)
    matched = forgetting.find_forgettable(home.warehouse, request.name, request.kind)
    rows = forgetting.forget(home.warehouse, request, matched.kind)
    untold = note_forgotten(home)
    reports = drop_reports_of_forgotten(home)
    pages = drop_pages_of_forgotten(home)
    rewrite_warehouse(home.warehouse)
    try:
        publish(home)
    except WarehouseError as error:
        waiting = [f"the copy in the store {each} may still hold it, until the next run" for each in stores]
        trouble = "the site waits for the next run"
        return _Deleted(rows, reports, pages, [*untold, *waiting], trouble if pages else None, error)
    stored = [*untold, *(line for each in stores if (line := _renew_stored_copy(home, each)))]
    return _Deleted(rows, reports, pages, stored, renew_site(home), None)


def _report_deleted(deleted: _Deleted, name: str, echo: Callable[[str], None]) -> None:
    """Print what was deleted, and what was made anew without it."""
    rows = deleted.rows
    echo(
        f"Forgot {count(rows.rows, 'row')} ({rows.kind} {cut_name(name, NAME_SHOWN)}), {rows.rows_quarantined:,} of "
        f"them quarantined{_describe_earlier(rows)}."
    )
    for path in deleted.reports:
        week = path.stem.removeprefix("week-")
        again = f"report {path.stem}" if week == path.stem else f"week --of {week}"
        echo(f"  deleted a report that showed it: {path.name} (to write it again: reviews {again})")
    if deleted.pages:
        without = "the site was made anew without it" if deleted.trouble is None else "deleted"
        echo(f"  {count(len(deleted.pages), 'page')} of the site showed it: {without}")
    if deleted.trouble is not None:
        echo(f"  {deleted.trouble}")
    for line in deleted.stored:
        echo(f"  {escape_controls(line)}")


def _prepare_stores(home: Home, store: str | None) -> list[str]:
    """Delete the parts of a home in the store that is set; return all stores that may have rows of it.

    This comes before anything is forgotten: if it fails, the error says that nothing was.
    """
    from tasks.store.published_upload import list_remembered

    try:
        if store is not None:
            forgetting.drop_stored_parts(home, store)
        return list(dict.fromkeys([*([store] if store is not None else []), *list_remembered(home)]))
    except ReviewsError as error:
        raise type(error)(f"Nothing was forgotten. {error}") from error


def _renew_stored_copy(home: Home, store: str) -> str | None:
    """Delete the parts of a home in a store, and bring its copy there up to date; return what there is to say of it."""
    from tasks.store.published_upload import renew_copy

    try:
        forgetting.drop_stored_parts(home, store)
        done = renew_copy(home, store)
    except ReviewsError as error:
        return (
            f"the store {store} may still hold it: {error} The next run that uploads there mends that; a "
            f"store that is gone for good is to be taken out of {home.stores_with_rows}."
        )
    return f"the copy in the store was made anew without it: {done.uri}" if done else None


def _report_copies(home: Home, done: Forgotten, store: str | None, echo: Callable[[str], None]) -> None:
    """List what may still hold the forgotten rows: source files, sheets of labels, backups, exports."""
    from tasks.labelling.intake import list_sheets

    present = [*forgetting.list_present(done, home), *forgetting.list_objects(done)]
    sheets = [*list_sheets(home, done.texts), *_list_stored_sheets(home, store, done, echo)]
    replaced = sorted(home.folder.glob(_REPLACED))
    exports = {
        home.exports: "`reviews export` without --new",
        home.current_export: "`reviews export --current`",
    }
    exported = [path for path in exports if holds_export(path)]
    for path in (*present, *sheets, *(backups := _list_backups(home)), *replaced, *exported):
        echo(f"  may still hold it: {escape_controls(str(path))}")
    for path in exported:
        echo(f"Next: {exports[path]} replaces the export in {path.name}/ by one without it.")
    if present or sheets or backups or replaced:
        echo(
            "Next: edit or delete these files yourself. A scored file is read again only if it changes, or in a rescan."
        )


def _list_stored_sheets(
    home: Home, store: str | None, done: Forgotten, echo: Callable[[str], None]
) -> list[str]:
    """Return the URIs of sheets of labels in stores that may hold the forgotten rows; say so if nobody can tell."""
    from tasks.labelling.intake import list_sheets_of_others, list_stored_sheets

    others = list_sheets_of_others(home, store)
    try:
        return [*others, *(list_stored_sheets(home, store, done.texts) if store else ())]
    except ReviewsError as error:
        echo(
            f"  the store {store} may still hold it, look through its {LABELS_IN_STORE}/: {escape_controls(str(error))}"
        )
        return others


def _list_backups(home: Home) -> list[Path]:
    """Return the backups in the home, whatever the dates of these: clocks are set. The folder, if it can't be read."""
    try:
        return [path for path in list_paths(home.backups, "*") if path.is_dir()]
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
