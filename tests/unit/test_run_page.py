"""Tests of the text on a run's page."""

import pytest

from data_contracts.errors import ReviewsError, UsageError
from tasks.stages.run_page import NAME_CHARS, describe_broken_contract, name_error
from tests.support.failures import make_failure


def test_a_broken_contract_is_shown_with_rule_observed_expected_samples_and_next_step() -> None:
    page = describe_broken_contract([make_failure()], "get the archive anew")
    for words in (
        "`archive`",
        "urls_match_reviews",
        "1,200",
        "('train', 'pos')",
        "**Next:** get the archive anew",
    ):
        assert words in page


def test_words_from_data_do_not_break_the_table() -> None:
    rows = [
        line for line in describe_broken_contract([make_failure()], "").splitlines() if line.startswith("|")
    ]
    assert "| observed | 2 \\| 3 |" in rows
    assert "| expected | as long as its folder |" in rows


def test_words_from_data_are_neither_html_nor_markdown_nor_codes_in_the_table() -> None:
    page = describe_broken_contract([make_failure(observed="<b>x</b> [a](http://x) `y` \x1b[31m \u202e")], "")
    assert (
        "| observed | &lt;b&gt;x&lt;/b&gt; \\[a\\](http://x) \\`y\\` \\\\x1b\\[31m \\\\u202e |"
        in page.splitlines()
    )


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
