"""The options of reading review files, which all formats share."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tasks.containers.limits import ContainerLimits
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.support.refusals import refusal

KEPT_BYTES = 1 << 16
"""Bytes that the quarantine keeps of a row that is too long."""


def _ignore(plan: ReadingPlan) -> None:
    """Do nothing with a plan."""


@dataclass(frozen=True)
class ReadOptions:
    """The plan of the columns, the size of batches, and the limits of containers."""

    text_column: str | None = None
    """The name of the text column; None: one of the known names."""
    batch_rows: int = 8192
    """Most rows of a batch."""
    batch_bytes: int = 8 << 20
    """Approximate bytes of a batch, and most bytes of one JSON line or text file."""
    limits: ContainerLimits = field(default_factory=ContainerLimits)
    most_rows: int = 1 << 62
    """Most rows of the file, all members together. `read_review_file` sets it by the file's size."""
    root: Path | None = None
    """The folder below which no link is followed to the file; None: the file's own folder."""
    plan: ReadingPlan | None = None
    """How the columns become ours; None: as the file itself shows."""
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    json_path: str | None = None
    report_plan: Callable[[ReadingPlan], object] = field(default=_ignore, compare=False)
    """Called with each plan that was made from the file itself: one per member of an archive."""

    @property
    def column_plan(self) -> ReadingPlan:
        """The plan by which columns are selected, with the text column that was named."""
        plan = self.plan or ReadingPlan()
        return replace(plan, text=(self.text_column,)) if self.text_column is not None else plan


def require_rows(rows: int, most: int) -> None:
    """Refuse (bomb_suspected) a file with more rows, or lines, than `most`: see the option `most_rows`."""
    if rows > most:
        raise refusal(
            "bomb_suspected", f"there are more than {most:,} rows, the limit for a file of this size"
        )
