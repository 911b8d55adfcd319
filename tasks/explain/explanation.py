"""Explains the score of a text: how much each of its words moves it, by scoring the text again without the word.

The text is given, or found in the published copy (`finding_text`). The scorer needs ONNX Runtime, or TensorFlow for a
bundle without a graph. `terminal` formats an explanation for the terminal and as JSON.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.explain.finding_text import FoundText, find_text, require_unicode_text
from tasks.warehouse.model_registry import read_promoted
from tasks.warehouse.published import open_published

if TYPE_CHECKING:
    from models.bundle.scorer import Scorer

SMALLEST_EFFECT = 0.005
"""Contributions nearer to 0, in logits, are shown as 0.00, so their words count as not moving the score."""


@dataclass(frozen=True)
class ReadWord:
    """One occurrence of a word that the model reads, in an explanation."""

    start: int
    """The word is `text[start:stop]` of the text as written."""
    stop: int
    word: str
    is_known: bool
    contribution: float
    """The score with this occurrence minus the score without it, in logits; 0 for a word unknown to the model."""
    score_without: float


@dataclass(frozen=True)
class MovingWord:
    """A known word in an explanation that moves the score, with the effect of all its occurrences together."""

    word: str
    times: int
    contribution: float
    """In logits."""
    score_without: float
    """The score without any occurrence of the word."""


@dataclass(frozen=True)
class Explained:
    """A text's score and its explanation."""

    source: FoundText
    model_id: str
    score: float
    """P(positive), 0 to 1."""
    model_score: float
    """The score that the model gives without the labels of any source."""
    adapted_to: str | None
    """The source whose labels change the score; None if none do."""
    sentiment: str
    predicted_rating: float
    """1 to 10 stars."""
    words_in_text: int
    unread_stop: int
    """The end of the beginning that the model does not read, in characters; 0 if it reads all words."""
    read: tuple[ReadWord, ...]
    moving: tuple[MovingWord, ...]
    """The words that move the score, the strongest first, equally strong ones in alphabetical order."""


def explain(home: Home, asked: str | FoundText, model_id: str | None) -> Explained:
    """Explain the score of the review or row with this name, or of a text that is given.

    The model is `model_id`, whole or its beginning, by default the champion. Raises `UsageError` if no row or several
    rows have the name, or if the text has no word.
    """
    from models.bundle.blessed_scorer import load_blessed_scorer

    with open_published(home.published) as connection:
        model = read_promoted(connection, model_id)
        source = find_text(connection, asked) if isinstance(asked, str) else asked
    return explain_text(load_blessed_scorer(home.bundles / model.model_id, model.bundle_fingerprint), source)


def explain_text(scorer: "Scorer", source: FoundText) -> Explained:
    """Explain the score that a model gives a text: the effect of each word that it reads.

    Raises `UsageError` if the text has no word.
    """
    import numpy as np

    from data_contracts.scored_reviews import name_sentiments
    from models.bundle.scorer import score_texts
    from models.evaluation.stars import rate_stars
    from models.tokenizer import locate_words
    from models.word_effects import explain_review

    require_unicode_text(source.text)
    located = locate_words(source.text)
    if not located:
        raise UsageError(
            "The text has no word, so there is nothing to explain. Next: give a text with words."
        )
    read = located[-scorer.sequence_length :]
    ids = np.array([scorer.word_ids.get(each.word, 0) for each in read], np.int32)
    effects = explain_review(scorer.predict_for(source.source), ids, scorer.sequence_length)
    score = np.array([effects.score])
    adapted_to = scorer.find_adapted(source.source)
    alone = score_texts(scorer, [source.text]).score[0] if adapted_to else effects.score
    word_of = {word_id: each.word for word_id, each in zip(ids.tolist(), read, strict=True)}
    by_place = zip(
        read, ids.tolist(), effects.contribution.tolist(), effects.score_without.tolist(), strict=True
    )
    columns = (effects.ids, effects.times, effects.joint_contribution, effects.score_without_all)
    moving = [
        MovingWord(word_of[word_id], times, moves, without)
        for word_id, times, moves, without in zip(*(each.tolist() for each in columns), strict=True)
        if abs(moves) >= SMALLEST_EFFECT
    ]
    return Explained(
        source=source,
        model_id=scorer.model_id,
        score=effects.score,
        model_score=float(alone),
        adapted_to=adapted_to,
        sentiment=str(name_sentiments(score)[0]),
        predicted_rating=float(rate_stars(score, scorer.stars)[0]),
        words_in_text=len(located),
        unread_stop=read[0].start if len(read) < len(located) else 0,
        read=tuple(
            ReadWord(each.start, each.stop, each.word, bool(known), moves, without)
            for each, known, moves, without in by_place
        ),
        moving=tuple(sorted(moving, key=lambda each: (-abs(each.contribution), each.word))),
    )
