"""Keeps what is written elsewhere, and what is read as reviews, out of the folders and files of the home."""

import os
from collections.abc import Sequence
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.support.wording import escape_controls


def require_free_target(home: Home, target: Path, own: Path, *, or_itself: bool = False) -> None:
    """Raise `UsageError` if a target is the home, one of its folders, or inside one of them.

    Allowed are a new name directly in the folder `own` and, with `or_itself`, that folder itself. Links and `..` are
    resolved, and folders are compared by identity, so a second name of a folder does not help.
    """
    real = Path(os.path.realpath(target))
    above = [*real.parents]
    if is_among(own, above[:1]) or (or_itself and is_among(own, [real])):
        return
    kept = [folder for folder in home.folders if is_among(folder, [real, *above])]
    is_own_file = is_among(home.folder, above[:1]) and _is_own_name(home, real.name)
    if kept or is_own_file or is_among(home.folder, [real]):
        place = f"in `{kept[0].name}/` of the home" if kept else "where the home keeps its own files"
        raise UsageError(
            f"{escape_controls(str(target))}: lies {place}, which must not be changed. Next: name a place outside the "
            f"home, or a new name directly in {escape_controls(str(own))}."
        )


def require_no_own_folder(home: Home, named: Sequence[Path]) -> None:
    """Raise `UsageError` if a path named as review files is the home or in one of its folders.

    The inbox and `scored/` are allowed. Training rows, the database and the password are not reviews to score.
    """
    protected = [folder for folder in home.folders if folder not in (home.inbox, home.scored)]
    for path in named:
        real = Path(os.path.realpath(path))
        if is_among(home.folder, [real]) or any(is_among(each, [real, *real.parents]) for each in protected):
            raise UsageError(
                f"{escape_controls(str(path))}: is a folder or file of the home itself, not new reviews. Next: name "
                f"{escape_controls(str(home.inbox))}, or files elsewhere."
            )


def is_among(folder: Path, others: Sequence[Path]) -> bool:
    """Return whether a folder is one of `others`, by its real path or by its inode."""
    if Path(os.path.realpath(folder)) in others:
        return True
    return folder.exists() and any(each.exists() and each.samefile(folder) for each in others)


def _is_own_name(home: Home, name: str) -> bool:
    """Return whether a file name in the home is the home's own: the database, a replaced one, or an unfinished file."""
    return name.startswith((".", f"{home.warehouse.stem}."))
