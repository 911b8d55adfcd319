"""The options of reading review files, which all formats share."""

from dataclasses import dataclass, field
from pathlib import Path

from tasks.containers.limits import ContainerLimits
from tasks.support.refusals import refusal

KEPT_BYTES = 1 << 16
"""Bytes that the quarantine keeps of a row that is too long."""


@dataclass(frozen=True)
class ReadOptions:
    """How files are read: their columns and form, the size of batches, and the limits of containers."""

    text_column: str | None = None
    """The name of the text column; None: one of the known names."""
    batch_rows: int = 8192
    """Most rows of a batch."""
    batch_bytes: int = 8 << 20
    """Approximate bytes of a batch, and most bytes of one JSON line or text file."""
    limits: ContainerLimits = field(default_factory=ContainerLimits)
    sheet: str | None = None
    """The sheet of a workbook; None: the first one with a text column."""
    json_path: str | None = None
    """The path of the array of objects in a JSON document, such as 'data.reviews'; None: the only one."""
    most_rows: int = 1 << 62
    """Most rows of the file, all members together. `read_review_file` sets it by the file's size."""
    root: Path | None = None
    """The folder below which no link is followed to the file; None: the file's own folder."""


def require_rows(rows: int, most: int) -> None:
    """Refuse (bomb_suspected) a file with more rows, or lines, than `most`: see the option `most_rows`."""
    if rows > most:
        raise refusal(
            "bomb_suspected", f"there are more than {most:,} rows, the limit for a file of this size"
        )
