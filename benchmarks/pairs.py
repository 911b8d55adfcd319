"""Runs the sides of a comparison in turns, and prints their ratios to the first side as a Markdown table.

In turns, a busy machine slows all sides, so their ratio holds where their times do not.
"""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TypeVar

from docs.markdown import format_table

Taken = TypeVar("Taken")


def take_turns(sides: Mapping[str, Callable[[], Taken]], runs: int) -> dict[str, list[Taken]]:
    """Run each side `runs` times, in turns; return what each run returned, by side."""
    taken: dict[str, list[Taken]] = {name: [] for name in sides}
    for run in range(runs):
        for name, side in sides.items():
            taken[name].append(side())
            print(f"run {run + 1}, {name}: {taken[name][-1]}", file=sys.stderr, flush=True)
    return taken


def time_call(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = perf_counter()
    call()
    return perf_counter() - started


def find_ratios(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the ratio of each turn."""
    return [mine / other for mine, other in zip(ours, others, strict=True)]


def list_spread(ratios: Sequence[float], digits: int = 1) -> list[str]:
    """Return the median, the smallest and the largest ratio as cells of a table."""
    return [f"{each:.{digits}f}" for each in (statistics.median(ratios), min(ratios), max(ratios))]


def print_ratios(what: str, taken: Mapping[str, Sequence[float]], digits: int = 1) -> None:
    """Print how many times as much each side took as the first one."""
    first = next(iter(taken.values()))
    rows = [[name, *list_spread(find_ratios(mine, first), digits)] for name, mine in taken.items()]
    print(format_table([what, "ratio", "from", "to"], rows))
