"""How review files are read: what every format's reader is told."""

from dataclasses import dataclass, field
from pathlib import Path

from tasks.containers.members import ContainerLimits

KEPT_BYTES = 1 << 16
"""What the quarantine keeps of a row that is too long to be held."""


@dataclass(frozen=True)
class ReadOptions:
    """What to read as the text, how much at a time, and how far a container may unpack."""

    text_column: str | None = None
    """The name of the text column where it is none of the known ones."""
    batch_rows: int = 8192
    """Rows of a batch at most."""
    batch_bytes: int = 8 << 20
    """Bytes of a batch, about; of one JSON line or one text file at most."""
    limits: ContainerLimits = field(default_factory=ContainerLimits)
    most_rows: int = 1 << 62
    """Rows of the file at most, all members together: set for each file by its size."""
    root: Path | None = None
    """The folder below which no link is followed on the way to the file; without it, the file's own."""
