"""Tests of the text on a run's page."""

from tasks.stages.run_page import describe_broken_contract
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
