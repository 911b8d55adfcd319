"""Tests of the page of the models: the champion and the others beside each other, their bundles, shadow and history."""

from pathlib import Path

import pytest

from data_contracts.storage.home import Home
from models.bundle.reading_facts import FACTS_FILE
from tasks.site.models_page.charts import draw_models, name_lines
from tasks.site.models_page.facts import ModelsFacts, read_models
from tasks.site.overview_facts import keep_days
from tasks.site.pages import make_page
from tasks.training.model_list import describe_models
from tasks.warehouse.model_registry import list_models
from tests.support.once import copy_once
from tests.support.report_homes import asking, change
from tests.support.sites import add_challenger, make_site_home

OTHER = "lstm-s1-0123456789ab"


def make_home(folder: Path) -> Home:
    """Make a home with a champion, whose bundle is there, and a model that was one and is the shadow, without."""
    copy_once("a site with a challenger", folder, fill_home)
    return Home(folder)


def fill_home(folder: Path) -> None:
    home = make_site_home(folder)
    add_challenger(home.warehouse, OTHER)
    (home.bundles / "model-a").mkdir(parents=True)
    (home.bundles / "model-a" / FACTS_FILE).touch()


def read(home: Home) -> ModelsFacts:
    with asking(home.folder) as ask:
        keep_days(ask)
        return read_models(ask, home)


@pytest.mark.slow
def test_the_models_stand_beside_each_other_with_what_each_did_and_how_it_was_tested(tmp_path: Path) -> None:
    facts = read(make_home(tmp_path))
    champion, other = facts.models
    assert (facts.champion, champion["model_id"], other["model_id"]) == (champion, "model-a", OTHER)
    assert [(row["reviews"], row["accuracy"], row["judged"]) for row in facts.models] == [
        (3, 1.0, 2),
        (None,) * 3,
    ]
    assert (champion["slices"], other["slices"]["negation"]) == ({}, 0.88)
    assert facts.slices == ["short", "negation"]
    assert [(row["action"], row["model_id"], row["reason"]) for row in facts.promotions] == [
        ("rollback", "model-a", "went back"),
        ("promote", OTHER, "a reason"),
        ("promote", "model-a", "first"),
    ]


@pytest.mark.slow
def test_the_shadow_is_compared_with_the_champion_alone(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    change(
        home.warehouse,
        "INSERT INTO scored_reviews SELECT * REPLACE ('older' AS model_id) FROM scored_reviews",
        "INSERT INTO models SELECT * REPLACE ('older' AS model_id) FROM models LIMIT 1",
    )
    shadow = read(home).shadow
    assert shadow is not None
    assert (shadow.shadow["model_id"], shadow.shadow["is_on"]) == (OTHER, True)
    assert [(row["source"], row["compared_with"], row["reviews"]) for row in shadow.comparison] == [
        (None, "model-a", 3),
        ("default", "model-a", 3),
    ]
    assert shadow.gate is not None


@pytest.mark.slow
def test_a_missing_bundle_is_marked_on_the_site_and_by_the_command(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    assert [row["has_bundle"] for row in read(home).models] == [True, False]
    change(home.warehouse, "UPDATE models SET validation_accuracy = 0.8")
    lines = describe_models(list_models(home.warehouse), home).splitlines()
    assert [
        line.split()[-2:] == ["bundle", "missing"]
        for line in lines
        if line[2:].startswith((OTHER, "model-a"))
    ] == [line[2:].startswith(OTHER) for line in lines if line[2:].startswith((OTHER, "model-a"))]
    assert "Next: put that of a backup back, or train it again." in lines[-1]
    assert "missing" in (make_page(home, "models.html", {}) or "")
    assert "bundle missing" in (make_page(home, "index.html", {}) or "")


@pytest.mark.slow
def test_where_no_model_is_the_champion_the_list_says_what_promotes_one(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    change(home.warehouse, "DELETE FROM promotions", "UPDATE models SET validation_accuracy = 0.8")
    listed = describe_models(list_models(home.warehouse), home)
    assert "None of them is the champion, so nothing is scored. Next: reviews models promote MODEL" in listed


@pytest.mark.slow
def test_a_page_without_models_says_what_trains_one(tmp_path: Path) -> None:
    home = make_site_home(tmp_path)
    change(home.warehouse, "DELETE FROM models", "DELETE FROM promotions")
    assert "reviews train" in (make_page(home, "models.html", {}) or "")


def test_lines_of_charts_have_short_names_of_their_own() -> None:
    names = [
        "cnn_lstm-s0-2a4cbcb0a795",
        "lstm-s0-46ffed20a0f7",
        "lstm-s0-3d239b0aa192",
        "cnn_lstm_dropout-s0-11",
        "a",
    ]
    assert [*name_lines(names).values()] == ["cnn_lstm-s0", "46ffed20a0f7", "3d239b0aa192", "11", "a"]


@pytest.mark.slow
def test_models_of_which_only_columns_are_recorded_have_no_charts(tmp_path: Path) -> None:
    facts = read(make_home(tmp_path))
    assert draw_models(facts.models[:1]) == ()
    assert [chart.name for chart in draw_models(facts.models)] == ["calibration", "lengths"]
