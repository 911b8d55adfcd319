"""Reads JSON as a file's rows are read, in this process."""

import json
from typing import Any

from tasks.reading.json_files import read_json_document, read_json_lines
from tasks.reading.reader import LINES
from tasks.reading.rows import RawRows, ReadOptions


def read(data: bytes, size: int = 1 << 20, **options: Any) -> list[RawRows]:
    """Return the batches of a .json file with these bytes, which come in chunks of `size`."""
    chosen = ReadOptions(**options)
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return list((read_json_lines if LINES.match(data) else read_json_document)(chunks, 1, chosen))


def read_texts(document: Any, **options: Any) -> list[str]:
    """Return the texts of a JSON document, or of the bytes of a file."""
    data = document if isinstance(document, bytes) else json.dumps(document, indent=1).encode()
    return [text for rows in read(data, **options) for text in rows.known["text"].to_pylist()]
