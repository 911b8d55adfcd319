"""The index of a backup: in which pack, and where in it, each block of the database lies."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

from data_contracts.errors import ReviewsError
from tasks.maintenance.manifests import FileFacts, Manifest, hash_file, sign_file
from tasks.warehouse.blocks import HEADER_BYTES, HEADERS

INDEX = "blocks.json"
HEAD_BYTES = HEADER_BYTES * HEADERS
"""Bytes of the headers with which a database file starts, and a pack too."""
BEGINNING_BYTES = 32
"""Bytes of a block that are compared: DuckDB's checksum, 8 bytes, and the first of what it is a checksum of."""

Place = tuple[str, int]
"""Of a block: the name of its pack, and the number of the block in the pack."""
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
    places: tuple[Place, ...]
    beginnings: tuple[bytes, ...]
    """Of each block; empty for a last block that is not whole, which is never shared."""


def write_index(folder: Path, index: Index) -> FileFacts:
    """Write the index of a backup into its folder, and return the facts of its file."""
    content = {
        "size": index.layout.size,
        "block_bytes": index.layout.block_bytes,
        "packs": index.packs,
        "runs": list(_join_places(index.places)),
        "beginnings": b"".join(index.beginnings).hex(),
    }
    (folder / INDEX).write_text(json.dumps(content), "utf-8")
    return sign_file(folder / INDEX, hash_file(folder / INDEX))


def _join_places(places: Sequence[Place]) -> Iterator[Run]:
    """Yield the places of blocks as runs."""
    keys = [(pack, place - number) for number, (pack, place) in enumerate(places)]
    number = 0
    for (pack, distance), run in groupby(keys):
        blocks = len(list(run))
        yield pack, number + distance, blocks
        number += blocks


def read_index(folder: Path, manifest: Manifest) -> Index:
    """Return the index of a backup. Raises `ReviewsError` if it was changed or names places that are not there."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = (folder / INDEX).read_bytes()
        if hashlib.sha256(content).hexdigest() == manifest.files[INDEX].sha256:
            return _parse_index(json.loads(content), manifest)
    raise ReviewsError(f"{folder}: is damaged: {INDEX} has changed. Next: restore another backup.")


def _parse_index(content: dict[str, Any], manifest: Manifest) -> Index:
    """Return an index from the content of its file. Raises `ValueError` if a block has no place in a pack."""
    runs: list[Run] = content["runs"]
    places = [(pack, first + more) for pack, first, blocks in runs for more in range(blocks)]
    joined = bytes.fromhex(content["beginnings"])
    starts = range(0, len(places) * BEGINNING_BYTES, BEGINNING_BYTES)
    index = Index(
        Layout(content["size"], content["block_bytes"]),
        tuple(content["packs"]),
        tuple(places),
        tuple([joined[start : start + BEGINNING_BYTES] for start in starts]),
    )
    if index.layout.count_blocks() != len(places) or not all(_list_fits(index, runs, manifest)):
        raise ValueError
    return index


def _list_fits(index: Index, runs: Sequence[Run], manifest: Manifest) -> Iterator[bool]:
    """Yield for each run of blocks whether it lies in its pack."""
    ends = accumulate(blocks for *_, blocks in runs)
    for (pack, first, blocks), end in zip(runs, ends, strict=True):
        last = index.layout.find_start(first + blocks - 1) + index.layout.measure(end - 1)
        yield first >= 0 and blocks > 0 and last <= manifest.files[pack].bytes
