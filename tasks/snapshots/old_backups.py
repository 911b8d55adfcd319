"""Restores the backups of version 0.1.0: folders of their own, each with a manifest of its files."""

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.storage.durable import make_folder
from tasks.support.checksums import compute_sha256

MANIFEST = "manifest.json"
_FORMAT = 1


def is_old_backup(folder: Path) -> bool:
    """Return whether a folder is a backup of its own, as version 0.1.0 made them."""
    return (folder / MANIFEST).is_file()


def unpack_old(folder: Path, target: Path) -> int:
    """Copy the checked files of a backup to a new folder, and return when it was made, in seconds since 1970.

    Raises `UsageError` if it has no readable manifest, `ReviewsError` if a file is missing or has changed.
    """
    stated = _read_manifest(folder)
    for name, sha256 in stated["files"].items():
        path = folder / name
        # Neither a link nor `..` may lead out of the backup.
        if not path.is_file() or path.resolve() != folder.resolve() / name:
            raise ReviewsError(f"{folder}: is damaged: {name} is missing. Next: restore another backup.")
        if compute_sha256(path) != sha256:
            raise ReviewsError(f"{folder}: is damaged: {name} has changed. Next: restore another backup.")
        make_folder((target / name).parent)
        shutil.copyfile(path, target / name)
    return int(datetime.fromisoformat(stated["made_at"]).timestamp())


def _read_manifest(folder: Path) -> Mapping[str, Any]:
    """Return what the manifest of a backup says; raise `UsageError` if it can't be read."""
    try:
        stated = json.loads((folder / MANIFEST).read_text("utf-8"))
        datetime.fromisoformat(stated["made_at"])
        files = {str(name): str(facts["sha256"]) for name, facts in stated["files"].items()}
        if stated["format"] != _FORMAT:
            raise ValueError
        return {**stated, "files": files}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{folder}: is no backup: it has no readable {MANIFEST}. Next: name a place that `reviews backup` wrote."
        ) from error
