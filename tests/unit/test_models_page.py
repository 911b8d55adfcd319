"""Tests that the page of the models agrees with the stored results, also in git."""

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import models_page
from benchmarks.models_figures import find_best, find_lengths, pick_measured, pool_reliability
from benchmarks.models_page import find_half_width, make_page, read_results
from benchmarks.models_plots import draw_all, draw_by_length, make_standalone, spread_labels
from models.evaluation.elsewhere import read_elsewhere
from tasks.pages import svg_charts
from tasks.pages.svg_charts import Chart
from tests.unit.benchmark_results import REVIEWS, WRONG, make_results

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


def test_the_baseline_has_a_row_and_is_told_to_be_never_promoted() -> None:
    page = make(make_results())
    assert find_rows(page, "*linear*")[0].startswith("| *linear* | 0.9000 | – |")
    assert "is never promoted" in " ".join(page.split())


def test_training_is_told_beside_stock_keras_of_the_same_seed() -> None:
    [_, row, *_] = find_rows(make(make_results()), "`new`")
    assert "| 213,301 | 1.8 | 5 (5 to 5) | 0.38 (0.25 to 0.50) | – | 8.5 (7.5 to 9.5) | 9.0 | 8,500 |" in row


def test_a_bundle_that_keeps_no_seconds_leaves_them_open() -> None:
    results = make_results()
    for model in results["models"]:
        model["training_seconds"] = None
    [_, row, *_] = find_rows(make(results), "`new`")
    assert "| 213,301 | 1.8 | – | – | – |" in row


def test_the_best_is_compared_with_each_seed_variant() -> None:
    page = make(make_results())
    best = "+100.0 points | +100.0 to +100.0 | 0.0002"
    assert f"| `lstm` | {best} | {best} |" in find_rows(page, "`lstm`")
    assert find_rows(page, "`cnn_lstm`")[3].startswith("| `cnn_lstm` | +50.0 points | +0.0 to +100.0 |")
    assert not [row for row in find_rows(page, "`new`") if "points" in row]


def test_the_best_is_compared_without_sarcastic_reviews_too() -> None:
    results = make_results()
    for model in results["models"]:
        model["elsewhere_scores"] = [0.9, 0.1, *((0.2, 0.8) if model["variant"] == "new" else (0.8, 0.2))]
    reviews = [replace(each, kind="sarcastic") if each.kind == "mixed" else each for each in REVIEWS]
    page = make_page(results, draw_usual(), reviews)
    equal = "+0.0 points | +0.0 to +0.0 | 1.0000"
    assert f"| `lstm`, without sarcastic ones | {equal} | {equal} |" in page
    assert "| `lstm` | -50.0 points |" in page


def test_accuracy_elsewhere_is_told_by_kind() -> None:
    assert "| `cnn_lstm` | 50.0 (50.0 to 50.0) | 100.0 | 0.0 | 62.5 (62.5 to 62.5) |" in find_rows(
        make(make_results()), "`cnn_lstm`"
    )


def test_how_sure_the_best_is_elsewhere_stands_beside_how_often_it_is_right() -> None:
    results = make_results()
    for model in results["models"]:
        model["elsewhere_scores"] = [0.9, 0.1, 0.3, 0.2]
    page = make(results)
    assert "| sure | 82.5 | 90.0 | 75.0 |" in page
    assert "| right | 75.0 | 100.0 | 50.0 |" in page
    assert "| surer than right | +7.5 | -10.0 | +25.0 |" in page


def test_accuracy_elsewhere_is_the_mean_of_the_seeds_with_the_lowest_and_the_highest() -> None:
    results = make_results()
    results["models"][-1]["elsewhere_scores"] = WRONG
    assert "| `new` | 50.0 (0.0 to 100.0) | 50.0 | 50.0 | 50.0 (0.0 to 100.0) |" in find_rows(
        make(results), "`new`"
    )


def test_behaviour_is_the_mean_of_the_seeds_by_type_and_capability() -> None:
    page = make(make_results())
    assert find_rows(page, "**invariance**") == ["| **invariance** | 50.0 | 50.0 | 50.0 |"]
    assert find_rows(page, "html breaks") == ["| html breaks | 12.5 | 12.5 | 12.5 |"]


def test_parts_of_a_model_stand_beside_the_whole_where_they_were_measured() -> None:
    results = make_results()
    assert "## What each part does" not in make(results)
    for model in results["models"][-2:]:
        model["ablations"] = {"LSTM alone": 0.87 + 0.01 * model["seed"]}
    page = make(results)
    assert "| `new` | LSTM alone | 0.8750 (0.8700 to 0.8800) |" in page
    assert "| `new` | the whole | 0.9200 (0.9100 to 0.9300) |" in page


def test_plain_keras_stands_beside_ours_seed_by_seed() -> None:
    results = make_results()
    assert "| `cnn_lstm` | 1 | 0.8300 | 0.8200 |" in make(results)
    assert "## Compared with plain Keras code" not in make({**results, "stock": []})


def test_bundles_of_earlier_code_are_told() -> None:
    assert "earlier code" not in make(make_results())
    assert "Of 6 bundles, 2 were trained by earlier code." in " ".join(
        make({**make_results(), "of_earlier_code": 2}).split()
    )


def test_scores_of_another_evaluation_set_are_refused() -> None:
    results = make_results()
    with pytest.raises(ValueError, match="are of another evaluation set"):
        make_page(results, draw_usual(), REVIEWS[:2])


def test_prose_is_broken_into_lines_and_pictures_are_there() -> None:
    page = make(make_results())
    assert not [line for line in page.splitlines() if len(line) > 120 and line[0] not in "|<"]
    assert set(re.findall(r"images/([\w.-]+)", page)) == set(draw_usual())


def test_half_the_interval_of_a_share_is_that_of_the_normal_distribution() -> None:
    assert find_half_width(0.5, 100) == pytest.approx(0.098, abs=1e-4)


def test_lengths_with_few_reviews_are_left_out() -> None:
    assert find_lengths(make_results()["models"][:2]) == {1: 0.96, 50: 0.96}


def test_results_without_lengths_have_a_page_too() -> None:
    results = make_results()
    for model in results["models"]:
        model["by_length"] = []
    charts = {**draw_usual(), "models-length.svg": draw_by_length(results)}
    assert "new is least accurate on reviews of no words" in make_page(results, charts, REVIEWS)


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
