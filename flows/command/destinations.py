"""The commands that send scores to other places: destinations add, check, deliver, status, and export."""

import json
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data_contracts.errors import ReviewsError, UsageError
from flows.command.console.arguments import DAY_FORMATS, Moment, PathOrUri
from flows.command.console.output import echo
from flows.command.startup import load_settings, load_settings_to_read
from tasks.support.progress import show_progress
from tasks.support.wording import count, escape_controls

if TYPE_CHECKING:
    from deployments.settings import Settings
    from tasks.delivery.destinations import Destination
    from tasks.delivery.results import Delivered

NO_DESTINATION = "There is no destination. Next: reviews destinations add NAME --table SCHEMA.TABLE"


@click.group()
def destinations() -> None:
    """Set up where scores are delivered: in PostgreSQL, in files.

    A destination is a table in PostgreSQL, or a folder of Parquet or CSV files. After each run that committed, each
    destination gets what it lacks, each row once. A destination that can't be reached gets it in a later run. The
    address of a database comes from the environment: of the destination bi-team from
    REVIEWS_DESTINATION_BI_TEAM_URL, or the file that REVIEWS_DESTINATION_BI_TEAM_URL_FILE names.

    \b
    Examples:
      reviews destinations add bi-team --table reviews.scores
      reviews destinations add lake --folder s3://bucket/scores --rows all
      reviews destinations check bi-team
      reviews destinations deliver
      reviews destinations status
    """


@destinations.command()
@click.argument("name")
@click.option(
    "--table", metavar="SCHEMA.TABLE", help="A table in PostgreSQL, which the first delivery creates."
)
@click.option(
    "--folder",
    type=PathOrUri(file_okay=False, path_type=Path),
    metavar="PATH|URI",
    help="A folder of Parquet files, or the URI of one in a store.",
)
@click.option("--csv", is_flag=True, help="Fill the folder with CSV instead, with formulas made harmless.")
@click.option(
    "--rows",
    type=click.Choice(["current", "all"]),
    default="current",
    show_default=True,
    help="One row a review, or every score.",
)
@click.option("--texts", is_flag=True, help="Deliver the texts of the reviews too.")
@click.option("--extra", is_flag=True, help="Deliver the other columns of the source files too, as JSON.")
def add(
    name: str, table: str | None, folder: Path | str | None, csv: bool, rows: str, texts: bool, extra: bool
) -> None:
    """Add the destination NAME, a table or a folder.

    Nothing is delivered yet. It is written to destinations/NAME.toml in the home, and can be changed there.

    \b
    Examples:
      reviews destinations add bi-team --table reviews.scores
      reviews destinations add lake --folder /mnt/lake/scores --rows all --texts
    """
    from data_contracts.storage.durable import make_folder, write_whole
    from tasks.delivery.addresses import name_variable
    from tasks.delivery.destinations import (
        format_destination,
        require_free_place,
        require_name,
    )

    home = load_settings().home
    path = home.destinations / f"{require_name(name)}.toml"
    if path.exists():
        raise UsageError(f"{path}: exists already. Next: edit it, or choose another name.")
    if (table is None) == (folder is None) or (csv and table):
        raise UsageError(
            "A destination is a table or a folder, of CSV too. Next: give one of --table and --folder."
        )
    if isinstance(folder, Path):
        folder = str(folder.absolute())
    if folder is not None:
        require_free_place(home, folder, home.exports)
    kind = "postgres" if table else "csv" if csv else "parquet"
    text = format_destination(
        {"kind": kind, "table": table, "folder": folder, "rows": rows, "texts": texts, "extra": extra}
    )
    home.make()
    make_folder(home.destinations, mode=0o700)
    with write_whole(path) as building:
        building.write_text(text, "utf-8")
    echo(f"Wrote {path}.")
    if table:
        echo(
            f"Next: set {name_variable(name)} to postgresql://USER:PASSWORD@HOST/DATABASE, wherever runs are."
        )
    for verb in ("check", "deliver"):
        echo(f"Next: reviews destinations {verb} {name}")


@destinations.command()
@click.argument("name")
def check(name: str) -> None:
    """Show whether the destination NAME works, and what it lacks.

    It works if it can be reached and its schema is right. Nothing is changed.
    """
    from tasks.delivery.delivering import inspect
    from tasks.delivery.destinations import load_destinations

    settings = load_settings()
    destination = load_destinations(settings.home, settings.destination_urls).find(name)
    found = inspect(settings.home, destination)
    echo(f"{name}: {_describe_place(destination)}.")
    if found.rows_held is None:
        echo("Nothing was delivered there yet.")
    else:
        echo(f"It has {count(found.rows_held, 'row')}; the home has {found.rows_wanted:,}.")
    if found.files_lacking:
        echo(
            f"It lacks changes of {count(found.files_lacking, 'file')}. Next: reviews destinations deliver {name}"
        )
    elif found.rows_held not in (None, found.rows_wanted):
        echo(
            f"Rows were added or deleted there by somebody else. Next: reviews destinations deliver {name} --again"
        )


@destinations.command()
@click.argument("name", required=False)
@click.option(
    "--again", is_flag=True, help="Deliver everything, also what it has: what was changed there is mended."
)
@click.option("--take-over", is_flag=True, help="Do so where another home has delivered.")
def deliver(name: str | None, again: bool, take_over: bool) -> None:
    """Deliver now what the destination NAME, or each of them, lacks.

    At first that is all that was ever scored. If it is killed, the next delivery goes on with the rest.
    """
    from tasks.delivery.delivering import deliver as deliver_to
    from tasks.delivery.destinations import load_destinations
    from tasks.findings.gathering import refresh_findings
    from tasks.warehouse.publishing import publish

    if take_over and name is None:
        raise UsageError("--take-over needs the NAME of a destination.")
    settings = load_settings()
    found = load_destinations(settings.home, settings.destination_urls)
    chosen = (found.find(name),) if name else found.known
    problems = [] if name else [*found.broken.values()]
    show = partial(show_progress, "Delivering")
    for each in chosen:
        try:
            done = deliver_to(settings.home, each, show, repeats=again or take_over, takes_over=take_over)
            echo(_describe_delivered(each, done))
        except ReviewsError as error:
            problems.append(str(error))
    if refresh_findings(settings.home).is_changed:
        publish(settings.home)
    if problems:
        raise ReviewsError("\n".join(problems))
    if not chosen:
        echo(NO_DESTINATION)


@destinations.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="text or json.")
def status(form: str) -> None:
    """Show what each destination got last, and what it lacks. Nothing is asked of the destinations."""
    found = read_all_standings(load_settings())
    echo(json.dumps(found, indent=2) if form == "json" else _describe_standings(found))


def read_all_standings(settings: "Settings") -> list[dict[str, Any]]:
    """Return how the last delivery to each destination went, and what waits; a folder that can't be read is one."""
    from tasks.delivery.delivering import find_waiting, read_standing
    from tasks.delivery.destinations import load_destinations

    folder = settings.home.destinations
    try:
        found = load_destinations(settings.home, settings.destination_urls)
    except OSError as error:
        problem = f"{folder}: can't be read ({error.strerror}). Next: give yourself the right to read it."
        return [{"name": folder.name, "error": problem}]
    standings = []
    for each in found.known:
        standing, waiting = read_standing(settings.home, each.name), find_waiting(settings.home, each)
        kept = {key: getattr(standing, key) for key in ("tried_at", "delivered_at", "failing_since", "error")}
        behind = {"files_behind": len(waiting), "rows_behind": sum(file.rows for file in waiting)}
        standings.append({"name": each.name, "place": _describe_place(each), **kept, **behind})
    wrong = [{"name": name, "error": problem} for name, problem in found.broken.items()]
    return sorted([*standings, *wrong], key=lambda each: str(each["name"]))


def _describe_standings(standings: list[dict[str, Any]]) -> str:
    """Describe in lines what `read_all_standings` returned."""
    lines = []
    for each in standings:
        place = [f"  {each['place']}"] if "place" in each else []
        if each["error"]:
            since = f" since {each['failing_since']}" if each.get("failing_since") else ""
            behind = f", up to {count(each['rows_behind'], 'row')} behind" if each.get("rows_behind") else ""
            failing = f"{each['name']}: failing{since}{behind}; each run tries again"
            lines += [failing, *place, f"  {escape_controls(str(each['error']))}"]
        else:
            files, at = each["files_behind"], each["delivered_at"]
            was = f"{'was ' if files else ''}complete at {at}" if at else "nothing was delivered yet"
            lines += [f"{each['name']}: {was}", *place]
            if files:
                waiting = f"changes of {count(files, 'file')} wait for the next run"
                lines.append(f"  {waiting}. Next: reviews destinations deliver {each['name']}")
    return "\n".join(lines) or NO_DESTINATION


def _describe_place(destination: "Destination") -> str:
    """Describe where a destination's rows go and which they are."""
    layout = destination.layout
    rows = "one row a review" if layout.rows == "current" else "every score"
    more = [what for what, is_given in (("texts", layout.texts), ("extra columns", layout.extra)) if is_given]
    what = f"{rows}, with {' and '.join(more)}" if more else rows
    return f"{'table' if destination.kind == 'postgres' else 'folder'} {destination.place} ({what})"


def _describe_delivered(destination: "Destination", done: "Delivered") -> str:
    """Describe what a delivery did."""
    if not done.files:
        return f"{destination.name}: nothing new."
    removed = f", {count(done.removed, 'row')} removed" if done.removed else ""
    return (
        f"{destination.name}: {count(done.rows, 'row')} of {count(done.files, 'file')} delivered to "
        f"{destination.place}{removed}."
    )


@click.command()
@click.argument("folder", required=False, type=PathOrUri(file_okay=False, path_type=Path))
@click.option("--new", "only_new", is_flag=True, help="Add only rows that FOLDER does not have yet.")
@click.option(
    "--since",
    type=Moment(DAY_FORMATS),
    metavar="DATE",
    help="Export only what was scored on this day (UTC) or later.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv"]),
    help="[default: parquet; with --new, the format that FOLDER has]",
)
@click.option(
    "--current", is_flag=True, help="Export one row per review, as latest_scores has it, to a single file."
)
@click.option("--no-text", is_flag=True, help="Export without the texts.")
@click.option("--no-extra", is_flag=True, help="Export without the other columns of the source files.")
@click.option(
    "--raw", is_flag=True, help="In CSV, do not escape texts that a spreadsheet would run as formulas."
)
@click.option("--take-over", is_flag=True, help="Go on with what another home has exported there.")
def export(
    folder: Path | str | None,
    only_new: bool,
    since: datetime | None,
    form: str | None,
    current: bool,
    no_text: bool,
    no_extra: bool,
    raw: bool,
    take_over: bool,
) -> None:
    """Export scored reviews to FOLDER as Parquet or CSV.

    There is one subfolder per day of scoring (UTC), such as `day=2026-11-24/`. A row is a row of scored_reviews, of
    the readings that count: one per source row and model, with all columns of its file and the text. The default FOLDER
    is `exports/` of the home. Without --new the export replaces the one that is there. With --new the folder gets what
    it lacks, each row exactly once, even if an export is killed and repeated, and loses rows that were forgotten.

    With --current a row is a row of latest_scores: the newest row of a review, with the champion's score or, if it has
    not scored that row, that of the model promoted last among those that have. They are written to one file,
    latest_scores.parquet or latest_scores.csv, which is replaced as a whole each time.
    The default FOLDER is then `exports-current/` of the home. A folder has exports of one kind.

    FOLDER may be a URI such as s3://bucket/scores. `reviews forget` brings the home's two folders up to date; others
    are copies, which keep what was forgotten until they are exported to again.

    \b
    Examples:
      reviews export
      reviews export --new
      reviews export /mnt/share/scores --format csv --no-text --since 2026-11-01
      reviews export --new s3://bucket/scores
      reviews export --current
      reviews export --current /mnt/share/current --format csv
    """
    from tasks.delivery.delivering import EXPORTED, ExportRequest
    from tasks.delivery.delivering import export as deliver_export

    if raw and form != "csv" and not only_new:
        raise UsageError("--raw needs --format csv: Parquet holds texts unchanged anyway.")
    if current and (only_new or since):
        raise UsageError(
            f"--current writes every review anew each time, so {'--new' if only_new else '--since'} does not fit. "
            "Next: give one of the two."
        )
    layout = replace(
        EXPORTED,
        rows="current" if current else "all",
        texts=not no_text,
        extra=not no_extra,
        raw=raw,
        since=f"{since:%Y-%m-%d}" if since else None,
    )
    request = ExportRequest(form, layout, only_new, take_over)
    target = folder.absolute() if isinstance(folder, Path) else folder
    exported, done = deliver_export(
        load_settings_to_read().home, target, request, partial(show_progress, "Exporting")
    )
    echo(_describe_exported(exported, done, only_new))


def _describe_exported(exported: "Destination", done: "Delivered", only_new: bool) -> str:
    """Describe what `reviews export` did, with the SQL that reads it."""
    from tasks.warehouse.database.duckdb_engine import quote_sql

    layout, form = exported.layout, exported.kind
    if not done.files and layout.rows == "all":
        return f"Nothing {'new ' if only_new else ''}to export: {exported.place}"
    rows = count(done.rows, "review" if layout.rows == "current" else "scored row")
    removed = f", {count(done.removed, 'row')} removed" if done.removed else ""
    texts = "with their texts" if layout.texts else "without their texts"
    if layout.rows == "current":
        query = f"from read_{form}({quote_sql(f'{exported.place}/latest_scores.{form}')})"
    else:
        query = f"from read_{form}({quote_sql(f'{exported.place}/**/*.{form}')}, hive_partitioning = true)"
    return f"Exported {rows} {texts}{removed}:\n  {exported.place}\nTo read it in SQL: {query}"
