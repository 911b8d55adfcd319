"""How many English reviews are taken for another language, and what the rule costs.

    python -m benchmarks.language ARCHIVE [EXPORT ...]

ARCHIVE is the archive from Stanford, whose 100,000 reviews are in English. Each EXPORT is a review file, read as
`reviews score` reads it; what is noticed in one is printed, so that a person can judge it. Prints a Markdown table.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa

from data_contracts.sources.language import mark_english
from tasks.archive.reader import read_archive
from tasks.reading.reader import read_review_file
from tasks.reading.rows import ReadOptions

SHOWN = 80
"""Characters of a noticed text that are printed."""


def main() -> None:
    """Print the table, and on standard error what was noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("exports", type=Path, nargs="*")
    arguments = parser.parse_args()
    print("| texts | number | not in English | µs a text |\n| --- | ---: | ---: | ---: |")
    print(measure(arguments.archive.name, list_archive(arguments.archive)))
    for path in arguments.exports:
        print(measure(path.name, list_export(path)))


def measure(name: str, texts: list[str]) -> str:
    """Return a row of the table; print the texts that are noticed on standard error."""
    column = pa.array(texts)
    started = perf_counter()
    english = mark_english(column)
    microseconds = (perf_counter() - started) / max(len(texts), 1) * 1e6
    noticed = sorted({texts[position][:SHOWN] for position in np.flatnonzero(~english)})
    sys.stderr.writelines(f"{name}: {text}\n" for text in noticed)
    return f"| {name} | {len(texts):,} | {(~english).sum():,} | {microseconds:.1f} |"


def list_archive(path: Path) -> list[str]:
    """Return the texts of all reviews."""
    return [text for folder in read_archive(path).folders for text in folder.texts.to_pylist()]


def list_export(path: Path) -> list[str]:
    """Return the texts of the good rows."""
    return list(_read_texts(path))


def _read_texts(path: Path) -> Iterator[str]:
    for batch in read_review_file(path, ReadOptions()):
        for text, rule in zip(batch["text"].to_pylist(), batch["rule"].to_pylist(), strict=True):
            if text and rule is None:
                yield text


if __name__ == "__main__":
    main()
