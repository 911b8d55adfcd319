"""Judges whether a champion is right less often on what arrives than it promised, after each day of labelled reviews.

The promise to a source is the accuracy that was measured on held-out reviews when the model was promoted. What arrives
is compared with a *floor*, which is below the promise by what chance and `TOLERATED` allow: the lower bound of the
promise or, where it is higher, that of what the model has held on earlier days. So the floor rises as labels arrive,
and a fall is found although few reviews were held out.

For each day, a bettor begins with 1 and bets from then on that the accuracy is lower than the floor of that day, by one
of `DROPS`: a labelled review multiplies the capital by q/p if the model is right and by (1 - q)/(1 - p) if it is wrong,
where p is the floor and q is below it. As long as the accuracy is p or more, no capital is expected to grow. The
evidence is the sum of all capitals, the Shiryaev-Roberts statistic of an e-detector (Shin, Ramdas and Rinaldo,
*E-detectors: a nonparametric framework for sequential change detection*, 2024). The expected sum grows by 1 a day at
most, so if nothing falls, the chance that it has reached N by day n is n/N at most, however often one looks:
`FALSE_ALARMS` says how N is chosen. A late fall is found as soon as an early one, since later bettors have lost nothing
before it.

That is a theorem for reviews that are independent given the floor. Reviews of one title are not: their errors go
together. So logarithms are divided by their *spread*: how many times as much the titles differ as chance allows.
docs/own-labels.md has figures of what holds then.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce

FALSE_ALARMS = 0.01
"""At most this many false alarms a week are expected, of all sources together, if labels arrive every day."""
TOLERATED = 0.005
"""A fall of this much, as a share, is no reason to train: half a point."""
ARCHIVE_MARGIN = 0.03
"""How far own reviews may be below what was measured on the archive's: three points, since they are of another kind."""
DROPS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.13, 0.21)
"""The falls below the floor that are bet on, as shares."""
LAST_DAYS = 90
"""Bettors begin on so many of the newest days; what came before is not looked at."""
_DEVIATIONS = 3.0
"""Standard errors between what was measured and its lower bound."""
_MOST_EVIDENCE = 1e12


@dataclass(frozen=True)
class Tally:
    """Labelled reviews, and how many of them the model calls right."""

    reviews: int = 0
    right: int = 0

    @property
    def wrong(self) -> int:
        """The others."""
        return self.reviews - self.right

    def add(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(self.reviews + other.reviews, self.right + other.right)

    def remove(self, other: "Tally") -> "Tally":
        """Return what is left without the other."""
        return Tally(self.reviews - other.reviews, self.right - other.right)


@dataclass(frozen=True)
class Promise:
    """The accuracy that was measured on held-out reviews before the promotion."""

    accuracy: float
    reviews: int
    is_own: bool
    """Whether the reviews were of the source itself; else they are of the archive."""

    @property
    def margin(self) -> float:
        """How far the accuracy on what arrives may be below it beside chance."""
        return TOLERATED if self.is_own else ARCHIVE_MARGIN


@dataclass(frozen=True)
class Stream:
    """The labelled reviews of one source since the promotion."""

    source: str
    promise: Promise
    days: tuple[tuple[date, Tally], ...]
    """In order of time."""
    spread: float = 1.0
    """How many times as much the accuracy differs between titles as for independent reviews; at least 1."""

    @cached_property
    def total(self) -> Tally:
        """All its reviews."""
        return _sum(tally for _, tally in self.days)


@dataclass(frozen=True)
class Standing:
    """What was promised and what is held, of one source or of all."""

    source: str | None
    """None: all sources together."""
    promised: float
    """Of all sources the mean by their reviews."""
    total: Tally
    evidence: float = 0.0
    """1 or more: the accuracy has fallen beyond chance."""
    fallen_since: date | None = None
    """The day from which on a fall is most likely; None if there is none beyond chance."""
    since_fall: Tally = Tally()
    """The reviews from that day on."""


@dataclass(frozen=True)
class _Start:
    """What one stream says of a fall from a day on: the floor of that day, and the reviews since."""

    floor: float
    since: Tally
    spread: float

    def weigh(self, drop: float) -> float:
        """Return the logarithm of the capital of the bettor on a drop."""
        below = max(self.floor - drop, self.floor / 2)
        gain, loss = math.log((1 - below) / (1 - self.floor)), math.log(below / self.floor)
        return (self.since.wrong * gain + self.since.right * loss) / self.spread


def judge_promise(streams: Sequence[Stream]) -> list[Standing]:
    """Return the standing of all streams together, then of each if there are several; none without a stream."""
    groups = [streams, *([each] for each in streams)] if len(streams) > 1 else [streams]
    return [_judge_group(group, len(groups)) for group in groups if group]


def _judge_group(streams: Sequence[Stream], tests: int) -> Standing:
    """Return the standing of streams together, one of so many tests among which `FALSE_ALARMS` is shared."""
    total = _sum(each.total for each in streams)
    weights = [each.total.reviews or 1 for each in streams]
    promised = sum(
        weight * each.promise.accuracy for weight, each in zip(weights, streams, strict=True)
    ) / sum(weights)
    source = streams[0].source if len(streams) == 1 and tests > 1 else None
    # Of each day the logarithm of the mean capital of its bettors.
    capitals = {
        day: _add_logarithms([sum(each.weigh(drop) for each in starts) for drop in DROPS])
        - math.log(len(DROPS))
        for day, starts in _list_starts(streams)
    }
    standing = Standing(source, promised, total)
    if not capitals:
        return standing
    evidence = _add_logarithms(list(capitals.values())) - math.log(7 * tests / FALSE_ALARMS)
    if evidence < 0:
        return Standing(source, promised, total, math.exp(evidence))
    fallen = max(capitals, key=lambda day: capitals[day])
    since = _sum(tally for each in streams for day, tally in each.days if day >= fallen)
    return Standing(source, promised, total, min(math.exp(min(evidence, 700)), _MOST_EVIDENCE), fallen, since)


def _list_starts(streams: Sequence[Stream]) -> Iterator[tuple[date, list[_Start]]]:
    """Yield for each of the newest days what the streams say of a fall from it on."""
    days = sorted({day for each in streams for day, _ in each.days})
    before = [Tally()] * len(streams)
    tallies = [dict(each.days) for each in streams]
    for place, day in enumerate(days):
        if place >= len(days) - LAST_DAYS:
            starts = [
                _Start(find_floor(stream, past), stream.total.remove(past), stream.spread)
                for stream, past in zip(streams, before, strict=True)
            ]
            yield day, starts
        before = [past.add(tally.get(day, Tally())) for past, tally in zip(before, tallies, strict=True)]


def find_floor(stream: Stream, before: Tally) -> float:
    """Return the accuracy below which a source has fallen: by its promise, and by what it has held before."""
    promise = stream.promise
    floor = _bound_below(promise.accuracy, promise.reviews / stream.spread) - promise.margin
    if before.reviews:
        held = _bound_below(before.right / before.reviews, before.reviews / stream.spread) - TOLERATED
        floor = max(floor, held)
    return min(max(min(floor, promise.accuracy - TOLERATED), 0.01), 0.99)


def _bound_below(share: float, number: float) -> float:
    """Return the lower end of Wilson's interval of a share that was measured on so many reviews."""
    square = _DEVIATIONS**2 / number
    return (share + square / 2 - math.sqrt(share * (1 - share) * square + square**2 / 4)) / (1 + square)


def _sum(tallies: Iterator[Tally]) -> Tally:
    """Return all tallies together."""
    return reduce(Tally.add, tallies, Tally())


def _add_logarithms(values: Sequence[float]) -> float:
    """Return the logarithm of the sum of numbers that are given by their logarithms."""
    highest = max(values)
    return highest + math.log(sum(math.exp(value - highest) for value in values))
