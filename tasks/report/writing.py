"""Writes reports to disk, one file per run, and deletes old ones."""

import re
from collections.abc import Iterable
from pathlib import Path

import duckdb

from data_contracts.errors import SourceError, WarehouseError
from data_contracts.storage.durable import remove_leftovers
from data_contracts.storage.home import Home
from tasks.pages.writing import require_page_place, write_page
from tasks.queries.run_query import MOST_MEMORY, USUAL_MEMORY, ask_published
from tasks.report.run_choice import LATEST, SCORING, find_run
from tasks.report.scoring_facts import ScoringFacts, read_scoring_facts
from tasks.report.training_facts import TrainingFacts, read_training_facts
from tasks.support.locking import hold_folder
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.published import open_published
from tasks.warehouse.row_names import ROW_NAME

Facts = ScoringFacts | TrainingFacts
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHOWN_ROW = re.compile(r'data-row="([0-9a-f]{12}:[0-9]+)"')
_FIND_FORGOTTEN = f"""
SELECT name FROM (SELECT {ROW_NAME} AS name FROM forgotten_rows)
WHERE name IN (SELECT unnest($names::VARCHAR[]))
"""  # noqa: S608


def write_report(home: Home, name: str = LATEST, output: Path | None = None, keep: int = 0) -> Path:
    """Write the report of a run to the home, or to `output`, and return its path.

    `name` is a run id, the beginning of one, or 'latest'. Only the newest `keep` reports of the home are kept; 0 keeps
    all. Raises `UsageError` if no run matches or the folder of `output` is missing, `WarehouseError` if nothing has
    been published, and `SourceError` if a review on the page was forgotten while it was written.
    """
    if output is not None:
        require_page_place(output)
    facts = _read_facts(home, name)
    path = output or home.reports / name_report(facts.run.run_id)
    write_page(path, _render(facts))
    require_nothing_forgotten(home, path)
    if output is None and keep:
        drop_older_reports(home.reports, keep)
    return path


def _read_facts(home: Home, name: str) -> Facts:
    """Read what the report of a run shows: with the memory that most runs need or, where that is too little, more."""
    try:
        return _read_facts_within(home, name, USUAL_MEMORY)
    except WarehouseError as error:
        if not isinstance(error.__cause__, duckdb.OutOfMemoryException):
            raise
        return _read_facts_within(home, name, MOST_MEMORY)


def _read_facts_within(home: Home, name: str, memory: str) -> Facts:
    """Read what the report of a run shows; raise `WarehouseError` if that takes more memory."""
    with ask_published(home.published, memory) as ask:
        run = find_run(ask, name)
        read = read_scoring_facts if run.flow == SCORING else read_training_facts
        return read(ask, run, home.bundles)


def _render(facts: Facts) -> str:
    """Return the report of a scoring or training run as HTML."""
    # Loads Arrow, which the site, that imports this module, does without.
    from tasks.report.rendering import render_scoring, render_training

    return render_scoring(facts) if isinstance(facts, ScoringFacts) else render_training(facts)


def name_report(run_id: str) -> str:
    """Return the file name of a run's report."""
    return f"{re.sub(r'[^0-9A-Za-z_-]', '_', run_id)}.html"


def drop_older_reports(reports_dir: Path, keep: int) -> list[Path]:
    """After a report is written, delete all but the newest `keep`, and unfinished files; return the deleted reports."""
    reports = [path for path in reports_dir.glob("*.html") if _RUN_ID.fullmatch(path.stem)]
    older = sorted(reports, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)[keep:]
    with hold_folder(reports_dir):
        remove_leftovers(reports_dir, held=True)
        for path in older:
            path.unlink(missing_ok=True)
    return older


def drop_reports_of_forgotten(home: Home) -> list[Path]:
    """Delete and return the reports that show the text of a forgotten row. They can be written again."""
    dropped = find_showing_forgotten(home, home.reports.glob("*.html"))
    for path in dropped:
        path.unlink(missing_ok=True)
    return dropped


def require_nothing_forgotten(home: Home, page: Path) -> None:
    """Delete a page that was just written and raise `SourceError` if a row on it was forgotten meanwhile.

    What is forgotten after this look, `drop_reports_of_forgotten` finds on the page.
    """
    if find_showing_forgotten(home, [page]):
        page.unlink(missing_ok=True)
        raise SourceError(f"{page.name}: a review on it was forgotten meanwhile. Next: the command again.")


def find_showing_forgotten(home: Home, pages: Iterable[Path]) -> list[Path]:
    """Return the pages that show the text of a forgotten row."""
    shown = {path: _SHOWN_ROW.findall(path.read_text("utf-8", "replace")) for path in pages}
    names = sorted({name for each in shown.values() for name in each})
    if not names:
        return []
    # Where the copy came from a store there is no database.
    opened = (
        open_warehouse(home.warehouse, write=False)
        if home.warehouse.exists()
        else open_published(home.published)
    )
    with opened as connection:
        forgotten = {name for (name,) in connection.execute(_FIND_FORGOTTEN, {"names": names}).fetchall()}
    return sorted(path for path, each in shown.items() if forgotten.intersection(each))
