"""Exports to an object store: a folder of the home is filled as any export, then what is new of it is uploaded.

The ledger in the store says what is exported; writing it, after the files that it lists, commits an export. Objects
can't be renamed, so the files of an export are visible while it runs: each of their rows is in no other file then. What
an export that was killed has uploaded is deleted before anything else is written. One home writes at a time.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from data_contracts.errors import ObjectMissingError, ReviewsError, UsageError
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import require_clear_inbox
from tasks.exports.by_day import export_reviews
from tasks.exports.current import FILES, export_current
from tasks.exports.export_files import Exported, ExportRequest, StartProgress
from tasks.exports.export_ledger import LEDGER, Ledger, format_ledger, read_ledger
from tasks.store.connecting import Store, open_store
from tasks.store.folder_claim import hold_store
from tasks.store.object_operations import delete, list_objects, put, read, upload
from tasks.store.work_folders import hold_workplace

_EXPORTED = re.compile(rf"day=\d{{4}}-\d\d-\d\d/reviews-\d{{6}}\.(?:parquet|csv)|{'|'.join(FILES.values())}")
"""The names of an export's files in a store."""


def export_to_store(
    home: Home,
    uri: str,
    request: ExportRequest,
    start_progress: StartProgress = lambda total: nullcontext(lambda amount: None),
) -> Exported:
    """Export scored rows to a folder of a store, as `export_reviews` or `export_current` does to a folder on disk.

    Raises what these raise, `StoreError`, and `SourceError` if another export writes there.
    """
    store = open_store(require_clear_inbox(uri))
    write = export_current if request.current else export_reviews
    with hold_workplace(home, uri) as work, _naming_store(work, store), hold_store(store, home):
        before = _fetch_ledger(store, work)
        present = {each.key for each in list_objects(store, "") if _EXPORTED.fullmatch(each.key)}
        if before is None and present:
            raise UsageError(
                f"{store.name(min(present))}: belongs to an export whose {LEDGER} is missing. Next: delete that "
                "export, or name another folder."
            )
        done = write(home.published, work, request, start_progress)
        _upload(store, work, before, present)
    return done


@contextmanager
def _naming_store(work: Path, store: Store) -> Iterator[None]:
    """Name the store instead of the folder of work in errors, since the user has to look there."""
    try:
        yield
    except ReviewsError as error:
        if str(work) not in str(error):
            raise
        raise type(error)(str(error).replace(str(work), store.uri)) from error


def _fetch_ledger(store: Store, work: Path) -> Ledger | None:
    """Copy the ledger of a store, if it has one, and return it."""
    try:
        (work / LEDGER).write_bytes(read(store, LEDGER))
    except ObjectMissingError:
        return None
    return read_ledger(work)


def _upload(store: Store, work: Path, before: Ledger | None, present: set[str]) -> None:
    """Make a store agree with the export in a folder on disk, which has its new files and the ledger of all."""
    after = read_ledger(work)
    if after is None or (after == before and present == set(after.files)):
        return
    new = {name for name in after.files if (work / name).is_file()}
    kept = present & set(after.files) - new
    if before is not None and not set(before.files) <= set(after.files):
        # From now on the rows of the files that go are not exported.
        emptied = Ledger(before.number, before.export_format, (), {})
        put(store, LEDGER, format_ledger(emptied).encode())
    if not after.export_format.current:  # its only file takes the place of the one before
        delete(store, present - kept)
    upload(store, {name: work / name for name in sorted(new)})
    delete(store, present - kept - new)
    put(store, LEDGER, format_ledger(after).encode())
