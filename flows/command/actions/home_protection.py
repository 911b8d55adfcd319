"""Protects the home from commands: they leave its own files alone, do not read these as reviews, and keep runs out."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.support.lock_holders import describe_holder
from tasks.support.locking import hold_folder
from tasks.support.outside_targets import is_among
from tasks.support.wording import escape_controls


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


@contextmanager
def keep_runs_out(home: Home, echo: Callable[[str], None]) -> Iterator[None]:
    """Exclude scoring runs: wait until none is active, then let none start while the block runs."""
    home.make()
    home.parts.mkdir(parents=True, exist_ok=True)
    with hold_folder(home.parts, lambda folder: echo(f"Waiting for {describe_holder(folder)} to end ...")):
        yield
