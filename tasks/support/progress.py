"""Progress bars on standard error, with the time left, for work that takes more than a moment."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_SECONDS = 60.0
"""Between two lines in a log, which has no bar."""


@contextmanager
def show_progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Draw a bar while the block runs and give the function that moves it on by an amount.

    Where standard error is not a terminal, a line a minute is written, and one at the end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), Elapsed())
    console = Console(stderr=True)
    tell = (lambda done: None) if console.is_terminal or not total else _write_lines(description, total)
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task(description, total=total)

        def move(amount: int) -> None:
            progress.advance(bar, amount)
            tell(progress.tasks[bar].completed)

        yield move


def _write_lines(description: str, total: int) -> Callable[[float], None]:
    """Give the function that is told how much is done and writes it down now and then."""
    last = time.monotonic()

    def tell(done: float) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= LINE_SECONDS:
            last = now
            sys.stderr.write(f"{description}: {done / total:.0%}\n")

    return tell
