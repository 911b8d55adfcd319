"""What the commands do that ask the published copy: SQL, named queries and exports. None of them is a flow."""

import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from data_contracts.errors import UsageError
from deployments.settings import Settings
from flows.command.targets import require_free_target
from tasks.queries import named_queries
from tasks.queries.asking import write_answer
from tasks.queries.exports import Exported, Wish, export_reviews
from tasks.support.progress import show_progress
from tasks.support.wording import count
from tasks.warehouse.connection import quote

Say = Callable[[str], None]


def ask(settings: Settings, query: str, values: Sequence[str], form: str) -> None:
    """Write the answer of a named query, with values given as `name=value`, or of SQL."""
    named = named_queries.find_query(query)
    if named is None and values:
        raise UsageError("--param belongs to a named query. `reviews sql --list` lists them.")
    parameters = named_queries.read_values(named, values) if named else None
    write_answer(settings.published, named.sql if named else query, form, sys.stdout, parameters)


def describe_queries(name: str | None) -> str:
    """List the named queries, or show the SQL of one."""
    if name is None:
        return named_queries.describe_queries()
    named = named_queries.find_query(name)
    if named is None:
        raise UsageError("--list takes the name of a query, or none.")
    return named.sql.rstrip()


def export(
    settings: Settings, folder: Path | None, wish: Wish, since: date | None, only_new: bool, say: Say
) -> None:
    """Export scored reviews to a folder, with a progress bar, and say what is there now."""
    target = folder or settings.exports_dir
    require_free_target(settings, target, settings.exports_dir, or_itself=True)
    done = export_reviews(
        settings.published, target, wish, since, only_new, lambda total: show_progress("Exporting", total)
    )
    say(_describe_export(target, done, only_new))


def _describe_export(target: Path, done: Exported, only_new: bool) -> str:
    if not done.rows:
        return f"Nothing {'new ' if only_new else ''}to export: {target}"
    texts = "with their texts" if done.manner.with_text else "without their texts"
    files = f"{count(done.files, 'file')}, {done.bytes / 2**20:,.1f} MiB"
    form = done.manner.form
    everything = quote(f"{target}/**/*.{form}")
    return (
        f"Exported {count(done.rows, 'scored row')} {texts} ({files}):\n  {target}\n"
        f"All that is there: from read_{form}({everything}, hive_partitioning = true)"
    )
