"""How often a training is due for nothing, and how soon after the accuracy has fallen, in simulated streams.

    python -m benchmarks.promise [--champions 40] [--weeks 50]

A champion is right about 90 % of the labelled reviews that arrive each day, and of the 400 held-out ones from which it
has its promise. In the streams without a fall nothing changes for so many weeks; in the others the accuracy falls after
60 days. In `titles` each ten reviews of a day are of one title, whose errors go together (intraclass correlation
0.05). Two sources share the labels evenly, and the accuracy of one of them falls. `archive` has no own labels held
out, but 2,500 reviews of the archive, of which the champion was 92 % right. It is judged at the end of each day, as a
run does it. Writes the table of docs/when-to-train.md; takes six minutes of one core.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from docs.pages import DOCS, Part, write_part
from models.evaluation.promise_judging import LAST_DAYS, Promise, Stream, Tally, judge_promise

PART = Part(DOCS / "when-to-train.md", "python -m benchmarks.promise", "promise")
ACCURACY, HELD_OUT = 0.9, 400
ARCHIVE = Promise(0.92, 2500, is_own=False)
DAYS_BEFORE, DAYS_AFTER = 60, 60
FALLS = (0.03, 0.05, 0.1)
TITLE_REVIEWS, CORRELATION = 10, 0.05
FIRST_DAY = date(2026, 1, 1)


@dataclass(frozen=True)
class Kind:
    """A kind of stream."""

    name: str
    labels: int
    """A day, of all sources."""
    sources: int = 1
    by_title: bool = False
    promise: Promise | None = None
    """None: own labels, held out."""


KINDS = (
    Kind("20 labels a day", 20),
    Kind("100 labels a day", 100),
    Kind("300 labels a day", 300),
    Kind("1,000 labels a day", 1000),
    Kind("300, titles", 300, by_title=True),
    Kind("300, of two sources", 300, sources=2),
    Kind("300, archive", 300, promise=ARCHIVE),
)


@dataclass
class Source:
    """One source of a stream, to which each day adds its labelled reviews."""

    kind: Kind
    promise: Promise
    days: list[tuple[date, Tally]] = field(default_factory=list)
    title_squares: float = 0.0
    """Sum over titles of the squared difference between their right reviews and as many as of an average title."""

    def add_day(self, day: int, accuracy: float, random: np.random.Generator) -> None:
        """Draw the labelled reviews of a day."""
        titles, reviews = draw_titles(self.kind, accuracy, random)
        tally = Tally(len(titles) * reviews, int(titles.sum()))
        self.title_squares += float(((titles - reviews * ACCURACY) ** 2).sum())
        self.days.append((FIRST_DAY + timedelta(day), tally))

    def make_stream(self, name: str) -> Stream:
        """Return the stream of the last days."""
        reviews = sum(tally.reviews for _, tally in self.days)
        spread = self.title_squares / (reviews * ACCURACY * (1 - ACCURACY))
        return Stream(name, self.promise, tuple(self.days[-LAST_DAYS:]), max(1.0, spread))


def main() -> None:
    """Simulate streams of each kind, print the table and write it into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--champions", type=int, default=40)
    parser.add_argument("--weeks", type=int, default=50)
    arguments = parser.parse_args()
    lines = list(make_table(arguments.champions, arguments.weeks))
    write_part(PART, "\n".join(lines))


def make_table(champions: int, weeks: int) -> Iterator[str]:
    """Yield the lines of the table, and print each."""
    falls = "".join(f" {100 * fall:.0f} points: days until due, within a week |" for fall in FALLS)
    head = f"| stream | due for nothing, of {champions * weeks:,} weeks |{falls}"
    for line in (
        head,
        "| --- | ---: |" + " ---: |" * len(FALLS),
        *(describe(kind, champions, weeks) for kind in KINDS),
    ):
        print(line, flush=True)
        yield line


def describe(kind: Kind, champions: int, weeks: int) -> str:
    """Return the line of one kind of stream."""
    random = np.random.default_rng(0)
    needless = sum(find_due(kind, 7 * weeks, 0.0, random) is not None for _ in range(champions))
    cells = [f"{needless} ({needless / champions / weeks:.2%})"]
    for fall in FALLS:
        found = [find_due(kind, DAYS_BEFORE + DAYS_AFTER, fall, random) for _ in range(champions)]
        cells.append(
            describe_delays([day - DAYS_BEFORE for day in found if day and day > DAYS_BEFORE], champions)
        )
    return f"| {kind.name} | {' | '.join(cells)} |"


def describe_delays(delays: Sequence[int], champions: int) -> str:
    """Return the median of the days until a fall was found, as far as half were found, and how many in a week."""
    ordered = sorted(delays)
    median = (
        f"{ordered[(champions - 1) // 2]}" if len(ordered) > (champions - 1) // 2 else f"over {DAYS_AFTER}"
    )
    return f"{median}; {sum(delay <= 7 for delay in delays) / champions:.0%}"


def find_due(kind: Kind, days: int, fall: float, random: np.random.Generator) -> int | None:
    """Return after how many days the accuracy was found to have fallen; None if it was not."""
    sources = [Source(kind, kind.promise or draw_promise(kind, random)) for _ in range(kind.sources)]
    for day in range(days):
        for number, source in enumerate(sources):
            has_fallen = fall and day >= DAYS_BEFORE and number == 0
            source.add_day(day, ACCURACY - fall if has_fallen else ACCURACY, random)
        standings = judge_promise([each.make_stream(str(number)) for number, each in enumerate(sources)])
        if any(each.fallen_since for each in standings):
            return day + 1
    return None


def draw_promise(kind: Kind, random: np.random.Generator) -> Promise:
    """Return a promise that was measured on held-out reviews of a source."""
    titles, reviews = draw_titles(Kind("", HELD_OUT, by_title=kind.by_title), ACCURACY, random)
    return Promise(float(titles.mean() / reviews), HELD_OUT, is_own=True)


def draw_titles(kind: Kind, accuracy: float, random: np.random.Generator) -> tuple[np.ndarray, int]:
    """Return the right reviews of each title of a source on a day, and how many reviews each has."""
    labels = kind.labels // kind.sources
    if not kind.by_title:
        return random.binomial(1, accuracy, labels), 1
    spread = (1 - CORRELATION) / CORRELATION
    shares = random.beta(accuracy * spread, (1 - accuracy) * spread, labels // TITLE_REVIEWS)
    return random.binomial(TITLE_REVIEWS, shares), TITLE_REVIEWS


if __name__ == "__main__":
    main()
