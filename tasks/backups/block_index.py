"""The index of a backup: in which pack, and where in it, each block of the database lies."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ReviewsError
from tasks.backups.manifests import FileFacts, Manifest, sign_file
from tasks.warehouse.database.waiting_for_file import HEADER_BYTES, HEADERS

INDEX = "blocks.json"
HEAD_BYTES = HEADER_BYTES * HEADERS
"""Bytes of the headers with which a database file starts, and a pack too."""
BEGINNING_BYTES = 32
"""Bytes of a block that are compared: DuckDB's checksum, 8 bytes, and the first of what it is a checksum of."""

Run = tuple[str, int, int]
"""Of adjacent blocks: the name of their pack, the number of the first in it, and how many there are."""


@dataclass(frozen=True)
class Layout:
    """Where the blocks of a database file lie: after its headers, the last one perhaps cut off."""

    size: int
    """Bytes of the file."""
    block_bytes: int

    def count_blocks(self) -> int:
        """Return the number of blocks."""
        return -(-max(self.size - HEAD_BYTES, 0) // self.block_bytes)

    def count_whole_blocks(self) -> int:
        """Return the number of blocks without a last one that is cut off."""
        return max(self.size - HEAD_BYTES, 0) // self.block_bytes

    def find_start(self, number: int) -> int:
        """Return where a block starts, by its number in the file; or in a pack, by its number there."""
        return HEAD_BYTES + number * self.block_bytes

    def measure(self, number: int) -> int:
        """Return the length of a block in bytes."""
        return min(self.block_bytes, self.size - self.find_start(number))


@dataclass(frozen=True)
class Index:
    """Where the blocks of a database lie in the packs of a backup."""

    layout: Layout
    packs: tuple[str, ...]
    """Names of files; the last pack has the headers of the database."""
    in_packs: NDArray[np.int64]
    """Of each block, the place of its pack among `packs`."""
    numbers: NDArray[np.int64]
    """Of each block, its number in its pack."""
    beginnings: NDArray[np.uint8]
    """Of each block, `BEGINNING_BYTES` bytes; without a last block that is not whole, which is never shared."""

    def list_places(self) -> Iterator[tuple[str, int]]:
        """Yield of each block the name of its pack, and its number there."""
        for pack, number in zip(self.in_packs.tolist(), self.numbers.tolist(), strict=True):
            yield self.packs[pack], number


NO_BLOCKS = Index(Layout(0, 1), (), np.arange(0), np.arange(0), np.zeros((0, BEGINNING_BYTES), np.uint8))
"""The index of no backup."""


def write_index(folder: Path, index: Index) -> FileFacts:
    """Write the index of a backup into its folder, and return the facts of its file."""
    content = {
        "size": index.layout.size,
        "block_bytes": index.layout.block_bytes,
        "packs": index.packs,
        "runs": list(_list_runs(index)),
        "beginnings": index.beginnings.tobytes().hex(),
    }
    written = json.dumps(content).encode()
    (folder / INDEX).write_bytes(written)
    return sign_file(folder / INDEX, hashlib.sha256(written).hexdigest())


def _list_runs(index: Index) -> Iterator[Run]:
    """Yield the places of all blocks as runs."""
    follows = (np.diff(index.in_packs) == 0) & (np.diff(index.numbers) == 1)
    starts = [0, *(np.flatnonzero(~follows) + 1).tolist()]
    for start, end in pairwise([*starts, len(index.numbers)]):
        if end > start:
            yield index.packs[index.in_packs[start]], int(index.numbers[start]), end - start


def read_index(folder: Path, manifest: Manifest) -> Index:
    """Return the index of a backup. Raises `ReviewsError` if it was changed or names places that are not there."""
    with suppress(OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
        content = (folder / INDEX).read_bytes()
        if hashlib.sha256(content).hexdigest() == manifest.files[INDEX].sha256:
            return _parse_index(json.loads(content), manifest)
    raise ReviewsError(f"{folder}: is damaged: {INDEX} has changed. Next: restore another backup.")


def _parse_index(content: dict[str, Any], manifest: Manifest) -> Index:
    """Return an index from the content of its file. Raises `ValueError` if a block has no place in a pack."""
    layout, packs = Layout(content["size"], content["block_bytes"]), tuple(content["packs"])
    runs: list[Run] = content["runs"]
    beginnings = np.frombuffer(bytes.fromhex(content["beginnings"]), np.uint8).reshape(-1, BEGINNING_BYTES)
    # First, since the places of as many blocks as a changed index may state would fill the memory.
    counts = (sum(blocks for *_, blocks in runs), len(beginnings))
    if counts != (layout.count_blocks(), layout.count_whole_blocks()) or not all(
        _list_fits(layout, runs, manifest)
    ):
        raise ValueError
    return Index(
        layout,
        packs,
        np.repeat([packs.index(pack) for pack, *_ in runs], [blocks for *_, blocks in runs]),
        np.concatenate([np.arange(first, first + blocks) for _, first, blocks in runs] or [np.arange(0)]),
        beginnings,
    )


def _list_fits(layout: Layout, runs: Sequence[Run], manifest: Manifest) -> Iterator[bool]:
    """Yield for each run of blocks whether it lies in its pack."""
    ends = accumulate(blocks for *_, blocks in runs)
    for (pack, first, blocks), end in zip(runs, ends, strict=True):
        last = layout.find_start(first + blocks - 1) + layout.measure(end - 1)
        yield first >= 0 and blocks > 0 and last <= manifest.files[pack].bytes
