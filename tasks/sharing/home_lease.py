"""The lease of a home in a store: an object that says which machine writes the home at the moment.

Its holder writes it anew every ten seconds. Whoever waits takes it over once it has stayed the same for a minute, by
the waiting machine's own clock: so the clocks of the machines need not agree. Every change is a conditional write, so
two machines never take it over at once. A holder that was silent for longer, such as a machine that slept, may go on
for a while beside its successor; what it then uploads is refused (`tasks/store/published_upload.py`).
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from data_contracts.errors import ObjectChangedError, ObjectMissingError, StoreError, StoreUnreachableError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_place
from tasks.store.connecting import Store
from tasks.store.object_operations import find_object, read_marked, swap
from tasks.support.wording import escape_controls

LEASE = "lease.json"


@dataclass(frozen=True)
class Pace:
    """How often the lease is written and looked at, in seconds."""

    renewal: float = 10
    expiry: float = 60
    """After how long without a change the lease is taken over."""
    look: float = 3
    """Between two looks of who waits."""


PACE = Pace()


@dataclass(frozen=True)
class _Claim:
    """What the lease says of its holder."""

    place: str
    """The name of the home's folder on this machine, which no other folder has."""
    host: str
    home: str
    process: int
    turn: str
    """A random name of this turn."""
    renewals: int = 0
    is_free: bool = False
    """Whether its holder has ended."""

    def format(self) -> bytes:
        """Return the content of the lease."""
        return json.dumps(asdict(self)).encode()


@contextmanager
def hold_lease(
    store: Store, home: Home, announce: Callable[[str], object], pace: Pace | None = None
) -> Iterator[None]:
    """Hold the lease in a store while the block runs; before, wait until the machine that has it ends or falls silent.

    `announce` gets a line on whom it waits for. The caller must hold a lock of the home against its own other
    processes: a lease that one of them left when it was killed is taken over at once.
    """
    pace = pace or PACE
    claim = _Claim(_find_place(home), socket.gethostname(), str(home.folder), os.getpid(), uuid.uuid4().hex)
    _wait_for(store, claim, announce, pace)
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(store, claim, ended, pace), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        with suppress(StoreError):  # then the others wait until it expires
            _rewrite(store, replace(claim, is_free=True))


def _find_place(home: Home) -> str:
    """Return a name of this machine and the home's folder: a copy of the folder elsewhere has the same files."""
    return f"{ensure_place(home)} {socket.gethostname()}"


def _wait_for(store: Store, claim: _Claim, announce: Callable[[str], object], pace: Pace) -> None:
    """Take the lease, as soon as it is free or has expired."""
    seen, since, has_announced = b"", time.monotonic(), False
    while True:
        content, marks = _look_at(store)
        if content != seen:
            seen, since = content, time.monotonic()
        is_free = _is_available(content, claim)
        if (is_free or time.monotonic() - since > pace.expiry) and _try_swap(store, claim, marks):
            return
        if not (is_free or has_announced):
            announce(f"Waiting for {_describe(content)}, which holds {store.name(LEASE)}.")
            has_announced = True
        time.sleep(pace.look)


def _look_at(store: Store) -> tuple[bytes, Any]:
    """Do what `_read` does; of a lease that can't be read, such as one whose content a store lost, take the ETag."""
    try:
        return _read(store)
    except StoreUnreachableError:
        etag = find_object(store, LEASE).etag or ""
        return etag.encode(), {"e_tag": etag}


def _read(store: Store) -> tuple[bytes, Any]:
    """Return the content of the lease, and the marks for `swap`; b"" and None where there is none."""
    try:
        return read_marked(store, LEASE)
    except ObjectMissingError:
        return b"", None


def _is_available(content: bytes, claim: _Claim) -> bool:
    """Return whether nobody has the lease, or only a process of the same folder, which has ended."""
    found = _parse(content)
    is_of_this_folder = (found.get("place"), found.get("home")) == (claim.place, claim.home)
    return not content or bool(found.get("is_free")) or is_of_this_folder


def _parse(content: bytes) -> dict[str, Any]:
    """Return what a lease says; nothing if it is none."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _describe(content: bytes) -> str:
    """Name the machine, the home and the process that hold a lease."""
    found = _parse(content)
    if not {"host", "home", "process"} <= found.keys():
        return "a machine that it does not name"
    return escape_controls(f"{found['host']}:{found['home']} (process {found['process']})")


def _try_swap(store: Store, claim: _Claim, marks: Any) -> bool:
    """Write a claim in place of what was read; return whether nothing else was written meanwhile."""
    try:
        swap(store, LEASE, claim.format(), marks)
    except ObjectChangedError:
        return False
    return True


def _renew(store: Store, claim: _Claim, ended: threading.Event, pace: Pace) -> None:
    """Write the lease anew, until the turn has ended or another machine has taken it over."""
    renewals = 0
    while not ended.wait(pace.renewal):
        renewals += 1
        try:
            if not _rewrite(store, replace(claim, renewals=renewals)):
                return
        except StoreError:
            continue  # the store may answer again before the lease expires


def _rewrite(store: Store, claim: _Claim) -> bool:
    """Write the lease anew if it is still that of this turn; return whether it was."""
    content, marks = _read(store)
    return _parse(content).get("turn") == claim.turn and _try_swap(store, claim, marks)
