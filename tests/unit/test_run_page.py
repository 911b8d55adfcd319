"""Tests of the name of a run that failed."""

import pytest

from data_contracts.errors import ReviewsError, UsageError
from tasks.stages.run_page import NAME_CHARS, name_error


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (
            UsageError("Not there: a.csv. Next: give the whole path.\nmore"),
            "Not there: a.csv. Next: give the whole path.",
        ),
        (ReviewsError("a\x1b[31m.csv: is gone"), "a\\x1b[31m.csv: is gone"),
        (KeyError("column"), "KeyError: 'column'"),
        (ReviewsError(), "ReviewsError"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_failed_run_is_named_by_the_first_line_of_its_error(error: Exception, name: str) -> None:
    assert name_error(error) == name


def test_the_name_of_a_failed_run_has_an_end() -> None:
    name = name_error(ReviewsError("x" * 10_000))
    assert (len(name), name[-4:]) == (NAME_CHARS, "x...")
