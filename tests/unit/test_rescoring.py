"""Tests of how long a run goes on with reviews that other models have scored."""

from tasks.scoring.rescoring import take_in_time


class Clock:
    """A clock that goes on by a second with each look at it."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_groups_are_begun_until_the_time_is_over_and_the_others_are_left() -> None:
    groups = iter("abcdef")
    assert list(take_in_time(groups, 3, Clock())) == ["a", "b", "c"]
    assert list(groups) == ["d", "e", "f"]


def test_one_group_is_begun_however_short_the_time_is() -> None:
    assert list(take_in_time(iter("ab"), 0.0001, Clock())) == ["a"]


def test_without_a_limit_all_groups_are_begun() -> None:
    assert list(take_in_time(iter("abc"), None)) == ["a", "b", "c"]
