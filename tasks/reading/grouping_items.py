"""Groups items, such as lines, texts or decoded rows, into batches of limited number and size."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def group_into_batches(
    items: Iterable[Item], size_of: Callable[[Item], int], most: int, most_bytes: int
) -> Iterator[list[Item]]:
    """Yield the items in order in groups; a group is full at `most` items or at `most_bytes` bytes."""
    group: list[Item] = []
    size = 0
    for item in items:
        group.append(item)
        size += size_of(item)
        if len(group) == most or size >= most_bytes:
            yield group
            group, size = [], 0
    if group:
        yield group
