"""Loads the dataset of a training from the reviews Parquet: splits, encodes and checks its rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.errors import SourceError
from data_contracts.expectations import CheckResult
from data_contracts.reviews_parquet import Provenance
from data_contracts.training_input import TrainingInputSummary, check_training_input
from models.tokenizer import EncodedReviews, Vocabulary, build_vocabulary, encode_reviews
from models.training.kind_of_model import Variant
from models.training.split import hold_out_titles, mark_first_texts
from tasks.archive.parquet_files import read_provenance, read_split


@dataclass(frozen=True)
class DatasetTexts:
    """Texts of the dataset with their labels, [n] each."""

    texts: list[str]
    text_sha256: list[str]
    positive: NDArray[np.bool_]
    rating: NDArray[np.float64]
    """Given by the writer, 1 to 10 stars."""
    movie_id: list[str]

    def labels(self) -> list[str]:
        """Return the labels in Stanford's notation, 'pos' and 'neg'."""
        return ["pos" if positive else "neg" for positive in self.positive]


@dataclass(frozen=True)
class TrainingRows:
    """The archive's rows, split for training: validation has the held-out titles, train the others. See `load_rows`."""

    train: DatasetTexts
    validation: DatasetTexts
    test: DatasetTexts
    unlabelled: list[str]
    """Unlabelled texts without duplicates; empty if the variant does not read them."""
    shared_titles: int
    """Number of titles in both train and validation, which must be 0."""
    provenance: Provenance


@dataclass(frozen=True)
class EncodedRows:
    """The rows of a training, encoded as word ids, and the vocabulary of the encoding."""

    vocabulary: Vocabulary
    train: EncodedReviews
    validation: EncodedReviews
    test: EncodedReviews
    unlabelled: EncodedReviews


def load_rows(reviews_dir: Path, *, with_unlabelled: bool = False) -> TrainingRows:
    """Load the train and test rows, and hold out a tenth of the training titles for validation.

    Duplicate texts within train and validation are dropped; test is unchanged. Load unlabelled texts on request,
    without duplicates and texts of the other splits. Raises `SourceError` if the reviews Parquet is incomplete.
    """
    provenance = read_provenance(reviews_dir)
    if provenance is None:
        raise SourceError(f"{reviews_dir}: holds no complete reviews Parquet. Next: run `reviews ingest`.")
    columns = ["label", "movie_id", "rating", "text", "text_sha256"]
    train, test = (read_split(reviews_dir, split, columns) for split in ("train", "test"))
    movie_ids = train["movie_id"].to_pylist()
    if set(test["text_sha256"].to_pylist()) <= set(train["text_sha256"].to_pylist()):
        raise SourceError(
            f"{reviews_dir}: every test text is a training text too, so nothing could be measured. Next: ingest "
            "another archive."
        )
    held_out = hold_out_titles(movie_ids)
    first = mark_first_texts(train["text_sha256"].to_pylist(), held_out)
    titles = np.array(movie_ids, dtype=object)
    known = {*train["text_sha256"].to_pylist(), *test["text_sha256"].to_pylist()}
    return TrainingRows(
        train=_label_texts(train.filter(pa.array(~held_out & first))),
        validation=_label_texts(train.filter(pa.array(held_out & first))),
        test=_label_texts(test),
        unlabelled=_read_unlabelled(reviews_dir, known) if with_unlabelled else [],
        shared_titles=len(set(titles[held_out]) & set(titles[~held_out])),
        provenance=provenance,
    )


def _label_texts(table: pa.Table) -> DatasetTexts:
    """Return the texts of a table of the dataset with their labels."""
    positive = np.array([label == "pos" for label in table["label"].to_pylist()], dtype=bool)
    texts, digests, titles = (table[name].to_pylist() for name in ("text", "text_sha256", "movie_id"))
    return DatasetTexts(texts, digests, positive, table["rating"].to_numpy().astype(np.float64), titles)


def _read_unlabelled(reviews_dir: Path, known: set[str]) -> list[str]:
    """Return the unlabelled texts, without duplicates and texts whose sha256 is in `known`."""
    table = read_split(reviews_dir, "unsup", ["text", "text_sha256"])
    texts = dict(zip(table["text_sha256"].to_pylist(), table["text"].to_pylist(), strict=True))
    return [text for digest, text in texts.items() if digest not in known]


def encode_rows(rows: TrainingRows, variant: Variant) -> EncodedRows:
    """Build the vocabulary from the training and unlabelled texts, and encode all rows with it."""
    vocabulary = build_vocabulary([*rows.train.texts, *rows.unlabelled], variant.vocabulary_size)
    word_ids, length = vocabulary.ids(), variant.sequence_length
    texts = (rows.train.texts, rows.validation.texts, rows.test.texts, rows.unlabelled)
    return EncodedRows(vocabulary, *(encode_reviews(part, word_ids, length) for part in texts))


def check_input(rows: TrainingRows, encoded: EncodedRows) -> list[CheckResult]:
    """Check the dataset of a training against the contract of the training input."""
    parts = (encoded.train, encoded.validation)
    truncated = np.concatenate([part.truncated for part in parts])
    oov_rate = np.concatenate([part.oov_rate for part in parts])
    summary = TrainingInputSummary(
        vocabulary_size=len(encoded.vocabulary.words),
        rows_train=len(rows.train.texts),
        rows_validation=len(rows.validation.texts),
        positive_share_train=float(rows.train.positive.mean()),
        positive_share_validation=float(rows.validation.positive.mean()),
        oov_rate_train=float(encoded.train.oov_rate.mean()),
        oov_rate_validation=float(encoded.validation.oov_rate.mean()),
        truncated_share=float(truncated.mean()),
        unknown_only_share=float((oov_rate == 1).mean()),
        shared_titles=rows.shared_titles,
    )
    return check_training_input(summary)
