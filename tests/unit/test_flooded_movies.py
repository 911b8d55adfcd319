"""Tests that near-copies which move the rating of a movie are named, and stay."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.sources.near_copies import make_near_keys
from data_contracts.storage.home import Home
from tasks.findings.rendering import describe_finding
from tasks.sources.suspicious_rows import find_suspicious
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import rebuild
from tests.support.warehouse_parts import PartFile, hash_text, write_part

TEXT = "Do not waste your evening on this, it is the worst thing that I have seen in years"
RATING = "SELECT reviews, round(mean_predicted_rating, 1) FROM movie_ratings WHERE movie_id = 'tt1'"


def make_rows(texts: list[str], score: float, movie: str) -> list[dict[str, Any]]:
    """Return rows of a movie with these texts."""
    keys = make_near_keys(pa.array(texts)).to_pylist()
    return [
        {"text": text, "text_sha256": hash_text(text), "near_key": key, "movie_id": movie, "score": score}
        for text, key in zip(texts, keys, strict=True)
    ]


def name_findings(folder: Path, texts: list[str]) -> tuple[list[str], tuple[int, float]]:
    """Commit five reviews of a movie, then these texts about it, and others; return what is said and its rating."""
    home = Home(folder)
    honest = [f"{word} what a film" for word in ("one", "two", "three", "four", "five")]
    files = [
        PartFile("honest.csv", make_rows(honest, 0.9, "tt1"), ledger={"run_id": "run-1"}),
        PartFile("flood.csv", make_rows(texts, 0.1, "tt1"), ledger={"run_id": "run-2"}),
        PartFile(
            "other.csv", make_rows([f"{TEXT} {n}" for n in range(19)], 0.1, "tt2"), ledger={"run_id": "run-2"}
        ),
    ]
    for file in files:
        commit_parts(home.warehouse, write_part(home.parts / file.name, [file]))
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO promotions SELECT 1, 'promote', 'model-a', 'first', NULL, now(), NULL, NULL"
        )
        rebuild(connection)
        [rating] = connection.execute(RATING).fetchall()
        found = find_suspicious(connection, home, ["run-2"])
        return [describe_finding(each) for each in found if each.kind == "flooded_movie"], rating


def test_near_copies_that_move_a_movie_are_named_with_the_movie_and_stay(tmp_path: Path) -> None:
    [said], rating = name_findings(tmp_path, [f"{TEXT}, {number}" for number in range(100)])
    assert rating == (105, 2.2)
    assert said.startswith("flood.csv: 99 of 105 reviews of the movie tt1 are near-copies of others")
    assert f"`reviews forget {hash_text('flood.csv')[:12]} --as file`" in said


@pytest.mark.parametrize("texts", [[TEXT], [f"{TEXT} {'x' * number}" for number in range(9)]])
def test_a_few_near_copies_are_no_finding(tmp_path: Path, texts: list[str]) -> None:
    assert name_findings(tmp_path, texts)[0] == []
