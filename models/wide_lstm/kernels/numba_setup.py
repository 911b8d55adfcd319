"""Compiles functions by Numba, and keeps what was compiled where that is possible."""

from collections.abc import Callable
from typing import Any

import numba

Function = Callable[..., Any]


def compile_kernel(signature: str | None = None, *, fastmath: bool = False) -> Callable[[Function], Function]:
    """Return a decorator that compiles a function, which then runs without Python's lock.

    With a signature it is compiled at once, else at the first call. What was compiled is kept beside its file, or in
    the user's cache, where one of them can be written.
    """

    def decorate(function: Function) -> Function:
        try:
            compiled: Function = numba.njit(signature, nogil=True, cache=True, fastmath=fastmath)(function)
        except RuntimeError:  # there is no place to keep it
            compiled = numba.njit(signature, nogil=True, fastmath=fastmath)(function)
        return compiled

    return decorate
