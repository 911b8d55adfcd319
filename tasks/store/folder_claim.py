"""Lets one home at a time write to a folder of a store: its claim is an object that is created only where none is.

A claim that a killed process left is taken over by its own home; nobody else deletes it but a person.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from data_contracts.errors import SourceError, StoreError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from tasks.store.connecting import Store
from tasks.store.object_operations import delete, put_if_absent, read

LEASE = "_writing.json"
"""Readers of data folders ignore names that begin with an underscore."""


@contextmanager
def hold_store(store: Store, home: Home) -> Iterator[None]:
    """Hold the claim of a home on a store while the block runs; raise `SourceError` if another home has one.

    The caller must hold a lock of the home against its own other processes.
    """
    claim = {"id": ensure_home_id(home), "host": socket.gethostname(), "home": str(home.folder)}
    if not put_if_absent(store, LEASE, json.dumps(claim).encode()):
        raise SourceError(
            f"{store.name(LEASE)}: another home writes there ({_describe_holder(store)}). Next: wait until it has "
            "ended; if it no longer runs, delete this object."
        )
    try:
        yield
    finally:
        with suppress(StoreError):  # the home takes its claim over when it writes there again
            delete(store, [LEASE])


def _describe_holder(store: Store) -> str:
    """Return the machine and the folder of the home that holds a store."""
    try:
        claim = json.loads(read(store, LEASE))
        return ascii(f"{claim['host']}:{claim['home']}")[1:-1]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it does not say which"
