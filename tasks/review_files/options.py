"""The options of reading review files, which all formats share."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.text_encodings import extends_ascii, find_encoding
from tasks.containers.unpacking_limits import ContainerLimits
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.support.refusals import refusal

KEPT_BYTES = 1 << 16
"""Bytes that the quarantine keeps of a row that is too long."""


def _ignore(*found: object) -> None:
    """Do nothing with what was found."""


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
    encoding: str | None = None
    """The encoding of text files without a byte order mark, such as 'cp1252'; None: UTF-8."""
    fallback_encoding: str | None = None
    """The encoding of those that are not UTF-8, unless there is `encoding`; None: they are not read."""
    delimiter: str | None = None
    """The character between the fields of a CSV or TSV file; None: as its header and first rows show."""
    sheet: str | None = None
    """The sheet of a workbook; None: the first one with a text column."""
    json_path: str | None = None
    """The path of the array of objects in a JSON document, such as 'data.reviews'; None: the only one."""
    most_rows: int = 1 << 62
    """Most rows of the file, all members together. `read_review_file` sets it by the file's size."""
    root: Path | None = None
    """The folder below which no link is followed to the file; None: the file's own folder."""
    plan: ReadingPlan | None = None
    """How the columns become ours; None: as the file itself shows."""
    may_start_over: bool = False
    """The caller starts over, without this, if a reader raises `PlanOutdatedError`; so large files are read once."""
    may_postpone: bool = False
    """The caller may break off a file that is out of proportion to its size, and read it after all others."""
    report_plan: Callable[[ReadingPlan], object] = field(default=_ignore, compare=False)
    """Called with each plan that was made from the file itself: one per member of an archive."""
    report_passed_over: Callable[[str, str], object] = field(default=_ignore, compare=False, repr=False)
    """Called with the path, and what it is, of each member of an archive that is known to hold no reviews."""

    @property
    def column_plan(self) -> ReadingPlan:
        """The plan by which columns are selected, with the text column that was named."""
        plan = self.plan or ReadingPlan()
        return replace(plan, text=(self.text_column,)) if self.text_column is not None else plan

    def __post_init__(self) -> None:
        """Raise `UsageError` for an encoding or a delimiter that can't be one."""
        for name in filter(None, (self.encoding, self.fallback_encoding)):
            if find_encoding(name) is None:
                raise UsageError(f"The encoding {name!r} is not known. Next: name one such as cp1252.")
        if self.fallback_encoding and not extends_ascii(self.fallback_encoding):
            raise UsageError(
                f"A fallback encoding must extend ASCII, as cp1252 does, not {self.fallback_encoding}."
            )
        if self.delimiter is not None and not is_delimiter(self.delimiter):
            raise UsageError(
                f"A delimiter must be one ASCII character, no letter or quote, not {self.delimiter!r}."
            )


def is_delimiter(text: str) -> bool:
    """Return whether a text can be the delimiter of a file: one character that is in no name and no number."""
    return len(text) == 1 and text.isascii() and not text.isalnum() and text not in '"\r\n\0\\'


def require_rows(rows: int, most: int) -> None:
    """Refuse (bomb_suspected) a file with more rows, or lines, than `most`: see the option `most_rows`."""
    if rows > most:
        raise refusal(
            "bomb_suspected", f"there are more than {most:,} rows, the limit for a file of this size"
        )
