"""What `reviews forget` does: delete rows for good, and name the files that may still hold their texts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_contracts.storage.home import Home
from flows.command.actions.exclusive import keep_runs_out
from tasks.maintenance import forgetting
from tasks.queries.exports import holds_export
from tasks.support.wording import count, escape_controls
from tasks.warehouse.connection import require_warehouse
from tasks.warehouse.published import publish

_NOTHING_TO_FORGET = "`reviews score`; there is nothing to forget before"


@dataclass(frozen=True)
class ForgetRequest:
    """What to forget, and what is kept with the trace of it."""

    name: str
    """A review_id, a movie_id, the beginning of a sha256, or a row."""
    kind: str | None
    """What `name` is; None where the rows show it."""
    by: str
    """Who asks for it."""
    reason: str | None = None


def forget(home: Home, request: ForgetRequest, echo: Callable[[str], None]) -> None:
    """Delete the rows that are meant from the database, the copy, the parts and the reports; report what is left."""
    from tasks.report.writing import drop_reports_of_forgotten

    require_warehouse(home.warehouse, _NOTHING_TO_FORGET)
    name = request.name
    with keep_runs_out(home, echo):
        forgetting.commit_waiting(home)
        meant = forgetting.find_forgettable(home.warehouse, name, request.kind)
        done = forgetting.forget(home.warehouse, name, meant.kind, request.by, request.reason)
        publish(home)
        reports = drop_reports_of_forgotten(home)
    echo(
        f"Forgot {count(done.rows, 'row')} ({done.kind} {escape_controls(name)}), {done.rows_quarantined:,} of "
        "them set aside."
    )
    for path in reports:
        echo(f"  removed a report that showed it: {path.name} (anew: reviews report {path.stem})")
    _report_copies(home, forgetting.list_present(done, home), echo)


def _report_copies(home: Home, present: list[Path], echo: Callable[[str], None]) -> None:
    """Name the files that may still hold what was forgotten: `present` ones, backups, replaced databases, exports."""
    kept = [path for path in sorted(home.backups.glob("*")) if path.is_dir()]
    aside = sorted(home.folder.glob("reviews.replaced-*.duckdb"))
    exported = [home.exports] if holds_export(home.exports) else []
    for path in (*present, *kept, *aside, *exported):
        echo(f"  may still hold it: {escape_controls(str(path))}")
    if exported:
        echo("An export is made anew, without it, by `reviews export` without --new.")
    if present or kept or aside:
        echo(
            "Those are yours to edit or remove: files that were scored are not read again unless they change."
        )


def describe_forgettable(home: Home, name: str, kind: str | None) -> str:
    """Describe the rows that would be forgotten."""
    require_warehouse(home.warehouse, _NOTHING_TO_FORGET)
    meant = forgetting.find_forgettable(home.warehouse, name, kind)
    files = ", ".join(map(escape_controls, meant.files[:3])) + (", ..." if len(meant.files) > 3 else "")
    rows = f"{count(meant.rows, 'row')} of {count(len(meant.files), 'file')}"
    return f"{rows} ({files}), by {meant.kind} {escape_controls(name)}"
