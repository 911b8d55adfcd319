"""The groups of a scoring run, scored one after the other by this process, or by the workers of an engine."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tasks.inbox.source_files import FoundFile, SourceFile, group_found_files
from tasks.scoring.plan import ScoringRequest
from tasks.scoring.rescoring import OlderSource, measure_rescorable
from tasks.scoring.run_outcome import GroupResult
from tasks.stages import score as stages
from tasks.stages.publish import publish_copy
from tasks.stages.score_objects import score_stored
from tasks.warehouse.model_registry import PromotedModel
from tasks.warehouse.publishing import needs_publishing

if TYPE_CHECKING:
    from tasks.scoring.groups import ScoringJob


def score_new(job: "ScoringJob", files: Sequence[SourceFile]) -> Iterator[GroupResult]:
    """Score and commit new files, group by group."""
    for group in group_found_files(files):
        uris = [file.uri for file in group]
        yield stages.score_and_commit(job.run.home, uris, partial(stages.score_files, job, group))


def score_objects(
    job: "ScoringJob", model: PromotedModel, request: ScoringRequest, files: Sequence[FoundFile]
) -> Iterator[GroupResult]:
    """Score and commit new objects of a store, by the workers of an engine if one is set."""
    if request.engine is None or not files:
        return score_stored(job, request, files)
    from tasks.stages.score_on_engine import score_on_engine

    return score_on_engine(job, model, request, files)


def score_older(
    job: "ScoringJob", model: PromotedModel, request: ScoringRequest, older: Sequence[OlderSource]
) -> Iterator[GroupResult]:
    """Score and commit again source files that other models have scored, by the workers of an engine if one is set."""
    home = job.run.home
    if not older:
        return
    # The texts are read from the published copy, so they have to be in it.
    if needs_publishing(home):
        publish_copy(home)
    measured = measure_rescorable(home.published, older)
    if request.engine is not None:
        from tasks.stages.score_on_engine import rescore_on_engine

        yield from rescore_on_engine(job, model, request, measured)
        return
    for group in group_found_files(measured):
        uris = [source.uri for source in group]
        yield stages.score_and_commit(home, uris, partial(stages.score_again, job, group))
