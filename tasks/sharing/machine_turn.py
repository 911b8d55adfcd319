"""The turn of a machine: it takes the lease of a shared home, gets what the others left, and leaves what it did."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data_contracts.errors import StoreError, UsageError
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.support.lock_holders import describe_holder
from tasks.support.locking import hold_folder


@contextmanager
def hold_turn(home: Home, uri: str | None, announce: Callable[[str], object]) -> Iterator[None]:
    """Let one process of all machines at a time write a shared home, the one of the store at `uri`, in the block.

    The block starts with what the others left there; at its end, what it committed is published and uploaded, also if
    it raises. `announce` gets a line on whom it waits for. Without a URI the home is not shared, and nothing is done.
    """
    if uri is None:
        _require_unshared(home)
        yield
        return
    with _hold_lease(home, uri, announce):
        _begin(home, uri, announce)
        try:
            yield
        except Exception:
            with suppress(Exception):  # the error of the block counts
                _end(home, uri, announce)
            raise
        _end(home, uri, announce)


@contextmanager
def _hold_lease(home: Home, uri: str, announce: Callable[[str], object]) -> Iterator[None]:
    """Keep out the other processes of this machine, then the other machines."""
    from tasks.sharing.home_lease import hold_lease
    from tasks.store.connecting import open_store

    def wait(folder: Path) -> None:
        announce(f"Waiting for {describe_holder(folder)} to end.")

    home.make()
    home.running.mkdir(parents=True, exist_ok=True)
    with hold_folder(home.running, wait), hold_lease(open_store(uri), home, announce):
        yield


def _require_unshared(home: Home) -> None:
    """Raise `UsageError` if a home is shared, and a process would write it without its turn."""
    if home.base.exists():
        raise UsageError(
            f"{home.folder}: several machines share this home, so nothing may be written without its store. Next: set "
            "REVIEWS_SHARE_HOME=true and REVIEWS_STORE; or, to make it a home of this machine alone, delete "
            f"{home.base}."
        )


def _begin(home: Home, uri: str, announce: Callable[[str], object]) -> None:
    """Bring the database, files and bundles of this machine up to date with the store.

    What its last turn could not upload is uploaded now, if no other machine went first. So is a home that begins: no
    other machine must begin one there meanwhile.
    """
    from tasks.sharing.newer_database import follow, join
    from tasks.sharing.shared_bundles import fetch_bundles
    from tasks.sharing.shared_files import share_files
    from tasks.store.connecting import open_store

    store = open_store(uri)
    join(home, uri)
    has_followed = follow(home, uri)
    if has_followed:
        _tell_followed(home, announce)
    share_files(home, store, announce)
    fetch_bundles(home, store)
    if not has_followed and (home.pending.exists() or not home.base.stat().st_size):
        _upload(home, uri)
    home.pending.touch()


def _tell_followed(home: Home, announce: Callable[[str], object]) -> None:
    """Say that another machine has written; delete reports here that show what it has forgotten, and the old site."""
    from tasks.report.writing import drop_reports_of_forgotten
    from tasks.site.writing import drop_old_site

    announce("Another machine has written this home since: its database was fetched.")
    if home.pending.exists():
        announce(
            "The last turn of this machine did not end well. What it had committed and could not upload counts no "
            "more: files are scored again by whoever comes first. Next: repeat a promotion or another decision of then."
        )
    drop_reports_of_forgotten(home)
    drop_old_site(home)


def _end(home: Home, uri: str, announce: Callable[[str], object]) -> None:
    """Publish and upload what this turn has done; if the store does not answer, say what becomes of it."""
    from tasks.sharing.shared_files import share_files
    from tasks.store.connecting import open_store

    try:
        share_files(home, open_store(uri), announce)
        _upload(home, uri)
    except StoreError:
        announce(
            "What was done is on this machine alone so far. Its next turn uploads it, unless another machine goes "
            "first: then files are scored again, and a promotion or another decision must be repeated."
        )
        raise
    home.pending.unlink(missing_ok=True)


def _upload(home: Home, uri: str) -> None:
    """Publish and upload the database and the bundles."""
    from tasks.sharing.shared_bundles import upload_bundles
    from tasks.store.connecting import open_store
    from tasks.store.published_upload import upload_copy
    from tasks.warehouse.publishing import needs_publishing, publish

    if not home.warehouse.exists():
        return
    if needs_publishing(home):
        publish(home)
    upload_bundles(home, open_store(uri))
    pass_fault_point("share: before upload")
    upload_copy(home, uri)
