"""The contract of how a file is read: each of its columns can be read in one way only.

What can be read in several ways is kept as found, in `extra`, and is a warning. Which files of an archive are passed
over, since they are known to hold no reviews, is recorded too, and is none. No library is needed.
"""

from collections.abc import Iterable, Mapping

from data_contracts.expectations import CheckResult
from data_contracts.rules_and_limits import PASSED_OVER, READING_RULES

BOUNDARY = "readings"
_EXPECTED = "a column that can be read in one way only"


def judge_readings(
    source_sha256: str, reasons: Mapping[str, str], doubts: Iterable[tuple[str, str, str]]
) -> list[CheckResult]:
    """Return a result for each of our columns that a file has: a warning where its reading is in doubt.

    `reasons` says by our column how it is read; a doubt has our column, the file's column and the reason.
    """
    failed = [
        _make_result(source_sha256, field, f"column '{column}': {reason}", False)
        for field, column, reason in doubts
    ]
    passed = [
        _make_result(source_sha256, field, reason, True)
        for field, reason in reasons.items()
        if field in READING_RULES
    ]
    return [*passed, *failed]


def note_passed_over(source_sha256: str, words: str) -> CheckResult:
    """Return the result that says, in `words`, which files of an archive were passed over."""
    return CheckResult(
        boundary=BOUNDARY,
        rule=PASSED_OVER,
        expectation="expect_review_files",
        columns="",
        severity="warning",
        success=True,
        observed=words,
        expected="files of reviews, and such as are known to hold none",
        unexpected_count=0,
        source_sha256=source_sha256,
    )


def _make_result(source_sha256: str, field: str, observed: str, success: bool) -> CheckResult:
    """Return the result for one column."""
    return CheckResult(
        boundary=BOUNDARY,
        rule=READING_RULES[field],
        expectation="expect_one_reading",
        columns=field,
        severity="warning",
        success=success,
        observed=observed,
        expected=_EXPECTED,
        unexpected_count=0 if success else 1,
        source_sha256=source_sha256,
    )
