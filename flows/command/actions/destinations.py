"""What `reviews destinations` does: add, list, check, deliver to and show the places where scores are delivered."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from deployments.settings import Settings
from tasks.destinations.addresses import name_variable
from tasks.destinations.configuration import (
    Destination,
    format_destination,
    load_destinations,
    require_free_place,
    require_name,
    require_own_folder,
)
from tasks.destinations.delivery import deliver, list_removed, read_standing
from tasks.destinations.inspecting import inspect
from tasks.destinations.results_and_errors import Delivered
from tasks.support.progress import show_progress
from tasks.support.wording import count, escape_controls

Echo = Callable[[str], None]
NO_DESTINATION = "There is no destination. Next: reviews destinations add NAME --table SCHEMA.TABLE"


def add_destination(
    home: Home, name: str, table: str | None, folder: Path | str | None, content: Mapping[str, Any]
) -> str:
    """Write the file of a destination, and return what to do next; raise `UsageError` if it is there or wrong."""
    path = home.destinations / f"{require_name(name)}.toml"
    if path.exists():
        raise UsageError(f"{path}: exists already. Next: edit it, or choose another name.")
    if (table is None) == (folder is None):
        raise UsageError("A destination is a table or a folder. Next: give one of --table and --folder.")
    if isinstance(folder, Path):
        folder = str(folder.absolute())
    if folder is not None:
        require_free_place(home, "parquet", folder)
        require_own_folder(home, folder)
    place = {"kind": "postgres", "table": table} if table else {"kind": "parquet", "folder": folder}
    text = format_destination({**place, **content})
    home.make()
    make_folder(home.destinations, mode=0o700)
    with write_whole(path) as building:
        building.write_text(text, "utf-8")
    lines = [f"Wrote {path}."]
    if table:
        lines.append(
            f"Next: set {name_variable(name)} to postgresql://USER:PASSWORD@HOST/DATABASE, wherever runs are."
        )
    lines += [f"Next: reviews destinations {verb} {name}" for verb in ("check", "deliver")]
    return "\n".join(lines)


def list_destinations(settings: Settings) -> str:
    """Return a line for each destination."""
    found = load_destinations(settings.home, settings.destination_urls)
    lines = [f"{each.name:<24} {_describe_place(each)}" for each in found.known]
    lines += [f"{name:<24} {problem}" for name, problem in found.broken.items()]
    return "\n".join(sorted(lines)) or NO_DESTINATION


def check_destination(settings: Settings, name: str) -> str:
    """Describe what a destination has and lacks; raise a `ReviewsError` if it can't be delivered to."""
    destination = load_destinations(settings.home, settings.destination_urls).find(name)
    found = inspect(settings.home, destination)
    lines = [f"{name}: {_describe_place(destination)}."]
    if found.rows_held is None:
        lines.append("Nothing was delivered there yet.")
    else:
        lines.append(f"It has {count(found.rows_held, 'row')}; the home has {found.rows_wanted:,}.")
    if found.files_lacking:
        lines.append(
            f"It lacks changes of {count(found.files_lacking, 'file')}. Next: reviews destinations deliver {name}"
        )
    elif found.rows_held not in (None, found.rows_wanted):
        lines.append(
            f"Rows were added or deleted there by somebody else. Next: reviews destinations backfill {name}"
        )
    return "\n".join(lines)


def deliver_now(settings: Settings, name: str | None, echo: Echo) -> None:
    """Deliver to one destination, or to all; raise a `ReviewsError` at the end if that failed for one."""
    found = load_destinations(settings.home, settings.destination_urls)
    chosen = (found.find(name),) if name else found.known
    problems = [] if name else [*found.broken.values()]
    for destination in chosen:
        try:
            echo(_describe_delivered(destination, deliver(settings.home, destination, _show_progress)))
        except ReviewsError as error:
            problems.append(str(error))
    if problems:
        raise ReviewsError("\n".join(problems))
    if not chosen:
        echo(list_destinations(settings))


def backfill_destination(settings: Settings, name: str, take_over: bool) -> str:
    """Deliver everything to a destination again, and describe what differed."""
    destination = load_destinations(settings.home, settings.destination_urls).find(name)
    done = deliver(settings.home, destination, _show_progress, repeats=True, takes_over=take_over)
    return _describe_delivered(destination, done)


def deliver_forgotten(home: Home, urls: Mapping[str, str]) -> list[str]:
    """Deliver to all destinations that rows were forgotten; return a line for each that may still hold them."""
    found = load_destinations(home, urls)
    kept = "its file was removed. Next: delete what was delivered there, or put the file back."
    lines = [*found.broken.values(), *(f"{name}: {kept}" for name in list_removed(home))]
    for destination in found.known:
        try:
            deliver(home, destination)
        except (ReviewsError, OSError) as error:
            lines.append(str(error))
    return lines


def read_all_standings(settings: Settings) -> list[dict[str, Any]]:
    """Return how the last delivery to each destination went; a folder of destinations that can't be read is one."""
    folder = settings.home.destinations
    try:
        found = load_destinations(settings.home, settings.destination_urls)
    except OSError as error:
        problem = f"{folder}: can't be read ({error.strerror}). Next: give yourself the right to read it."
        return [{"name": folder.name, "error": problem}]
    standings = []
    for each in found.known:
        standing = read_standing(settings.home, each.name)
        known = asdict(standing)
        kept = {key: known[key] for key in ("tried_at", "delivered_at", "failing_since", "error")}
        standings.append(
            {"name": each.name, "place": each.place, **kept, "rows_behind": standing.rows_behind}
        )
    wrong = [{"name": name, "error": problem} for name, problem in found.broken.items()]
    return sorted([*standings, *wrong], key=lambda each: str(each["name"]))


def describe_standing(standings: list[dict[str, Any]]) -> str:
    """Describe in lines what `read_all_standings` returned."""
    lines = []
    for each in standings:
        if each["error"]:
            since = f" since {each['failing_since']}" if each.get("failing_since") else ""
            behind = f", up to {count(each['rows_behind'], 'row')} behind" if each.get("rows_behind") else ""
            lines += [
                f"{each['name']}: failing{since}{behind}; each run tries again",
                f"  {escape_controls(str(each['error']))}",
            ]
        else:
            at = (
                f"complete at {each['delivered_at']}" if each["delivered_at"] else "nothing was delivered yet"
            )
            lines.append(f"{each['name']}: {at}")
    return "\n".join(lines) or NO_DESTINATION


def describe_failing(standings: list[dict[str, Any]]) -> list[str]:
    """Return a line for each destination to which the last delivery failed, as `reviews status` shows them."""
    names = [escape_controls(str(each["name"])) for each in standings if each["error"]]
    return [f"  {name} gets no scores. Next: reviews destinations status" for name in names]


def _describe_place(destination: Destination) -> str:
    """Describe where a destination's rows go and which they are."""
    layout = destination.layout
    rows = "one row a review" if layout.rows == "current" else "every score"
    more = [what for what, is_given in (("texts", layout.texts), ("extra columns", layout.extra)) if is_given]
    what = f"{rows}, with {' and '.join(more)}" if more else rows
    return f"{'table' if destination.kind == 'postgres' else 'folder'} {destination.place} ({what})"


def _describe_delivered(destination: Destination, done: Delivered) -> str:
    """Describe what a delivery did."""
    if not done.files:
        return f"{destination.name}: nothing new."
    removed = f", {count(done.removed, 'row')} removed" if done.removed else ""
    return (
        f"{destination.name}: {count(done.rows, 'row')} of {count(done.files, 'file')} delivered to "
        f"{destination.place}{removed}."
    )


def _show_progress(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show a progress bar of rows."""
    return show_progress("Delivering", total)
