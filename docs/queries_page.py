"""Updates the answers in docs/queries.md and README.md: it runs the queries of the pages on a new demo.

The pages themselves hold the questions and queries; `renew_answers` replaces only the answers.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from docs.pages import DOCS

PAGE, README = DOCS / "queries.md", DOCS.parent / "README.md"
REVIEWS = Path(sys.executable).with_name("reviews")
SAME = "<!-- the same on every machine -->"
"""Marks an answer that contains no scores; other answers differ between machines in scores, order and times."""
_QUESTION = re.compile(
    r"\*\*(?P<asks>[^\n]+\?)\*\*\n(?P<before>(?:(?!```|\*\*)[^\n]*\n)*)"
    r"```(?P<kind>sql|sh)\n(?P<query>.*?)\n```\n```\n(?P<answer>.*?)```",
    re.DOTALL,
)


@dataclass(frozen=True)
class Question:
    """A question of a page with its answer; `arguments` are the arguments of `reviews` that answer it."""

    asks: str
    arguments: tuple[str, ...]
    answer: str
    is_same: bool
    """Whether the answer is the same on every machine."""


def read_questions(page: Path = PAGE) -> list[Question]:
    """Return the questions of a page in their order."""
    return [_read(found) for found in _QUESTION.finditer(page.read_text("utf-8"))]


def _read(found: re.Match[str]) -> Question:
    if found["kind"] == "sql":
        return Question(found["asks"], ("sql", found["query"]), found["answer"], SAME in found["before"])
    reviews, *arguments = shlex.split(found["query"])
    if reviews != "reviews":
        raise ValueError(f"{found['query']!r} is not a `reviews` command")
    return Question(found["asks"], tuple(arguments), found["answer"], SAME in found["before"])


def renew_answers() -> None:
    """Run the demo in a temporary home, run every query of both pages on it, and write the answers into the pages."""
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        home = Path(name) / "home"
        ask(home, ("demo",))
        answered = {
            page: _QUESTION.sub(_answer_with(home), page.read_text("utf-8")) for page in (PAGE, README)
        }
    for page, text in answered.items():
        page.write_text(text, "utf-8")


def ask(home: Path, arguments: tuple[str, ...]) -> str:
    """Run `reviews` with arguments in a home, and return its output; raise `RuntimeError` if it fails."""
    command = [str(REVIEWS), "--home", str(home), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(command)}: {done.stderr}")
    return done.stdout


def _answer_with(home: Path) -> Callable[[re.Match[str]], str]:
    def answer(found: re.Match[str]) -> str:
        start = found.start("answer") - found.start()
        return f"{found[0][:start]}{ask(home, _read(found).arguments)}```"

    return answer
