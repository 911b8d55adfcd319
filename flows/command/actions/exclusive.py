"""Excludes scoring runs while a command changes or checks the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from data_contracts.storage.home import Home
from tasks.support.lock_holders import describe_holder
from tasks.support.locking import hold_folder


@contextmanager
def keep_runs_out(home: Home, echo: Callable[[str], None]) -> Iterator[None]:
    """Exclude scoring runs: wait until none is active, then let none start while the block runs."""
    home.make()
    home.parts.mkdir(parents=True, exist_ok=True)
    with hold_folder(home.parts, lambda folder: echo(f"Waiting for {describe_holder(folder)} to end ...")):
        yield
