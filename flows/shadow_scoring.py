"""The end of `score-reviews` if a shadow is on: it scores what the champion has scored, when all else is done.

By then the champion's scores are committed, published and reported, so nothing here can delay or fail them.
"""

import time
from typing import TYPE_CHECKING

from data_contracts.errors import SourceError
from data_contracts.storage.durable import remove_leftovers
from deployments.settings import Settings
from tasks.engine.dask_workers import open_scoring
from tasks.shadow.waiting_files import find_waiting_for_shadow
from tasks.stages.log_messages import log_figures, log_warning
from tasks.stages.publish import keep_snapshot, publish_copy
from tasks.support.interruption import stop_if_interrupted
from tasks.support.locking import hold_folder, refuse_to_wait
from tasks.support.wording import count
from tasks.warehouse.publishing import needs_publishing
from tasks.warehouse.run_log import Run
from tasks.warehouse.shadow.record import Shadow, find_shadow, note_trouble

if TYPE_CHECKING:
    from tasks.shadow.scoring import ShadowOutcome


SHADOW_SECONDS = 300.0
"""After so long with the shadow a run leaves the rest to the next one."""


def score_with_shadow(run: Run, settings: Settings) -> str | None:
    """Score with the shadow what waits for it; return in words what it did, None without a shadow or anything to do.

    Raises nothing but `KeyboardInterrupt`: a shadow that can't score is named once in the log, and in its status.
    """
    try:
        shadow = find_shadow(run.home.warehouse)
        return _score_waiting(run, shadow, settings) if shadow else None
    except (
        Exception
    ) as error:  # not even a database that can't be opened may fail a run whose scores are committed
        stop_if_interrupted(error)
        log_warning(f"Nothing was scored with the shadow: {error}")
        return None


def _score_waiting(run: Run, shadow: Shadow, settings: Settings) -> str | None:
    """Score with a shadow what waits for it, and record its trouble or that it has none."""
    home = run.home
    remove_leftovers(home.shadow)
    if not find_waiting_for_shadow(home.warehouse, shadow):
        return None
    if needs_publishing(home):
        publish_copy(home)  # the texts are read from the published copy
    home.shadow.mkdir(exist_ok=True)
    try:
        with hold_folder(home.shadow, refuse_to_wait):
            outcome = _try_to_score(run, shadow, settings)
    except SourceError:
        return None  # another run scores with the shadow at this moment
    is_news = note_trouble(home.warehouse, shadow, outcome.trouble)
    if outcome.done.files or is_news:
        publish_copy(home)
        keep_snapshot(home, settings.snapshot_store, settings.keep_backups)
    if not outcome.done.files:
        return None
    rows, files = count(outcome.done.rows, "review"), count(outcome.done.files, "file")
    more = f", {count(outcome.files_waiting, 'file')} left to the next run" if outcome.files_waiting else ""
    return f"{rows} of {files} scored too by {shadow.model_id}{more}: reviews models shadow status"


def _try_to_score(run: Run, shadow: Shadow, settings: Settings) -> "ShadowOutcome":
    """Score what waits for a shadow; return an error as its trouble."""
    from tasks.shadow.scoring import ShadowJob, ShadowOutcome, score_beside

    began = time.monotonic()
    waiting = find_waiting_for_shadow(run.home.warehouse, shadow)
    bundle = run.home.bundles / shadow.model_id
    try:
        with open_scoring(settings.dask, log_warning) as score_by:
            score_chunks = score_by(bundle, shadow.bundle_fingerprint)
            job = ShadowJob(run, shadow, SHADOW_SECONDS, score_chunks)
            outcome = score_beside(job, waiting)
    except Exception as error:  # whatever the shadow's bundle raises
        stop_if_interrupted(error)
        outcome = ShadowOutcome(files_waiting=len(waiting), trouble=str(error))
    figures = {"files_scored": outcome.done.files, "rows_scored": outcome.done.rows}
    seconds = round(time.monotonic() - began, 2)
    log_figures("score-with-shadow", {"model_id": shadow.model_id, **figures, "seconds": seconds})
    return outcome
