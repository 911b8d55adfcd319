"""Reads numbers of classes as the names that Hugging Face keeps for them in the metadata of a schema.

So a label `0` is what the data set says, whichever class it counts first. A number below zero is null, since Hugging
Face writes -1 for a row without a label. What the metadata say is not trusted: only short names are taken, and a larger
number without one stays as it is.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from tasks.reading.tables.arrow_columns import DECODED_ROWS

_KEY = b"huggingface"
_MOST_BYTES = 1 << 20
"""Most bytes of metadata that are read."""
_LONGEST_NAME = 100
_REPEATED = re.compile(r"\D*0*(\d+)", re.ASCII)
"""A name that may only repeat the number of its class, such as `LABEL_0`."""

Classes = Mapping[int, Sequence[str]]
"""The names of the classes, by the position of the column that has their numbers."""


def find_classes(schema: pa.Schema) -> Classes:
    """Return the names that the metadata of a schema has for the classes in its columns of whole numbers."""
    features = _load_features((schema.metadata or {}).get(_KEY, b""))
    counts = Counter(schema.names if features else ())
    named = {
        place: _list_names(features.get(column.name))
        for place, column in enumerate(schema)
        if counts[column.name] == 1 and pt.is_integer(column.type)
    }
    return {place: names for place, names in named.items() if names}


def name_classes(batches: Iterable[pa.RecordBatch], classes: Classes) -> Iterator[pa.RecordBatch]:
    """Yield batches with the names of classes in place of their numbers, at most `DECODED_ROWS` rows at a time."""
    for batch in batches:
        if not classes:
            yield batch
            continue
        for start in range(0, batch.num_rows, DECODED_ROWS):
            part = batch.slice(start, DECODED_ROWS)
            columns = [
                _name_column(column, classes[place]) if place in classes else column
                for place, column in enumerate(part.columns)
            ]
            yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _load_features(stated: bytes) -> dict[str, Any]:
    """Return the features of a data set by their names; none if what is stated is no such metadata."""
    if len(stated) > _MOST_BYTES:
        return {}
    try:
        found = json.loads(stated)
    except (ValueError, RecursionError):
        return {}
    for key in ("info", "features"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _list_names(feature: Any) -> list[str]:
    """Return the names of the classes of a feature; none if it is of another kind, or they say nothing."""
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return []
    names = feature.get("names")
    if not isinstance(names, list) or not all(map(_is_name, names)):
        return []
    repeated = map(_REPEATED.fullmatch, names)
    if all(found and int(found[1]) == number for number, found in enumerate(repeated)):
        return []
    return names


def _is_name(name: Any) -> bool:
    """Return whether a value of the metadata can be the name of a class."""
    return isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()


def _name_column(numbers: pa.Array, names: Sequence[str]) -> pa.Array:
    """Return the names of classes for their numbers: null for one below zero; larger ones than known stay, as texts."""
    values = [
        None if number is None or number < 0 else names[number] if number < len(names) else str(number)
        for number in numbers.to_pylist()
    ]
    return pa.array(values, pa.string())
