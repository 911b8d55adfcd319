"""The reviews of the generated sample: invented titles of a certain quality, and what is written of each.

A review has a rating, the rating a strength, and the text shows both. In many reviews others speak first and
say the contrary, or the writer concedes a point before the verdict.
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
    Words,
    lay_out_opinion,
    pick,
    say,
)
from tasks.archive.sample.words import COMMON, NAME_PARTS, TITLE_PATTERNS, TITLE_WORDS

FEWEST_PER_TITLE, MOST_PER_TITLE = 10, 30
CONTRARY_SHARE = 0.04
"""Reviews whose text says the contrary of their rating: label noise."""
SHORT_SHARE = 0.08
LONG_SHARE = 0.025
AGREEING_SHARE = 0.3
"""Reviews with hearsay where the others were right."""
CLOSING_SHARE = 0.08
PARAGRAPHS_SHARE = 0.3
BREAK = "<br /><br />"

_LEVEL_LIMITS = ((0.65, 0.97), (0.30, 0.88), (0.08, 0.55), (0.00, 0.18))
"""By strength 0 to 3: below the first number an opinion is mild, below the second plain, else strong."""
_SHAPE_LIMITS = ((0.22, 0.52), (0.30, 0.62), (0.38, 0.74), (0.45, 0.84))
"""By strength 0 to 3: below the first number a review is straight, below the second hearsay, else mixed."""


@dataclass(frozen=True)
class Review:
    """One review: `sign` is 1 or -1 as rated, `rating` 1 to 10 stars."""

    movie_id: str
    title: str
    sign: int
    rating: int
    text: str


@dataclass(frozen=True)
class Title:
    """One invented title, and how many of its reviews are positive and negative."""

    movie_id: str
    name: str
    words: Words
    """What fills the slots that belong to this title: its name, its people, its story."""
    positive: int
    negative: int


def make_reviews(seed: int, first_movie: int, per_label: int, names_seen: set[str]) -> Iterator[Review]:
    """Make `per_label` positive and as many negative reviews, title after title.

    Movie ids count on from `first_movie`; no title gets a name of `names_seen`, which grows by the new ones.
    """
    draw = Random(seed).random  # noqa: S311 (chance for prose, not for secrets)
    for title in _make_titles(first_movie, per_label, names_seen, draw):
        for sign, count in ((1, title.positive), (-1, title.negative)):
            for _ in range(count):
                yield _make_review(title, sign, draw)


def _make_titles(first_movie: int, per_label: int, names_seen: set[str], draw: Draw) -> Iterator[Title]:
    """Make titles in pairs, a liked one and its mirror image, so that both labels fill up alike."""
    movie = first_movie
    while per_label > 0:
        reviews = _draw_size(per_label, draw)
        liked = round(reviews * (0.55 + 0.43 * draw()))
        for positive in (liked, reviews - liked):
            words = _invent_title(names_seen, draw)
            yield Title(f"tt{movie:07d}", words["title"][0], words, positive, reviews - positive)
            movie += 1
        per_label -= reviews


def _draw_size(left: int, draw: Draw) -> int:
    """Draw a title's number of reviews so that what is left over is never too little for one more."""
    if left <= MOST_PER_TITLE:
        return left
    drawn = FEWEST_PER_TITLE + int(draw() * (MOST_PER_TITLE - FEWEST_PER_TITLE + 1))
    return min(drawn, left - FEWEST_PER_TITLE)


def _invent_title(names_seen: set[str], draw: Draw) -> dict[str, Sequence[str]]:
    """Invent a title's people and story, and a name that is not in `names_seen`; add the name there."""
    words = {role: _invent_person(draw) for role in ("director", "lead", "rival", "composer")}
    for role, kind in (("hero", "first"), ("partner", "first"), ("villain", "first"), ("town", "town")):
        words[role] = (_invent_name(kind, draw),)
    words["festival"] = (_invent_name("town", draw),)
    words["village"] = tuple(_invent_name("town", draw) for _ in range(3))
    words["extra"] = tuple(_invent_person(draw)[0] for _ in range(5))
    for slot, source in (("hero_job", "job"), ("treasure", "thing"), ("genre", "genre"), ("era", "era")):
        words[slot] = (pick(COMMON[source], draw),)
    words["other_title"] = (_name_title(words, draw),)
    name = _name_title(words, draw)
    while name in names_seen:
        name = _name_title(words, draw)
    names_seen.add(name)
    return {**words, "title": (name,)}


def _name_title(words: Words, draw: Draw) -> str:
    return say(pick(TITLE_PATTERNS, draw), {**words, **TITLE_WORDS}, draw)


def _invent_person(draw: Draw) -> tuple[str, ...]:
    """Give the ways to mention a person: by the full name or the last."""
    last_name = _invent_name("last", draw)
    return f"{_invent_name('first', draw)} {last_name}", last_name


def _invent_name(kind: str, draw: Draw) -> str:
    return "".join(pick(part, draw) for part in NAME_PARTS[kind])


def _make_review(title: Title, sign: int, draw: Draw) -> Review:
    strength = _draw_strength(title, sign, draw)
    rating = 7 + strength if sign == 1 else 4 - strength
    told_sign = -sign if draw() < CONTRARY_SHARE else sign
    text = _lay_out(_compose(told_sign, strength, title.words, draw), draw)
    return Review(title.movie_id, title.name, sign, rating, text)


def _draw_strength(title: Title, sign: int, draw: Draw) -> int:
    """Draw how strong an opinion is, 0 to 3: stronger where more people share it."""
    agreeing = title.positive if sign == 1 else title.negative
    share = agreeing / (title.positive + title.negative)
    return max(0, min(3, int(4 * ((draw() + draw()) / 2 + 0.5 * (share - 0.5)))))


def _compose(sign: int, strength: int, words: Words, draw: Draw) -> list[str]:
    """Compose the sentences of one review; the opinion that counts is the writer's own, mostly the last."""
    if draw() < SHORT_SHARE:
        return _opine(SHORT, 1, sign, strength, words, draw)
    before, turn = _speak_first(sign, strength, words, draw)
    verdict = _opine(VERDICTS, 3 + int(draw() * 3), sign, strength, words, draw, turn)
    story = _tell_story(_draw_story_length(draw), words, draw)
    pause = max(1, int(len(story) * (0.7 + 0.3 * draw())))
    closing = [say(pick(CLOSINGS, draw), words, draw)] if draw() < CLOSING_SHARE else []
    return [*story[:pause], *before, *story[pause:], *verdict, *closing]


def _speak_first(sign: int, strength: int, words: Words, draw: Draw) -> tuple[list[str], str]:
    """Give what is said before the verdict, often its contrary, and the word that leads over to it."""
    straight_below, hearsay_below = _SHAPE_LIMITS[strength]
    shape, count, level = draw(), 2 + int(draw() * 3), int(draw() * 4)
    if shape < straight_below:
        return [], ""
    if shape >= hearsay_below:
        return _opine(CONCESSIONS, count, -sign, level, words, draw), pick(TURNS, draw)
    if draw() < AGREEING_SHARE:
        return _opine(HEARSAY, count, sign, level, words, draw), pick(AGREEMENTS, draw)
    return _opine(HEARSAY, count, -sign, level, words, draw), pick(TURNS, draw)


def _opine(
    frames: Sequence[str], count: int, sign: int, strength: int, words: Words, draw: Draw, turn: str = ""
) -> list[str]:
    """Write `count` sentences of one opinion, no frame twice; `turn` comes first, alone or in the first."""
    mild_below, plain_below = _LEVEL_LIMITS[strength]
    sentences, turn = ([turn], "") if turn.endswith(".") else ([], turn)
    for frame in _shuffle(frames, draw)[:count]:
        chance = draw()
        level = 0 if chance < mild_below else 1 if chance < plain_below else 2
        opinion = {**words, **lay_out_opinion(sign, level)}
        sentences.append(say(f"{turn} {frame}" if turn else frame, opinion, draw))
        turn = ""
    return sentences


def _tell_story(least_words: int, words: Words, draw: Draw) -> list[str]:
    """Write an opening, then plot and asides until there are `least_words` or a few more."""
    sentences = [say(pick(OPENINGS, draw), words, draw)]
    written = sentences[0].count(" ") + 1
    frames: list[str] = []
    while written < least_words:
        frames = frames or _shuffle(PLOT + ASIDES, draw)
        sentences.append(say(frames.pop(), words, draw))
        written += sentences[-1].count(" ") + 1
    return sentences


def _draw_story_length(draw: Draw) -> int:
    """Draw how many words surround the opinions: mostly under 180, for a few writers up to 1,300."""
    if draw() < LONG_SHARE:
        return 300 + int(draw() * 1_030)
    return int(180 * draw() * draw())


def _shuffle(items: Sequence[str], draw: Draw) -> list[str]:
    """Give the items in a drawn order; `random.shuffle` does not promise the same order on every version."""
    shuffled = list(items)
    for last in range(len(shuffled) - 1, 0, -1):
        other = int(draw() * (last + 1))
        shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
    return shuffled


def _lay_out(sentences: Sequence[str], draw: Draw) -> str:
    """Join the sentences as their writer would: some in paragraphs, some without capitals, some louder."""
    habit, paragraphs = draw(), draw() < PARAGRAPHS_SHARE
    text = sentences[0]
    for sentence in sentences[1:]:
        text += (BREAK if paragraphs and draw() < 0.3 else " ") + sentence
    if habit < 0.05:
        return text.lower()
    return text.replace(".", "!") if habit > 0.96 else text
