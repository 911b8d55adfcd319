"""Follows the champion: loads another one as soon as it is published, while the one before goes on answering."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from data_contracts.storage.home import Home
from models.bundle.folder import find_graph
from models.bundle.scorer import warm_up
from tasks.support.wording import escape_controls
from tasks.texts.loaded_champion import LoadedChampion, find_champion, load_champion
from tasks.warehouse.model_registry import PromotedModel
from tasks.warehouse.published import identify_copy

LOOK_SECONDS = 1.0
"""How often the published copy is looked at; it is read only when it was replaced."""
RETRY_SECONDS = 30.0
"""When a champion that could not be loaded is tried again."""


@dataclass(frozen=True)
class FollowedChampion:
    """The model that answers, and why it is not the champion if it is not."""

    find: Callable[[], LoadedChampion]
    """Returns the model that answers: the champion, or the one before if the champion can't be loaded."""
    find_trouble: Callable[[], str | None]
    """Returns why the champion can't be loaded, None if it answers."""
    look: Callable[[], None]
    """Loads the champion if another one was published."""


def follow_champion(home: Home, read_clock: Callable[[], float] = time.monotonic) -> FollowedChampion:
    """Load the champion of a home, to be followed.

    Raises `BundleError` or `WarehouseError` if there is none that may score.
    """
    seen = identify_copy(home.published)
    answering = _load(home, find_champion(home.published))
    trouble: str | None = None
    retried_at = 0.0

    def look() -> None:
        nonlocal seen, answering, trouble, retried_at
        found, now = identify_copy(home.published), read_clock()
        if found == seen and (trouble is None or now < retried_at):
            return
        try:
            answering, trouble = _load_another(home, answering), None
        except Exception as error:  # of a damaged bundle, whatever its libraries raise
            if trouble != str(error):
                sys.stderr.write(f"{answering.promoted.model_id} goes on answering: {error}\n")
            trouble, retried_at = str(error), now + RETRY_SECONDS
        seen = found

    return FollowedChampion(lambda: answering, lambda: trouble, look)


def _load_another(home: Home, answering: LoadedChampion) -> LoadedChampion:
    """Load the champion unless it is the model that answers already."""
    promoted = find_champion(home.published)
    now = answering.promoted
    if (promoted.model_id, promoted.bundle_fingerprint) == (now.model_id, now.bundle_fingerprint):
        return LoadedChampion(promoted, answering.scorer, answering.interval)
    loaded = _load(home, promoted)
    sys.stderr.write(f"{promoted.model_id} answers from now on: {escape_controls(promoted.reason)}\n")
    return loaded


def _load(home: Home, promoted: PromotedModel) -> LoadedChampion:
    """Load a model, with all that makes it faster for many texts."""
    loaded = load_champion(home.bundles, promoted)
    if find_graph(home.bundles / promoted.model_id) is not None:
        warm_up(loaded.scorer)
    return loaded


@contextmanager
def keep_following(champion: FollowedChampion) -> Iterator[None]:
    """Look for another champion every `LOOK_SECONDS`, in a thread, until the block ends."""
    stop = threading.Event()

    def look_repeatedly() -> None:
        while not stop.wait(LOOK_SECONDS):
            champion.look()

    thread = threading.Thread(target=look_repeatedly, name="champion", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
