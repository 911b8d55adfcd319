"""Which paths and addresses a flow may read besides the inbox: a command may read any, a deployment's run may not.

A command reads with the rights of its user, who can read the file anyway. A run of a deployment reads with the rights
of the worker, on behalf of anyone who can reach Prefect's API, so it may read only what the worker's settings name.
The command grants the access within its own process: no parameter and no variable of a run can extend it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_GRANTED: ContextVar[frozenset[str]] = ContextVar("granted", default=frozenset())


@contextmanager
def grant(names: Iterable[str]) -> Iterator[None]:
    """Allow flows that this thread calls within the block to read these paths or addresses, wherever they are."""
    token = _GRANTED.set(_GRANTED.get() | frozenset(names))
    try:
        yield
    finally:
        _GRANTED.reset(token)


def is_granted(names: Iterable[str]) -> bool:
    """Return whether the command that called this flow granted access to all of `names`."""
    return _GRANTED.get().issuperset(names)
