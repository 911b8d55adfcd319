"""Writes pages to disk, each completely or not at all."""

from pathlib import Path

from data_contracts.errors import SourceError, UsageError
from data_contracts.storage.durable import make_folder, write_whole
from tasks.support.locking import hold_folder
from tasks.support.wording import escape_controls


def require_page_place(path: Path) -> None:
    """Raise `UsageError` if a page can't be written to `path`: its folder is missing, or it is not a regular file."""
    if not path.parent.is_dir():
        raise UsageError(
            f"{escape_controls(str(path.parent))}: there is no such folder. Next: make it, or name another file."
        )
    if path.exists() and not path.is_file():
        # The page replaces the file by a rename, which would delete a device or a pipe.
        raise UsageError(f"{escape_controls(str(path))}: is no regular file. Next: name another file.")


def write_page(path: Path, page: str) -> None:
    """Write a page to `path`, completely or not at all, while holding the lock on its folder.

    Raises `SourceError` if it can't be written.
    """
    try:
        make_folder(path.parent)
        with hold_folder(path.parent), write_whole(path) as building:
            building.write_bytes(page.encode("utf-8", "replace"))
    except OSError as error:
        raise SourceError(
            f"{path}: the page can't be written ({error.strerror or error}). Next: free disk space, make the folder "
            "writable, or name another file."
        ) from error
