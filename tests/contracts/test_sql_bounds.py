"""Tests that bounds repeated in SQL files equal the constants of the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import data_contracts
from data_contracts.drift import SMALLEST_PSI
from data_contracts.rules_and_limits import HIGHEST_STARS, LOWEST_STARS, NEGATIVE_STARS, POSITIVE_STARS
from data_contracts.warehouse import read_views
from tasks.warehouse.tallies.measures import _BINS_OF_MEASURES, BINS


def find_repeated(pattern: str) -> Iterator[tuple[str, str]]:
    for path in Path(data_contracts.__path__[0]).rglob("*.sql"):
        yield from re.findall(pattern, path.read_text("utf-8"))


def test_a_rating_says_the_same_sentiment_in_every_query() -> None:
    bounds = {(">=", str(POSITIVE_STARS[0])), ("<=", str(NEGATIVE_STARS[1]))}
    assert set(find_repeated(r"given_rating ([<>]=?) (\d+)")) == bounds


def test_the_interval_of_a_mean_rating_ends_where_ratings_do() -> None:
    found = re.findall(r"(greatest|least)\((\d+), rating [-+]", read_views())
    assert found == [("greatest", str(LOWEST_STARS)), ("least", str(HIGHEST_STARS))]


def test_the_lowest_threshold_of_drift_is_that_of_the_code() -> None:
    assert re.findall(r"greatest\(([\d.]+), critical_value", read_views()) == [str(SMALLEST_PSI)]


def test_the_bins_of_the_view_are_those_of_the_distributions() -> None:
    assert set(re.findall(r"range\((\d+)\)|min\(bin\) / (\d+)$", read_views(), re.MULTILINE)) == {
        (str(BINS), ""),
        ("", str(BINS)),
    }
    assert "10 ** (min(bin) / 8)" in read_views()
    assert "8 * log10(greatest(token_count, 1))" in _BINS_OF_MEASURES["token_count"]
