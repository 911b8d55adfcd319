"""The plan by which one file is read: which columns become ours, and how their values are written.

Inference makes a plan from the file itself; a profile of its source states one. The readers only apply it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

DateStyle = Literal["clear", "iso", "epoch", "day_first", "month_first", "pattern"]


@dataclass(frozen=True)
class DateFormat:
    """How the dates of a column are written."""

    style: DateStyle = "clear"
    """`clear`: what can be read in one way only: ISO 8601, an epoch, the year first, the month as a word.
    `iso`, `epoch`: only this. `day_first`, `month_first`: numbers in this order, and what is clear.
    `pattern`: only what fits `pattern`."""
    pattern: str | None = None
    """The format for `datetime.strptime`; only with the style `pattern`."""
    zone: str = "UTC"
    """The time zone, by its IANA name, of times without one."""


@dataclass(frozen=True)
class RatingScale:
    """How the ratings of a column are written."""

    lowest: float = 1
    highest: float = 10
    decimal_comma: bool = False
    """The decimal separator is a comma; else it is a point."""
    words: Mapping[str, float] | None = None
    """Word, in any case -> its rating on this scale."""
    only_words: bool = False
    """Numbers are no ratings."""


@dataclass(frozen=True)
class Doubt:
    """A column whose values are kept as found in `extra`, because they could be read in several ways."""

    field: str
    """Our column."""
    column: str
    """Its name in the file."""
    reason: str
    """What was found, and the readings between which the file does not decide."""
    values: tuple[str, ...] = ()
    """For labels, some of those that were found; for ratings, the lowest and the highest of the likeliest scale."""


_NAMED_COLUMNS = ("review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "author")


@dataclass(frozen=True)
class ReadingPlan:
    """How the columns of one file become ours.

    Columns are named as in the file; if no column has exactly that name, case, spaces and `_-.` are ignored.
    """

    text: tuple[str, ...] = ()
    """The columns of the text, joined by blank lines in this order; the last one is the body."""
    review_id: str | None = None
    movie_id: str | None = None
    reviewed_at: str | None = None
    given_label: str | None = None
    given_rating: str | None = None
    author: str | None = None
    """The column that `extra` keeps under the name `author`."""
    constant_movie_id: str | None = None
    """The movie id of each row that has none of its own."""
    keep_further: bool = True
    """All other columns are kept in `extra`."""
    known_names: bool = True
    """Columns that the plan does not name are found by their known names; else they are further columns."""
    ids_hold: bool = True
    """A review id names the same review in all files; else it is kept in `extra` only."""
    dates: DateFormat | None = None
    """None: in doubt; dates are kept as found."""
    ratings: RatingScale | None = None
    """None: in doubt; a rating is kept as found, unless it states its own scale, such as `4/5`."""
    labels: Mapping[str, str | None] | None = None
    """Label in the file -> 'positive', 'negative' or None for no label. None: in doubt; labels are kept as found."""
    has_ratings: bool = True
    """Some rows of the file have a rating, if a column is that of ratings."""
    doubts: tuple[Doubt, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Our column -> why the file's column became ours, and how its values are read."""

    def names_columns(self) -> bool:
        """Return whether the plan names any column."""
        return bool(self.text) or any(
            (
                self.review_id,
                self.movie_id,
                self.reviewed_at,
                self.given_label,
                self.given_rating,
                self.author,
            )
        )

    def list_names(self) -> list[str]:
        """Return the names of all columns that the plan names, those of the text first."""
        named = (getattr(self, ours) for ours in _NAMED_COLUMNS)
        return [*self.text, *(name for name in named if name is not None)]

    def reads_like(self, other: "ReadingPlan") -> bool:
        """Return whether both make the same of the values of a file, whose columns are ours already."""
        ours, others = (
            (
                each.dates,
                each.ratings,
                each.labels,
                each.constant_movie_id,
                each.has_ratings,
                each.given_rating,
            )
            for each in (self, other)
        )
        return ours == others

    def name_column(self, ours: str) -> str | None:
        """Return the file's column that the plan names for one of ours other than the text."""
        name: str | None = getattr(self, ours)
        return name


def dump_plan(plan: ReadingPlan) -> dict[str, Any]:
    """Return a plan as values that JSON has; `load_plan` reverts it."""
    return asdict(plan)


def load_plan(values: Mapping[str, Any]) -> ReadingPlan:
    """Return the plan of the values that `dump_plan` returned, after JSON has carried them."""
    unknown = values.keys() - {each.name for each in fields(ReadingPlan)}
    if unknown:
        raise ValueError(f"a reading plan has no {', '.join(sorted(unknown))}")
    dates, ratings = values.get("dates"), values.get("ratings")
    return ReadingPlan(
        **{
            **values,
            "text": tuple(values.get("text", ())),
            "dates": dates and DateFormat(**dates),
            "ratings": ratings and RatingScale(**ratings),
            "doubts": tuple(map(_load_doubt, values.get("doubts", ()))),
        }
    )


def _load_doubt(values: Mapping[str, Any]) -> Doubt:
    """Return the doubt of values that JSON has carried."""
    return Doubt(**{**values, "values": tuple(values.get("values", ()))})
