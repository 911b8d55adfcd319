"""Writes rows as the tools of platforms write them."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

Row = Sequence[Any]


def table(
    header: Row,
    rows: Iterable[Row],
    *,
    sep: str = ",",
    encoding: str = "utf-8",
    end: str = "\n",
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL,
) -> bytes:
    """Return a delimited file with quotes doubled, as most tools write it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=sep, lineterminator=end, quoting=quoting)
    writer.writerows([header, *rows])
    return out.getvalue().encode(encoding)


def bare(
    header: Row, rows: Iterable[Row], sep: str = "\t", encoding: str = "utf-8", end: str = "\n"
) -> bytes:
    """Return a delimited file that quotes nothing."""
    return "".join(sep.join(map(str, row)) + end for row in [header, *rows]).encode(encoding)


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def document(value: Any, indent: int | None = 2) -> bytes:
    """Return a JSON document."""
    return json.dumps(value, indent=indent, ensure_ascii=False).encode()
