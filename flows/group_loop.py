"""The groups of a scoring run, scored one after the other by this process, or by the workers of an engine."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from data_contracts.storage.home import Home
from tasks.inbox.arrival_order import drop_arrivals, split_by_arrival
from tasks.inbox.killed_runs import read_killed_runs
from tasks.inbox.source_files import OUT_OF_PROPORTION, FoundFile, SourceFile, group_found_files
from tasks.scoring.plan import ScoringRequest
from tasks.scoring.rescoring import OlderSource, measure_rescorable, take_in_time
from tasks.scoring.run_outcome import GroupResult, make_left, make_skipped
from tasks.stages import score as stages
from tasks.stages.publish import publish_copy
from tasks.stages.store_inbox import score_stored
from tasks.warehouse.model_registry import PromotedModel
from tasks.warehouse.publishing import needs_publishing

if TYPE_CHECKING:
    from tasks.scoring.group_to_part import ScoringJob


def score_new(
    job: "ScoringJob", request: ScoringRequest, files: Sequence[SourceFile]
) -> Iterator[GroupResult]:
    """Score and commit new files, group by group.

    Last and alone come those that are out of proportion to their size, and those over which runs were killed.
    """
    home, last = job.run.home, list[SourceFile]()
    arranged = read_killed_runs(home).arrange(files, tries_all=bool(request.named))
    is_whole = not (request.named or request.since or request.rescan or arranged.last or arranged.aside)
    hasty = replace(job, options=replace(job.options, may_postpone=True))
    for group in _group_in_order(job, request, arranged.first):
        for scored in stages.score_together(home, group, partial(_score_group, hasty)):
            result, deferred = stages.take_out(scored, OUT_OF_PROPORTION)
            last += [file for file in group if file.uri in deferred]
            is_whole = is_whole and result.error is None
            yield result
    if is_whole:
        drop_arrivals(home)
    last += arranged.last
    if last and needs_publishing(home):
        publish_copy(home)  # the run may be killed again, or take long
    for file in chain.from_iterable(split_by_arrival(home, last)):
        yield from stages.score_together(home, (file,), partial(_score_group, job))
    if arranged.aside:
        yield make_skipped(arranged.aside)


def _group_in_order(
    job: "ScoringJob", request: ScoringRequest, files: Sequence[SourceFile]
) -> Iterator[tuple[SourceFile, ...]]:
    """Yield new files in groups, in the order in which they arrived before a restore, if there was one.

    Else the sources with fewer bytes come first, so that they need not wait for a large export of another one. The
    files of a source keep their order, since a later one may correct an earlier one.
    """
    # In a rescan a file is as old as its first reading.
    for together in [files] if request.rescan else split_by_arrival(job.run.home, files):
        sources = {file.uri: job.catalogue.find(file.uri).name for file in together}
        sizes = Counter[str]()
        for file in together:
            sizes[sources[file.uri]] += file.size
        yield from group_found_files(sorted(together, key=lambda file: sizes[sources[file.uri]]))


def _score_group(job: "ScoringJob", group: Sequence[SourceFile]) -> GroupResult:
    """Score and commit a group of files."""
    uris = [file.uri for file in group]
    return stages.score_and_commit(job.run.home, uris, partial(stages.score_files, job, group))


def score_kept(
    job: "ScoringJob",
    model: PromotedModel,
    request: ScoringRequest,
    objects: Sequence[FoundFile],
    older: Sequence[OlderSource],
) -> Iterator[GroupResult]:
    """Score and commit new objects of a store, then again what other models have scored.

    The workers of an engine do both, if one is set. They are started once.
    """
    if request.engine is None:
        yield from score_stored(job, request, objects)
        yield from _score_older(job, older, request.rescore_seconds)
    elif objects or older:
        from tasks.stages.engine.engine_scoring import score_on_engine

        yield from score_on_engine(job, model, request, objects, _measure(job.run.home, older))


def _score_older(
    job: "ScoringJob", older: Sequence[OlderSource], seconds: float | None
) -> Iterator[GroupResult]:
    """Score and commit again source files that other models have scored, group by group, until the time is over."""
    home = job.run.home
    groups = iter(group_found_files(_measure(home, older)))
    for group in take_in_time(groups, seconds):
        uris = [source.uri for source in group]
        yield stages.score_and_commit(home, uris, partial(stages.score_again, job, group))
    if (waiting := make_left(groups)).left:
        yield waiting


def _measure(home: Home, older: Sequence[OlderSource]) -> Sequence[OlderSource]:
    """Return source files to be scored again with the size of their texts, which are in the published copy then."""
    if older and needs_publishing(home):
        publish_copy(home)
    return measure_rescorable(home.published, older) if older else ()
