"""Delivers to the destinations of a home, one after the other, and remembers in the home how that went.

The rows come from the published copy. A home delivers to one destination at a time, so that an older copy is never
delivered after a newer one.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.errors import DestinationError, ReviewsError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from data_contracts.storage.listing import list_paths
from tasks.destinations import parquet, postgres
from tasks.destinations.changes import FileState, read_states
from tasks.destinations.configuration import Destination
from tasks.destinations.file_places import open_place
from tasks.destinations.results_and_errors import Delivered, Sender, StartProgress, start_no_progress
from tasks.support.locking import hold_folder
from tasks.warehouse.published import identify_copy, open_published


@dataclass(frozen=True)
class Standing:
    """How the last delivery to a destination went, and what it has."""

    tried_at: str | None = None
    delivered_at: str | None = None
    """When the last delivery was complete; times are in UTC, in ISO format."""
    failing_since: str | None = None
    """When the first delivery failed of those that have failed since then; None if the last one was complete."""
    error: str | None = None
    rows: int = 0
    """Rows of the source files that it has, since the last complete delivery."""
    rows_committed: int = 0
    """Rows of the source files that there were when it was last tried."""
    copy: tuple[int, int] | None = None
    """What tells the published copy that was delivered from others."""
    settings: str | None = None
    """Where it went, and which rows."""

    @property
    def rows_behind(self) -> int:
        """Rows that it lacks, as far as the home knows."""
        return max(0, self.rows_committed - self.rows) if self.error else 0


def read_standing(home: Home, name: str) -> Standing:
    """Return how the last delivery to a destination went; that of none if it is not known."""
    try:
        content = json.loads(_name_standing(home, name).read_text("utf-8"))
        copy = content.get("copy")
        return replace(Standing(**content), copy=tuple(copy) if copy else None)
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


def is_due(home: Home, destination: Destination) -> bool:
    """Return whether something may have to be delivered: the copy is another one, or the last delivery failed."""
    standing = read_standing(home, destination.name)
    copy = identify_copy(home.published)
    return copy is not None and (
        standing.error is not None
        or (standing.copy, standing.settings) != (copy, _describe_settings(destination))
    )


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
    sender = Sender(ensure_home_id(home), f"{socket.gethostname()}:{home.folder}", takes_over, repeats)
    with hold_folder(home.destinations):
        if repeats:  # a run goes on with it if it is killed
            standing = replace(read_standing(home, destination.name), copy=None)
            _write_standing(home, destination.name, standing)
        # Before it is opened: of a newer one, rows would count as delivered.
        copy = identify_copy(home.published)
        with open_published(home.published) as published:
            states = read_states(published, destination.layout.rows)
            rows = sum(file.rows for file in states.values())
            with _noting(home, destination, rows, copy):
                if destination.kind == "postgres":
                    return postgres.deliver(published, destination, sender, states, start_progress)
                with open_place(home, destination) as place:
                    return parquet.deliver(
                        published, parquet.Folder(destination, place), sender, states, start_progress
                    )


def read_wanted(home: Home, destination: Destination) -> tuple[dict[str, FileState], int]:
    """Return the states of the files that a destination should have, and the number of its rows."""
    with open_published(home.published) as published:
        states = read_states(published, destination.layout.rows)
        query = {
            "current": "SELECT count(*) FROM latest_scores",
            "all": "SELECT count(*) FROM scored_reviews ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) "
            "AS superseded USING (source_sha256)",
        }
        [(rows,)] = published.execute(query[destination.layout.rows]).fetchall()
    return states, int(rows)


@contextmanager
def _noting(home: Home, destination: Destination, rows: int, copy: tuple[int, int] | None) -> Iterator[None]:
    """Write down how the delivery in the block went."""
    before, now = read_standing(home, destination.name), datetime.now(UTC).isoformat(timespec="seconds")
    try:
        yield
    except Exception as error:
        message = str(error) if isinstance(error, ReviewsError) else f"{type(error).__name__}: {error}"
        failed = replace(
            before,
            tried_at=now,
            failing_since=before.failing_since or now,
            error=message,
            rows_committed=rows,
        )
        _write_standing(home, destination.name, failed)
        if isinstance(error, ReviewsError):
            raise
        raise DestinationError(f"{destination.name}: {message}. Next: run the command again.") from error
    settings = _describe_settings(destination)
    done = Standing(now, now, rows=rows, rows_committed=rows, copy=copy, settings=settings)
    _write_standing(home, destination.name, done)


def _describe_settings(destination: Destination) -> str:
    """Return where a destination's rows go, and which ones, without any secret."""
    return json.dumps([destination.kind, destination.place, asdict(destination.layout)])


def _name_standing(home: Home, name: str) -> Path:
    """Return the path of the file that has how the last delivery went."""
    return home.destinations / f".{name}.json"


def _write_standing(home: Home, name: str, standing: Standing) -> None:
    """Write how the last delivery to a destination went."""
    with write_whole(_name_standing(home, name)) as building:
        building.write_text(json.dumps(asdict(standing)), "utf-8")
