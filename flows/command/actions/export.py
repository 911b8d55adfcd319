"""What `reviews export` does: write scored reviews to a folder that holds nothing else of the home."""

from pathlib import Path

from data_contracts.storage.home import Home
from flows.command.actions.targets import require_free_target
from tasks.queries.exports import Exported, ExportRequest, export_reviews
from tasks.support.progress import show_progress
from tasks.support.wording import count
from tasks.warehouse.connection import quote_sql


def export(home: Home, folder: Path | None, request: ExportRequest) -> str:
    """Export scored reviews to a folder, with a progress bar, and describe what was exported."""
    target = folder or home.exports
    require_free_target(home, target, home.exports, or_itself=True)
    done = export_reviews(home.published, target, request, lambda total: show_progress("Exporting", total))
    return _describe_export(target, done, request.only_new)


def _describe_export(target: Path, done: Exported, only_new: bool) -> str:
    """Describe what `reviews export` wrote."""
    if not done.rows:
        return f"Nothing {'new ' if only_new else ''}to export: {target}"
    texts = "with their texts" if done.export_format.with_text else "without their texts"
    files = f"{count(done.files, 'file')}, {done.bytes / 2**20:,.1f} MiB"
    form = done.export_format.form
    everything = quote_sql(f"{target}/**/*.{form}")
    return (
        f"Exported {count(done.rows, 'scored row')} {texts} ({files}):\n  {target}\n"
        f"To read the whole folder in SQL: from read_{form}({everything}, hive_partitioning = true)"
    )
