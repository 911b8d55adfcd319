"""Makes up reviews, and what a person who looks at a file of them would say of it."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

FILMS = ("Harbour Lights", "The Ninth Orchard", "Paper Comet", "Salt & Ember", "Quiet Engines")
GOOD = ("a warm and patient film", "the best evening in months", "a lovely, clever script")
BAD = ("a dull and endless film", "a waste of a whole evening", "a lazy, noisy script")
MIDDLE = ("a film that is fine in parts", "an even mix of good and bad", "a script with two ideas")
PEOPLE = ("the lead", "my brother", "the whole room", "the director", "our neighbour")
DEEDS = ("carried every scene", "left at half time", "laughed twice", "never found the tone")
PLACES = ("at the old cinema", "on a small screen", "during the last act", "in the second half")
AUTHORS = ("ann.k", "Bo L.", "cinephile_77", "Dee", "J. Ortiz")
AWKWARD = (
    'He said "never again", twice; I say; why not?',
    "Tom &amp; I paid &pound;9, and it was fine by us.",
    "First half good.\nSecond half, not so much.\n\nStill, see it.",
    "Loved it \U0001f600\U0001f37f from start to end!",
    "Café scenes are – as ever – “naïve” and dull.",
    "Its = sign, 50% off, and\ta tab; all dull.",
)
NO_REVIEWS = ("", "N/A")
HEADLINES = ("Avoid", "Weak", "Mixed", "Good", "Superb")
FIRST_DAY = datetime(2024, 1, 25, 18, 3, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Review:
    """A review that nobody wrote."""

    number: int
    text: str
    stars: int
    film: int
    when: datetime

    @property
    def title(self) -> str:
        return FILMS[self.film]

    @property
    def author(self) -> str:
        return AUTHORS[self.number % len(AUTHORS)]

    @property
    def movie(self) -> str:
        return f"B00{self.film}FILM{self.film}"

    @property
    def imdb(self) -> str:
        return f"tt01112{self.film}7"

    @property
    def key(self) -> str:
        return f"R{self.number:03d}XK{self.number * 7919 % 9973:04d}"

    @property
    def headline(self) -> str:
        return HEADLINES[self.stars - 1]

    @property
    def good(self) -> bool:
        return self.stars > 3


def reviews(count: int, flat: bool = False, plain: bool = False, blanks: bool = True) -> list[Review]:
    """Returns reviews with awkward ones among them; flat ones have no line break in their text,
    plain ones no letter beyond cp1252, and without blanks each has a body."""
    chance = random.Random(count)
    made = [_review(number, chance) for number in range(1, count + 1)]
    awkward = list(AWKWARD)
    if flat:
        awkward = [text.replace("\n", " ").replace("\t", " ") for text in awkward]
    if plain:
        awkward = [text for text in awkward if "\U0001f600" not in text]
    bodies = awkward + (["", "N/A"] if blanks else [])
    for place, text in enumerate(bodies, start=2):
        made[place] = replace(made[place], text=text)
    return made


def _review(number: int, chance: random.Random) -> Review:
    stars = (5, 1, 4, 2, 3, 5, 4)[(number - 1) % 7]
    opinion = chance.choice(GOOD if stars > 3 else BAD if stars < 3 else MIDDLE)
    said = " ".join(chance.choice(words) for words in (PEOPLE, DEEDS, PLACES))
    when = FIRST_DAY + timedelta(days=3 * number, minutes=41 * number)
    return Review(number, f"It is {opinion}, and {said}. Seen {number} times.", stars, number % 5, when)


Column = Callable[[Review], Any] | None


@dataclass(frozen=True)
class Truth:
    """What a person would say of a file, review by review; a field that is None is not in the file."""

    texts: list[str]
    ids: list[str] | None = None
    movies: list[str] | None = None
    dates: list[str] | None = None
    """In ISO 8601 and in UTC, as far as they are stated."""
    ratings: list[float | None] | None = None
    """As written."""
    labels: list[str] | None = None
    of: int = 5
    """The best rating of the scale."""
    doubt: frozenset[str] = frozenset()
    """Fields that can't be settled by looking at the file."""


Made = tuple[bytes, Truth]


@dataclass(frozen=True)
class Export:
    """A file as a platform or tool writes it."""

    name: str
    make: Callable[[], Made]
    """Returns its content, and what a person would say of it."""


def export(name: str) -> Callable[[Callable[[], Made]], Export]:
    """Name the file whose content a function makes."""
    return lambda make: Export(name, make)


def truth(
    rows: list[Review],
    *,
    ids: Column = None,
    movies: Column = None,
    dates: Column = None,
    ratings: Column = None,
    labels: Column = None,
    of: int = 5,
    doubt: Iterable[str] = (),
) -> Truth:
    """Return what a person would say of these rows, of which those without a text are no reviews."""
    kept = [row for row in rows if row.text not in NO_REVIEWS]

    def column(get: Column) -> list[Any] | None:
        return None if get is None else [get(row) for row in kept]

    texts = [row.text for row in kept]
    found = (column(ids), column(movies), column(dates), column(ratings), column(labels))
    return Truth(texts, *found, of, frozenset(doubt))


def key(row: Review) -> str:
    return row.key


def number(row: Review) -> str:
    return str(row.number)


def movie(row: Review) -> str:
    return row.movie


def title(row: Review) -> str:
    return row.title


def imdb(row: Review) -> str:
    return row.imdb


def day(row: Review) -> str:
    return row.when.strftime("%Y-%m-%d")


def second(row: Review) -> str:
    return row.when.strftime("%Y-%m-%dT%H:%M:%S")


def stars(row: Review) -> float:
    return float(row.stars)


def tens(row: Review) -> float:
    return float(row.stars * 2)


def halves(row: Review) -> float:
    return row.stars - 0.5


def label(row: Review) -> str:
    return "positive" if row.good else "negative"


def slug(row: Review) -> str:
    return row.title.lower().replace(" ", "-")


def write_stars(row: Review) -> str:
    return "★" * row.stars + "☆" * (5 - row.stars)


def spaced(row: Review) -> str:
    return row.when.strftime("%Y-%m-%d %H:%M:%S")


def quote(text: str) -> str:
    """Return a quoted field whose quotes and line breaks are escaped by backslashes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\\n") + '"'
