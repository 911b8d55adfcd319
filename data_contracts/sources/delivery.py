"""The contract of a source's deliveries: its files come when they usually do, with about as many rows as usual.

The view `deliveries` computes what is usual. No library is needed.
"""

from collections.abc import Iterable, Iterator
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


def judge_deliveries(found: Iterable[Delivery]) -> Iterator[CheckResult]:
    """Yield whether the files of each regular source are on time, and whether their rows are as many as usual."""
    for each in found:
        if not each.is_regular:
            continue
        days = "day" if each.missed_days == 1 else "days"
        observed = f"the last files came on {each.last_day}, {each.missed_days} {days} ago that it sends on"
        expected = f"at most {each.usual_missed_days or 0} such days without files, as before"
        yield _make_result(each, ON_TIME, not each.is_late, (observed, expected))
        if each.volume is None:
            continue
        rows = "row" if each.volume_rows == 1 else "rows"
        observed = f"{each.volume_rows or 0:,} {rows} on {each.volume_day}"
        expected = f"about {each.least_rows or 0:,} to {each.most_rows or 0:,} rows a day, as before"
        yield _make_result(each, AS_USUAL, each.volume == "usual", (observed, expected))


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
