"""Loads large libraries quickly: without garbage collection, and without libraries that they import and hardly use.

What they create while they load stays, so none of it is garbage, and collections take a fifth of the time.
"""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

FEW_COLLECTIONS = (20_000, 10, 10)
"""Python's thresholds of garbage collections. By its own, of 700 objects, a scoring run has 700 collections."""


def collect_less() -> None:
    """Have few garbage collections in this process, and none at its exit.

    For programs that end soon: one that runs for days would hold more and more of what nothing refers to.
    """
    if gc.get_threshold() != FEW_COLLECTIONS:
        gc.set_threshold(*FEW_COLLECTIONS)
        atexit.register(gc.freeze)  # what the exit would search through is given back to the system anyway


@contextmanager
def pause_collection() -> Iterator[None]:
    """Switch Python's garbage collection off while the block runs."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def defer_imports(*names: str) -> Iterator[None]:
    """Have imports of these modules in the block take effect when something of the module is used."""
    deferred = {name: _DeferredModule(name) for name in names if name not in sys.modules}
    for name, module in deferred.items():
        module.__spec__ = find_spec(name)
    sys.modules.update(deferred)
    try:
        yield
    finally:
        for module in deferred.values():
            module.leave()


class _DeferredModule(ModuleType):
    """Stands for a module that is imported on first use of one of its names."""

    def leave(self) -> None:
        """Make way for the module itself, which the next import loads."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]

    def __getattr__(self, name: str) -> Any:
        # The import system asks for these of every module that it finds.
        if name in ("__path__", "__file__"):
            raise AttributeError(name)
        self.leave()
        return getattr(import_module(self.__name__), name)
