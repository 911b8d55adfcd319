"""How a command keeps scoring runs out while it changes or checks the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from data_contracts.storage.home import Home
from tasks.support.locking import hold_folder


@contextmanager
def keep_runs_out(home: Home, echo: Callable[[str], None]) -> Iterator[None]:
    """Let no scoring run start while the block runs; wait first for the end of one that is under way."""
    home.make()
    home.parts.mkdir(parents=True, exist_ok=True)
    with hold_folder(home.parts, lambda folder: echo("Waiting until a run has ended ...")):
        yield
