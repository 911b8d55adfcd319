"""Finds what the names of a file's columns leave open: second columns that may be ours as well, names of other things.

Of two columns that may be ours the first is read, unless their values show that they are not one.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from tasks.review_files.inference.column_facts import FileFacts, RatingFacts, is_uneven
from tasks.review_files.inference.known_column_names import (
    COLUMN_NAMES,
    OTHER_TARGET,
    RATINGS_OF_MOVIES,
    RATINGS_OF_WRITERS,
)
from tasks.review_files.plans.dates import fits_order, parse_clear, split_numeric
from tasks.review_files.plans.labels import LABELS, clean_label
from tasks.review_files.plans.missing_words import is_nothing
from tasks.review_files.plans.normalized_names import NAME_READ, normalize_known, quote_name, strip_remarks
from tasks.review_files.plans.ratings import HUNDRED, find_rating

VALUE_COLUMNS = ("reviewed_at", "given_label", "given_rating")
"""Our columns whose values are written in many ways."""
RIVALS = {ours: f"rival of {ours}" for ours in VALUE_COLUMNS}
"""Our column -> our key of a second one that may be it as well. It is kept as a further column too."""
_COPY = re.compile(r"(?:\.\d{1,2}|_right|_duplicated_\d{1,2})\s*\Z")
"""What pandas and Polars add to the name of a column that is called as one before it."""
_EVENT = re.compile(
    r"[(\[][^)\]]*\b(?:stay|visit(?:ed)?|experience|check[ _-]?(?:in|out)|arrival|departure|travel|trip|booking|booked|"
    r"watched)\s*[)\]]",
    re.IGNORECASE,
)
"""A remark whose last word says that a date is that of what was reviewed."""
OF_EVENT = "by its name it may be when what is reviewed took place, not when the review was written"
_SAME_NAME = "a second column of that name, of which a profile reads the first,"
_MAY_BE = " may be it as well, and has other values in some rows"
_OF_TARGET = ", beside it, may say what its numbers are of"
_NUMBERS = {"0", "1"}
"""Labels that may be of anything."""


def strip_copies(names: Sequence[str], bare: Sequence[str]) -> list[str]:
    """Return n normalised names, those of dates, labels and ratings as they were before a program told them apart.

    `rating.1` after a `rating` is `rating` too. `stars_x` is not `stars`: nobody knows which of two `stars` it was.
    """
    known = {name for ours in VALUE_COLUMNS for name in normalize_known(COLUMN_NAMES[ours])}
    stems = [strip_remarks(_COPY.sub("", name[:NAME_READ])) for name in names]
    first = {name: place for place, name in reversed(list(enumerate(bare)))}
    pairs = enumerate(zip(stems, bare, strict=True))
    return [
        stem if stem in known and first.get(stem, place) < place else left for place, (stem, left) in pairs
    ]


def find_rivals(
    names: Sequence[str], bare: Sequence[str], known: Mapping[str, int], has_platform: bool
) -> dict[str, int]:
    """Return, by `RIVALS`, the positions of second columns that may be ours as well as those that are `known`."""
    rivals: dict[str, int] = {}
    for ours in filter(known.__contains__, VALUE_COLUMNS):
        place = known[ours]
        others = [at for at, name in enumerate(bare) if name == bare[place] and at != place]
        others = [at for at in others if not _is_event(names[at])]
        if ours == "given_rating" and not others and not has_platform:
            others = _list_of_writers(names, bare, place)
        rivals |= {RIVALS[ours]: others[0]} if others else {}
    return rivals


def _list_of_writers(names: Sequence[str], bare: Sequence[str], place: int) -> list[int]:
    """Return the positions of ratings that are the writer's by their names, beside one that may be the movie's.

    `user.rating` is none of them: it is what an object `user` says of itself.
    """
    if bare[place] not in normalize_known(RATINGS_OF_MOVIES):
        return []
    writers = normalize_known(RATINGS_OF_WRITERS)
    return [at for at, name in enumerate(bare) if name in writers and "." not in names[at]]


def find_differing(columns: Mapping[str, pa.ChunkedArray]) -> frozenset[str]:
    """Return our columns, of those with n texts, of which a second one has other values in some rows.

    Rows in which one of both has none say nothing, nor do values that are no dates, labels or ratings.
    """
    pairs = {ours: rival for ours, rival in RIVALS.items() if columns.keys() >= {ours, rival}}
    listed = {ours: _list_unequal(columns[ours], columns[rival]) for ours, rival in pairs.items()}
    return frozenset(ours for ours, found in listed.items() if found and _DIFFER[ours](found))


def _list_unequal(column: pa.ChunkedArray, other: pa.ChunkedArray) -> list[tuple[str, str]]:
    """Return different pairs of unequal texts of two columns, both of which say something."""
    if len(column) != len(other):
        return []  # in JSON lines of which some have another key for it, which leaves it in doubt
    unequal = pc.fill_null(pc.not_equal(column, other), False)
    pairs = pa.table({"one": column, "two": other}).filter(unequal).group_by(["one", "two"]).aggregate([])
    texts = (each.to_pylist() for each in pairs.select(["one", "two"]).columns)
    return [pair for pair in zip(*texts, strict=True) if not any(map(is_nothing, pair))]


def _differ_as_dates(pairs: Iterable[tuple[str, str]]) -> bool:
    """Return whether texts are dates of different days; those of one moment may be a day apart, by their time zones."""
    days = ((_list_days(one), _list_days(two)) for one, two in pairs)
    return any(
        one and two and all(abs((each - other).days) > 1 for each in one for other in two)
        for one, two in days
    )


def _list_days(text: str) -> list[datetime]:
    """Return the moments that a text may mean, without their time of day; [] if it is no date."""
    try:
        moments = [parse_clear(text)]
    except ValueError:
        moments = _list_numeric(text)
    return [datetime(each.year, each.month, each.day) for each in moments if each is not None]


def _list_numeric(text: str) -> list[datetime | None]:
    """Return the days that a date with the year last may be, in both orders of day and month; [] if it is none."""
    if (date := split_numeric(text)) is None:
        return []
    numbers = {True: (date.second, date.first), False: (date.first, date.second)}
    return [datetime(date.year, *each) for day_first, each in numbers.items() if fits_order(date, day_first)]


def _differ_as_labels(pairs: Iterable[tuple[str, str]]) -> bool:
    """Return whether texts are labels of different sentiments: `pos` is `positive`; a topic says nothing."""
    meanings = ((LABELS.get(clean_label(one)), LABELS.get(clean_label(two))) for one, two in pairs)
    return any(one and two and one != two for one, two in meanings)


def _differ_as_ratings(pairs: Iterable[tuple[str, str]]) -> bool:
    """Return whether texts are different numbers: `0.50` is `0.5`, and `8/10` is `8`."""
    found = ((find_rating(one), find_rating(two)) for one, two in pairs)
    return any(one.value != two.value for one, two in found if one and two)


_DIFFER = dict(zip(VALUE_COLUMNS, (_differ_as_dates, _differ_as_labels, _differ_as_ratings), strict=True))


def doubt_names(facts: FileFacts) -> dict[str, str]:
    """Return why our columns may be of other things, by their names and by those beside them."""
    doubts = {"reviewed_at": OF_EVENT} if any(map(_is_event, facts.origins.get("reviewed_at", ()))) else {}
    return {**doubts, **_doubt_target(facts), **_doubt_rivals(facts)}


def _is_event(name: str) -> bool:
    """Return whether a date is that of what was reviewed by the remark in its name."""
    return _EVENT.search(name[:NAME_READ]) is not None


def _doubt_target(facts: FileFacts) -> dict[str, str]:
    """Return why labels of 0 and 1 are in doubt: a column such as `toxicity` beside them has such numbers as well."""
    labels, targets = facts.labels.labels, facts.targets
    if not labels or not labels <= _NUMBERS or not targets or min(targets) < 0 or max(targets) > 1:
        return {}
    return {"given_label": quote_name(min(facts.origins[OTHER_TARGET])) + _OF_TARGET}


def _doubt_rivals(facts: FileFacts) -> dict[str, str]:
    """Return why our columns are in doubt beside second ones that may be these as well, and have other values.

    Of two ratings, one that all rows of a movie share is that of the movie, if the other one is none. So is one of
    decimals beside one of none.
    """
    found = {ours: min(facts.origins[RIVALS[ours]]) for ours in facts.differing}
    are_of_movies = facts.rival_by_movie.are_alike and facts.by_movie.vary
    are_averages = _are_uneven(facts.rival_ratings) and not _are_uneven(facts.ratings)
    if are_of_movies or are_averages or not may_be_given(facts.rival_ratings):
        found.pop("given_rating", None)
    return {ours: f"{_name(rival, facts.origins[ours])}{_MAY_BE}" for ours, rival in found.items()}


def _are_uneven(ratings: RatingFacts) -> bool:
    """Return whether at least half of the different ratings are decimals such as 7.8, which writers hardly give."""
    uneven = sum(map(is_uneven, ratings.values))
    return bool(ratings.values) and 2 * uneven >= len(ratings.values)


def may_be_given(ratings: RatingFacts) -> bool:
    """Return whether the ratings of a column may be what writers gave: several, and none beyond all scales."""
    several = len(ratings.values) + ratings.has_zero > 1 or ratings.own_highest or ratings.most_symbols
    return bool(several) and ratings.lowest >= 0 and ratings.highest <= HUNDRED.highest


def _name(rival: str, origins: Collection[str]) -> str:
    """Return the name of a second column for a message, which says how a profile tells it from the first."""
    return _SAME_NAME if rival in origins else quote_name(rival)
