"""Keeps why no snapshot could be made in a store, until one is made."""

import json

from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home


def read_trouble(home: Home) -> tuple[str, str] | None:
    """Return the store to which the last upload failed, and why; None if it did not."""
    try:
        store, error = json.loads(home.upload_trouble.read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return None
    return str(store), str(error)


def note_trouble(home: Home, store: str, error: str) -> None:
    """Keep why an upload failed."""
    with write_whole(home.upload_trouble) as building:
        building.write_text(json.dumps([store, error]), "utf-8")


def drop_trouble(home: Home) -> None:
    """Keep nothing: an upload has succeeded, or none is wanted."""
    home.upload_trouble.unlink(missing_ok=True)
