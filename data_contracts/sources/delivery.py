"""The contract of a source's deliveries: its files come when they usually do, with about as many rows as usual.

The view `deliveries` computes what is usual. No library is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from data_contracts.expectations import CheckResult

BOUNDARY = "deliveries"
ON_TIME, AS_USUAL = "files_on_time", "rows_as_usual"


@dataclass(frozen=True)
class Delivery:
    """One row of the view `deliveries`, of a source that sends regularly or whose rows can be judged."""

    source: str
    last_day: date
    missed_days: int
    usual_missed_days: int | None
    is_regular: bool
    is_late: bool
    volume_day: date | None
    volume_rows: int | None
    least_rows: int | None
    most_rows: int | None
    volume: str | None


def judge_deliveries(found: Iterable[Delivery]) -> list[CheckResult]:
    """Return whether the files of each regular source are on time, and whether their rows are as many as usual."""
    return [result for each in found for result in (*_judge_time(each), *_judge_volume(each))]


def _judge_time(found: Delivery) -> list[CheckResult]:
    """Return the result of a regular source: whether it is late."""
    if not found.is_regular:
        return []
    days = "day" if found.missed_days == 1 else "days"
    observed = f"the last files came on {found.last_day}, {found.missed_days} {days} ago that it sends on"
    expected = f"at most {found.usual_missed_days or 0} such days without files, as before"
    return [_make_result(found, ON_TIME, not found.is_late, (observed, expected))]


def _judge_volume(found: Delivery) -> list[CheckResult]:
    """Return the result of a source whose rows of a day can be judged."""
    if not found.is_regular or found.volume is None:
        return []
    rows = "row" if found.volume_rows == 1 else "rows"
    observed = f"{found.volume_rows or 0:,} {rows} on {found.volume_day}"
    expected = f"about {found.least_rows or 0:,} to {found.most_rows or 0:,} rows a day, as before"
    return [_make_result(found, AS_USUAL, found.volume == "usual", (observed, expected))]


def _make_result(found: Delivery, rule: str, success: bool, words: tuple[str, str]) -> CheckResult:
    """Return the result of one rule; `words` are what was observed and what is expected."""
    return CheckResult(
        boundary=BOUNDARY,
        rule=rule,
        expectation="expect_usual_delivery",
        columns="",
        severity="warning",
        success=success,
        observed=words[0],
        expected=words[1],
        unexpected_count=0 if success else 1,
        source=found.source,
    )
