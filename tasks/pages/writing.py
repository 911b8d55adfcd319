"""Pages on disk: each whole or not at all."""

from pathlib import Path

from data_contracts.errors import SourceError, UsageError
from data_contracts.storage.durable import make_folder, write_whole
from tasks.support.locking import hold_folder
from tasks.support.wording import escape_controls


def require_page_place(path: Path) -> None:
    """Raise `UsageError` where a page that a user named can't be written: no folder is there, or no regular file is."""
    if not path.parent.is_dir():
        raise UsageError(
            f"{escape_controls(str(path.parent))}: there is no such folder. Next: make it, or name another file."
        )
    if path.exists() and not path.is_file():
        # The page is renamed into its place: a device or a pipe would be gone.
        raise UsageError(f"{escape_controls(str(path))}: is no regular file. Next: name another file.")


def write_page(path: Path, page: str) -> None:
    """Write a page whole or not at all, while nobody else writes into its folder."""
    try:
        make_folder(path.parent)
        with hold_folder(path.parent), write_whole(path) as building:
            building.write_bytes(page.encode("utf-8", "replace"))
    except OSError as error:
        raise SourceError(
            f"{path}: the page can't be written ({error.strerror or error}). Next: free space, mend the folder's "
            "permissions, or name another file."
        ) from error
