"""The manifest of a backup: the sha256 sum, the size and the time of each of its files.

It is written last, so a folder without it is no complete backup.
"""

import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import gethostname

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.support.checksums import compute_sha256

MANIFEST = "manifest.json"
FORMAT = 2
"""Of the backups that are made now. Those of format 1 have the database as one file."""


@dataclass(frozen=True)
class FileFacts:
    """What a manifest says of a file."""

    sha256: str
    bytes: int
    modified: int = 0
    """The time of its last change, in ns since 1970; 0 in a manifest of format 1."""


@dataclass(frozen=True)
class Manifest:
    """The files of a backup, by their names relative to its folder."""

    made_at: str
    files: Mapping[str, FileFacts]
    format: int = FORMAT
    home: str | None = None
    """The machine and the folder of the home; None in one that an earlier version wrote."""
    number: int = 0
    """The later it was made in its folder, the higher, whatever the clock said; 0 in one of an earlier version."""


def name_origin(home: Home) -> str:
    """Return how the manifests of a home's backups name it."""
    return f"{gethostname()}:{home.folder}"


def describe_file(path: Path) -> FileFacts:
    """Return the facts of a file, which is read."""
    found = path.stat()
    return FileFacts(compute_sha256(path), found.st_size, found.st_mtime_ns)


def sign_file(path: Path, sha256: str) -> FileFacts:
    """Return the facts of a file that was just written; set its time to whole seconds, which every disk keeps."""
    os.utime(path, (int(time.time()),) * 2)
    found = path.stat()
    return FileFacts(sha256, found.st_size, found.st_mtime_ns)


def is_unchanged(path: Path, facts: FileFacts) -> bool:
    """Return whether a file has the size and the time of these facts. Nothing is read: bits that rot are not seen."""
    found = path.stat()
    return (found.st_size, found.st_mtime_ns) == (facts.bytes, facts.modified)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into the folder of a backup whose other files are all there."""
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup of any format. Raises `UsageError` if `folder` has none that can be read."""
    try:
        read = json.loads((folder / MANIFEST).read_text("utf-8"))
        files = {
            str(name): FileFacts(facts["sha256"], facts["bytes"], facts.get("modified", 0))
            for name, facts in read["files"].items()
        }
        return Manifest(read["made_at"], files, read["format"], read.get("home"), int(read.get("number", 0)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{folder}: is no backup: it has no readable {MANIFEST}. Next: name a folder that `reviews backup` made."
        ) from error


def read_number(folder: Path) -> int:
    """Return the number of a backup; 0 if it has none that can be read."""
    with suppress(UsageError):
        return read_manifest(folder).number
    return 0


def list_complete(backups_dir: Path) -> list[tuple[Path, Manifest]]:
    """Return the backups in a folder, with their manifests, that have all files unchanged; the newest first.

    Left out are those of other formats, and those that other users can write to.
    """
    found = [each for path in backups_dir.glob(f"[!.]*/{MANIFEST}") for each in _read_complete(path.parent)]
    return sorted(found, key=lambda each: (each[1].number, each[1].made_at, each[0].name), reverse=True)


def _read_complete(folder: Path) -> Iterator[tuple[Path, Manifest]]:
    """Yield a backup with its manifest, if it is complete, of the present format, and closed to other users."""
    with suppress(UsageError, OSError):
        manifest, found = read_manifest(folder), folder.stat()
        is_own = found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & (
            stat.S_IWGRP | stat.S_IWOTH
        )
        are_there = (is_unchanged(folder / name, facts) for name, facts in manifest.files.items())
        if manifest.format == FORMAT and is_own and all(are_there):
            yield folder, manifest


def try_link(source: Path, target: Path) -> bool:
    """Give a file of another backup a second name, and return whether that succeeded: not every disk can do it."""
    with suppress(OSError):
        os.link(source, target)
        return True
    return False
