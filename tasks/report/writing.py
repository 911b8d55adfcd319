"""Writes reports to disk, one file per run, and deletes old ones."""

import re
from pathlib import Path

from data_contracts.storage.durable import remove_leftovers
from data_contracts.storage.home import Home
from tasks.pages.writing import require_page_place, write_page
from tasks.queries.answers import Ask, ask_published
from tasks.report.rendering import render_scoring, render_training
from tasks.report.runs import LATEST, SCORING, LoggedRun, find_run
from tasks.report.scoring_facts import read_scoring_facts
from tasks.report.training_facts import read_training_facts
from tasks.support.locking import hold_folder
from tasks.warehouse.connection import open_warehouse
from tasks.warehouse.row_names import ROW_NAME

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
    been published.
    """
    if output is not None:
        require_page_place(output)
    with ask_published(home.published) as ask:
        run = find_run(ask, name)
        page = make_page(ask, run, home.bundles)
    path = output or home.reports / name_report(run.run_id)
    write_page(path, page)
    if output is None and keep:
        drop_older_reports(home.reports, keep)
    return path


def make_page(ask: Ask, run: LoggedRun, bundles_dir: Path) -> str:
    """Return the report of a scoring or training run as HTML."""
    if run.flow == SCORING:
        return render_scoring(read_scoring_facts(ask, run, bundles_dir))
    return render_training(read_training_facts(ask, run, bundles_dir))


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
    shown = {
        path: _SHOWN_ROW.findall(path.read_text("utf-8", "replace")) for path in home.reports.glob("*.html")
    }
    names = sorted({name for each in shown.values() for name in each})
    if not names:
        return []
    with open_warehouse(home.warehouse, write=False) as connection:
        forgotten = {name for (name,) in connection.execute(_FIND_FORGOTTEN, {"names": names}).fetchall()}
    dropped = sorted(path for path, each in shown.items() if forgotten.intersection(each))
    for path in dropped:
        path.unlink(missing_ok=True)
    return dropped
