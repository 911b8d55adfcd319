"""Writes reports to disk, one file per run, and deletes old ones."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb

from data_contracts.errors import SourceError, UsageError, WarehouseError
from data_contracts.storage.durable import make_folder, remove_leftovers, write_whole
from data_contracts.storage.home import Home
from tasks.pages.cells import Place
from tasks.pages.sections import Answers, Part
from tasks.queries.run_query import MOST_MEMORY, USUAL_MEMORY, Ask, ask_published
from tasks.report.run_choice import LATEST, SCORING, find_run
from tasks.support.locking import hold_folder
from tasks.support.wording import escape_controls
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.published import open_published
from tasks.warehouse.row_names import ROW_NAME

KEPT_REPORTS = 100
"""How many of the newest reports stay."""
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_RUN_OR_WEEK = re.compile(rf"{_RUN_ID.pattern}|week-.*")
_SHOWN_ROW = re.compile(r'data-row="([0-9a-f]{12}:[0-9]+)"')
_FIND_FORGOTTEN = f"""
SELECT name FROM (SELECT {ROW_NAME} AS name FROM forgotten_rows)
WHERE name IN (SELECT unnest($names::VARCHAR[]))
"""  # noqa: S608
_FIND_FORGOTTEN_FILES = """
SELECT uri, max(forgotten_at) AS moment FROM forgotten_rows JOIN scored_files USING (source_sha256)
GROUP BY uri ORDER BY moment DESC LIMIT 1000
"""
"""Those of the last thousand files, since what was forgotten before has no report any more."""


def write_report(
    home: Home, name: str = LATEST, output: Path | None = None, keep: int = KEPT_REPORTS
) -> Path:
    """Write the report of a run to the home, or to `output`, and return its path.

    `name` is a run id, the beginning of one, or 'latest'. Only the newest `keep` reports of the home are kept.
    Raises `UsageError` if no run matches or the folder of `output` is missing, `WarehouseError` if nothing has
    been published, and `SourceError` if a review on the page was forgotten while it was written.
    """
    if output is not None:
        _require_page_place(output)
    run_id, report = _make_report(home, name)
    path = output or home.reports / name_report(run_id)
    write_page(home, path, report)
    if output is None:
        drop_older_reports(home.reports, keep)
    return path


def _require_page_place(path: Path) -> None:
    """Raise `UsageError` if a page can't be written to `path`: its folder is missing, or it is not a regular file."""
    if not path.parent.is_dir():
        raise UsageError(
            f"{escape_controls(str(path.parent))}: there is no such folder. Next: make it, or name another file."
        )
    if path.exists() and not path.is_file():
        # The page replaces the file by a rename, which would delete a device or a pipe.
        raise UsageError(f"{escape_controls(str(path))}: is no regular file. Next: name another file.")


def write_page(home: Home, path: Path, page: str) -> None:
    """Write a page to `path`, completely or not at all, while holding the lock on its folder.

    Raises `SourceError` if it can't be written, and if a row on it was forgotten meanwhile: then it is deleted. What is
    forgotten after this look, `drop_reports_of_forgotten` finds on the page.
    """
    try:
        make_folder(path.parent)
        with hold_folder(path.parent), write_whole(path) as building:
            building.write_bytes(page.encode("utf-8", "replace"))
    except OSError as error:
        raise SourceError(
            f"{path}: the page can't be written ({error.strerror or error}). Next: free disk space, make the folder "
            "writable, or name another file."
        ) from error
    if _find_showing_forgotten(home, [path]):
        path.unlink(missing_ok=True)
        raise SourceError(f"{path.name}: a review on it was forgotten meanwhile. Next: the command again.")


def _make_report(home: Home, name: str) -> tuple[str, str]:
    """Return the id of a run and its report: with the memory that most need or, where that is too little, more."""
    try:
        return _make_within(home, name, USUAL_MEMORY)
    except WarehouseError as error:
        if not isinstance(error.__cause__, duckdb.OutOfMemoryException):
            raise
        return _make_within(home, name, MOST_MEMORY)


def _make_within(home: Home, name: str, memory: str) -> tuple[str, str]:
    """Return the id of a run and its report; raise `WarehouseError` if that takes more memory."""
    with ask_published(home.published, memory) as ask:
        run_id, flow = find_run(ask, name)
        return run_id, make_report(ask, run_id, flow)


def make_report(ask: Ask, run_id: str, flow: str) -> str:
    """Return the report of a run as HTML."""
    from tasks.pages.rendering import render_page  # loads Jinja, which `reviews forget` does without
    from tasks.report import scoring, training

    parts = read_report(ask, run_id, flow)
    [figures] = parts[1].rows
    frame = scoring.frame_scoring if flow == SCORING else training.frame_training
    return render_page(frame(figures), parts, Place(names=scoring.NAMES))


def read_report(ask: Ask, run_id: str, flow: str) -> list[Part]:
    """Read the sections of the report of a run."""
    from tasks.report import scoring, training

    answers = Answers(ask, {"run": run_id})
    if flow != SCORING:
        return [answers.read(each) for each in training.SECTIONS]
    [figures] = answers.find("run-figures")
    answers = replace(answers, given={"run": run_id, "also": figures["killed_run"]})
    return [answers.read(each) for each in scoring.SECTIONS]


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
    """Delete and return the reports that may show something of a forgotten row. They can be written again.

    Those are reports with its text, and older ones that name its file, since they show values of its columns.
    """
    reports = list(home.reports.glob("*.html"))
    dropped = sorted({*_find_showing_forgotten(home, reports), *_find_naming_files(home, reports)})
    for path in dropped:
        path.unlink(missing_ok=True)
    return dropped


def _find_naming_files(home: Home, reports: Iterable[Path]) -> Iterator[Path]:
    """Yield the reports that name a file of which rows were forgotten after they were written."""
    from markupsafe import escape

    with open_warehouse(home.warehouse, write=False) as connection:
        files = [
            (str(escape(uri)), moment.timestamp())
            for uri, moment in connection.execute(_FIND_FORGOTTEN_FILES).fetchall()
        ]
    for report in reports:
        if not _OF_RUN_OR_WEEK.fullmatch(report.stem):
            continue  # an explanation has the text of one row alone
        written, text = report.stat().st_mtime, report.read_text("utf-8", "replace")
        if any(moment > written and uri in text for uri, moment in files):
            yield report


def _find_showing_forgotten(home: Home, pages: Iterable[Path]) -> list[Path]:
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
