"""Where commands may write, and what they read as review files: nothing that the home keeps for itself."""

import os
from collections.abc import Sequence
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.support.wording import escape_controls


def require_free_target(home: Home, target: Path, own: Path, *, or_itself: bool = False) -> None:
    """Raise `UsageError` if a target is the home, or lies in what the home keeps.

    It may lie right in the folder `own`, and with `or_itself` be that folder. Links and `..` are resolved, and a folder
    is known under every name that it has.
    """
    real = Path(os.path.realpath(target))
    above = [*real.parents]
    if _is_among(own, above[:1]) or (or_itself and _is_among(own, [real])):
        return
    kept = [folder for folder in home.folders if _is_among(folder, [real, *above])]
    is_ours = _is_among(home.folder, above[:1]) and _is_own_name(home, real.name)
    if kept or is_ours or _is_among(home.folder, [real]):
        place = f"in `{kept[0].name}/` of the home" if kept else "where the home keeps its own files"
        raise UsageError(
            f"{escape_controls(str(target))}: lies {place}, which would be changed. Next: name a place outside the "
            f"home, or a new one right in {escape_controls(str(own))}."
        )


def require_no_own_folder(home: Home, named: Sequence[Path]) -> None:
    """Raise `UsageError` if a path named as review files is the home, or what it keeps but for the inbox and `scored/`.

    Its training rows, database and password are no new reviews.
    """
    ours = [folder for folder in home.folders if folder not in (home.inbox, home.scored)]
    for path in named:
        real = Path(os.path.realpath(path))
        if _is_among(home.folder, [real]) or any(_is_among(each, [real, *real.parents]) for each in ours):
            raise UsageError(
                f"{escape_controls(str(path))}: is what the home keeps for itself, not new reviews. Next: name "
                f"{escape_controls(str(home.inbox))}, or files elsewhere."
            )


def _is_among(folder: Path, others: list[Path]) -> bool:
    """Return whether a folder is one of `others`, by its path or by what the system knows it by."""
    if Path(os.path.realpath(folder)) in others:
        return True
    return folder.exists() and any(each.exists() and each.samefile(folder) for each in others)


def _is_own_name(home: Home, name: str) -> bool:
    """Return whether a name right in the home is ours: the database, what it left, and what is half made."""
    return name.startswith((".", f"{home.warehouse.stem}."))
