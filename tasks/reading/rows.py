"""What the readers of all formats share: the options, the limits of rows and batches, and rows whose values are raw."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.sources.known_profiles import normalize_name
from data_contracts.sources.profile import Profile
from tasks.reading.columns import Columns, Reading, format_columns, to_texts
from tasks.reading.streams import ContainerLimits
from tasks.support.refusals import refusal

KEPT_BYTES = 1 << 16
"""Bytes that the quarantine keeps of a row that is too long."""
_MARK = "\ufeff"
"""The byte order mark."""
_FEWEST_REORDERED = 3
"""Names from which on a row that has them in another order can only be a header."""
_Item = TypeVar("_Item")


def _ignore(found: object) -> None:
    """Do nothing with what was found."""


@dataclass(frozen=True)
class ReadOptions:
    """How files are read: their profile, the size of batches, and the limits of containers."""

    profile: Profile | None = None
    """That of their source; None: that of a known platform or our own names, by the columns of each table."""
    batch_rows: int = 8192
    """Most rows of a batch."""
    batch_bytes: int = 8 << 20
    """Approximate bytes of a batch, and most bytes of one JSON line or text file."""
    limits: ContainerLimits = field(default_factory=ContainerLimits)
    most_rows: int = 1 << 62
    """Most rows of the file, all members together. `read_review_file` sets it by the file's size."""
    root: Path | None = None
    """The folder below which no link is followed to the file; None: the file's own folder."""
    may_postpone: bool = False
    """The caller may break off a file that is out of proportion to its size, and read it after all others."""
    report_reading: Callable[[Reading], object] = field(default=_ignore, compare=False)
    """Called with how each table is read: one per member of an archive."""
    report_seconds: Callable[[float], object] = field(default=_ignore, compare=False)
    """Called with the CPU seconds that a separate process took for rows, before these are yielded."""

    @property
    def encoding(self) -> str | None:
        """The encoding of text files without a byte order mark, such as 'cp1252'; None: UTF-8."""
        return self.profile.file.encoding if self.profile else None


def require_rows(rows: int, most: int) -> None:
    """Refuse (bomb_suspected) a file with more rows, or lines, than `most`: see the option `most_rows`."""
    if rows > most:
        raise refusal(
            "bomb_suspected", f"there are more than {most:,} rows, the limit for a file of this size"
        )


def group_into_batches(
    items: Iterable[_Item], size_of: Callable[[_Item], int], most: int, most_bytes: int
) -> Iterator[list[_Item]]:
    """Yield the items in order in groups; a group is full at `most` items or at `most_bytes` bytes."""
    group: list[_Item] = []
    size = 0
    for item in items:
        group.append(item)
        size += size_of(item)
        if len(group) == most or size >= most_bytes:
            yield group
            group, size = [], 0
    if group:
        yield group


@dataclass(frozen=True)
class Defect:
    """A row rule that a reader found broken in one row, with a detail and the row's original bytes."""

    rule: str
    detail: str
    raw: bytes | None


@dataclass(frozen=True)
class RawRows:
    """n rows of a file before their dates, labels and ratings are parsed; one per source row."""

    reading: Reading
    """How the table is read that they are of."""
    row_numbers: pa.Array
    """[n] int64."""
    known: Mapping[str, pa.Array]
    """Our column -> [n] strings; only for columns that the file has."""
    further: pa.Array | None = None
    """[n] JSON objects with the values of all other columns, null where all are empty; None if there are none."""
    defects: Mapping[int, Defect] = field(default_factory=dict)
    """Position, 0 to n - 1 -> defect; a row with a defect has no text."""
    is_table: bool = True
    """The rows have cells: one whose cells are all empty is no review."""


def number_rows(first_row: int, count: int) -> pa.Array:
    """Return the numbers of `count` rows, of which the first one is `first_row`."""
    return pa.array(np.arange(first_row, first_row + count), pa.int64())


def make_raw_rows(
    table: tuple[Reading, Sequence[str], Columns],
    decoded: Sequence[tuple[pa.Array, Mapping[int, bytes]]],
    row_numbers: pa.Array,
    defects: Mapping[int, Defect],
) -> RawRows:
    """Build n raw rows from the columns of a table; add a defect to each row with bytes that are not UTF-8.

    `table` has the names of the columns. `decoded` has, for each column, [n] values, null if they are not UTF-8, and
    the bytes of those by position. The defect (text_encoding) keeps the original bytes of the row's text, joined if it
    is of several columns. `defects` are those already known.
    """
    reading, names, columns = table
    arrays = [array for array, _ in decoded]
    all_defects = dict(defects)
    for position, (_, invalid) in enumerate(decoded):
        for row, data in invalid.items():
            texts = (decoded[place] for place in columns.list_text())
            raw = join_bytes([bad.get(row) or (values[row].as_py() or "").encode() for values, bad in texts])
            detail = f"column '{names[position]}': {_describe_invalid(data)}"
            all_defects.setdefault(row, Defect("text_encoding", detail, raw))
    # What says if a row is a review is a further column too, and these keep their types.
    known = {ours: to_texts(arrays[position]) for ours, position in columns.known.items()}
    if all_defects:
        known["text"] = drop_defective(known["text"], all_defects)
    further = {name: arrays[position] for name, position in columns.further.items()}
    return RawRows(reading, row_numbers, known, format_columns(further), all_defects, len(names) > 1)


def drop_defective(texts: pa.Array, defects: Mapping[int, Defect]) -> pa.Array:
    """Return n texts with null for those of rows with a defect."""
    if not defects:
        return texts
    usable = np.ones(len(texts), dtype=bool)
    usable[list(defects)] = False
    return pc.if_else(pa.array(usable), texts, None)


def _describe_invalid(data: bytes) -> str:
    """Describe the first byte that is not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1:,} (0x{data[error.start]:02x}) is not UTF-8"
    return "holds half a surrogate pair, which is no character"


def join_bytes(parts: Sequence[bytes]) -> bytes:
    """Return the bytes of a text of several columns as valid texts are joined: by a blank line, without blank ones."""
    return b"\n\n".join(part for part in parts if part.strip()) or parts[-1]


def measure_texts(texts: pa.Array) -> NDArray[np.int32]:
    """Return the bytes of n texts, anything for null; Arrow's own function takes longer for a few texts."""
    if not len(texts):
        return np.zeros(0, np.int32)
    places = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return places[1:] - places[:-1]


def find_headers(
    arrays: Sequence[pa.Array], names: Sequence[str], numbers: pa.Array, separator: str = "\t"
) -> dict[int, Defect]:
    """Return the defect of each of n rows in which the value of every column is its name, as in concatenated files.

    A row that has the names in another order is refused (header_changed): below it, the columns are others. `numbers`
    has the numbers of the rows, and the `separator` stands between the names that are kept.
    """
    # Few values are as long as a name: Arrow's functions would take three percent of the time of reading all. A file
    # that was appended to another one may begin with a byte order mark, which leaves quotes as characters.
    mark = len(_MARK.encode())
    sizes = [len(name.encode()) + more for name in names for more in (0, mark, mark + 2)]
    long = np.flatnonzero(np.isin(measure_texts(arrays[0]), sizes))
    first = pc.utf8_trim(pc.utf8_lower(arrays[0].take(pa.array(long))), f'{_MARK}"')
    rows = long[np.asarray(pc.is_in(first, pa.array([name.lower() for name in names])))].tolist()
    own = sorted(map(normalize_name, names))
    defects: dict[int, Defect] = {}
    for row in rows:
        found = [(array[row].as_py() or "").strip(f'{_MARK}"') for array in arrays]
        if found == list(names):
            defects[row] = Defect("row_shape", "it repeats the column names", separator.join(names).encode())
        elif len({*own} - {""}) >= _FEWEST_REORDERED and own == sorted(map(normalize_name, found)):
            problem = f"row {numbers[row].as_py():,} has the names of the columns in another order"
            raise refusal("header_changed", problem)
    return defects
