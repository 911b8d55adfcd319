"""The folders of a home in which something is made before it goes to a store, or lies after it came from one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from data_contracts.storage.durable import make_folder, remove
from data_contracts.storage.home import Home
from tasks.support.locking import hold_folder, refuse_to_wait


@contextmanager
def hold_workplace(home: Home, uri: str) -> Iterator[Path]:
    """Yield an empty folder for work on `uri`, locked against other processes; delete it at the end.

    Raises `SourceError` if another process of the home works on it. What a killed one left is deleted.
    """
    home.make()
    place = home.uploads / sha256(uri.rstrip("/").encode()).hexdigest()[:32]
    make_folder(place)
    with hold_folder(place, refuse_to_wait):
        work = place / "work"
        remove(work)
        make_folder(work)
        try:
            yield work
        finally:
            remove(work)


def clear_spool(home: Home) -> bool:
    """Delete what was copied from a store, by this run or by one that was killed; return whether there was anything.

    Workers on this machine keep their copies there too. The caller must keep other runs out.
    """
    if not home.spool.exists():
        return False
    shutil.rmtree(home.spool)
    return True
