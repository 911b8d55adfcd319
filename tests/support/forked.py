"""Starts processes quickly, as forks of one that has loaded the libraries, for tests that kill them."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from data_contracts.storage.faults import VARIABLE

_LOADED = ["tests.support.loaded"]


def start(function: Callable[..., object], *arguments: Any) -> ForkServerProcess:
    """Start a process that calls a function of a module that can be imported."""
    process = make_context().Process(target=_call, args=(dict(os.environ), function, arguments))
    process.start()
    return process


def _call(environment: dict[str, str], function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """Call a function with the variables of the process that asks, not those of the first test that forked one."""
    os.environ.clear()
    os.environ.update(environment)
    function(*arguments)


def make_context() -> ForkServerContext:
    """Return the multiprocessing context that makes such processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


def run_to_fault(point: str, function: Callable[..., object], *arguments: Any) -> None:
    """Call a function in a process that is killed at a fault point."""
    process = start(_run_to_fault, point, function, arguments)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _run_to_fault(point: str, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    os.environ[VARIABLE] = point
    function(*arguments)
