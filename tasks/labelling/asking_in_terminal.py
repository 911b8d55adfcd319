"""Asks for labels in a terminal: one review after the other, each answer kept before the next review is shown."""

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_contracts.rules_and_limits import HIGHEST_STARS, LOWEST_STARS
from tasks.labelling.choosing import ChosenReview
from tasks.labelling.kept_answers import Answer, Answers, keep_answer, take_back
from tasks.support.wording import count, escape_controls

PROMPT = "p positive, n negative, 1 to 10 stars, s skip, u undo, t whole text, q quit"
_LABELS = {
    **dict.fromkeys(("p", "positive"), "positive"),
    **dict.fromkeys(("n", "negative"), "negative"),
}
_STARS = {str(stars) for stars in range(LOWEST_STARS, HIGHEST_STARS + 1)}
_COMMANDS = {
    **{word[0]: word for word in ("skip", "undo", "text", "quit")},
    **{word: word for word in ("skip", "undo", "text", "quit")},
}
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_WIDEST = 100
"""Most columns of a line of text: longer ones are hard to read."""
_OTHER_LINES = 8
"""Lines of the screen that the text does not take."""

Read = Callable[[], str | None]
"""Asks, and returns what was typed; None at the end of the input."""
Echo = Callable[[str], object]


@dataclass(frozen=True)
class Screen:
    """How much a terminal shows."""

    columns: int
    lines: int


@dataclass(frozen=True)
class Given:
    """What a session gave."""

    labels: Sequence[Answer] = ()
    """Without those that were skipped."""
    skipped: int = 0


def ask_labels(
    reviews: Sequence[ChosenReview], answers: Answers, screen: Screen, read: Read, echo: Echo
) -> Given:
    """Ask for the label of each review, until there are no more or somebody quits."""
    given: list[Answer] = []
    while len(given) < len(reviews):
        review = reviews[len(given)]
        echo(f"\n{describe_review(review, len(given) + 1, len(reviews))}\n")
        echo(fit_text(review.text, screen))
        answer = _ask(review, read, echo, can_undo=bool(given))
        if answer == "quit":
            break
        if answer == "undo":
            take_back(answers)
            given.pop()
        elif isinstance(answer, Answer):
            keep_answer(answers, review, answer)
            given.append(answer)
    labels = [answer for answer in given if answer != Answer()]
    return Given(labels, len(given) - len(labels))


def _ask(review: ChosenReview, read: Read, echo: Echo, *, can_undo: bool) -> Answer | str:
    """Ask until there is an answer, 'undo' or 'quit'."""
    while True:
        echo("")
        typed = read()
        if typed is None:
            return "quit"
        word = typed.strip().lower()
        if (answer := parse_answer(word)) is not None:
            return answer
        command = _COMMANDS.get(word)
        if command == "text":
            echo("\n".join(["", *wrap_text(review.text, _WIDEST)]))
        elif command == "undo" and not can_undo:
            echo("Nothing was answered yet.")
        elif command is not None:
            return command
        else:
            echo(f"{escape_controls(typed[:20])!r} is no answer.")


def parse_answer(word: str) -> Answer | None:
    """Return the answer that a word in lower case is; None if it is none."""
    if word in _LABELS:
        return Answer(label=_LABELS[word])
    if word in _STARS:
        return Answer(stars=int(word))
    return Answer() if _COMMANDS.get(word) == "skip" else None


def describe_review(review: ChosenReview, number: int, total: int) -> str:
    """Return the line above a text: nothing of what the model made of it."""
    parts = [
        f"source {review.source}",
        *([f"movie {review.movie_id}"] if review.movie_id else []),
        *([f"review {review.review_id}"] if review.review_id else []),
        *([f"written {review.written_on}"] if review.written_on else []),
    ]
    # A long name leaves room for the others.
    shown = "  ".join(part if len(part) <= 40 else f"{part[:39]}…" for part in parts)
    return f"[{number} of {total}]  {escape_controls(shown)}"


def fit_text(text: str, screen: Screen) -> str:
    """Return a text as lines that fit the screen. A long one loses its middle: the verdict is often at the end."""
    lines = wrap_text(text, min(_WIDEST, max(20, screen.columns - 1)))
    most = max(4, screen.lines - _OTHER_LINES)
    if len(lines) <= most:
        return "\n".join(lines)
    first, last = most - most // 2 - 1, most // 2
    left_out = count(len(lines) - first - last, "line")
    return "\n".join([*lines[:first], f"… {left_out} left out; t shows all …", *lines[-last:]])


def wrap_text(text: str, width: int) -> list[str]:
    """Return the lines of a text, with control characters escaped and HTML breaks as ends of lines."""
    plain = _BREAK.sub("\n", text.replace("\r\n", "\n"))
    lines = escape_controls(plain, keep="\n").split("\n")
    return [piece for line in lines for piece in textwrap.wrap(line, width) if piece.strip()]
