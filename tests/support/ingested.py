"""Ingests a small archive with reviews that are easy to learn."""

from pathlib import Path

from tests.support.small_archive import RATING, write_archive
from tests.support.small_home import ingest

TITLES = 30


def ingest_small_archive(folder: Path) -> None:
    """Ingest a few reviews that are easy to classify, one of them twice, into the home that the environment names."""
    files: dict[str, bytes] = {}
    for split, label, word in (
        ("train", "pos", "good"),
        ("train", "neg", "bad"),
        ("train", "unsup", "some"),
        ("test", "pos", "good"),
        ("test", "neg", "bad"),
    ):
        for number in range(TITLES):
            told = 1 if (split, label, number) == ("train", "pos", 0) else number
            others = " ".join(f"word{(told * 7 + step) % 90}" for step in range(12))
            text = f"A {word} film number {told} in {split} {label}, with {others}"
            files[f"aclImdb/{split}/{label}/{number}_{RATING[label]}.txt"] = text.encode()
        offset = 0 if split == "train" else TITLES
        urls = [f"http://www.imdb.com/title/tt{number + offset:07}/usercomments" for number in range(TITLES)]
        files[f"aclImdb/{split}/urls_{label}.txt"] = ("\n".join(urls) + "\n").encode()
    ingest(write_archive(folder / "small.tar.gz", files), accept_unverified=True)
