"""What `reviews export` does: write scored reviews to a folder, or a store, that holds nothing else of the home."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import parse_store_uri
from tasks.exports.by_day import export_reviews
from tasks.exports.current import FILES, export_current
from tasks.exports.export_files import Exported, ExportRequest
from tasks.exports.export_ledger import ExportFormat
from tasks.exports.to_store import export_to_store
from tasks.support.outside_targets import require_free_target
from tasks.support.progress import show_progress
from tasks.support.wording import count
from tasks.warehouse.database.duckdb_engine import quote_sql


def export(home: Home, folder: Path | str | None, request: ExportRequest) -> str:
    """Export scored reviews to a folder, or to the URI of one in a store, and describe what was exported."""
    if isinstance(folder, str):
        done = export_to_store(home, folder, request, _show_progress)
        return _describe_export(parse_store_uri(folder), done, request.only_new)
    own, write = (home.current_export, export_current) if request.current else (home.exports, export_reviews)
    target = folder or own
    require_free_target(home, target, own, or_itself=True)
    done = write(home.published, target, request, _show_progress)
    return _describe_export(target, done, request.only_new)


def _show_progress(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show a progress bar of rows."""
    return show_progress("Exporting", total)


def _describe_export(target: Path | str, done: Exported, only_new: bool) -> str:
    """Describe what `reviews export` wrote."""
    if not done.rows and not done.export_format.current:
        return f"Nothing {'new ' if only_new else ''}to export: {target}"
    texts = "with their texts" if done.export_format.with_text else "without their texts"
    files = f"{count(done.files, 'file')}, {done.bytes / 2**20:,.1f} MiB"
    rows = count(done.rows, "review" if done.export_format.current else "scored row")
    lines = [f"Exported {rows} {texts} ({files}):", f"  {target}", _name_query(target, done.export_format)]
    if not done.export_format.with_source:
        lines.append("This folder's export was begun without the columns source and extra, and stays so.")
        lines.append("Next: `reviews export` without --new writes it anew with them.")
    return "\n".join(lines)


def _name_query(target: Path | str, export_format: ExportFormat) -> str:
    """Return a line with the SQL that reads an export."""
    form = export_format.form
    if export_format.current:
        return f"To read it in SQL: from read_{form}({quote_sql(f'{target}/{FILES[form]}')})"
    everything = quote_sql(f"{target}/**/*.{form}")
    return f"To read the whole folder in SQL: from read_{form}({everything}, hive_partitioning = true)"
