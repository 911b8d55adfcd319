"""Progress bars on standard error, with the time left; in a log, a line a minute."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_SECONDS = 60.0
"""Seconds between two progress lines where standard error is not a terminal."""


@contextmanager
def show_progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Draw a progress bar while the block runs; yield a function that advances it by an amount.

    If standard error is not a terminal, print a line a minute (if `total` is known) and a final line instead.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), Elapsed())
    console = Console(stderr=True)
    print_line = (
        (lambda done: None) if console.is_terminal or not total else _make_printer(description, total)
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task(description, total=total)

        def advance(amount: int) -> None:
            progress.advance(bar, amount)
            print_line(progress.tasks[bar].completed)

        yield advance


def _make_printer(description: str, total: int) -> Callable[[float], None]:
    """Return a function to call with the amount done; it prints the share done, at most once per `LINE_SECONDS`."""
    last = time.monotonic()

    def print_line(done: float) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= LINE_SECONDS:
            last = now
            sys.stderr.write(f"{description}: {done / total:.0%}\n")

    return print_line
