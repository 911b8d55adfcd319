"""What answers the requests of an app: the champion, the thread that scores in batches, and the one that explains."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from data_contracts.rules_and_limits import RowLimits
from deployments.serving.batching import Answers, Batching, start_batching
from deployments.serving.champion_following import FollowedChampion
from deployments.serving.metrics import ServingMetrics, make_metrics
from tasks.explain.explanation import explain_text
from tasks.explain.finding_text import FoundText
from tasks.texts.loaded_champion import LoadedChampion
from tasks.texts.scores import score_asked

MOST_WAITING = 2048
"""Texts that may wait; requests that come then are refused, since their answers would be late."""
MOST_EXPLAINING = 8
"""Explanations that may wait, likewise."""
WORDS_SHOWN = 10
"""The most words of an explanation, as `reviews explain` lists them."""
SCORED = "scored"
"""The outcome of a text that has a score."""


@dataclass(frozen=True)
class TextOfSource:
    """A text that is asked about, and the source that it is said to be of; None for no source."""

    text: str
    source: str | None = None


@dataclass(frozen=True)
class Desk:
    """What answers the requests of one app."""

    champion: FollowedChampion
    limits: RowLimits
    batching: Batching[TextOfSource]
    explaining: ThreadPoolExecutor
    explanations: "set[Future[Answers]]"
    """Those that wait or are made."""
    metrics: ServingMetrics


def open_desk(champion: FollowedChampion, limits: RowLimits, home: str = "") -> Desk:
    """Start the threads that answer, until `close_desk`; `home` is the label of the metrics."""

    def score(texts: Sequence[TextOfSource]) -> Answers:
        desk.metrics.together.observe(len(texts))
        return _answer(desk, champion.find(), texts)

    batching = start_batching(score)
    explaining = ThreadPoolExecutor(1, "explaining")
    desk = Desk(champion, limits, batching, explaining, set(), make_metrics(home))
    return desk


def close_desk(desk: Desk) -> None:
    """Answer what waits, and end the threads."""
    desk.batching.stop()
    desk.explaining.shutdown()


def is_full(desk: Desk, texts: int, *, explain: bool = False) -> bool:
    """Return whether so much waits that a request with so many texts is refused."""
    if explain:
        return len(desk.explanations) >= MOST_EXPLAINING
    return desk.batching.count_waiting() + texts > max(MOST_WAITING, texts)


def ask(desk: Desk, texts: Sequence[TextOfSource]) -> "Future[Answers]":
    """Have texts scored together by one model, with other requests'."""
    return desk.batching.submit(texts)


def ask_why(desk: Desk, text: TextOfSource) -> "Future[Answers]":
    """Have a text scored and explained by one model: its answer has the `words` that move the score."""
    explanation = desk.explaining.submit(_explain, desk, text)
    desk.explanations.add(explanation)
    explanation.add_done_callback(desk.explanations.discard)
    return explanation


def _explain(desk: Desk, text: TextOfSource) -> Answers:
    """Score a text and, if it has a score, add the words that move it most."""
    champion = desk.champion.find()
    [answer] = _answer(desk, champion, [text])
    if answer["rule"] is not None:
        return [answer]
    explained = explain_text(champion.scorer, FoundText(text.text, source=text.source))
    words: list[dict[str, Any]] = [vars(word) for word in explained.moving[:WORDS_SHOWN]]
    return [{**answer, "words": words}]


def _answer(desk: Desk, champion: LoadedChampion, asked: Sequence[TextOfSource]) -> Answers:
    """Score texts by one model, and count them."""
    texts, sources = [each.text for each in asked], [each.source for each in asked]
    answers: Answers = score_asked(champion, texts, desk.limits, sources).to_pylist()
    for answer in answers:
        desk.metrics.texts.labels(answer["rule"] or SCORED).inc()
    return answers
