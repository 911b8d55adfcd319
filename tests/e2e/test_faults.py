"""Tests a few kills of real commands; `make faults` tries all points and random moments, `make explore` any order."""

import functools
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.storage.faults import FAULT_POINTS
from tests.e2e.strangers import REQUESTS, STRANGE, ask_as_stranger, open_websocket
from tests.faults.harness import (
    Reference,
    Scenario,
    points_of,
    prepare_scenarios,
    run_undisturbed,
    try_moment,
    try_point,
)
from tests.machines.trials import KILLED_RUNS, KILLED_WORKERS
from tests.support.deliveries import OF_TABLES

pytestmark = [pytest.mark.process, pytest.mark.server]

POINTS = (
    "ingest: between splits",
    "score: batch scored",
    "score: inside commit",
    "score: inside publishing",
    "shadow: inside commit",
    "rescan: reading replaced",
    "deliver: a ledger begun",
    "deliver: a file in place",
    "snapshot: chunks written",
)
RANDOM_KILLS = 2


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="session")
def scenarios(folder: Path, shared_server: Mapping[str, str]) -> dict[str, Scenario]:
    return prepare_scenarios(folder, shared_server)


@pytest.fixture(scope="session")
def find_reference(scenarios: dict[str, Scenario], folder: Path) -> Callable[[str], Reference]:
    """Return the result of an undisturbed run of a scenario; the first caller runs it."""
    return functools.cache(lambda name: run_undisturbed(scenarios[name], folder))


@pytest.mark.parametrize("stranger", REQUESTS)
def test_the_server_of_a_command_refuses_strangers(shared_server: Mapping[str, str], stranger: str) -> None:
    answer = ask_as_stranger(shared_server["PREFECT_API_URL"].removesuffix("/api"), stranger)
    assert answer.status_code == REQUESTS[stranger][-1]


def test_the_server_of_a_command_opens_no_websocket_for_a_page(
    shared_server: Mapping[str, str],
) -> None:
    assert open_websocket(shared_server["PREFECT_API_URL"], STRANGE) == 403


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_fault_point_leaves_what_an_undisturbed_one_does(
    point: str, scenarios: dict[str, Scenario], find_reference: Callable[[str], Reference], folder: Path
) -> None:
    name = point.partition(":")[0]
    assert try_point(scenarios[name], find_reference(name), point, folder).trouble == ()


def test_a_change_of_the_champion_killed_at_its_end_leaves_what_an_undisturbed_one_does(
    scenarios: dict[str, Scenario], folder: Path
) -> None:
    # A rollback, since a training of the same transaction takes ten times as long; `make faults` kills trainings.
    rollback = replace(scenarios["snapshot"], name="rollback", command=("models", "rollback"))
    reference = run_undisturbed(rollback, folder)
    assert try_point(rollback, reference, "train: inside promotion", folder).trouble == ()


@pytest.mark.parametrize("number", range(RANDOM_KILLS))
def test_a_scoring_run_killed_at_any_moment_leaves_what_an_undisturbed_one_does(
    number: int, scenarios: dict[str, Scenario], find_reference: Callable[[str], Reference], folder: Path
) -> None:
    reference = find_reference("score")
    seconds = random.Random(number).uniform(0.2, reference.seconds)
    assert try_moment(scenarios["score"], reference, seconds, folder).trouble == ()


def test_every_fault_point_belongs_to_a_scenario_or_to_trials_of_machines_or_deliveries(
    scenarios: dict[str, Scenario],
) -> None:
    of_scenarios = {point for name in scenarios for point in points_of(name)}
    of_trials = {*KILLED_WORKERS.values(), *KILLED_RUNS.values()}
    of_trials |= {*OF_TABLES}
    assert of_scenarios | of_trials == {*FAULT_POINTS}
