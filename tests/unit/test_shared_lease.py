"""Tests of the lease of a shared home, in a folder at a file:// URI: one machine at a time holds it."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from data_contracts.errors import StoreUnreachableError
from data_contracts.storage.home import Home
from tasks.sharing import home_lease
from tasks.sharing.home_lease import LEASE, Pace, hold_lease
from tasks.store import object_operations
from tasks.store.connecting import Store
from tasks.store.object_operations import find_object, put, read, read_marked
from tests.support.shared_homes import make_two_homes

FAST = Pace(renewal=0.05, expiry=0.4, look=0.02)
PATIENT = Pace(renewal=0.05, expiry=2, look=0.02)
"""For turns that must not expire, however busy the machine of the tests is."""


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Home, Home]:
    return make_two_homes(tmp_path)


def ignore(text: str) -> None:
    """Announce nothing."""


def read_lease(store: Store) -> dict[str, object]:
    found = json.loads(read(store, LEASE))
    assert isinstance(found, dict)
    return found


def wait_for_renewal(store: Store, before: object) -> None:
    """Wait until a lease was written again; the test's time limit ends it."""
    while read_lease(store)["renewals"] == before:
        time.sleep(FAST.renewal)


def start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_lease_that_was_given_back_is_free_for_another_machine_at_once(
    store: Store, homes: tuple[Home, Home]
) -> None:
    began = time.monotonic()
    for home in homes:
        with hold_lease(store, home, ignore):
            assert read_lease(store)["home"] == str(home.folder)
    assert time.monotonic() - began < Pace.expiry / 2


def test_two_machines_never_hold_it_at_once(store: Store, homes: tuple[Home, Home]) -> None:
    inside: list[Home] = []
    most: list[int] = []

    def take_turns(home: Home) -> None:
        for _ in range(5):
            with hold_lease(store, home, ignore, PATIENT):
                inside.append(home)
                most.append(len(inside))
                time.sleep(0.01)
                inside.remove(home)

    threads = [start(partial(take_turns, home)) for home in homes]
    for thread in threads:
        thread.join()
    assert most == [1] * 10


def test_who_waits_is_told_once_for_whom(store: Store, homes: tuple[Home, Home]) -> None:
    told: list[str] = []

    def wait() -> None:
        with hold_lease(store, homes[1], told.append, FAST):
            pass

    with hold_lease(store, homes[0], ignore, FAST):
        waiting = start(wait)
        time.sleep(0.2)
    waiting.join()
    [line] = told
    assert str(homes[0].folder) in line


@pytest.mark.slow
def test_a_long_turn_is_never_taken_over_while_its_machine_renews_it(
    store: Store, homes: tuple[Home, Home]
) -> None:
    with ExitStack() as turn:
        turn.enter_context(hold_lease(store, homes[0], ignore, PATIENT))
        done: list[float] = []

        def wait() -> None:
            with hold_lease(store, homes[1], ignore, PATIENT):
                done.append(time.monotonic())

        waiting = start(wait)
        time.sleep(1.5 * PATIENT.expiry)
        ended = time.monotonic()
    waiting.join()
    assert done[0] > ended


def leave_behind(store: Store, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lease, and leave it as a machine does that was switched off."""
    with monkeypatch.context() as patch:
        patch.setattr(home_lease, "_rewrite", lambda *arguments: True)
        with hold_lease(store, home, ignore, FAST):
            pass
    assert not read_lease(store)["is_free"]


def test_a_dead_machine_s_lease_is_taken_over_once_it_expired(
    store: Store, homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_behind(store, homes[0], monkeypatch)
    began = time.monotonic()
    with hold_lease(store, homes[1], ignore, FAST):
        assert time.monotonic() - began >= FAST.expiry
        assert read_lease(store)["home"] == str(homes[1].folder)


def test_the_lease_of_a_killed_process_is_taken_over_by_its_own_machine_at_once(
    store: Store, homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_behind(store, homes[0], monkeypatch)
    began = time.monotonic()
    with hold_lease(store, homes[0], ignore):
        assert time.monotonic() - began < Pace.expiry / 2


def test_who_was_taken_over_does_not_give_the_lease_of_its_successor_back(
    store: Store, homes: tuple[Home, Home]
) -> None:
    with hold_lease(store, homes[0], ignore, FAST):
        other = json.dumps({"turn": "of another machine"}).encode()
        put(store, LEASE, other)
        time.sleep(3 * FAST.renewal)
    assert read(store, LEASE) == other


def test_a_lease_is_kept_through_a_store_that_does_not_answer_for_a_while(
    store: Store, homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = object_operations.swap

    def fail(*arguments: object) -> None:
        raise StoreUnreachableError("no answer")

    with hold_lease(store, homes[0], ignore, FAST):
        before = read_lease(store)["renewals"]
        monkeypatch.setattr(home_lease, "swap", fail)
        time.sleep(3 * FAST.renewal)
        monkeypatch.setattr(home_lease, "swap", swap)
        wait_for_renewal(store, before)


def test_a_turn_whose_lease_can_t_be_read_for_a_while_goes_on_with_it(
    store: Store, homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise StoreUnreachableError("status 500")

    with hold_lease(store, homes[0], ignore, FAST):
        with monkeypatch.context() as patch:
            patch.setattr(home_lease, "read_marked", fail)
            time.sleep(3 * FAST.renewal)
        before = read_lease(store)["renewals"]
        wait_for_renewal(store, before)


def test_a_copy_of_a_home_s_folder_does_not_take_its_lease(
    store: Store, homes: tuple[Home, Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_behind(store, homes[0], monkeypatch)
    shutil.copytree(homes[0].folder, tmp_path / "copy")
    began = time.monotonic()
    with hold_lease(store, Home(tmp_path / "copy"), ignore, FAST):
        assert time.monotonic() - began >= FAST.expiry


@pytest.mark.parametrize("content", [b"", b"no lease", b"[]", b"null", b'{"is_free": false}'])
def test_an_object_that_is_no_lease_is_replaced_once_it_stayed_the_same(
    store: Store, homes: tuple[Home, Home], content: bytes
) -> None:
    put(store, LEASE, content)
    with hold_lease(store, homes[0], ignore, FAST):
        assert read_lease(store)["home"] == str(homes[0].folder)


def test_a_lease_whose_content_the_store_has_lost_is_taken_over_once_it_expired(
    store: Store, homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, LEASE, b"lost")
    lost = find_object(store, LEASE).etag

    def read_found(store: Store, key: str) -> tuple[bytes, object]:
        if find_object(store, key).etag == lost:
            raise StoreUnreachableError("status 500")
        return read_marked(store, key)

    monkeypatch.setattr(home_lease, "read_marked", read_found)
    began = time.monotonic()
    with hold_lease(store, homes[0], ignore, FAST):
        assert time.monotonic() - began >= FAST.expiry
        assert read_lease(store)["home"] == str(homes[0].folder)
