"""Looks in stores for what runs that ended early have left there for their workers, and no later run has deleted."""

import time
from collections.abc import Iterator
from functools import partial

from data_contracts.errors import StoreError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from tasks.maintenance.data_promises import WORK_PROMISE
from tasks.maintenance.verification import Finding, check_files
from tasks.store.connecting import open_store
from tasks.store.published_upload import list_remembered
from tasks.store.stored_texts import list_left
from tasks.support.wording import describe_duration


def check_stores(home: Home) -> Iterator[Finding]:
    """Check that nothing is left in the stores that have got rows of a home; nothing where there is none.

    The caller must keep runs out, whose work lies there.
    """
    if stores := list_remembered(home):
        yield check_files(WORK_PROMISE, partial(_find_left, home, stores))


def _find_left(home: Home, stores: list[str]) -> list[str]:
    """Return a message for each object that is left in stores, and for each store that can't be looked into."""
    found, now = list[str](), time.time_ns()
    for uri in stores:
        try:
            store = open_store(uri)
            left = list_left(store, ensure_home_id(home))
        except StoreError as error:
            found.append(f"{error} One that is gone for good is to be taken out of {home.stores_with_rows}.")
            continue
        found += [
            f"{store.name(each.key)}: left {describe_duration((now - each.modified_ns) / 1e9)} ago"
            for each in left
        ]
    return found
