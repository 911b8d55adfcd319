"""What a worker does: copy a group of objects, read, check and score them, and leave the part in the store.

It uses the functions of a run on one machine. It opens no database: what is to be recorded is in the part and in the
summary that the run gets.
"""

import functools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from data_contracts.errors import ReviewsError, StoreError
from data_contracts.rules_and_limits import RowLimits
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.inbox.source_files import FoundFile, SkippedFile, SourceFile
from tasks.reading.rows import ReadOptions
from tasks.scoring.grown_files import note_growth
from tasks.scoring.known_files import pick_new
from tasks.sources.catalogue import Catalogue
from tasks.store.connecting import open_store
from tasks.store.inbox_objects import fetch_arrivals, place_copy
from tasks.store.stored_bundles import fetch_bundle, require_bundle
from tasks.store.stored_parts import PartManifest, StoredPart, drop_damaged, find_manifest, upload_part
from tasks.warehouse.file_ledger import EarlierFile
from tasks.warehouse.run_log import Run

if TYPE_CHECKING:
    from data_contracts.expectations import CheckResult
    from models.bundle.scorer import Scorer

COMPRESSION = "zstd"
"""Of the parts that workers make: less than half as many bytes go to the store and from there to the run."""


@dataclass(frozen=True)
class Recipe:
    """What is the same for every group of one run."""

    store: str
    home_id: str
    run_id: str
    model_id: str
    fingerprint: str
    """Of the model's bundle."""
    limits: RowLimits
    options: ReadOptions
    catalogue: Catalogue


@dataclass(frozen=True)
class GroupTask:
    """A group of objects to score."""

    recipe: Recipe
    files: tuple[FoundFile, ...]
    known: frozenset[tuple[str, str]] = frozenset()
    """URI and sha256 of what each object may have that need not be scored."""
    earlier: tuple[EarlierFile, ...] = ()
    """Those that came before, of which one of the group may begin with all bytes."""


@dataclass(frozen=True)
class GroupSummary:
    """What the run is to know of a task that was done."""

    seen: tuple[SourceFile, ...]
    """The objects that were read, by content; their paths were the worker's."""
    skipped: tuple[SkippedFile, ...]
    key: str | None
    """The key of the part in the store; None if there was nothing new, or a contract is broken."""
    broken: tuple["CheckResult", ...] = ()
    dropped: str = ""
    """What was wrong with a part that was there before, if it was made anew for that."""
    worker: str = ""
    seconds: float = 0


def score_on_worker(task: object) -> GroupSummary | Exception:
    """Do a task in a worker of Dask, in a folder of its own, which is deleted at the end.

    An error whose message says enough is returned: one that is raised Dask would print with its traceback too.
    """
    from distributed import get_worker

    started, worker = time.monotonic(), get_worker()
    own = Path(worker.local_directory)
    try:
        with TemporaryDirectory(dir=own) as folder:
            summary = score_in(task, Home(Path(folder)), own / "bundles")
    except StoreError as error:  # of the store, or of what this worker may do there
        return type(error)(f"The worker {worker.address}: {error}")
    except (ReviewsError, OSError) as error:
        return error
    return replace(summary, worker=worker.address, seconds=time.monotonic() - started)


def score_in(task: object, place: Home, bundles: Path) -> GroupSummary:
    """Do a task with `place` as the folder of work; the bundle is kept in `bundles`.

    A part that an earlier worker or run left of the same work is not made again.
    """
    summary = do_work(task, place, bundles)
    if summary.key is not None:
        pass_fault_point("engine: part uploaded")
    return summary


@functools.singledispatch
def do_work(task: object, place: Home, bundles: Path) -> GroupSummary:
    """Do a task of the kinds that are registered, likewise."""
    raise TypeError(f"{type(task).__name__} is no task of workers")


@do_work.register
def _(task: GroupTask, place: Home, bundles: Path) -> GroupSummary:
    recipe = task.recipe
    fetched = fetch_arrivals(recipe.store, [place_copy(file, place.spool) for file in task.files])
    pass_fault_point("engine: objects fetched")
    seen = tuple(each for each in fetched if isinstance(each, SourceFile))
    if not seen:  # either nobody may read these objects, or this worker may read nothing
        require_bundle(open_store(recipe.store), recipe.model_id, recipe.fingerprint)
    skipped = tuple(each for each in fetched if isinstance(each, SkippedFile))
    seen = tuple(note_growth(seen, task.earlier, lambda uri: recipe.catalogue.find(uri).name))
    new = pick_new(seen, {file: "scored" for file in seen if (file.uri, file.source_sha256) in task.known})
    if not new:
        return GroupSummary(seen, skipped, None)
    part = StoredPart(open_store(recipe.store), recipe.home_id, name_work(recipe, new))
    dropped = drop_damaged(part)
    manifest = find_manifest(part)
    if manifest is None:
        manifest, broken = _make_part(part, recipe, new, (place, bundles))
        if manifest is None:
            return GroupSummary(seen, skipped, None, broken, dropped)
    postponed = (SkippedFile(uri, reason) for uri, reason in manifest.postponed.items())
    return GroupSummary(seen, (*skipped, *postponed), part.key, dropped=dropped)


def name_work(recipe: Recipe, files: Sequence[SourceFile]) -> str:
    """Return the key of the part that is made of these files in this way: all that could make another part of them."""
    how = [
        recipe.model_id,
        recipe.fingerprint,
        repr(recipe.limits),
        repr(replace(recipe.options, report_reading=print)),
    ]
    what = [
        [file.source_sha256, file.uri, *file.grown_from, *recipe.catalogue.describe(file.uri).values()]
        for file in files
    ]
    return sha256(json.dumps([how, what]).encode()).hexdigest()[:24]


def _make_part(
    part: StoredPart, recipe: Recipe, files: Sequence[SourceFile], places: tuple[Home, Path]
) -> tuple[PartManifest | None, tuple["CheckResult", ...]]:
    """Score files into a part with its checks, and write it to the store; return no manifest if a contract is broken.

    `places` are the folder of work and that of bundles.
    """
    from tasks.scoring.group_to_part import ScoringJob, score_group
    from tasks.scoring.part_folders import add_checks

    place, bundles = places
    load = partial(load_scorer, recipe, bundles)
    job = ScoringJob(
        Run(place, recipe.run_id),
        load,
        recipe.limits,
        recipe.options,
        recipe.catalogue,
        compression=COMPRESSION,
    )
    outcome = score_group(job, files)
    broken = tuple(check for check in outcome.checks if not check.success and check.severity == "error")
    if broken:
        return None, broken
    add_checks(outcome.part, recipe.run_id, outcome.checks)
    postponed = {file.uri: file.reason for file in outcome.postponed}
    return upload_part(part, outcome.part.building, recipe.run_id, postponed), ()


def load_scorer(recipe: Recipe, bundles: Path) -> "Scorer":
    """Load the scorer of a run, once in a process."""
    return _load_scorer(recipe.store, recipe.model_id, recipe.fingerprint, bundles)


@functools.lru_cache(maxsize=1)
def _load_scorer(store: str, model_id: str, fingerprint: str, bundles: Path) -> "Scorer":
    """Load the scorer of a bundle of the store."""
    from models.bundle.blessed_scorer import load_blessed_scorer

    return load_blessed_scorer(fetch_bundle(open_store(store), model_id, fingerprint, bundles), fingerprint)
