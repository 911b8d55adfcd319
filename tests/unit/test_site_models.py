"""Tests of the page of the models: the champion and the others beside each other, their bundles, shadow and history."""

from pathlib import Path

import pytest

from data_contracts.storage.home import Home
from models.bundle.reading_facts import FACTS_FILE
from tasks.pages.sections import Answers, Rows
from tasks.site.models import read_models
from tasks.site.pages import make_page
from tasks.training.model_list import describe_models
from tasks.warehouse.model_registry import list_models
from tests.support.once import copy_once
from tests.support.report_homes import asking, change, key_by_query
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


def read(home: Home) -> dict[str, Rows]:
    with asking(home.folder) as ask:
        return key_by_query(read_models(Answers(ask)))


@pytest.mark.slow
def test_the_shadow_is_compared_with_the_champion_alone(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    change(
        home.warehouse,
        "INSERT INTO scored_reviews SELECT * REPLACE ('older' AS model_id) FROM scored_reviews",
        "INSERT INTO models SELECT * REPLACE ('older' AS model_id) FROM models LIMIT 1",
    )
    found = read(home)
    assert [(row["model_id"], row["is_on"]) for row in found["newest-shadow"]] == [(OTHER, True)]
    assert [(row["source"], row["compared_with"], row["reviews"]) for row in found["shadow-comparison"]] == [
        (None, "model-a", 3),
        ("default", "model-a", 3),
    ]


@pytest.mark.slow
def test_a_missing_bundle_is_marked_on_the_site_and_by_the_command(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    change(home.warehouse, "UPDATE models SET validation_accuracy = 0.8")
    lines = describe_models(list_models(home.warehouse), home).splitlines()
    assert [
        line.split()[-2:] == ["bundle", "missing"]
        for line in lines
        if line[2:].startswith((OTHER, "model-a"))
    ] == [line[2:].startswith(OTHER) for line in lines if line[2:].startswith((OTHER, "model-a"))]
    assert "Next: put that of a backup back, or train it again." in lines[-1]
    for name in ("models.html", "index.html"):
        assert f"The bundle is missing of {OTHER}:" in (make_page(home, name, {}) or "")
