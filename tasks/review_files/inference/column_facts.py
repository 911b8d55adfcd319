"""What all values of a column show of how they are written; the facts of batches are merged into those of a file.

Only a bounded number of different values is kept, whatever the size of the file.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.review_files.inference.date_facts import DateFacts
from tasks.review_files.plans.labels import clean_label
from tasks.review_files.plans.missing_words import is_nothing
from tasks.review_files.plans.ratings import FIVE, HIGHEST_OF_TWENTY, FoundRating, find_rating
from tasks.review_files.plans.reading_plan import Doubt

MOST_KEPT = 60
"""Most different values of a column that are kept."""
_REAL_SHARE = 0.1
"""The share of ratings above five from which on a scale to ten is no typing error."""
_REAL_SHARE_OF_HUNDRED = 0.5
"""The share of ratings above 20 from which on they are out of 100: `45` may be 4,5 without its comma."""
_LARGEST_SHARE_OF_NONE = 1 / 3
"""The share of ratings above five up to which these may stand for no answer."""

_NONE: frozenset[str] = frozenset()
_MOST_PAIRS = 1000
_MOST_MOVIES = 1000
"""Most movies of which the ratings are kept."""
_ROWS_TRIED_FIRST = 5000
"""Rows of a part that are looked at alone: where writers gave the ratings, these show it nearly always."""
_FEWEST_SHARED, _FEWEST_MOVIES, _FEWEST_ROWS = 3, 2, 9
"""Rows of a movie, such movies, and rows of all of them, from which on a rating that they share may be its average."""


@dataclass(frozen=True)
class RatingFacts:
    """The ratings of a column. The bounds are of plain numbers, which do not state their scale."""

    plain: int = field(default=0, compare=False)
    """Rows with a plain number."""
    not_zero: int = field(default=0, compare=False)
    """Those with another one than 0. Rows are counted since a few typing errors decide nothing."""
    above_five: int = field(default=0, compare=False)
    above_twenty: int = field(default=0, compare=False)
    lowest: float = float("inf")
    """The lowest above 0, since 0 often means that there is no rating."""
    highest: float = float("-inf")
    has_zero: bool = False
    commas: bool = False
    points: bool = False
    most_symbols: float = 0
    """The most symbols, such as ★, of a rating that does not show its highest one."""
    own_highest: frozenset[int] = frozenset()
    """The scales that ratings state, by their highest rating: 5 for `4/5`."""
    words: frozenset[str] = frozenset()
    """Values that are no rating."""
    values: frozenset[float] = frozenset()
    """The different plain numbers other than 0."""
    bare: bool = False
    """Some plain numbers are without the word star."""
    few_above_five: bool = field(init=False, default=False)
    few_above_twenty: bool = field(init=False, default=False)
    many_above_five: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Set what the counts show, since facts are compared by it: equal facts are judged alike."""
        object.__setattr__(self, "few_above_five", self.above_five < _REAL_SHARE * self.not_zero)
        few = self.above_twenty < _REAL_SHARE_OF_HUNDRED * self.not_zero
        object.__setattr__(self, "few_above_twenty", few)
        many = self.above_five > _LARGEST_SHARE_OF_NONE * self.not_zero
        object.__setattr__(self, "many_above_five", many)

    def has_any(self) -> bool:
        """Return whether there is a rating, as a number, as symbols or in words."""
        return bool(self.values or self.has_zero or self.most_symbols or self.own_highest or self.words)

    def merge(self, other: "RatingFacts") -> "RatingFacts":
        """Return the facts of both."""
        return RatingFacts(
            self.plain + other.plain,
            self.not_zero + other.not_zero,
            self.above_five + other.above_five,
            self.above_twenty + other.above_twenty,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            self.has_zero or other.has_zero,
            self.commas or other.commas,
            self.points or other.points,
            max(self.most_symbols, other.most_symbols),
            _limit(self.own_highest | other.own_highest),
            _limit(self.words | other.words),
            _limit(self.values | other.values),
            self.bare or other.bare,
        )


@dataclass(frozen=True)
class LabelFacts:
    """The different labels of a column, as plans list them; at most `MOST_KEPT`."""

    labels: frozenset[str] = frozenset()

    def merge(self, other: "LabelFacts") -> "LabelFacts":
        """Return the facts of both."""
        return LabelFacts(_limit(self.labels | other.labels))


@dataclass(frozen=True)
class MovieRatings:
    """Whether the ratings are those of the movies, not of the writers: all rows of a movie have the same one."""

    shared: Mapping[str, tuple[str, int]] = field(default_factory=dict, compare=False)
    """Movie -> its only rating, and its rows; of the first movies by name. Empty if a movie has several ratings."""
    vary: bool = False
    """A movie has several ratings."""
    are_alike: bool = field(init=False, default=False)
    """Several movies of several rows have one rating each."""
    are_averages: bool = field(init=False, default=False)
    """So they do, and these are decimals such as 7.8."""

    def __post_init__(self) -> None:
        """Set what the ratings show, since facts are compared by it."""
        found = [
            (_is_uneven_text(rating), rows) for rating, rows in self.shared.values() if rows >= _FEWEST_SHARED
        ]
        is_several = len(found) >= _FEWEST_MOVIES and sum(rows for _, rows in found) >= _FEWEST_ROWS
        uneven = sum(is_uneven for is_uneven, _ in found)
        object.__setattr__(self, "are_alike", is_several)
        object.__setattr__(self, "are_averages", is_several and 2 * uneven >= len(found))

    def merge(self, other: "MovieRatings") -> "MovieRatings":
        """Return the facts of both."""
        if self.vary or other.vary:
            return MovieRatings(vary=True)
        merged = dict(self.shared)
        for movie, (rating, rows) in other.shared.items():
            known, before = merged.get(movie, (rating, 0))
            if known != rating:
                return MovieRatings(vary=True)
            merged[movie] = (rating, before + rows)
        return MovieRatings(dict(sorted(merged.items())[:_MOST_MOVIES]))


@dataclass(frozen=True)
class FileFacts:
    """The facts of the values of a file, and the names of its columns."""

    names: tuple[str, ...] = ()
    origins: dict[str, frozenset[str]] = field(default_factory=dict)
    """Our column -> the file's columns that it comes from."""
    dates: DateFacts = field(default_factory=DateFacts)
    ratings: RatingFacts = RatingFacts()
    labels: LabelFacts = LabelFacts()
    highest: frozenset[float] = frozenset()
    """What columns beside the ratings state as the highest one."""
    lowest: frozenset[float] = frozenset()
    answers: LabelFacts = LabelFacts()
    """What a column beside the labels says of them."""
    other_labels: LabelFacts = LabelFacts()
    """Those of a second column of labels."""
    label_pairs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Labels of both columns -> the rows that have them; of the first pairs by name."""
    by_movie: MovieRatings = MovieRatings()
    has_movies: bool = False
    """Some rows with a text have a movie."""
    has_texts: bool = False
    headings: frozenset[str] = frozenset()
    """Some movies of rows without a text."""
    doubts: tuple[Doubt, ...] = ()
    """What the reader of the format leaves open, each once."""
    differing: frozenset[str] = frozenset()
    """Our columns of which a second one, which may be it as well, has other values in some rows."""
    rival_ratings: RatingFacts = RatingFacts()
    """The ratings of such a second column."""
    rival_by_movie: MovieRatings = MovieRatings()
    """Whether these are those of the movies."""
    targets: frozenset[float] = frozenset()
    """The numbers of a column that may say what labels are of."""

    def merge(self, other: "FileFacts") -> "FileFacts":
        """Return the facts of both."""
        ours = self.origins.keys() | other.origins.keys()
        names = self.names if self.names == other.names else tuple(dict.fromkeys((*self.names, *other.names)))
        return FileFacts(
            names[:10_000],
            {name: self.origins.get(name, _NONE) | other.origins.get(name, _NONE) for name in ours},
            self.dates.merge(other.dates),
            self.ratings.merge(other.ratings),
            self.labels.merge(other.labels),
            _limit(self.highest | other.highest),
            _limit(self.lowest | other.lowest),
            self.answers.merge(other.answers),
            self.other_labels.merge(other.other_labels),
            _limit_pairs(Counter(self.label_pairs) + Counter(other.label_pairs)),
            self.by_movie.merge(other.by_movie),
            self.has_movies or other.has_movies,
            self.has_texts or other.has_texts,
            _limit(self.headings | other.headings),
            tuple(dict.fromkeys((*self.doubts, *other.doubts))),
            self.differing | other.differing,
            self.rival_ratings.merge(other.rival_ratings),
            self.rival_by_movie.merge(other.rival_by_movie),
            _limit(self.targets | other.targets),
        )


def find_rating_facts(column: pa.Array) -> RatingFacts:
    """Return the facts of n texts that are ratings."""
    counts = _count_values(column)
    found = {text: find_rating(text) for text in counts}
    ratings = [rating for rating in found.values() if rating is not None]
    plain = {text: each.value for text, each in found.items() if each and _is_plain(each)}
    above = {text: value for text, value in plain.items() if value != 0}
    return RatingFacts(
        sum(counts[text] for text in plain),
        sum(counts[text] for text in above),
        sum(counts[text] for text, value in above.items() if value > FIVE.highest),
        sum(counts[text] for text, value in above.items() if value > HIGHEST_OF_TWENTY),
        min(above.values(), default=math.inf),
        max(above.values(), default=-math.inf),
        len(above) < len(plain),
        any(rating.comma for rating in ratings),
        any(rating.value % 1 != 0 and not rating.comma and not rating.symbols for rating in ratings),
        _count_symbols(ratings),
        _limit(rating.highest for rating in ratings if rating.highest is not None),
        _limit(text.strip().casefold()[:60] for text, rating in found.items() if rating is None),
        _limit(above.values()),
        not all(rating.stars for rating in ratings if _is_plain(rating)),
    )


def find_movie_ratings(movies: pa.ChunkedArray, ratings: pa.ChunkedArray) -> MovieRatings:
    """Return the facts of the n ratings of n movies."""
    if len(movies) != len(ratings):
        return MovieRatings()
    tried = (column.slice(0, _ROWS_TRIED_FIRST) for column in (movies, ratings))
    if len(ratings) > _ROWS_TRIED_FIRST and find_movie_ratings(*tried).vary:
        return MovieRatings(vary=True)
    values = ratings.combine_chunks().dictionary_encode()
    texts = values.dictionary.to_pylist()
    names = movies.combine_chunks().dictionary_encode()
    is_number = pa.array([find_rating(text) is not None for text in texts], pa.bool_()).take(values.indices)
    is_named = pc.not_equal(pc.ascii_trim_whitespace(names.dictionary), "").take(names.indices)
    used = pc.fill_null(pc.and_(is_number, is_named), False)
    rating, movie = (each.indices.filter(used).to_numpy() for each in (values, names))
    last = np.zeros(len(names.dictionary), dtype=rating.dtype)
    last[movie] = rating
    if (last[movie] != rating).any():
        return MovieRatings(vary=True)
    rows = np.bincount(movie, minlength=len(last))
    kept = pc.bottom_k_unstable(names.dictionary, _MOST_MOVIES).to_numpy()
    found = zip(names.dictionary.take(pa.array(kept)).to_pylist(), last[kept], rows[kept], strict=True)
    return MovieRatings({name: (texts[place], int(number)) for name, place, number in found if number})


def is_uneven(value: float) -> bool:
    """Return whether a rating is a decimal such as 7.8, which writers hardly give: neither whole nor with a half."""
    return value * 2 % 1 != 0


def _is_uneven_text(text: str | None) -> bool:
    """Return whether a text is such a rating."""
    found = None if text is None else find_rating(text)
    return found is not None and is_uneven(found.value)


def _count_values(column: pa.Array) -> dict[str, int]:
    """Return how many of n texts are each of those that are not blank nor a word for nothing."""
    values, counts = column.value_counts().flatten()
    pairs = zip(values.to_pylist(), counts.to_pylist(), strict=True)
    return {text: number for text, number in pairs if text is not None and not is_nothing(text)}


def _is_plain(rating: FoundRating) -> bool:
    """Return whether a rating is a plain number, which does not state its scale."""
    return rating.highest is None and not rating.symbols


def find_label_facts(column: pa.Array) -> LabelFacts:
    """Return the facts of n texts that are labels."""
    texts = column.unique().to_pylist()
    return LabelFacts(
        _limit(clean_label(text)[:60] for text in texts if text is not None and not is_nothing(text))
    )


def find_label_pairs(labels: pa.ChunkedArray, others: pa.ChunkedArray) -> Mapping[tuple[str, str], int]:
    """Return how many of n rows have each label with each of a second column."""
    if len(labels) != len(others):
        return {}  # in JSON lines of which some have another key for the label, which leaves labels in doubt
    found = (
        pa.table({"label": labels, "other": others})
        .group_by(["label", "other"])
        .aggregate([([], "count_all")])
    )
    pairs = Counter[tuple[str, str]]()
    for label, other, rows in zip(*(column.to_pylist() for column in found.columns), strict=True):
        if label and other:
            pairs[clean_label(label)[:60], clean_label(other)[:60]] += rows
    return _limit_pairs(pairs)


def _limit_pairs(pairs: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
    """Return the first of the pairs by name: more have no labels that are known."""
    return dict(sorted(pairs.items())[:_MOST_PAIRS])


def find_stated(column: pa.Array) -> frozenset[float]:
    """Return the different numbers of a column that states a bound of the ratings' scale."""
    texts = column.cast(pa.string()).drop_null().unique().slice(0, MOST_KEPT + 1).to_pylist()
    return _limit(rating.value for rating in map(find_rating, texts) if rating is not None)


def _count_symbols(ratings: Sequence[FoundRating]) -> float:
    """Return the most symbols of a rating that does not show its highest one; 0 if there is none.

    A `½` alone says nothing of the scale: it is half a star only beside stars.
    """
    shown = (each.value for each in ratings if each.symbols and each.highest is None)
    return max(filter(lambda value: value >= 1, shown), default=0)


def _limit(values: Iterable[object]) -> frozenset:  # type: ignore[type-arg]
    """Return at most `MOST_KEPT` + 1 of the values, which shows that there are more than `MOST_KEPT`."""
    kept = sorted(set(values), key=str)[: MOST_KEPT + 1]
    return frozenset(kept)
