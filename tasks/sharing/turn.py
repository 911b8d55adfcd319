"""The turn of a machine: it takes the lease of a shared home, gets what the others left, and leaves what it did."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from data_contracts.errors import UsageError
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
    from tasks.sharing import lease
    from tasks.store.connecting import open_store

    home.make()
    home.running.mkdir(parents=True, exist_ok=True)
    store = open_store(uri)
    wait = hold_folder(
        home.running, lambda folder: announce(f"Waiting for {describe_holder(folder)} to end.")
    )
    with wait, lease.hold_lease(store, home, announce):
        _begin(home, uri, announce)
        try:
            yield
        except Exception:
            with suppress(Exception):  # the error of the block counts
                _end(home, uri, announce)
            raise
        _end(home, uri, announce)


def _require_unshared(home: Home) -> None:
    """Raise `UsageError` if a home is shared, and a process would write it without its turn."""
    if home.base.exists():
        raise UsageError(
            f"{home.folder}: several machines share this home, so nothing may be written without its store. Next: set "
            "REVIEWS_SHARE_HOME=true and REVIEWS_STORE; or, to make it a home of this machine alone, delete "
            f"{home.base}."
        )


def _begin(home: Home, uri: str, announce: Callable[[str], object]) -> None:
    """Bring the database, files and bundles of this machine up to date with the store."""
    from tasks.report.writing import drop_reports_of_forgotten
    from tasks.sharing.bundles import fetch_bundles
    from tasks.sharing.files import share_files
    from tasks.sharing.following import follow, join
    from tasks.site.writing import drop_pages_of_forgotten
    from tasks.store.connecting import open_store

    store = open_store(uri)
    join(home, uri)
    if follow(home, uri, announce):
        drop_reports_of_forgotten(home)
        drop_pages_of_forgotten(home)
    share_files(home, store, announce)
    fetch_bundles(home, store)
    if not home.base.stat().st_size:
        _upload(
            home, uri
        )  # before the work: another machine must not begin a home of its own there meanwhile


def _end(home: Home, uri: str, announce: Callable[[str], object]) -> None:
    """Publish and upload what this turn has done; if that fails, say what becomes of it."""
    from tasks.sharing.files import share_files
    from tasks.store.connecting import open_store

    try:
        share_files(home, open_store(uri), announce)
        _upload(home, uri)
    except Exception:
        announce(
            "What was done is on this machine alone so far. Its next turn uploads it, unless another machine goes "
            "first: then files are scored again, and a promotion or another decision must be repeated."
        )
        raise


def _upload(home: Home, uri: str) -> None:
    """Publish and upload the database and the bundles."""
    from tasks.sharing.bundles import upload_bundles
    from tasks.store.connecting import open_store
    from tasks.store.copy_upload import upload_copy
    from tasks.warehouse.publishing import needs_publishing, publish

    if not home.warehouse.exists():
        return
    upload_bundles(home, open_store(uri))
    if needs_publishing(home):
        publish(home)
    pass_fault_point("share: before upload")
    upload_copy(home, uri)
