"""Tests of how it is judged whether a champion holds what it promised."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from models.evaluation.promise_judging import (
    LAST_DAYS,
    TOLERATED,
    Promise,
    Standing,
    Stream,
    Tally,
    find_floor,
    judge_promise,
)

MONDAY = date(2026, 3, 2)
OWN = Promise(0.9, 400, is_own=True)
ARCHIVE = Promise(0.93, 2500, is_own=False)


def make_stream(
    accuracies: Iterable[float],
    reviews: int = 100,
    source: str = "shop",
    promise: Promise = OWN,
    **other: float,
) -> Stream:
    """Return a stream with so many reviews a day, of which this share is called right."""
    days = [
        (MONDAY + timedelta(number), Tally(reviews, round(reviews * accuracy)))
        for number, accuracy in enumerate(accuracies)
    ]
    return Stream(source, promise, tuple(days), **other)


def judge(*streams: Stream) -> Standing:
    """Return the standing over all sources."""
    return judge_promise(streams)[0]


def test_a_champion_that_holds_what_it_promised_has_not_fallen() -> None:
    found = judge(make_stream([0.9] * 100))
    assert (found.promised, found.total, found.fallen_since) == (0.9, Tally(10_000, 9_000), None)
    assert found.evidence < 0.1


def test_a_fall_is_found_within_days_and_dated_by_its_first_day_however_long_all_was_well() -> None:
    for well in (30, 300):
        found = judge(make_stream([0.9] * well + [0.8] * 4))
        assert found.evidence >= 1
        assert found.fallen_since == MONDAY + timedelta(well)
        assert found.since_fall == Tally(400, 320)


def test_a_fall_that_is_tolerated_is_none() -> None:
    assert judge(make_stream([0.9] * 100 + [0.9 - TOLERATED] * 200, 1000)).fallen_since is None


def test_a_champion_that_never_held_what_it_promised_has_fallen_from_its_first_day() -> None:
    found = judge(make_stream([0.84] * 10, 200, promise=ARCHIVE))
    assert found.fallen_since == MONDAY
    assert found.evidence >= 1


def test_the_floor_rises_with_what_is_held_but_not_above_what_was_promised() -> None:
    stream = make_stream([])
    first, later = find_floor(stream, Tally()), find_floor(stream, Tally(10_000, 9_000))
    assert 0.83 < first < 0.86 < 0.88 < later < 0.9 - TOLERATED
    assert find_floor(stream, Tally(10_000, 9_900)) == pytest.approx(0.9 - TOLERATED)


def test_where_titles_differ_the_same_figures_say_less() -> None:
    fallen = [0.9] * 30 + [0.8] * 4
    assert judge(make_stream(fallen)).evidence > 3 * judge(make_stream(fallen, spread=2.0)).evidence


def test_reviews_that_are_each_there_four_times_say_as_much_as_one_of_four() -> None:
    fallen = [0.9] * 30 + [0.8] * 4
    copied = replace(OWN, reviews=4 * OWN.reviews)
    found = judge(make_stream(fallen, 400, promise=copied, spread=4.0))
    assert found.evidence == pytest.approx(judge(make_stream(fallen)).evidence)


def test_the_fall_of_one_source_is_found_though_others_hold_and_each_has_its_standing() -> None:
    well, fallen = make_stream([0.9] * 40, source="a"), make_stream([0.9] * 30 + [0.75] * 10, source="b")
    every, first, second = judge_promise([well, fallen])
    assert (every.source, first.source, second.source) == (None, "a", "b")
    assert (first.fallen_since, second.fallen_since) == (None, MONDAY + timedelta(30))
    assert every.total == first.total.add(second.total)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_a_champion_that_is_always_or_never_right_is_judged_too(accuracy: float) -> None:
    promise = Promise(accuracy, 30, is_own=True)
    assert judge(make_stream([accuracy] * 10, promise=promise)).fallen_since is None
    assert judge(make_stream([0.0] * 600, 10_000)).fallen_since == MONDAY + timedelta(600 - LAST_DAYS)


def test_hardly_a_stream_without_a_fall_is_said_to_have_fallen() -> None:
    draw = random.Random(0)
    streams = [
        make_stream([sum(draw.random() < 0.9 for _ in range(20)) / 20 for _ in range(60)], 20)
        for _ in range(50)
    ]
    assert sum(judge(stream).fallen_since is not None for stream in streams) == 0
