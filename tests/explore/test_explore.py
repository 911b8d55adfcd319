"""The short form of the machine that goes on looking: the same histories each time, some dozens of steps."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.explore.damaging import DamagedHomeMachine
from tests.explore.models import write_template
from tests.explore.worker import Worker

HISTORIES, STEPS = 3, 12


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[type[DamagedHomeMachine]]:
    """The machine with its worker, and a home to begin with."""
    DamagedHomeMachine.template, DamagedHomeMachine.worker = tmp_path / "template", Worker()
    write_template(DamagedHomeMachine.template)
    yield DamagedHomeMachine
    DamagedHomeMachine.worker.close()


def test_what_is_promised_holds_after_every_step_of_some_histories(machine: type[DamagedHomeMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
    assert machine.events["rows scored"] > 0
