"""Runs one fixed history of the state machine, which contains every kind of operation.

The first histories that hypothesis draws are the simplest, with hardly any operations.
"""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.explore.damaging import DamagedHomeMachine
from tests.explore.models import write_template
from tests.explore.worker import Worker
from tests.explore.world import Kill

pytestmark = pytest.mark.process

NOWHERE = Kill()
HISTORY: tuple[Callable[[DamagedHomeMachine], object], ...] = (
    lambda home: home.set_clock(1),
    lambda home: home.promote(0, NOWHERE),
    lambda home: home.put_and_score("a.csv", ["good", "bad", "latin"], 0, False, Kill("score: part written")),
    lambda home: home.promote(1, NOWHERE),
    lambda home: home.score(False, None, None, False, True, NOWHERE),
    lambda home: home.export("elsewhere", True, False, NOWHERE),
    lambda home: home.score_all(),
    lambda home: home.go_back(["good", "twin", "blank"], 0, "elsewhere", True),
    lambda home: home.release(None, False, "latin-1", NOWHERE),
    lambda home: home.back_up(False, False, Kill("snapshot: chunk written")),
    lambda home: home.back_up(False, False, NOWHERE),
    lambda home: home.damage_backup(0, 13),
    lambda home: home.set_clock(1),
    lambda home: home.back_up(False, False, NOWHERE),
    lambda home: home.set_clock(-24),
    lambda home: home.put_and_score("c.csv", ["bad", "rare"], 1, False, Kill("score: after commit")),
    # The rows are gone from the tables, and the file of the database is not written anew yet.
    lambda home: home.forget("movie", 1, Kill(change=13)),
    lambda home: home.write_profile_and_rescan(0, Kill("score: part written")),
    lambda home: home.write_profile_and_rescan(1, Kill("rescan: reading replaced")),
    lambda home: home.rescan(NOWHERE),
    lambda home: home.forget("row", 0, NOWHERE),
    lambda home: home.write_profile_and_rescan(0, NOWHERE),
    lambda home: home.export("elsewhere", True, False, NOWHERE),
    lambda home: home.roll_back(NOWHERE),
    lambda home: home.damage_published("cut"),
    lambda home: home.score_all(),
    lambda home: home.damage_bundle(0, "scorer.onnx", 451),
    lambda home: home.put_and_score("d.csv", ["good"], 1, True, NOWHERE),
    lambda home: home.mend_bundles(),
    lambda home: home.lose_database(0, NOWHERE),
    lambda home: home.verify(),
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[DamagedHomeMachine]]:
    """The state machine with its worker and an initial home."""
    DamagedHomeMachine.template = tmp_path_factory.mktemp("explore") / "template"
    DamagedHomeMachine.worker = Worker()
    write_template(DamagedHomeMachine.template)
    yield DamagedHomeMachine
    DamagedHomeMachine.worker.close()


def test_what_is_promised_holds_after_every_step_of_a_history(machine: type[DamagedHomeMachine]) -> None:
    home = machine()
    try:
        for step in HISTORY:
            step(home)
            home.all_holds()
    finally:
        home.teardown()
    happened = {name for name, times in machine.events.items() if times}
    assert happened >= {
        *("rows exported", "rows forgotten", "rows quarantined", "rows released", "rows scored"),
        *(
            "files moved",
            "readings superseded",
            "rescan killed",
            "score killed",
            "back_up killed",
            "forget killed",
            "score refused",
            "restore done",
            "verify done",
        ),
    }


def test_histories_can_be_drawn(machine: type[DamagedHomeMachine]) -> None:
    before = machine.events["steps"]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=1,
            stateful_step_count=1,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
    assert machine.events["steps"] > before
