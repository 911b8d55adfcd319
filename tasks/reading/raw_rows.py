"""The rows of a review file before their dates, labels and ratings are parsed.

All unmatched columns are further columns: their values are kept, except those that Python can't represent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.sources.known_profiles import normalize_name
from tasks.reading.columns import Columns, Reading
from tasks.reading.encodings import describe_invalid
from tasks.reading.further_columns import format_columns
from tasks.support.refusals import refusal

_FEWEST_REORDERED = 3
"""Names from which on a row that has them in another order can only be a header."""


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
    """[n] JSON objects with the values of the further columns, null where all are empty; None if there are none."""
    defects: Mapping[int, Defect] = field(default_factory=dict)
    """Position, 0 to n - 1 -> defect; a row with a defect has no text."""
    is_table: bool = True
    """The rows have cells: one whose cells are all empty is no review."""


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
    places = columns.list_text()
    for position, (_, invalid) in enumerate(decoded):
        for row, data in invalid.items():
            raw = join_bytes([_find_bytes(decoded[place], row) for place in places])
            detail = f"column '{names[position]}': {describe_invalid(data)}"
            all_defects.setdefault(row, Defect("text_encoding", detail, raw))
    # What says if a row is a review is a further column too, and these keep their types.
    known = {ours: arrays[position].cast(pa.string()) for ours, position in columns.known.items()}
    if all_defects:
        usable = np.ones(len(row_numbers), dtype=bool)
        usable[list(all_defects)] = False
        known["text"] = pc.if_else(pa.array(usable), known["text"], None)
    further = {name: arrays[position] for name, position in columns.further.items()}
    return RawRows(reading, row_numbers, known, format_columns(further), all_defects, len(names) > 1)


def join_bytes(parts: Sequence[bytes]) -> bytes:
    """Return the bytes of a text of several columns as valid texts are joined: by a blank line, without blank ones."""
    return b"\n\n".join(part for part in parts if part.strip()) or parts[-1]


def _find_bytes(decoded: tuple[pa.Array, Mapping[int, bytes]], row: int) -> bytes:
    """Return the original bytes of a row's value."""
    values, invalid = decoded
    return invalid.get(row) or (values[row].as_py() or "").encode()


def measure_texts(texts: pa.Array) -> NDArray[np.int32]:
    """Return the bytes of n texts, anything for null; Arrow's own function takes longer for a few texts."""
    if not len(texts):
        return np.zeros(0, np.int32)
    _, offsets, _ = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return places[1:] - places[:-1]


def find_headers(
    arrays: Sequence[pa.Array], names: Sequence[str], numbers: pa.Array, separator: str = "\t"
) -> dict[int, Defect]:
    """Return the defect of each of n rows in which the value of every column is its name, as in concatenated files.

    A row that has the names in another order is refused (header_changed): below it, the columns are others. `numbers`
    has the numbers of the rows, and the `separator` stands between the names that are kept.
    """
    # Few values are as long as a name: Arrow's functions would take three percent of the time of reading all.
    long = np.flatnonzero(np.isin(measure_texts(arrays[0]), [len(name.encode()) for name in names]))
    first = pc.utf8_lower(arrays[0].take(pa.array(long)))
    rows = long[np.asarray(pc.is_in(first, pa.array([name.lower() for name in names])))].tolist()
    own = list(map(normalize_name, names))
    line = separator.join(names).encode()
    defects: dict[int, Defect] = {}
    for row in rows:
        found = [array[row].as_py() for array in arrays]
        if found == list(names):
            defects[row] = Defect("row_shape", "it repeats the column names", line)
        elif len({*own} - {""}) >= _FEWEST_REORDERED and sorted(
            normalize_name(each or "") for each in found
        ) == sorted(own):
            problem = f"row {numbers[row].as_py():,} has the names of the columns in another order"
            raise refusal("header_changed", problem)
    return defects
