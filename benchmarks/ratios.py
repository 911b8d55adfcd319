"""Formats comparisons of programs measured in turns: the median, lowest and highest of the ratios of all turns."""

import statistics
from collections.abc import Mapping, Sequence


def spread(ratios: Sequence[float], digits: int = 1) -> str:
    """Return the median, the smallest and the largest ratio as three cells of a Markdown table."""
    cells = (statistics.median(ratios), min(ratios), max(ratios))
    return " | ".join(f"{cell:.{digits}f}" for cell in cells)


def print_sides(head: str, seconds: Mapping[str, Sequence[float]], digits: int = 1) -> None:
    """Print a Markdown table of ratios to the first program; `seconds` has the time of each turn, by program."""
    print(f"{head} | from | to |\n| --- | ---: | ---: | ---: |")
    first, *_ = seconds.values()
    for name, taken in seconds.items():
        ratios = [mine / other for mine, other in zip(taken, first, strict=True)]
        print(f"| {name} | {spread(ratios, digits)} |")
