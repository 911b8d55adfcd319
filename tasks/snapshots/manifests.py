"""The manifest of a snapshot: of which chunks the database, the bundles and the profiles of the home are made.

A chunk is named by the sha256 of its content. The manifest is written last, so what has none is no snapshot. Its name
is the number of the snapshot, which is higher than all before it in its place, whatever the clocks said.

Beside its name the manifest has a mark of each chunk of the database: a digest of what is compared of its blocks
(`tasks/warehouse/database/block_copy.py`), of a large file mostly their beginnings. So whoever has an older copy, the
home or a reader, reads no more of it to know what is new.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, BinaryIO

from data_contracts.errors import ObjectDamagedError, StoreError
from tasks.snapshots.places import Place
from tasks.support.wording import escape_controls
from tasks.warehouse.database.block_copy import BLOCK_SIZES, count_compared
from tasks.warehouse.database.waiting_for_file import HEADER_BYTES, HEADERS

FORMAT = 3
"""Format 1 was that of version 0.1.0 (`tasks/snapshots/old_backups.py`)."""
BUNDLES = "bundles"
"""The folder of the bundles in a snapshot."""
PROFILES = "sources"
"""The folder of the profiles of sources in a snapshot."""
PIECE_BYTES = 2**20
"""Bytes of a chunk of a bundle or profile."""
CHUNK_BLOCKS = 4
"""Blocks of a chunk of the database: 1 MiB (docs/scale.md says why)."""
MOST_CHUNKS = 1_000_000
_HEAD_BYTES = HEADER_BYTES * HEADERS
_MARK_DIGITS = 16
_NAME = re.compile(r"[0-9a-f]{64}")
_CHUNK = re.compile(rf"(?P<name>[0-9a-f]{{64}}) (?P<mark>[0-9a-f]{{{_MARK_DIGITS}}})")
_HOME_ID = re.compile(r"[0-9a-f]{1,32}")
_MANIFEST = re.compile(r"(?P<number>[0-9]{6,12})\.json")


@dataclass(frozen=True)
class Layout:
    """Where the chunks of a database lie in its file: the headers first, then some blocks each."""

    size: int
    """Bytes of the file."""
    block_bytes: int

    def list_places(self) -> Iterator[tuple[int, int]]:
        """Yield the start and the length of each chunk."""
        length = CHUNK_BLOCKS * self.block_bytes
        yield 0, min(_HEAD_BYTES, self.size)
        for start in range(_HEAD_BYTES, self.size, length):
            yield start, min(length, self.size - start)

    def count_places(self) -> int:
        """Return how many chunks make the file."""
        return 1 + max(0, -(-(self.size - _HEAD_BYTES) // (CHUNK_BLOCKS * self.block_bytes)))

    def mark(self, file: BinaryIO, place: tuple[int, int]) -> str:
        """Return the mark of what a file has in the place of a chunk."""
        start, length = place
        step = self.block_bytes if start else HEADER_BYTES
        blocks = [(block, min(step, start + length - block)) for block in range(start, start + length, step)]
        compared = (
            os.pread(file.fileno(), count_compared(file, block, self.size, self.block_bytes), block[0])
            for block in blocks
        )
        return sha256(b"".join((b"%d:" % length, *compared))).hexdigest()[:_MARK_DIGITS]


@dataclass(frozen=True)
class Chunk:
    """A chunk of the database."""

    name: str
    """Its sha256."""
    mark: str


@dataclass(frozen=True)
class StoredFile:
    """A file of a bundle, or a profile."""

    bytes: int
    modified: int
    """The time of its last change in the home, in ns since 1970."""
    chunks: tuple[str, ...]
    """The names of its pieces."""

    def list_pieces(self) -> Iterator[tuple[str, int]]:
        """Yield the name and the length of each piece."""
        for number, name in enumerate(self.chunks):
            yield name, min(PIECE_BYTES, self.bytes - number * PIECE_BYTES)


@dataclass(frozen=True)
class Snapshot:
    """What a manifest says."""

    number: int
    made_at: int
    """When the database was as it is here, in seconds since 1970."""
    home_id: str
    home: str
    """The machine and the folder of the home, for people."""
    database: str
    """The sha256 of the first header, which is another one once the database was rewritten to forget rows."""
    layout: Layout
    chunks: tuple[Chunk, ...]
    """Of the database, in the order of `layout`."""
    files: Mapping[str, StoredFile]
    """By their names, such as `bundles/MODEL/scorer.onnx`."""

    def list_places(self) -> Iterator[tuple[tuple[int, int], Chunk]]:
        """Yield each chunk of the database, with its place in the file."""
        return zip(self.layout.list_places(), self.chunks, strict=True)

    def list_chunks(self) -> Iterator[tuple[str, int]]:
        """Yield the name and the length of each chunk."""
        for (_, length), chunk in self.list_places():
            yield chunk.name, length
        for file in self.files.values():
            yield from file.list_pieces()

    @property
    def bytes(self) -> int:
        """The bytes of all its files."""
        return self.layout.size + sum(file.bytes for file in self.files.values())


def name_manifest(number: int) -> str:
    """Return the name of the manifest of a snapshot."""
    return f"{number:06}.json"


def parse_number(name: str) -> int | None:
    """Return the number of the snapshot whose manifest has a name; None for other names."""
    found = _MANIFEST.fullmatch(name)
    return int(found["number"]) if found else None


def list_numbers(place: Place) -> list[int]:
    """Return the numbers of the snapshots in a place, the newest first."""
    found = (parse_number(name) for name in place.list_names())
    return sorted((number for number in found if number is not None), reverse=True)


def format_snapshot(snapshot: Snapshot) -> bytes:
    """Return the content of a manifest."""
    content = asdict(snapshot) | {"chunks": [f"{each.name} {each.mark}" for each in snapshot.chunks]}
    return json.dumps({"format": FORMAT, **content}, indent=0).encode()


def read_snapshot(place: Place, number: int) -> Snapshot:
    """Return a snapshot of a place.

    Raises `ObjectMissingError` if there is none, `ObjectDamagedError`, which says why, if it can't be read, and
    `StoreError` if another version of this program made it.
    """
    name = name_manifest(number)
    content = place.read(name)
    try:
        stated = json.loads(content)
        if stated["format"] == FORMAT:
            return _parse(stated, number)
        made_by = int(stated["format"])
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, RecursionError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else ascii(str(error)[:80])[1:-1]
        raise ObjectDamagedError(f"{place.name}/{name}: is damaged: it is no manifest ({reason}).") from None
    raise StoreError(
        f"{place.name}/{name}: was made by another version of this program (format {made_by}). Next: use that version."
    )


def _parse(stated: Any, number: int) -> Snapshot:
    """Return what a parsed manifest says; raise `ValueError` for what no home writes."""
    layout = Layout(int(stated["layout"]["size"]), int(stated["layout"]["block_bytes"]))
    chunks = [_CHUNK.fullmatch(each) for each in stated["chunks"]]
    files = {
        str(name): StoredFile(int(each["bytes"]), int(each["modified"]), tuple(map(str, each["chunks"])))
        for name, each in stated["files"].items()
    }
    snapshot = Snapshot(
        number,
        int(stated["made_at"]),
        str(stated["home_id"]),
        escape_controls(str(stated["home"])),
        str(stated["database"]),
        layout,
        tuple(Chunk(found["name"], found["mark"]) for found in chunks if found),
        files,
    )
    if int(stated["number"]) != number or not _HOME_ID.fullmatch(snapshot.home_id):
        raise ValueError("it is that of another snapshot")
    if layout.block_bytes not in BLOCK_SIZES or not 0 < len(chunks) <= MOST_CHUNKS:
        raise ValueError("its layout is none of a database")
    if not all(chunks) or layout.size <= 0 or layout.count_places() != len(chunks):
        raise ValueError("its chunks don't make the file")
    if not 0 <= snapshot.made_at < 2**36:
        raise ValueError("its time is none")
    for name, file in files.items():
        _require_file(name, file)
    return snapshot


def _require_file(name: str, file: StoredFile) -> None:
    """Raise `ValueError` if a file is none of a snapshot, or lies outside its folders."""
    folder, *below = name.split("/")
    is_ours = (folder == PROFILES and len(below) == 1) or (folder == BUNDLES and len(below) > 1)
    if not is_ours or {"", ".", ".."} & {*below} or not name.isprintable():
        raise ValueError(f"it names {name!r}, which no snapshot has")
    pieces = -(-file.bytes // PIECE_BYTES)
    if file.bytes < 0 or len(file.chunks) != pieces or not all(map(_NAME.fullmatch, file.chunks)):
        raise ValueError(f"its chunks don't make {name!r}")
