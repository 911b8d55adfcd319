"""Progress bars on standard error, with the time left, for work that takes more than a moment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def show_progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Draw a bar while the block runs and give the function that moves it on by an amount.

    Where standard error is not a terminal, one line is written at the end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), Elapsed())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task(description, total=total)
        yield lambda amount: progress.advance(bar, amount)
