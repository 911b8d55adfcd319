"""Delivers to the destinations of a home, one after the other, and remembers in the home how that went.

The rows come from the published copy. A home delivers to one destination at a time, so that an older copy is never
delivered after a newer one. An export is a delivery to a folder that no file describes: only its ledger knows of it.
"""

import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from data_contracts.errors import DestinationError, ReviewsError, UsageError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from data_contracts.storage.listing import list_paths
from data_contracts.storage.store_uris import parse_inbox_store
from tasks.delivery import folders, postgres
from tasks.delivery.changes import FileState, find_changes, read_states
from tasks.delivery.columns import Layout
from tasks.delivery.destinations import (
    Destination,
    load_destinations,
    require_free_place,
)
from tasks.delivery.places import open_place
from tasks.delivery.results import Delivered, Sender, StartProgress, start_no_progress
from tasks.support.locking import hold_folder
from tasks.warehouse.published import open_published, require_published

_COUNT_WANTED = {
    "current": "SELECT count(*) FROM latest_scores",
    "all": "SELECT count(*) FROM scored_reviews ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) "
    "AS superseded USING (source_sha256)",
}


@dataclass(frozen=True)
class Standing:
    """How the last delivery to a destination went, and what it has."""

    tried_at: str | None = None
    delivered_at: str | None = None
    """When the last delivery was complete; times are in UTC, in ISO format."""
    failing_since: str | None = None
    """When the first delivery failed of those that have failed since then; None if the last one was complete."""
    error: str | None = None
    rows_behind: int = 0
    """Rows of the files that differed when the last delivery failed."""
    states: Mapping[str, str] = field(default_factory=dict)
    """The state of each source file that it has, since the last complete delivery."""
    settings: str | None = None
    """Where it went, and which rows."""
    places: Sequence[str] = ()
    """All places to which something of it went, without secrets."""


def read_standing(home: Home, name: str) -> Standing:
    """Return how the last delivery to a destination went; that of none if it is not known."""
    try:
        return Standing(**json.loads(_name_standing(home, name).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Standing()


def list_failing(home: Home) -> dict[str, Standing]:
    """Return how it stands with the destinations to which the last delivery failed, by their names."""
    names = [path.stem for path in list_paths(home.destinations, "[!.]*.toml")]
    standings = {name: read_standing(home, name) for name in names}
    return {name: standing for name, standing in standings.items() if standing.error}


def list_removed(home: Home) -> list[str]:
    """Return the names of the destinations that rows were delivered to and that have no file any more."""
    names = (
        path.name.removeprefix(".").removesuffix(".json") for path in list_paths(home.destinations, ".*.json")
    )
    gone = (name for name in names if not (home.destinations / f"{name}.toml").exists())
    return sorted(name for name in gone if read_standing(home, name).delivered_at)


def note_broken(home: Home, name: str, problem: str) -> bool:
    """Remember what is wrong with the file of a destination; return whether that is new."""
    before = read_standing(home, name)
    if before.error == problem:
        return False
    now = datetime.now(UTC).isoformat(timespec="seconds")
    since = before.failing_since or now
    _write_standing(home, name, replace(before, tried_at=now, failing_since=since, error=problem))
    return True


def find_waiting(home: Home, destination: Destination) -> list[FileState]:
    """Return the files that are new, changed or gone since a destination got all; it is not asked what it has."""
    if not home.published.exists():
        return []
    with open_published(home.published) as published:
        states = read_states(published, destination.layout.rows)
    return _find_waiting(destination, read_standing(home, destination.name), states)


def _find_waiting(
    destination: Destination, standing: Standing, states: Mapping[str, FileState]
) -> list[FileState]:
    """Return the files that a destination lacks, has differently or has too many; all of them if it was changed."""
    is_same = standing.settings == _describe_settings(destination)
    return find_changes(states, standing.states if is_same else {})


def is_due(home: Home, destination: Destination) -> bool:
    """Return whether something waits for a destination, or the last delivery failed."""
    if read_standing(home, destination.name).error is not None:
        return home.published.exists()
    return bool(find_waiting(home, destination))


def deliver(
    home: Home,
    destination: Destination,
    start_progress: StartProgress = start_no_progress,
    *,
    repeats: bool = False,
    takes_over: bool = False,
) -> Delivered:
    """Deliver what a destination lacks of the published copy; `repeats`: deliver all of it again.

    Raises a `ReviewsError` if that fails, which `read_standing` has from then on.
    """
    sender = _make_sender(home, takes_over=takes_over, repeats=repeats)
    with hold_folder(home.destinations):
        if repeats:  # a run goes on with it if it is killed
            standing = replace(read_standing(home, destination.name), states={})
            _write_standing(home, destination.name, standing)
        with open_published(home.published) as published:
            states = read_states(published, destination.layout.rows)
            with _noting(home, destination, states):
                if destination.kind == "postgres":
                    return postgres.deliver(published, destination, sender, states, start_progress)
                with open_place(home, destination) as place:
                    return folders.deliver(published, place, sender, states, start_progress)


def _make_sender(home: Home, *, takes_over: bool = False, repeats: bool = False) -> Sender:
    """Return a home as one that delivers."""
    return Sender(ensure_home_id(home), f"{socket.gethostname()}:{home.folder}", takes_over, repeats)


@dataclass(frozen=True)
class Inspected:
    """What a destination has, and what it should have."""

    rows_held: int | None
    """None if nothing was delivered yet."""
    rows_wanted: int
    files_lacking: int
    """Source files that are new, changed or gone."""


def inspect(home: Home, destination: Destination) -> Inspected:
    """Return what a destination has and lacks, without changing it; raise a `ReviewsError` if it can't be reached."""
    with open_published(home.published) as published:
        states = read_states(published, destination.layout.rows)
        [(rows_wanted,)] = published.execute(_COUNT_WANTED[destination.layout.rows]).fetchall()
    sender = _make_sender(home)
    if destination.kind == "postgres":
        rows_held, known = postgres.inspect(destination, sender)
    else:
        with open_place(home, destination, to_write=False) as place:
            ledger = folders.read_ledger(place, place.list_names(), sender)
        rows_held, known = sum(file.rows for file in ledger.files.values()), dict(ledger.states)
    return Inspected(rows_held if known else None, rows_wanted, len(find_changes(states, known)))


EXPORTED = Layout("all", texts=True, extra=True, identities=False)
"""The layout of an export, unless something else is asked for."""


@dataclass(frozen=True)
class ExportRequest:
    """Which rows to export, and how."""

    form: str | None = None
    """'parquet' or 'csv'; None for the format of the folder or, for a new one, Parquet."""
    layout: Layout = EXPORTED
    only_new: bool = False
    """Whether to deliver what the folder lacks, instead of everything again."""
    takes_over: bool = False
    """Whether it may go on with what another home has exported."""


def export(
    home: Home,
    folder: Path | str | None,
    request: ExportRequest,
    start_progress: StartProgress = start_no_progress,
    *,
    renews: bool = False,
) -> tuple[Destination, Delivered]:
    """Deliver to a folder, or the URI of one in a store; by default, to that of the home for such exports.

    `renews`: bring it up to date as it was asked for, whatever else the request says. Raises `UsageError` if the folder
    is not free, or rows of another format are to be added to it.
    """
    require_published(home.published)
    own = home.current_export if request.layout.rows == "current" else home.exports
    target = parse_inbox_store(folder) if isinstance(folder, str) else str(folder or own)
    require_free_place(home, target, own, or_itself=True)
    made = Destination("export", request.form or "parquet", request.layout, target, is_export=True)
    sender = _make_sender(home, takes_over=request.takes_over, repeats=not request.only_new)
    with open_place(home, made) as place:
        if request.only_new and (content := place.read(folders.LEDGER)):
            ledger = folders.parse_ledger(content, made)
            made = (
                replace(made, kind=ledger.kind, layout=ledger.layout)
                if renews
                else _go_on(made, ledger, request)
            )
        with open_published(home.published) as published:  # now that the folder is held
            states = read_states(published, made.layout.rows)
            return made, folders.deliver(
                published, replace(place, destination=made), sender, states, start_progress
            )


def _go_on(made: Destination, ledger: folders.Ledger, request: ExportRequest) -> Destination:
    """Return an export to which new rows are added, in the format that it has; raise `UsageError` if another is asked.

    Of two first days, the earlier one counts, so that nothing is taken away.
    """
    held, wanted = ledger.layout, request.layout
    if (
        request.form not in (None, ledger.kind)
        or (held.texts and not wanted.texts)
        or (held.extra and not wanted.extra)
        or (wanted.raw and not held.raw)
    ):
        raise UsageError(
            f"{made.place}: holds an export in another format ({ledger.kind}), and --new adds to it in the same. Next: "
            "drop the options that differ, name another folder, or export everything again without --new."
        )
    since = min(wanted.since, held.since) if wanted.since and held.since else None
    return replace(made, kind=ledger.kind, layout=replace(held, rows=wanted.rows, since=since))


def deliver_forgotten(home: Home, urls: Mapping[str, str]) -> list[str]:
    """Deliver to all destinations, and the home's exports, that rows were forgotten.

    Return a line for each that may still hold them.
    """
    found = load_destinations(home, urls)
    kept = "its file was removed. Next: delete what was delivered there, or put the file back."
    lines = [*found.broken.values(), *(f"{name}: {kept}" for name in list_removed(home))]
    lines += _try_each(partial(deliver, home, each) for each in found.known)
    lines += [
        f"{each.name}: {place} got rows before another place was named. Next: delete what was delivered there."
        for each in found.known
        for place in sorted({*read_standing(home, each.name).places} - {_describe_place(each)})
    ]
    return [*lines, *renew_exports(home)]


def renew_exports(home: Home) -> list[str]:
    """Bring the home's exports up to date; return why one could not be."""
    held = (
        (folder, ExportRequest(layout=Layout(rows), only_new=True))
        for folder, rows in ((home.exports, "all"), (home.current_export, "current"))
        if list_paths(folder, "_*.json")
    )
    return list(_try_each(partial(export, home, folder, request, renews=True) for folder, request in held))


def _try_each(deliveries: Iterable[Callable[[], object]]) -> Iterator[str]:
    """Yield the errors of deliveries that fail."""
    for deliver_one in deliveries:
        try:
            deliver_one()
        except (ReviewsError, OSError) as error:
            yield str(error)


@contextmanager
def _noting(home: Home, destination: Destination, states: Mapping[str, FileState]) -> Iterator[None]:
    """Write down how the delivery in the block went."""
    before, now = read_standing(home, destination.name), datetime.now(UTC).isoformat(timespec="seconds")
    places = sorted({*before.places, _describe_place(destination)})
    try:
        yield
    except Exception as error:
        message = str(error) if isinstance(error, ReviewsError) else f"{type(error).__name__}: {error}"
        failed = replace(
            before,
            tried_at=now,
            places=places,
            failing_since=before.failing_since or now,
            error=message,
            rows_behind=sum(file.rows for file in _find_waiting(destination, before, states)),
        )
        _write_standing(home, destination.name, failed)
        if isinstance(error, ReviewsError):
            raise
        raise DestinationError(f"{destination.name}: {message}. Next: run the command again.") from error
    delivered = {name: file.state for name, file in states.items()}
    done = Standing(now, now, states=delivered, settings=_describe_settings(destination), places=places)
    _write_standing(home, destination.name, done)


def _describe_settings(destination: Destination) -> str:
    """Return where a destination's rows go, and which ones, without any secret."""
    return json.dumps([destination.kind, _describe_place(destination), asdict(destination.layout)])


def _describe_place(destination: Destination) -> str:
    """Return where a destination's rows go, without any secret."""
    if not destination.url:
        return destination.place
    # The password may change where the database stays.
    address = re.sub(r"//[^@/]*@", "//", destination.url)
    return f"{destination.place} of the database {sha256(address.encode()).hexdigest()[:8]}"


def _name_standing(home: Home, name: str) -> Path:
    """Return the path of the file that has how the last delivery went."""
    return home.destinations / f".{name}.json"


def _write_standing(home: Home, name: str, standing: Standing) -> None:
    """Write how the last delivery to a destination went."""
    with write_whole(_name_standing(home, name)) as building:
        building.write_text(json.dumps(asdict(standing)), "utf-8")
