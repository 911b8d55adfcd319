"""Scores with the shadow what the champion has scored, from the texts of the published copy, group by group.

Needs ONNX Runtime.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_contracts.errors import EngineError
from data_contracts.expectations import require_success
from data_contracts.storage.durable import remove, remove_leftovers
from data_contracts.storage.faults import pass_fault_point
from models.bundle.blessed_scorer import load_blessed_scorer
from models.bundle.scorer import Scorer
from tasks.inbox.source_files import GROUP_FILES, group_found_files
from tasks.scoring.chunk_scores import ScoreChunks, score_in_background
from tasks.scoring.group_to_part import ScoringJob
from tasks.scoring.rescoring import OlderSource, measure_rescorable, rescore_group, take_in_time
from tasks.support.interruption import stop_if_interrupted
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls
from tasks.warehouse.run_log import Run
from tasks.warehouse.shadow.record import Shadow
from tasks.warehouse.shadow.scores import ShadowCount, commit_shadow_scores


@dataclass(frozen=True)
class ShadowJob:
    """What the shadow does in one run."""

    run: Run
    shadow: Shadow
    seconds: float
    """When so many have passed, no further group is begun."""
    score_chunks: ScoreChunks = field(default=score_in_background, compare=False)
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)


@dataclass(frozen=True)
class ShadowOutcome:
    """What the shadow has scored in a run, and how many files it left to the next one."""

    done: ShadowCount = field(default_factory=ShadowCount)
    files_waiting: int = 0
    trouble: str | None = None
    """Why it could not score some or all of them."""


def score_beside(job: ShadowJob, waiting: Sequence[OlderSource]) -> ShadowOutcome:
    """Score and commit files that wait for the shadow, until the job's time is over; one group at least.

    A group that fails stays waiting, and the others are scored. The caller holds the lock on the shadow's folder.
    Raises `BundleError` if the bundle may not score.
    """
    home = job.run.home
    groups = take_in_time(_group_waiting(home.published, waiting), job.seconds, job.clock)
    remove_leftovers(home.shadow, held=True)
    scorer = load_blessed_scorer(home.bundles / job.shadow.model_id, job.shadow.bundle_fingerprint)
    done, trouble = list[ShadowCount](), None
    for group in groups:
        try:
            done.append(_score_group(job, scorer, group))
        except Exception as error:  # whatever the shadow's scorer raises is no failure of the run
            stop_if_interrupted(error)
            trouble = trouble or f"{escape_controls(group[0].uri)}: {error}"
            if isinstance(error, EngineError):
                break  # each group after it would wait for a worker as long
    total = ShadowCount(sum(each.files for each in done), sum(each.rows for each in done))
    return ShadowOutcome(total, len(waiting) - total.files, trouble)


def _group_waiting(published: Path, waiting: Sequence[OlderSource]) -> Iterator[tuple[OlderSource, ...]]:
    """Yield the files in groups; a few at a time are measured, since a run may end before the last."""
    for start in range(0, len(waiting), GROUP_FILES):
        yield from group_found_files(measure_rescorable(published, waiting[start : start + GROUP_FILES]))


def _score_group(job: ShadowJob, scorer: Scorer, sources: Sequence[OlderSource]) -> ShadowCount:
    """Score and commit a group of files that wait for the shadow."""
    home, run = job.run.home, job.run
    with show_progress("The shadow's scores", sum(source.size for source in sources)) as report:
        scoring = ScoringJob(run, lambda: scorer, score_chunks=job.score_chunks)
        outcome = rescore_group(scoring, sources, report, home.shadow)
    require_success(
        outcome.checks, "this is a fault of the shadow or of this program: nothing was committed."
    )
    pass_fault_point("shadow: group scored")
    done = commit_shadow_scores(home.warehouse, outcome.part.building, scorer.model_id, run.run_id)
    pass_fault_point("shadow: after commit")
    remove(outcome.part.building)
    return done
