"""Tests of `prefect.yaml` and the automations, without a server."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.templating import apply_values

from data_contracts.errors import UsageError
from deployments import home_of_deployment
from deployments.automations import MESSAGE, format_payload
from deployments.deploy import add_names
from deployments.home_of_deployment import name_home
from deployments.settings import DEPLOYMENTS, load_settings

ROOT = Path(__file__).parents[2]
DECLARED = {each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}


def test_scoring_is_scheduled_and_training_waits_to_be_switched_on() -> None:
    assert tuple(DECLARED) == DEPLOYMENTS
    assert DECLARED["score-reviews"]["schedules"][0].get("active", True)
    assert DECLARED["train-model"]["schedules"][0]["active"] is False


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_is_named_like_its_flow_described_and_has_a_queue_of_its_own(name: str) -> None:
    declared = DECLARED[name]
    assert load_flow_from_entrypoint(declared["entrypoint"]).name == name
    assert declared["description"]
    assert declared["version"]
    assert declared["work_pool"]["work_queue_name"] == name
    assert "concurrency_limit" not in declared


@pytest.mark.parametrize("dataset", [None, "aclImdb", "sample"])
def test_backups_and_checks_are_scheduled_but_not_in_the_home_of_the_demo(
    dataset: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path))
    provenance = SimpleNamespace(dataset=dataset) if dataset else None
    monkeypatch.setattr(home_of_deployment, "read_provenance", lambda folder: provenance)
    for name in ("back-up-home", "verify-home"):
        for schedule in DECLARED[name]["schedules"]:
            active = apply_values(schedule, {"home": name_home()})["active"]
            assert active == str(dataset != "sample").lower()


def test_a_training_that_is_due_starts_only_where_the_setting_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_HOME", str(tmp_path))
    [trigger] = DECLARED["train-model"]["triggers"]
    assert trigger["expect"] == ["reviews.training.due"]
    assert trigger["parameters"]["with_own"] is True
    assert apply_values(trigger, {"home": name_home()})["enabled"] == "false"
    monkeypatch.setenv("REVIEWS_TRAIN_WHEN_DUE", "true")
    assert apply_values(trigger, {"home": name_home()})["enabled"] == "true"


def test_a_home_with_a_name_has_a_pool_and_deployments_of_its_own_which_only_its_own_events_start() -> None:
    settings = load_settings({"REVIEWS_NAME": "shop-a"})
    named = add_names(yaml.safe_load((ROOT / "prefect.yaml").read_text()), settings, "1a2b")["deployments"]
    assert tuple(each["name"] for each in named) == settings.deployments
    assert settings.deployments[-1] == "score-reviews-shop-a"
    assert {each["work_pool"]["name"] for each in named} == {settings.pool} == {"reviews-shop-a"}
    assert all(each["tags"] == [settings.pool] for each in named)
    assert {each["work_pool"]["job_variables"]["env"]["REVIEWS_NAME"] for each in named} == {"shop-a"}
    assert [each["match"]["reviews.home"] for each in named[-1]["triggers"]] == ["1a2b", "1a2b"]
    assert [each["match"]["reviews.home"] for each in named[1]["triggers"]] == ["1a2b"]
    for each in named:
        plain = DECLARED[each["name"].removesuffix("-shop-a")]
        assert each["entrypoint"] == plain["entrypoint"]
        assert each["work_pool"]["work_queue_name"] == plain["work_pool"]["work_queue_name"]


@pytest.mark.parametrize("name", ["Shop", "a/b", "a" * 50])
def test_the_name_of_a_home_fits_into_the_names_of_deployments(name: str) -> None:
    with pytest.raises(UsageError, match=r"REVIEWS_NAME=.*must be small letters"):
        load_settings({"REVIEWS_NAME": name})


@pytest.mark.parametrize("is_slack", [True, False])
def test_an_alert_is_valid_json_whatever_the_run_says_and_names_the_home(is_slack: bool) -> None:
    sent = render(MESSAGE, is_slack)
    assert sent["text"].startswith('score "quoted"\nname of C:\\ho"me ended Failed')
    assert " failed: " not in sent["text"]
    assert sent["text"].endswith("http://pages/run")
    assert set(sent) == (
        {"text"} if is_slack else {"text", "event", "home", "flow_run", "flow_run_id", "url"}
    )


def test_slack_is_given_the_name_of_a_file_as_text_and_other_webhooks_as_it_is() -> None:
    slack, other = (render(MESSAGE, is_slack, "<!channel> & co.csv")["text"] for is_slack in (True, False))
    assert "&lt;!channel&gt; &amp; co.csv" in slack
    assert "<" not in slack
    assert "<!channel> & co.csv" in other


def render(said: str, is_slack: bool, hard: str = 'score "quoted"\nname') -> dict[str, Any]:
    """Render an alert as the server does, for a run whose text needs escaping."""
    environment = jinja2.Environment()
    environment.filters["ui_url"] = lambda run: "http://pages/run"
    run = {"name": f"{hard} failed: {hard}", "id": "1", "state": {"name": "Failed", "message": hard}}
    template = environment.from_string(format_payload(said, 'C:\\ho"me', is_slack))
    text = template.render(flow_run=run, event={"event": "e"})
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_parameter_of_a_deployment_stands_on_the_page_of_operations(name: str) -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}/{name}` |")]
    parameters = parameter_schema(load_flow_from_entrypoint(DECLARED[name]["entrypoint"])).properties
    assert [each for each in parameters if f"`{each}`" not in row] == []
