"""What happens to two machines that share a home without workers, and whether both end with what one machine makes."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_contracts.errors import StoreUnreachableError
from data_contracts.storage.faults import VARIABLE
from data_contracts.storage.home import Home
from tasks.store.connecting import open_store
from tasks.store.object_operations import delete
from tasks.store.published_chunks import LATEST, find_copy
from tests.machines.network import plug
from tests.machines.processes import PACE, start_turn
from tests.machines.trials import Place, check_more, describe, end_run, make_place, read_failure

Happening = Callable[[Place, Place], None]


def kill_at(point: str, most: int = 1) -> Happening:
    """Return what kills the first machine's run at a fault point, while the second one waits for its turn."""

    def happen(one: Place, two: Place) -> None:
        first = one.start_run(**{VARIABLE: f"{point}#{one.chance.randint(1, most)}"})
        end_run(first)
        end_run(two.start_run())

    return happen


def kill_follower_at(point: str) -> Happening:
    """Return what kills the second machine's run at a fault point, after the first one has scored."""

    def happen(one: Place, two: Place) -> None:
        end_run(one.start_run())
        end_run(two.start_run(**{VARIABLE: point}))

    return happen


def kill_at_random(one: Place, two: Place) -> None:
    """Kill the first machine's run at a random moment, while the second one waits."""
    processes = [place.start_run() for place in (one, two)]
    one.wait_some()
    processes[0].kill()
    for process in processes:
        end_run(process)


def run_at_once(one: Place, two: Place) -> None:
    """Start two runs on each machine at once."""
    processes = [place.start_run() for place in (one, two, one, two)]
    for process in processes:
        end_run(process)


def cut_off(one: Place, two: Place) -> None:
    """Cut the first machine off for longer than its lease lasts, while the second one waits."""
    processes = [place.start_run() for place in (one, two)]
    one.wait_some()
    plug(one.machine, connected=False)
    time.sleep(3 * PACE.expiry)
    plug(one.machine, connected=True)
    for process in processes:
        end_run(process)


def halt(one: Place, two: Place) -> None:
    """Stop the first machine's run for longer than its lease lasts, as a machine that sleeps, and let it go on."""
    first, second = one.start_run(), two.start_run()
    one.wait_some()
    _signal(first.pid, "STOP")
    time.sleep(3 * PACE.expiry)
    _signal(first.pid, "CONT")
    for process in (first, second):
        end_run(process)


def _signal(process: int | None, name: str) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(process or 0, getattr(signal, f"SIG{name}"))


def kill_store(one: Place, two: Place) -> None:
    """Kill the store at a random moment, and start it again after some seconds."""
    processes = [place.start_run() for place in (one, two)]
    one.wait_some()
    one.server.kill()
    time.sleep(3)
    one.server.start()
    for process in processes:
        end_run(process)
    store = open_store(one.store)
    try:
        find_copy(store)
    except (
        StoreUnreachableError
    ):  # killed, this server may lose what it has acknowledged: done as the message says
        delete(store, [LATEST])
        Home(one.home).base.unlink()
        end_run(one.start_run())


KILLED_FOLLOWERS = {
    "a machine is killed when it has fetched the database of the other": "share: database fetched",
    "a machine is killed before that is in its place": "share: database replaced",
    "a machine is killed at the end of its turn": "share: before upload",
}
"""The fault points at which the second machine is killed, by what happens."""
SHARED: dict[str, Happening] = {
    "a machine is killed inside a commit": kill_at("score: inside commit", 3),
    "a machine is killed after a commit": kill_at("score: after commit", 3),
    "a machine is killed before it uploads": kill_at("score: inside publishing"),
    **{name: kill_follower_at(point) for name, point in KILLED_FOLLOWERS.items()},
    "a machine is killed at a random moment, the other one waits": kill_at_random,
    "both machines start two runs at once": run_at_once,
    "a machine is cut off for longer than its lease lasts": cut_off,
    "a machine sleeps for longer than its lease lasts, then goes on": halt,
    "the store of both is killed at a random moment, and starts again": kill_store,
}


def try_sharing(template: Path, place: Place, name: str, reference: Mapping[str, Any]) -> list[str]:
    """Let something happen to two machines, run once more on each, and return what differs from one machine."""
    one = replace(place, with_workers=False, shares=True, machine="one")
    two = replace(one, home=place.home.with_name("second"), machine="two")
    with make_place(template, one):
        end_run(start_turn(one.machine, one.environment))  # from here on the store has the home
        SHARED[name](one, two)
        trouble = []
        for each in (two, one):
            Path(each.environment["FAILURE"]).unlink(missing_ok=True)
            if (status := end_run(each.start_run())) != 0:
                trouble.append(
                    f"the next run ended with {status}: {read_failure(Path(each.environment['FAILURE']))}"
                )
        if trouble:
            return trouble
        for each in (two, one):
            found = describe(each)
            trouble += [
                f"{key} differs on {each.machine}" for key in reference if found.get(key) != reference[key]
            ]
            trouble += check_more(each, len(found["scores"]))
        shutil.rmtree(two.home)
    return trouble
