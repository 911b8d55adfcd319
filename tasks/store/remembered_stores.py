"""Remembers which stores have got rows of a home, whatever is set now: what is forgotten must leave all of them."""

import json

from data_contracts.errors import SourceError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home


def list_remembered(home: Home) -> list[str]:
    """Return the URIs of the stores that have got rows of a home, whatever is set now.

    Raises `SourceError` if the list can't be read.
    """
    path = home.stores_with_rows
    try:
        return [str(uri) for uri in json.loads(path.read_text("utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(
            f"{path}: can't be read ({error}). It lists the stores that may have rows. Next: delete it; runs that "
            "upload write it again."
        ) from error


def remember_store(home: Home, uri: str) -> None:
    """Note that a store gets rows of a home, before anything is uploaded: its snapshot, or the work of its workers."""
    if uri not in (known := list_remembered(home)):
        with write_whole(home.stores_with_rows) as building:
            building.write_text(json.dumps([*known, uri]), "utf-8")
