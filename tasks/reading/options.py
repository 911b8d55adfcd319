"""The options of reading review files, which all formats share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.sources.profile import Profile
from data_contracts.text_encodings import extends_ascii, find_encoding
from tasks.containers.unpacking_limits import ContainerLimits
from tasks.reading.columns import Reading
from tasks.support.refusals import refusal

KEPT_BYTES = 1 << 16
"""Bytes that the quarantine keeps of a row that is too long."""


def _ignore(found: object) -> None:
    """Do nothing with what was found."""


@dataclass(frozen=True)
class ReadOptions:
    """How files are read: their profile, the size of batches, and the limits of containers."""

    profile: Profile | None = None
    """That of their source; None: that of a known platform or our own names, by the columns of each table."""
    text_column: str | None = None
    """The name of the text column where there is no profile."""
    fallback_encoding: str | None = None
    """The encoding of text files that are not UTF-8 and of which no profile states one; None: they are not read."""
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

    @property
    def encoding(self) -> str | None:
        """The encoding of text files without a byte order mark, such as 'cp1252'; None: UTF-8."""
        return self.profile.file.encoding if self.profile else None

    def __post_init__(self) -> None:
        """Raise `UsageError` for a fallback encoding that can't be one."""
        name = self.fallback_encoding
        if name and find_encoding(name) is None:
            raise UsageError(f"The encoding {name!r} is not known. Next: name one such as cp1252.")
        if name and not extends_ascii(name):
            raise UsageError(f"A fallback encoding must extend ASCII, as cp1252 does, not {name}.")


def require_rows(rows: int, most: int) -> None:
    """Refuse (bomb_suspected) a file with more rows, or lines, than `most`: see the option `most_rows`."""
    if rows > most:
        raise refusal(
            "bomb_suspected", f"there are more than {most:,} rows, the limit for a file of this size"
        )
