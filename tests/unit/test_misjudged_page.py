"""Tests that the page of misjudged reviews agrees with the stored results, also in git."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import misjudged_page, models_page
from benchmarks.misjudged_page import make_misjudged_page
from benchmarks.models_figures import pick_measured
from docs.markdown import escape_markdown
from models.evaluation.elsewhere import read_elsewhere
from tests.unit.benchmark_results import REVIEWS, RIGHT, WRONG, make_results


def make(results: dict[str, Any]) -> str:
    return make_misjudged_page(results, REVIEWS)


@pytest.mark.skipif(not models_page.RESULTS.is_file(), reason="nothing was measured yet")
def test_the_page_in_git_is_what_the_kept_results_say() -> None:
    results = models_page.read_results()
    made = make_misjudged_page(results, pick_measured(results, read_elsewhere()))
    assert misjudged_page.PAGE.read_text("utf-8") == made, "run `python -m benchmarks.variants --render`"


def test_reviews_that_most_seeds_of_the_best_call_wrongly_are_listed_with_their_text_as_it_is() -> None:
    results = make_results()
    for model in results["models"]:
        model["elsewhere_scores"] = WRONG if model["variant"] == "new" else RIGHT
    page = make(results)
    assert "| short-001 | short | positive | 0.200 | 2 of 2 | Good \\| \\*very\\* good. |" in page
    assert "| short-002 | short | negative | 0.900 | 2 of 2 | Bad &lt;b> \\_indeed\\_. |" in page
    assert "most seeds of `new` call 4 wrongly (2 short and 2 mixed)" in " ".join(page.split())


def test_a_long_text_is_cut() -> None:
    results = make_results()
    for model in results["models"]:
        model["elsewhere_scores"] = WRONG
    long = replace(REVIEWS[0], text="good " * 100)
    page = make_misjudged_page(results, [long, *REVIEWS[1:]])
    assert f"| {('good ' * 100)[:239]}… |" in page


def test_a_review_that_one_seed_of_two_calls_wrongly_is_not_misjudged() -> None:
    results = make_results()
    results["models"][-1]["elsewhere_scores"] = WRONG
    assert "Most seeds of `new` call all of them rightly." in make(results)


def test_scores_of_another_evaluation_set_are_refused() -> None:
    with pytest.raises(ValueError, match="are of another evaluation set"):
        make_misjudged_page(make_results(), REVIEWS[:2])


@given(st.text())
def test_an_escaped_text_stays_in_its_cell(text: str) -> None:
    escaped = escape_markdown(text)
    assert len(escaped.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[|*_`\[\]$<]", escaped)
