"""Fetches the parts that workers left in the store, whole or made again, and joins several to one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import ObjectDamagedError, ObjectMissingError, StoreError
from data_contracts.storage.durable import build_folder, remove
from data_contracts.storage.faults import pass_fault_point
from tasks.engine.worker_group_task import GroupSummary
from tasks.stages.log_messages import Figures, list_figures, warn
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.stages.score import ScoredGroup
from tasks.store.stored_parts import StoredPart, delete_part, fetch_part, find_manifest


@dataclass(frozen=True)
class FetchedPart(ScoredGroup):
    """A part that a worker made, in the home."""

    worker: str
    seconds: float
    """How long the worker took."""


Fetch = Callable[[Path], FetchedPart]
"""Fetches a part from the store into a new folder."""


@list_figures.register
def _(part: FetchedPart) -> Figures:
    return {"worker": part.worker, "worker_seconds": round(part.seconds, 2)}


@task(name="fetch-part", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def fetch_scored(folder: Path, fetch: Fetch) -> FetchedPart:
    """Fetch a part from the store into a new folder of the home."""
    return fetch(folder)


@task(name="fetch-parts", cache_policy=NO_CACHE, **RETRY_TRANSIENT)
def fetch_joined(folder: Path, fetches: Sequence[Fetch]) -> FetchedPart:
    """Fetch several parts from the store, and join them to one in a new folder of the home."""
    from tasks.scoring.part_folders import Part, join_parts

    with build_folder(folder, replace=True) as building:
        fetched = [fetch(building / str(number)) for number, fetch in enumerate(fetches)]
        join_parts([part.part_dir for part in fetched], Part(building, folder))
        for part in fetched:
            remove(part.part_dir)
        pass_fault_point("engine: parts joined")
    postponed = tuple(file for part in fetched for file in part.postponed)
    workers = ", ".join(sorted({part.worker for part in fetched}))
    return FetchedPart(folder, postponed, workers, sum(part.seconds for part in fetched))


def fetch_whole(
    part: StoredPart, folder: Path, summary: GroupSummary, make_again: Callable[[], GroupSummary]
) -> FetchedPart:
    """Fetch a part from the store into a new folder of the home, checked by its manifest.

    A part that is damaged there is deleted and made again.
    """
    try:
        return _fetch_part(part, folder, summary)
    except (ObjectDamagedError, ObjectMissingError) as error:
        delete_part(part)
        warn_of_dropped(error)
    again = make_again()
    if again.key != part.key:
        raise StoreError(
            "Its objects have changed meanwhile, so its part was not committed. Next: run again."
        )
    try:
        return _fetch_part(part, folder, again)
    except (ObjectDamagedError, ObjectMissingError) as error:
        raise StoreError(f"{error} It was made anew already. Next: find who else writes there.") from None


def _fetch_part(part: StoredPart, folder: Path, summary: GroupSummary) -> FetchedPart:
    """Fetch a part; raise `ObjectDamagedError` or `ObjectMissingError` if it is not whole."""
    manifest = find_manifest(part)
    if manifest is None:
        raise ObjectDamagedError(f"{part.store.name(part.folder)}: has no manifest.")
    with build_folder(folder, replace=True) as building:
        fetch_part(part, manifest, building)
        pass_fault_point("engine: part fetched")
    return FetchedPart(folder, summary.skipped, summary.worker, summary.seconds)


def warn_of_dropped(problem: object) -> None:
    """Warn that a part in the store is not used."""
    warn(f"{str(problem).partition(' Next: ')[0]} Its part is made anew.")
