"""Tests of `reviews models`: list, compare, promote, refuse and roll back."""

from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner, Result

import tasks.stages.events
import tasks.training.contest
from data_contracts.storage.home import Home
from flows.command.cli import main
from models.evaluation.gate import Contest
from tasks.training import dataset
from tasks.training.dataset import DatasetTexts
from tasks.training.model_list import describe_models
from tasks.warehouse.model_registry import find_champion, list_models
from tests.support.contests import hold_better, hold_worse
from tests.support.promoting import promote_model
from tests.support.small_home import (
    ask,
    copy_home,
    make_small_bundle,
    promote_small_model,
    write_small_bundle,
)


def make_validation() -> DatasetTexts:
    rows = 40
    texts = [
        f"the film {number} is {'good' if number % 2 else 'bad'}, but not a plot" for number in range(rows)
    ]
    positive = np.arange(rows) % 2 == 1
    titles = [f"tt{number // 4}" for number in range(rows)]
    return DatasetTexts(texts, texts, positive, np.where(positive, 9.0, 2.0), titles)


@pytest.fixture(autouse=True)
def validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every home the same few validation reviews."""
    monkeypatch.setattr(dataset, "load_rows", lambda _: SimpleNamespace(validation=make_validation()))


def fill_with_champion(home: Home) -> None:
    promote_small_model(home, seed=0)


def fill_with_both(home: Home) -> None:
    fill_with_champion(home)
    write_small_bundle(home, seed=1)


def name_small_bundle(seed: int) -> str:
    [bundle] = make_small_bundle(seed).iterdir()
    return bundle.name


@pytest.fixture
def champion(home: Home, request: pytest.FixtureRequest) -> str:
    """The champion of the home; a test that has a challenger too begins with both."""
    fill = fill_with_both if "challenger" in request.fixturenames else fill_with_champion
    copy_home(home, fill.__name__, fill)
    return name_small_bundle(0)


@pytest.fixture
def challenger(champion: str) -> str:
    return name_small_bundle(1)


def reviews(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments])


def test_without_a_command_the_models_are_listed(home: Home, champion: str, challenger: str) -> None:
    listed = reviews()
    assert listed.exit_code == 0
    assert listed.stdout == f"{describe_models(list_models(home.warehouse), home)}\n"
    assert f"* {champion}" in listed.stdout
    assert f"  {challenger}" in listed.stdout


def test_a_list_of_models_makes_no_database(home: Home) -> None:
    listed = reviews()
    assert (listed.exit_code, "There is no model yet" in listed.stdout) == (0, True)
    assert not home.folder.exists()


def test_a_champion_whose_bundle_was_altered_is_not_said_to_score(home: Home, champion: str) -> None:
    assert "* the champion: it scores." in reviews().stdout
    with (home.bundles / champion / "vocabulary.json").open("a") as vocabulary:
        vocabulary.write(" ")
    listed = reviews()
    assert "* the champion, but it does not score" in listed.stdout
    assert "was altered after it was trained" in listed.stdout


def test_two_models_are_compared_with_what_the_gate_would_decide_and_nothing_changes(
    home: Home, champion: str, challenger: str
) -> None:
    shown = reviews("compare", challenger, champion)
    assert shown.exit_code == 0, shown.output
    assert f"challenger  {challenger}\nchampion    {champion}" in shown.stdout
    for figure in ("log_loss", "mcnemar_p", "slice negation", "behaviour invariance", "cost_ratio"):
        assert f"│ {figure} " in shown.stdout
    assert "The gate would " in shown.stdout
    assert ask(home.warehouse, "select count(*) from gate_checks") == [(0,)]
    assert ask(home.warehouse, "select count(*) from promotions") == [(1,)]


def test_the_first_model_is_promoted_without_a_comparison(home: Home) -> None:
    only = write_small_bundle(home, seed=1).name
    assert reviews("promote", only[:13]).exit_code == 0
    query = "select name, passed, promoted, compared_with, detail from gate_checks"
    assert ask(home.published, query) == [("first_model", True, True, None, "the first model")]


@pytest.mark.slow
def test_a_better_model_is_promoted_with_the_reason_given(
    home: Home, champion: str, challenger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.training.contest, "hold_contest", lambda *_: hold_better())
    done = reviews("promote", challenger, "--reason", "it reads long reviews")
    assert done.exit_code == 0, done.output
    query = "select model_id, reason, compared_with from promotions order by number desc limit 1"
    assert ask(home.published, query) == [(challenger, "it reads long reviews", champion)]
    of_all = (
        "select distinct decision, model_id, compared_with, mode, promoted, passed, run_id from gate_checks"
    )
    assert ask(home.published, of_all) == [(1, challenger, champion, "auto", True, True, None)]


@pytest.mark.slow
def test_a_worse_model_is_refused_with_the_reasons_and_the_next_step(
    home: Home, champion: str, challenger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.training.contest, "hold_contest", lambda *_: hold_worse())
    refused = reviews("promote", challenger)
    assert refused.exit_code == 1
    assert "validation log loss" in refused.stderr
    assert f"`reviews models compare {challenger} champion`" in refused.stderr
    kept = find_champion(home.warehouse)
    assert kept is not None
    assert kept.model_id == champion
    query = "select name, promoted from gate_checks where not passed"
    assert ask(home.published, query) == [("log_loss", False)]


def test_a_worse_model_that_is_forced_is_promoted_and_the_refusal_is_kept(
    home: Home, champion: str, challenger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.training.contest, "hold_contest", lambda *_: hold_worse())
    assert reviews("promote", challenger, "--force", "--reason", "for a trial").exit_code == 0
    [(model_id, reason)] = ask(
        home.published, "select model_id, reason from promotions order by number desc limit 1"
    )
    assert model_id == challenger
    assert reason.startswith("for a trial (the gate refused it: validation log loss")
    query = "select mode, promoted, passed from gate_checks where name = 'log_loss'"
    assert ask(home.published, query) == [("always", True, False)]


@pytest.mark.slow
def test_force_takes_the_place_of_a_champion_that_is_altered(
    home: Home, champion: str, challenger: str
) -> None:
    (home.bundles / champion / "vocabulary.json").write_text("[]")
    refused = reviews("promote", challenger)
    assert refused.exit_code == 1
    assert "could not be compared with the champion" in refused.stderr
    assert "--force promotes it anyway" in refused.stderr
    assert "models compare" not in refused.stderr
    assert reviews("promote", challenger, "--force").exit_code == 0
    kept = "select name, passed, promoted from gate_checks order by decision"
    assert ask(home.published, kept) == [
        ("not_compared", False, False),
        ("not_compared", False, True),
    ]


def test_an_altered_model_is_not_promoted_by_force(home: Home, champion: str, challenger: str) -> None:
    (home.bundles / challenger / "vocabulary.json").write_text("[]")
    refused = reviews("promote", challenger, "--force")
    assert refused.exit_code == 1
    assert "was altered" in refused.stderr


def test_a_model_that_is_altered_while_it_is_compared_is_not_promoted(
    home: Home, champion: str, challenger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alter(*_: object) -> Contest:
        (home.bundles / challenger / "vocabulary.json").write_text("[]")
        return hold_better()

    monkeypatch.setattr(tasks.training.contest, "hold_contest", alter)
    refused = reviews("promote", challenger)
    assert refused.exit_code == 1
    assert "was altered" in refused.stderr


def test_a_rollback_makes_the_champion_before_score_again(home: Home, champion: str, challenger: str) -> None:
    promote_model(home.warehouse, challenger, "better")
    done = reviews("rollback", "--reason", "complaints")
    assert done.exit_code == 0, done.output
    query = "select action, model_id, reason, compared_with from promotions order by number desc limit 1"
    assert ask(home.published, query) == [("rollback", champion, "complaints", challenger)]


def test_a_rollback_takes_the_place_of_a_champion_that_is_altered(
    home: Home, champion: str, challenger: str
) -> None:
    promote_model(home.warehouse, challenger, "better")
    (home.bundles / challenger / "vocabulary.json").write_text("[]")
    assert reviews("rollback").exit_code == 0
    assert ask(home.published, "select arg_max(model_id, number) from promotions") == [(champion,)]


def test_a_rollback_to_an_altered_model_changes_nothing(home: Home, champion: str, challenger: str) -> None:
    promote_model(home.warehouse, challenger, "better")
    (home.bundles / champion / "vocabulary.json").write_text("[]")
    assert reviews("rollback").exit_code == 1
    assert ask(home.warehouse, "select count(*) from promotions") == [(2,)]


@pytest.mark.slow
def test_a_server_is_told_which_model_scores_from_now_on(
    champion: str, challenger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str, str | None]] = []
    monkeypatch.setattr(tasks.stages.events, "emit_promoted", lambda home, *what: told.append(what))
    monkeypatch.setattr(tasks.training.contest, "hold_contest", lambda *_: hold_better())
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    reviews("promote", challenger, "--reason", "better")
    reviews("rollback", "--reason", "worse")
    assert told == [(challenger, "better", champion), (champion, "worse", challenger)]


def test_a_rollback_to_an_empty_name_changes_nothing(home: Home, champion: str, challenger: str) -> None:
    promote_model(home.warehouse, challenger, "better")
    assert reviews("rollback", "--to", "").exit_code == 2
    kept = find_champion(home.warehouse)
    assert kept is not None
    assert kept.model_id == challenger
