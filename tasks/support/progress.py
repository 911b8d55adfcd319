"""Progress bars on standard error, with the time left; in a log, a line a minute."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from tasks.support.wording import describe_duration

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_SECONDS = 60.0
"""Seconds between two progress lines where standard error is not a terminal."""
SPEED_SECONDS = 300.0
"""The time left is told from the speed in so many last seconds, at most."""
_DRAWN: ContextVar["Progress | None"] = ContextVar("_DRAWN", default=None)


@contextmanager
def show_progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Draw a progress bar while the block runs; yield a function that advances it by an amount.

    If standard error is not a terminal, print a line a minute (if `total` is known) and a final line instead. The first
    amount says how much was done before, so the speed is that of the amounts after it.
    """
    with _open_bars() as progress:
        bar = progress.add_task(description, total=total)
        is_drawn = progress.console.is_terminal or not total
        print_line = (lambda done, left: None) if is_drawn else _make_printer(description, total or 0)

        def advance(amount: int) -> None:
            progress.advance(bar, amount)
            print_line(progress.tasks[bar].completed, progress.tasks[bar].time_remaining)

        yield advance


@contextmanager
def _open_bars() -> Iterator["Progress"]:
    """Yield the bars that are drawn, so that work within other work has a line below it; else start to draw some."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Left

    if (drawn := _DRAWN.get()) is not None:
        yield drawn
        return
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), Elapsed(), Left())
    console = Console(stderr=True)
    # In a log nothing is drawn before the end, so it needs no thread that draws ten times a second.
    with Progress(
        *columns,
        console=console,
        speed_estimate_period=SPEED_SECONDS,
        auto_refresh=console.is_terminal,
    ) as progress:
        _DRAWN.set(progress)
        try:
            yield progress
        finally:
            _DRAWN.set(None)


def _make_printer(description: str, total: int) -> Callable[[float, float | None], None]:
    """Return a function to call with the amount done and the seconds left; it prints a line per `LINE_SECONDS`."""
    last = time.monotonic()

    def print_line(done: float, left: float | None) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= LINE_SECONDS:
            last = now
            sys.stderr.write(f"{description}: {done / total:.0%}{_describe_left(left)}\n")

    return print_line


def _describe_left(seconds: float | None) -> str:
    """Say how much time is left, in whole minutes; nothing if that is not known."""
    return "" if seconds is None else f", {describe_duration(seconds)} left"
