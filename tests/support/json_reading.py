"""Reads JSON as a file's rows are read, in this process."""

import json
from collections.abc import Iterator
from typing import Any

from tasks.containers.members import Member
from tasks.review_files.encodings import to_utf8
from tasks.review_files.objects.json_documents import read_json_document
from tasks.review_files.objects.json_lines import read_json_lines
from tasks.review_files.objects.lines_or_document import find_json_lines
from tasks.review_files.options import ReadOptions
from tasks.review_files.raw_rows import RawRows


def read(data: bytes, size: int = 1 << 20, **options: Any) -> list[RawRows]:
    """Return the batches of a .json file with these bytes, which come in chunks of `size`."""
    chunks: Iterator[bytes] = (data[start : start + size] for start in range(0, len(data), size))
    chosen = ReadOptions(**options)
    member = find_json_lines(Member(None, "json", chunks, "a.json"), chosen)
    if member.format == "jsonl":
        return list(read_json_lines(member.chunks, 1, chosen))
    return list(read_json_document(to_utf8(member.chunks, chosen), 1, chosen))


def read_texts(document: Any, **options: Any) -> list[str]:
    """Return the texts of a JSON document, or of the bytes of a file."""
    data = document if isinstance(document, bytes) else json.dumps(document, indent=1).encode()
    return [text for rows in read(data, **options) for text in rows.known["text"].to_pylist()]
