"""Counts the rows of each file of a group while it is read, and decides at the end whether the file is refused."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from data_contracts.errors import FileRefusedError
from data_contracts.expectations import CheckResult
from data_contracts.rules_and_limits import (
    TEXT_NOT_GIVEN,
    FileLimits,
    RowLimits,
)
from data_contracts.storage.store_uris import is_store_uri
from models.aspects.lexicon import name_version
from tasks.inbox.source_files import SkippedFile, SourceFile
from tasks.reading.columns import Reading
from tasks.reading.reader import format_of
from tasks.sources.catalogue import Catalogue
from tasks.support.refusals import describe_bad_rows, refusal
from tasks.support.wording import count, quote_word
from tasks.warehouse.row_names import name_content

MOST_READINGS = 20
"""Readings of a file's tables that are noted."""
WAITING_RULES = ("file_unreadable", "profile_wrong", "profile_column_missing")
"""The rules that say nothing of a file's content, so that a new file which breaks one waits for the next run."""


@dataclass(frozen=True)
class Tally:
    """The counts by file so far, to which reading and checking add; at the end, `judge_file` makes outcomes of them.

    A file is named by its source sha256.
    """

    rows_read: Counter[str] = field(default_factory=Counter)
    rows_quarantined: Counter[str] = field(default_factory=Counter)
    rows_broken: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Quarantined rows by rule, without those that say nothing against their file."""
    rows_not_given: Counter[str] = field(default_factory=Counter)
    """Rows without a text, which only count against a file in which no row has one."""
    rows_not_english: Counter[str] = field(default_factory=Counter)
    """Good rows that seem not to be in English, quarantined or not."""
    first_extras: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The further columns of the first and of some later rows of a file, as JSON objects."""
    readings: defaultdict[str, list[Reading]] = field(default_factory=lambda: defaultdict(list))
    """How the tables of a file were read, `MOST_READINGS` at most."""
    bytes_read: Counter[str] = field(default_factory=Counter)
    """Bytes of all rows."""
    bytes_kept: Counter[str] = field(default_factory=Counter)
    """Bytes of the quarantined rows."""
    first_bad: dict[str, str] = field(default_factory=dict)
    """The first bad row of a file, in words: its number, rule and detail."""
    refused: dict[str, FileRefusedError] = field(default_factory=dict)
    postponed: dict[str, SkippedFile] = field(default_factory=dict)
    """Files that wait for the next run."""
    checks: list[CheckResult] = field(default_factory=list)

    def excludes(self, file: SourceFile) -> bool:
        """Return whether no more rows of a file go into the part, since it is refused or postponed."""
        return file.source_sha256 in self.refused or file.source_sha256 in self.postponed


@dataclass(frozen=True)
class FileOutcome:
    """The outcome of one source file: its status, 'scored' or 'refused', with rule and detail if it is refused."""

    source: SourceFile
    status: str
    rule: str | None
    detail: str | None
    rows_read: int
    rows_quarantined: int
    """Quarantined rows in the part; the commit ignores those of a refused file."""


def record_reading(file: SourceFile, tally: Tally, reading: Reading) -> None:
    """Record how a table of a file is read, unless another one was read so."""
    readings = tally.readings[file.source_sha256]
    if reading not in readings and len(readings) < MOST_READINGS:
        readings.append(reading)


def record_refusal(file: SourceFile, refusal: FileRefusedError, tally: Tally) -> None:
    """Record that a file is refused; postpone it if it could not be read, since that says nothing of its content."""
    refusal = name_file(file, refusal)
    if refusal.rule in WAITING_RULES:
        waits = "It waits for the next run."
        if file.was_refused:
            waits = "It stays refused until `reviews score FILE`, or a rescan of its source, can read it."
        elif file.source_sha256 != name_content(file.source_sha256):
            waits = "It keeps the reading that it has."
        tally.postponed[file.source_sha256] = SkippedFile(file.uri, f"{refusal.detail} {waits}")
    else:
        tally.refused[file.source_sha256] = refusal


def name_file(file: SourceFile, refusal: FileRefusedError) -> FileRefusedError:
    """Return a refusal of which a command can be pasted, with the file and the source in it."""
    where = file.uri if is_store_uri(file.uri) else str(file.path)
    command = f"reviews sources init {quote_word(Catalogue().find(file.uri).name)} {quote_word(where)}"
    return FileRefusedError(refusal.rule, refusal.detail.replace("reviews sources init NAME FILE", command))


def judge_file(file: SourceFile, tally: Tally, limits: FileLimits) -> FileOutcome:
    """Decide the outcome of a file that was read: refused by the reader, for its bad or its few rows, else scored."""
    source = file.source_sha256
    counts = (tally.rows_read[source], tally.rows_quarantined[source])
    refused = tally.refused.get(source) or _refuse_for_bad_rows(source, tally, limits)
    if refused is None and counts[0] < limits.fewest_rows:
        few = f"it has {count(counts[0], 'row')}, fewer than {limits.fewest_rows:,}"
        refused = refusal("too_few_rows", few)
    if refused is None:
        return FileOutcome(file, "scored", None, None, *counts)
    return FileOutcome(file, "refused", refused.rule, refused.detail, *counts)


def _refuse_for_bad_rows(source: str, tally: Tally, limits: RowLimits) -> FileRefusedError | None:
    """Return the error that refuses a file for its bad rows, counted to its end; None if they are few enough."""
    broken = Counter(tally.rows_broken[source])
    broken[TEXT_NOT_GIVEN] = tally.rows_not_given[source]
    problem = describe_bad_rows(tally.rows_read[source], broken, limits)
    if problem is None:
        return None
    first = tally.first_bad.get(source)
    return refusal(
        "too_many_bad_rows", (f"{problem}. The first is {first}" if first else problem).rstrip(".")
    )


def make_ledger_entry(outcome: FileOutcome) -> dict[str, Any]:
    """Return the values of a file's outcome for the ledger, by column."""
    return {
        "source_sha256": outcome.source.source_sha256,
        "status": outcome.status,
        "rule": outcome.rule,
        "detail": outcome.detail,
        "uri": outcome.source.uri,
        "format": format_of(outcome.source.path),
        "bytes": outcome.source.size,
        "rows_read": outcome.rows_read,
        "grown_from": list(outcome.source.grown_from),
        "aspects_version": name_version(),
    }
