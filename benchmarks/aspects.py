"""How well aspects are found, beside VADER on clauses with plain seed words.

    python -m benchmarks.aspects [FOLDER]

`aspects_of_sentences.tsv` has 1,200 sentences on invented films, written by four hands for this, each with the labels
of two readers who saw nothing else: an aspect with `+` for praise, `-` for criticism, `0` for neither or both. Half of
them were for choosing words and rules, the other half judges. `aspects_of_archive.tsv` has the places of 300 sentences
of the archive's test reviews, labelled alike; with FOLDER, where the archive is unpacked, they judge too. An aspect
that only one reader saw counts neither way. The polarity is judged where both readers saw the same, praise or
criticism, and the aspect was found. Prints a Markdown table.
"""

import argparse
import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docs.markdown import format_table
from models.aspects.finding import find_mentions
from models.aspects.lexicon import load_lexicon

HERE = Path(__file__).parent
SIGNS = {"positive": "+", "negative": "-", "neither": "0"}
SEEDS = {
    "acting": "acting actor actors actress cast performance performances role roles",
    "story": "story plot plots storyline twist premise narrative",
    "script": "script dialogue screenplay writing lines",
    "direction": "director direction directed directing",
    "characters": "character characters hero heroine villain",
    "pace": "pace pacing slow long boring length drags",
    "picture": "camera cinematography effects visual visuals cgi costumes sets photography scenery",
    "music": "music score song songs soundtrack sound",
    "humour": "funny humor humour joke jokes comedy laugh laughs hilarious",
    "suspense": "suspense tension scary thriller scares tense creepy",
    "ending": "ending end finale conclusion climax",
}
"""The words of the peer, written before its first run."""
_CLAUSES = re.compile(r"[,;:.!?]|\b(?:but|though|although|yet)\b")

Labels = Mapping[str, str]
"""Aspect -> sign."""
Find = Callable[[Sequence[str]], Sequence[Labels]]


@dataclass(frozen=True)
class Sentence:
    """A sentence with the labels of both readers."""

    text: str
    first: Labels
    second: Labels


@dataclass(frozen=True)
class Figures:
    """How well aspects and polarities are found."""

    f1: Mapping[str, float]
    """Of each aspect."""
    right: float
    """Share of the polarities that are right, where it decides."""
    decided: float
    """Share of the mentions of which it decides the polarity."""

    @property
    def macro_f1(self) -> float:
        """The mean over the aspects."""
        return sum(self.f1.values()) / len(self.f1)


def _read_labels(written: str) -> Labels:
    """Return the labels of a reader."""
    return {label[:-1]: label[-1] for label in written.split()}


def read_sentences(*, judging: bool) -> list[Sentence]:
    """Return the half of our own sentences that judges, or the half for choosing."""
    with (HERE / "aspects_of_sentences.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    half = rows[1::2] if judging else rows[::2]
    return [
        Sentence(row["sentence"], _read_labels(row["first"]), _read_labels(row["second"])) for row in half
    ]


def read_archive(folder: Path) -> Iterator[Sentence]:
    """Yield the sentences of the archive's test reviews, from where it is unpacked."""
    with (HERE / "aspects_of_archive.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            text = (folder / row["file"]).read_text("utf-8")[int(row["start"]) : int(row["stop"])]
            yield Sentence(text, _read_labels(row["first"]), _read_labels(row["second"]))


def find(texts: Sequence[str]) -> list[Labels]:
    """Find aspects by the rules and words of this project."""
    found = find_mentions(load_lexicon(), texts).to_pylist()
    return [{each["aspect"]: SIGNS[each["polarity"]] for each in mentions} for mentions in found]


def find_by_vader(texts: Sequence[str]) -> list[Labels]:
    """Find aspects by the words in `SEEDS`, and their polarities by VADER on the clauses that have them."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()

    def look(text: str) -> Iterator[tuple[str, str]]:
        clauses = [(clause, {*re.findall("[a-z']+", clause.lower())}) for clause in _CLAUSES.split(text)]
        for aspect, words in SEEDS.items():
            if named := [clause for clause, has in clauses if has & {*words.split()}]:
                compound = analyzer.polarity_scores(" ".join(named))["compound"]
                yield aspect, "+" if compound > 0.05 else "-" if compound < -0.05 else "0"

    return [dict(look(text)) for text in texts]


def judge(sentences: Sequence[Sentence], by: Find) -> Figures:
    """Compare what is found in sentences with what both readers saw."""
    found = by([sentence.text for sentence in sentences])
    f1: dict[str, float] = {}
    signs: list[tuple[str, str]] = []
    for aspect in SEEDS:
        hits = errors = 0
        for sentence, labels in zip(sentences, found, strict=True):
            seen = [aspect in sentence.first, aspect in sentence.second]
            hits += all(seen) and aspect in labels
            errors += not any(seen) if aspect in labels else all(seen)
            sign = sentence.first.get(aspect)
            if aspect in labels and sign == sentence.second.get(aspect) and sign in {"+", "-"}:
                signs.append((str(sign), labels[aspect]))
        f1[aspect] = 2 * hits / max(2 * hits + errors, 1)
    decided = [(true, told) for true, told in signs if told != "0"]
    right = sum(true == told for true, told in decided) / max(len(decided), 1)
    return Figures(f1, right, len(decided) / max(len(signs), 1))


def main() -> None:
    """Print the figures of all sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="where the archive is unpacked: .../aclImdb")
    folder = parser.parse_args().folder
    sets = {
        "own sentences, for choosing": read_sentences(judging=False),
        "own sentences, judging": read_sentences(judging=True),
    }
    if folder:
        sets["of the archive's test reviews"] = list(read_archive(folder))
    rows = []
    for name, sentences in sets.items():
        for how, by in (("this project", find), ("VADER on clauses", find_by_vader)):
            figures = judge(sentences, by)
            shares = (figures.macro_f1, figures.right, figures.decided)
            rows.append((name, how, f"{len(sentences):,}", *(f"{share:.3f}" for share in shares)))
    print(format_table(("set", "how", "sentences", "macro F1", "polarity right", "of decided"), rows))


if __name__ == "__main__":
    main()
