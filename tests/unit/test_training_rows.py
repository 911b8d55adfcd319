"""Tests of the rows of a training: which unlabelled reviews are read, and their use."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.reviews_parquet import FORMAT_VERSION, Provenance
from models.variants import find_variant
from tasks.archive.parquet_files import build_tables, write_tables
from tasks.archive.reader import read_archive
from tasks.training.build_bundle import BASELINE_FILE, measure_baseline
from tasks.training.dataset import TrainingRows, encode_rows, load_rows
from tests.support.small_archive import RATING, write_archive

TITLES = 20
PROVENANCE = Provenance("other", "accepted_unverified", "5" * 64, "c" * 64, "d" * 64, FORMAT_VERSION)


def write_reviews(folder: Path, unlabelled: Sequence[str]) -> Path:
    """Write the Parquet of 20 titles' reviews and these unlabelled reviews; return its folder."""
    texts = {
        (split, label): [f"A {label} review of title {number} in {split}" for number in range(TITLES)]
        for split in ("train", "test")
        for label in ("pos", "neg")
    }
    files: dict[str, bytes] = {}
    for (split, label), found in {**texts, ("train", "unsup"): list(unlabelled)}.items():
        urls = [f"http://www.imdb.com/title/tt{number:07}/usercomments" for number in range(len(found))]
        files[f"aclImdb/{split}/urls_{label}.txt"] = ("\n".join(urls) + "\n").encode()
        for number, text in enumerate(found):
            files[f"aclImdb/{split}/{label}/{number}_{RATING[label]}.txt"] = text.encode()
    tables = build_tables(read_archive(write_archive(folder / "small.tar.gz", files)))
    write_tables(tables, PROVENANCE, folder / "reviews")
    return folder / "reviews"


@pytest.fixture
def plain(tmp_path: Path) -> TrainingRows:
    """Training rows with one further, unlabelled review."""
    folder = tmp_path / "plain"
    folder.mkdir()
    return load_rows(write_reviews(folder, ["A review that nobody labelled"]), with_unlabelled=True)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_text_of_another_split_is_not_among_those_without_a_label(
    part: str, plain: TrainingRows, tmp_path: Path
) -> None:
    known = getattr(plain, part).texts[0]
    rows = load_rows(write_reviews(tmp_path, [known, "Something new"]), with_unlabelled=True)
    assert rows.unlabelled == ["Something new"]


def test_a_text_without_a_label_that_repeats_is_read_once(tmp_path: Path) -> None:
    rows = load_rows(write_reviews(tmp_path, ["One", "Another", "One"]), with_unlabelled=True)
    assert rows.unlabelled == ["One", "Another"]


def test_words_of_reviews_without_a_label_count_for_the_vocabulary(tmp_path: Path) -> None:
    folder = write_reviews(tmp_path, ["unheard"] + [f"unheard {number}" for number in range(60)])
    wide = replace(find_variant("wide_lstm"), vocabulary_size=20, sequence_length=16)
    vocabulary = encode_rows(load_rows(folder, with_unlabelled=True), wide).vocabulary
    assert "unheard" in vocabulary.words[:10]
    assert "unheard" not in encode_rows(load_rows(folder), wide).vocabulary.words


@pytest.mark.slow
@pytest.mark.parametrize(("kept_rows", "kept_counts"), [(0, True), (1, False)])
def test_a_baseline_is_measured_anew_where_it_was_fitted_on_other_rows(
    kept_rows: int, kept_counts: bool, plain: TrainingRows, tmp_path: Path
) -> None:
    known = {**measure_baseline(tmp_path, plain), "test_accuracy": 2.0}
    known["train_reviews"] += kept_rows
    (tmp_path / BASELINE_FILE).write_text(json.dumps(known))
    assert (measure_baseline(tmp_path, plain)["test_accuracy"] == 2.0) is kept_counts


@pytest.mark.parametrize("content", ["", "[]", "null", '{"data_fingerprint": 1}'])
def test_a_kept_baseline_that_is_none_is_measured_anew(
    content: str, plain: TrainingRows, tmp_path: Path
) -> None:
    (tmp_path / BASELINE_FILE).write_text(content)
    assert 0 <= measure_baseline(tmp_path, plain)["test_accuracy"] <= 1
