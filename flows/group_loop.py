"""The groups of a scoring run, one after the other: new files, and what other models have scored."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from data_contracts.errors import WorkerKilledError
from tasks.inbox.arrival_order import drop_arrivals, split_by_arrival
from tasks.inbox.killed_runs import read_killed_runs
from tasks.inbox.source_files import OUT_OF_PROPORTION, SourceFile, group_found_files
from tasks.scoring.plan import ScoringRequest
from tasks.scoring.rescoring import OlderSource, measure_rescorable, take_in_time
from tasks.scoring.run_outcome import GroupResult, make_left, make_skipped
from tasks.stages import score as stages
from tasks.stages.publish import publish_copy
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
        in_order = sorted(together, key=lambda file: sizes[sources[file.uri]])
        yield from group_found_files(in_order, request.group_bytes)


def _score_group(job: "ScoringJob", group: Sequence[SourceFile]) -> GroupResult:
    """Score and commit a group of files."""
    uris = [file.uri for file in group]
    return stages.score_and_commit(job.run.home, uris, partial(stages.score_files, job, group))


def score_older(
    job: "ScoringJob", request: ScoringRequest, older: Sequence[OlderSource]
) -> Iterator[GroupResult]:
    """Score and commit again source files that other models have scored, group by group, until the time is over."""
    home = job.run.home
    if older and needs_publishing(home):
        publish_copy(home)  # it has their texts, whose size is measured
    measured = measure_rescorable(home.published, older) if older else ()
    groups = iter(group_found_files(measured, request.group_bytes))
    for group in take_in_time(groups, request.rescore_seconds):
        yield from _score_again(job, group)
    if (waiting := make_left(groups)).left:
        yield waiting


def _score_again(job: "ScoringJob", group: Sequence[OlderSource]) -> Iterator[GroupResult]:
    """Score and commit a group again; where the texts of a file end workers, the others without it."""
    rest = tuple(group)
    while rest:
        uris = [source.uri for source in rest]
        result = stages.score_and_commit(job.run.home, uris, partial(stages.score_again, job, rest))
        killer = result.error.uri if isinstance(result.error, WorkerKilledError) else None
        yield replace(result, uris=(killer,)) if killer else result
        rest = tuple(source for source in rest if killer and source.uri != killer)
