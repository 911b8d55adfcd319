"""What a run may read beside the inbox: whoever starts a run of a deployment names less than who runs a command.

A command reads as its user, who can read the file anyway. A run of a deployment reads as the worker, for whoever can
reach Prefect's API, so it is limited to what the worker's settings name. Which of the two it is, only the command's
own process can say: nothing that comes with a run, neither a parameter nor a variable, opens more.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_GRANTED: ContextVar[frozenset[str]] = ContextVar("granted", default=frozenset())


@contextmanager
def grant(names: Iterable[str]) -> Iterator[None]:
    """Let flows that this thread calls within the block read these paths or addresses, wherever they are."""
    token = _GRANTED.set(_GRANTED.get() | frozenset(names))
    try:
        yield
    finally:
        _GRANTED.reset(token)


def is_granted(names: Iterable[str]) -> bool:
    """Tell whether the command that called this flow named all of `names` itself."""
    return _GRANTED.get().issuperset(names)
