"""`make explore`: runs rounds of the state machine until the time is up or a check fails.

python -m tests.explore --minutes 60          rounds with new seeds
python -m tests.explore --seed 123456         one round again
"""

import argparse
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.explore.damaging import DamagedHomeMachine
from tests.explore.machine import describe
from tests.explore.models import write_template
from tests.explore.worker import Worker

HISTORIES, STEPS = 8, 30
"""Of one round."""


def main() -> int:
    """Run rounds; return exit status 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.explore")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, help="run the round of this seed alone")
    parser.add_argument("--as-found", action="store_true", help="leave what is found as long as it is")
    asked = parser.parse_args()
    started, status, rounds = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        DamagedHomeMachine.template, DamagedHomeMachine.worker = Path(folder, "template"), Worker()
        write_template(DamagedHomeMachine.template)
        while status == 0 and (asked.seed is None or rounds == 0):
            number = random.randrange(10**6) if asked.seed is None else asked.seed
            rounds += 1
            status = run_round(number, asked.as_found)
            passed = time.monotonic() - started
            write_line(
                f"seed {number}: {'nothing found' if status == 0 else 'FOUND'}, {passed / 60:.1f} minutes, "
                f"{DamagedHomeMachine.events['steps']:,} steps"
            )
            if passed > 60 * asked.minutes:
                break
        DamagedHomeMachine.worker.close()
    write_line("\n".join(describe(DamagedHomeMachine.events)))
    return status


def run_round(number: int, as_found: bool) -> int:
    """Run the histories of one seed; shrink and print a failing one."""
    machine = seed(number)(type("DamagedHomeMachine", (DamagedHomeMachine,), {}))
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=HISTORIES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,  # a seed says it all
                suppress_health_check=list(HealthCheck),
                print_blob=False,
                report_multiple_bugs=False,  # the first finding is to be looked at at once
                phases=[Phase.generate, *([] if as_found else [Phase.shrink])],
            ),
        )
    except Exception:
        traceback.print_exc()
        write_line(f"again: make explore SEED={number}")
        return 1
    return 0


def write_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
