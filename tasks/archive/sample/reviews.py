"""Generates the sample's reviews: invented titles, some liked and some disliked, and texts that fit the ratings.

The text of a review shows its sign (positive or negative) and its strength. Many reviews first report the opposite
opinion of other people, or concede a point, before the writer's own verdict.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tasks.archive.sample.sentences import (
    AGREEMENTS,
    ASIDES,
    CLOSINGS,
    CONCESSIONS,
    HEARSAY,
    OPENINGS,
    PLOT,
    SHORT,
    TURNS,
    VERDICTS,
    Draw,
    Slots,
    make_sentence,
    pick,
)
from tasks.archive.sample.words import COMMON, NAME_PARTS, TITLE_PATTERNS, TITLE_WORDS, list_opinion_words

FEWEST_PER_TITLE, MOST_PER_TITLE = 10, 30
CONTRARY_SHARE = 0.04
"""Share of reviews whose text contradicts their rating: label noise."""
SHORT_SHARE = 0.08
LONG_SHARE = 0.025
AGREEING_SHARE = 0.3
"""Share of the reviews with hearsay in which the writer agrees with the other people."""
CLOSING_SHARE = 0.08
PARAGRAPHS_SHARE = 0.3
BREAK = "<br /><br />"

_LEVEL_LIMITS = ((0.65, 0.97), (0.30, 0.88), (0.08, 0.55), (0.00, 0.18))
"""For strengths 0 to 3: a number drawn below the first limit makes a mild sentence, below the second a plain one,
otherwise a strong one."""
_SHAPE_LIMITS = ((0.22, 0.52), (0.30, 0.62), (0.38, 0.74), (0.45, 0.84))
"""For strengths 0 to 3: a number drawn below the first limit makes a review of the verdict alone, below the second one
that begins with hearsay, otherwise one that begins with concessions."""


@dataclass(frozen=True)
class Opinion:
    """The opinion of a movie that a generated review gives in a few sentences."""

    sign: int
    """1 if it is positive, -1 if it is negative."""
    strength: int
    """0 to 3."""


@dataclass(frozen=True)
class Review:
    """One review: `sign` is 1 if it is rated positive, -1 if negative; `rating` is 1 to 10 stars."""

    movie_id: str
    title: str
    sign: int
    rating: int
    text: str


@dataclass(frozen=True)
class Title:
    """One invented title, and its numbers of positive and negative reviews."""

    movie_id: str
    name: str
    slots: Slots
    """The fillings of the slots that belong to this title: its name, its people, its story."""
    positive: int
    negative: int


def make_reviews(seed: int, first_movie: int, per_label: int, names_seen: set[str]) -> Iterator[Review]:
    """Yield `per_label` positive and as many negative reviews, title after title.

    Movie ids are numbered from `first_movie`. No title gets a name in `names_seen`; the new names are added to it.
    """
    draw = Random(seed).random  # noqa: S311 (chance for prose, not for secrets)
    for title in _make_titles(first_movie, per_label, names_seen, draw):
        for sign, count in ((1, title.positive), (-1, title.negative)):
            for _ in range(count):
                yield _make_review(title, sign, draw)


def _make_titles(first_movie: int, per_label: int, names_seen: set[str], draw: Draw) -> Iterator[Title]:
    """Yield titles in pairs, a liked one and one with the opposite counts, so that both labels get as many reviews."""
    movie = first_movie
    while per_label > 0:
        reviews = _draw_size(per_label, draw)
        liked = round(reviews * (0.55 + 0.43 * draw()))
        for positive in (liked, reviews - liked):
            slots = _invent_title(names_seen, draw)
            yield Title(f"tt{movie:07d}", slots["title"][0], slots, positive, reviews - positive)
            movie += 1
        per_label -= reviews


def _draw_size(left: int, draw: Draw) -> int:
    """Draw a title's number of reviews; leave either none or enough for one more title."""
    if left <= MOST_PER_TITLE:
        return left
    drawn = FEWEST_PER_TITLE + int(draw() * (MOST_PER_TITLE - FEWEST_PER_TITLE + 1))
    return min(drawn, left - FEWEST_PER_TITLE)


def _invent_title(names_seen: set[str], draw: Draw) -> dict[str, Sequence[str]]:
    """Invent the slots of a title: its people, its story, and a name that is not yet in `names_seen`; add it there."""
    slots = {role: _invent_person(draw) for role in ("director", "lead", "rival", "composer")}
    for role, kind in (("hero", "first"), ("partner", "first"), ("villain", "first"), ("town", "town")):
        slots[role] = (_invent_name(kind, draw),)
    slots["festival"] = (_invent_name("town", draw),)
    slots["village"] = tuple(_invent_name("town", draw) for _ in range(3))
    slots["extra"] = tuple(_invent_person(draw)[0] for _ in range(5))
    for slot, source in (("hero_job", "job"), ("treasure", "thing"), ("genre", "genre"), ("era", "era")):
        slots[slot] = (pick(COMMON[source], draw),)
    slots["other_title"] = (_name_title(slots, draw),)
    name = _name_title(slots, draw)
    while name in names_seen:
        name = _name_title(slots, draw)
    names_seen.add(name)
    return {**slots, "title": (name,)}


def _name_title(slots: Slots, draw: Draw) -> str:
    """Invent the name of a title."""
    return make_sentence(pick(TITLE_PATTERNS, draw), {**slots, **TITLE_WORDS}, draw)


def _invent_person(draw: Draw) -> tuple[str, ...]:
    """Return the two ways to mention an invented person: the full name and the last name."""
    last_name = _invent_name("last", draw)
    return f"{_invent_name('first', draw)} {last_name}", last_name


def _invent_name(kind: str, draw: Draw) -> str:
    """Invent a name of a kind from parts of names."""
    return "".join(pick(part, draw) for part in NAME_PARTS[kind])


def _make_review(title: Title, sign: int, draw: Draw) -> Review:
    """Return a review of a title: its rating, and a text that mostly fits the rating."""
    strength = _draw_strength(title, sign, draw)
    rating = 7 + strength if sign == 1 else 4 - strength
    text_sign = -sign if draw() < CONTRARY_SHARE else sign
    text = _join(_compose(text_sign, strength, title.slots, draw), draw)
    return Review(title.movie_id, title.name, sign, rating, text)


def _draw_strength(title: Title, sign: int, draw: Draw) -> int:
    """Draw the strength of an opinion, 0 to 3: the larger its share of the title's reviews, the stronger."""
    agreeing = title.positive if sign == 1 else title.negative
    share = agreeing / (title.positive + title.negative)
    return max(0, min(3, int(4 * ((draw() + draw()) / 2 + 0.5 * (share - 0.5)))))


def _compose(sign: int, strength: int, slots: Slots, draw: Draw) -> list[str]:
    """Compose the sentences of one review; its sign is that of the writer's verdict, near the end."""
    if draw() < SHORT_SHARE:
        return _make_opinions(_choose(SHORT, 1, draw), Opinion(sign, strength), slots, draw)
    before, turn = _make_preface(sign, strength, slots, draw)
    verdicts = _choose(VERDICTS, 3 + int(draw() * 3), draw)
    verdict = _make_opinions(verdicts, Opinion(sign, strength), slots, draw, turn)
    story = _make_story(_draw_story_length(draw), slots, draw)
    split_at = max(1, int(len(story) * (0.7 + 0.3 * draw())))
    closing = [make_sentence(pick(CLOSINGS, draw), slots, draw)] if draw() < CLOSING_SHARE else []
    return [*story[:split_at], *before, *story[split_at:], *verdict, *closing]


def _make_preface(sign: int, strength: int, slots: Slots, draw: Draw) -> tuple[list[str], str]:
    """Return the opinions before the verdict, often of the opposite sign, and the words that introduce the verdict."""
    straight_below, hearsay_below = _SHAPE_LIMITS[strength]
    shape, count, level = draw(), 2 + int(draw() * 3), int(draw() * 4)
    if shape < straight_below:
        return [], ""
    if shape >= hearsay_below:
        concessions = _choose(CONCESSIONS, count, draw)
        return _make_opinions(concessions, Opinion(-sign, level), slots, draw), pick(TURNS, draw)
    agrees = draw() < AGREEING_SHARE
    opinion = Opinion(sign if agrees else -sign, level)
    hearsay = _make_opinions(_choose(HEARSAY, count, draw), opinion, slots, draw)
    return hearsay, pick(AGREEMENTS if agrees else TURNS, draw)


def _make_opinions(
    frames: Sequence[str], opinion: Opinion, slots: Slots, draw: Draw, turn: str = ""
) -> list[str]:
    """Return a sentence of one opinion for each frame.

    `turn` introduces them: as a sentence of its own if it ends with a full stop, else at the start of the first one.
    """
    mild_below, plain_below = _LEVEL_LIMITS[opinion.strength]
    sentences, turn = ([turn], "") if turn.endswith(".") else ([], turn)
    for frame in frames:
        chance = draw()
        level = 0 if chance < mild_below else 1 if chance < plain_below else 2
        filled = {**slots, **list_opinion_words(opinion.sign, level)}
        sentences.append(make_sentence(f"{turn} {frame}" if turn else frame, filled, draw))
        turn = ""
    return sentences


def _choose(frames: Sequence[str], count: int, draw: Draw) -> Sequence[str]:
    """Draw `count` different frames."""
    return _shuffle(frames, draw)[:count]


def _make_story(least_words: int, slots: Slots, draw: Draw) -> list[str]:
    """Return an opening, then sentences of plot and asides until there are at least `least_words` words."""
    sentences = [make_sentence(pick(OPENINGS, draw), slots, draw)]
    written = sentences[0].count(" ") + 1
    frames: list[str] = []
    while written < least_words:
        frames = frames or _shuffle(PLOT + ASIDES, draw)
        sentences.append(make_sentence(frames.pop(), slots, draw))
        written += sentences[-1].count(" ") + 1
    return sentences


def _draw_story_length(draw: Draw) -> int:
    """Draw how many words of story a review has: mostly under 180, for a few reviews up to 1,330."""
    if draw() < LONG_SHARE:
        return 300 + int(draw() * 1_030)
    return int(180 * draw() * draw())


def _shuffle(items: Sequence[str], draw: Draw) -> list[str]:
    """Return the items in a random order.

    `random.shuffle` may change with the Python version, and the sample may not.
    """
    shuffled = list(items)
    for last in range(len(shuffled) - 1, 0, -1):
        other = int(draw() * (last + 1))
        shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
    return shuffled


def _join(sentences: Sequence[str], draw: Draw) -> str:
    """Join the sentences to a text, at random with paragraphs, in lower case, or with exclamation marks."""
    habit, paragraphs = draw(), draw() < PARAGRAPHS_SHARE
    text = sentences[0]
    for sentence in sentences[1:]:
        text += (BREAK if paragraphs and draw() < 0.3 else " ") + sentence
    if habit < 0.05:
        return text.lower()
    return text.replace(".", "!") if habit > 0.96 else text
