"""Keeps why the published copy could not be uploaded to a store, until an upload succeeds.

`reviews status` and the site show it.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home


@dataclass(frozen=True)
class UploadTrouble:
    """Why the copy in a store is behind."""

    store: str
    error: str
    failing_since: str
    """When the first upload failed of those that have failed since then: UTC, ISO format."""


def read_trouble(home: Home) -> UploadTrouble | None:
    """Return why the last upload failed; None if it did not, or nothing is known of it."""
    try:
        return UploadTrouble(**json.loads(home.upload_trouble.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def note_trouble(home: Home, store: str, error: str) -> None:
    """Keep why an upload failed, and since when uploads to that store do."""
    before = read_trouble(home)
    is_known = before is not None and before.store == store
    since = before.failing_since if before and is_known else datetime.now(UTC).isoformat(timespec="seconds")
    with write_whole(home.upload_trouble) as building:
        building.write_text(json.dumps(asdict(UploadTrouble(store, error, since))), "utf-8")


def drop_trouble(home: Home) -> None:
    """Keep nothing: an upload has succeeded, or none is wanted."""
    home.upload_trouble.unlink(missing_ok=True)
