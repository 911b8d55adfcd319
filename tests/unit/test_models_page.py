"""Tests that the page of the models agrees with the stored results, also in git."""

import re
from functools import cache
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import models_page
from benchmarks.models_figures import find_best, pick_measured, pool_reliability
from benchmarks.models_page import make_page, read_results
from benchmarks.models_plots import draw_all, make_standalone, spread_labels
from models.evaluation.elsewhere import read_elsewhere
from tasks.pages import svg_charts
from tasks.pages.svg_charts import Chart
from tests.unit.benchmark_results import REVIEWS, make_results

measured = pytest.mark.skipif(not models_page.RESULTS.is_file(), reason="nothing was measured yet")


@cache
def draw_usual() -> dict[str, Chart]:
    """Draw the charts of the usual results; they are slow to draw, and a page only names them."""
    return draw_all(make_results())


@cache
def draw_kept() -> dict[str, Chart]:
    """Return the titles and summaries of the charts of the results in git; `draw_usual` draws pictures too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(svg_charts, "draw_svg", lambda *arguments, **named: "")
        return draw_all(read_results())


def make(results: dict[str, Any]) -> str:
    return make_page(results, draw_usual(), REVIEWS)


def find_rows(page: str, start: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(f"| {start} |")]


@pytest.mark.slow
@measured
def test_the_page_in_git_is_what_the_kept_results_say() -> None:
    results = read_results()
    made = make_page(results, draw_kept(), pick_measured(results, read_elsewhere()))
    assert models_page.PAGE.read_text("utf-8") == made, "run `python -m benchmarks.variants --render`"


@pytest.mark.slow
@measured
def test_the_pictures_in_git_say_what_the_kept_results_say() -> None:
    for name, chart in draw_kept().items():
        found = ElementTree.fromstring((models_page.IMAGES / name).read_text("utf-8"))
        said = [element.text for element in found if element.tag.endswith(("}title", "}desc"))]
        assert said == [chart.title, chart.summary]


@pytest.mark.slow
def test_a_figure_is_the_median_of_the_seeds_with_the_lowest_and_the_highest() -> None:
    [row, *_] = find_rows(make(make_results()), "`lstm`")
    assert row.startswith(
        "| `lstm` | 0.9600 (0.9500 to 0.9700) | 0.9500 (0.9400 to 0.9600) | 0.450 (0.400 to"
    )


@pytest.mark.slow
def test_the_best_has_the_lowest_validation_loss_whatever_the_test_says() -> None:
    assert find_best(make_results()) == "new"
    assert "**The best is `new`**" in make(make_results())


def test_the_best_is_compared_with_each_seed_variant() -> None:
    page = make(make_results())
    best = "+100.0 points | +100.0 to +100.0 | 0.0002"
    assert f"| `lstm` | {best} | {best} |" in find_rows(page, "`lstm`")
    assert find_rows(page, "`cnn_lstm`")[3].startswith("| `cnn_lstm` | +50.0 points | +0.0 to +100.0 |")
    assert not [row for row in find_rows(page, "`new`") if "points" in row]


def test_parts_of_a_model_stand_beside_the_whole_where_they_were_measured() -> None:
    results = make_results()
    assert "## What each part does" not in make(results)
    for model in results["models"][-2:]:
        model["ablations"] = {"LSTM alone": 0.87 + 0.01 * model["seed"]}
    page = make(results)
    assert "| `new` | LSTM alone | 0.8750 (0.8700 to 0.8800) |" in page
    assert "| `new` | the whole | 0.9200 (0.9100 to 0.9300) |" in page


def test_scores_of_another_evaluation_set_are_refused() -> None:
    results = make_results()
    with pytest.raises(ValueError, match="are of another evaluation set"):
        make_page(results, draw_usual(), REVIEWS[:2])


def test_prose_is_broken_into_lines_and_pictures_are_there() -> None:
    page = make(make_results())
    assert not [line for line in page.splitlines() if len(line) > 120 and line[0] not in "|<"]
    assert set(re.findall(r"images/([\w.-]+)", page)) == set(draw_usual())


def test_reliability_is_that_of_all_seeds_reviews_together() -> None:
    low, high = pool_reliability(make_results()["models"][:2])
    assert (low["reviews"], low["share_positive"]) == pytest.approx((2000, 0.05))
    assert (high["reviews"], high["mean_score"]) == pytest.approx((6000, 0.95))


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.01, 0.2))
def test_names_beside_points_stand_apart_and_in_order(heights: list[float], gap: float) -> None:
    moved = spread_labels(heights, gap)
    order = sorted(range(len(heights)), key=heights.__getitem__)
    assert all(moved[place] >= heights[place] for place in order)
    assert all(moved[above] - moved[below] >= gap - 1e-9 for below, above in pairwise(order))


@pytest.mark.parametrize("name", ["models-accuracy", "models-reliability", "models-length", "models-speed"])
def test_a_picture_is_a_small_file_of_its_own_in_light_and_dark(name: str) -> None:
    svg = make_standalone(draw_usual()[f"{name}.svg"])
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "--ink: #16191d" in svg.split("@media (prefers-color-scheme: dark)")[0]
    assert "--ink: #eceef1" in svg.split("@media (prefers-color-scheme: dark)")[1]
    assert len(svg.encode()) < 32 * 1024


@pytest.mark.slow
def test_the_same_results_give_the_same_pictures() -> None:
    first, second = (
        {name: make_standalone(each) for name, each in charts.items()}
        for charts in (draw_usual(), draw_all(make_results()))
    )
    assert first == second
