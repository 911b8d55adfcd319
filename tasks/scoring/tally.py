"""What is counted of the files of a group while they are read, and the judgement of each file at its end."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from data_contracts.errors import FileRefusedError
from data_contracts.expectations import CheckResult
from data_contracts.limits import RowLimits, exceeds_bad_rows
from tasks.inbox.source_files import SkippedFile, SourceFile
from tasks.support.refusals import refusal


@dataclass(frozen=True)
class Tally:
    """What was counted so far, by source sha256; whoever reads or checks rows adds to it."""

    rows_read: Counter[str] = field(default_factory=Counter)
    rows_quarantined: Counter[str] = field(default_factory=Counter)
    rows_broken: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Of the quarantined rows, those that speak against their file, by rule."""
    bytes_kept: Counter[str] = field(default_factory=Counter)
    """Of the bad rows, in the quarantine."""
    first_bad: dict[str, str] = field(default_factory=dict)
    refused: dict[str, FileRefusedError] = field(default_factory=dict)
    postponed: dict[str, SkippedFile] = field(default_factory=dict)
    checks: list[CheckResult] = field(default_factory=list)

    def leaves_out(self, file: SourceFile) -> bool:
        """Whether no row of a file goes into the part any more, since it is refused or waits for the next run."""
        return file.source_sha256 in self.refused or file.source_sha256 in self.postponed


@dataclass(frozen=True)
class FileOutcome:
    """What became of one source file; `rule` and `detail` say why where its status is 'refused'."""

    source: SourceFile
    status: str
    rule: str | None
    detail: str | None
    rows_read: int
    rows_quarantined: int
    """In the part; the commit leaves out those of a refused file."""


def note_refusal(file: SourceFile, refusal: FileRefusedError, tally: Tally) -> None:
    """Keep why a file is refused; one that could not be read says nothing of its content, so it waits."""
    if refusal.rule == "file_unreadable":
        tally.postponed[file.source_sha256] = SkippedFile(
            file.uri, f"{refusal.detail} It waits for the next run."
        )
    else:
        tally.refused[file.source_sha256] = refusal


def close_file(file: SourceFile, tally: Tally, limits: RowLimits) -> FileOutcome:
    """Judge one file when all of it was read: scored, or refused for what it is or for its bad rows."""
    source = file.source_sha256
    counts = (tally.rows_read[source], tally.rows_quarantined[source])
    refused = tally.refused.get(source) or _refuse_for_bad_rows(source, tally, limits)
    if refused is None:
        return FileOutcome(file, "scored", None, None, *counts)
    return FileOutcome(file, "refused", refused.rule, refused.detail, *counts)


def _refuse_for_bad_rows(source: str, tally: Tally, limits: RowLimits) -> FileRefusedError | None:
    rows_read, rows_broken = tally.rows_read[source], tally.rows_broken[source]
    if not exceeds_bad_rows(rows_read, rows_broken.total(), limits):
        return None
    by_rule = ", ".join(f"{rule} {rows:,}" for rule, rows in rows_broken.most_common())
    share = f"{rows_broken.total():,} of {rows_read:,} rows are bad ({by_rule})"
    return refusal("too_many_bad_rows", f"{share}, the first is {tally.first_bad[source]}".rstrip("."))
