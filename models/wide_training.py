"""Training of the wide LSTM: word vectors, a teacher, and a student that also learns from what nobody labelled.

1. Word vectors from all reviews, and beside it the n-gram model from the labelled ones.
2. The teacher: the LSTM path on the labelled reviews.
3. Teacher and n-gram model together say what the other reviews are likely to be.
4. The student, a fresh LSTM path, and a second n-gram model learn from both kinds of reviews.
5. Both logits are blended by a logistic regression on the validation rows, which also sets the temperature.

Without other reviews the teacher is the model. Needs TensorFlow, gensim, scikit-learn and scipy.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.ngrams import NgramModel, fit_ngrams, rate_ngrams
from models.path_training import LstmPath, fit_path, make_rate
from models.training import LabelledReviews, TrainedModel
from models.wide_lstm import Blend, build_lstm_head, build_reader, join_paths
from models.word_vectors import fit_word_vectors

if TYPE_CHECKING:
    from models.variants import Variant

SURE = 0.98
"""What the label of a positive review counts as, so that the model need not become surer than labels are right."""
UNLABELLED_WEIGHT = 0.3
"""What a review without a label counts in the n-gram model, where a labelled one counts 1."""
VECTOR_SPREAD = 0.3
"""Standard deviation of the values that the words' vectors start from."""
BLEND_INVERSE_REGULARIZATION = 100.0


def train_wide_lstm(
    variant: "Variant",
    train: LabelledReviews,
    validation: LabelledReviews,
    unlabelled: NDArray[np.int32],
    *,
    seed: int,
    epochs: int,
    report: Callable[[int], None] = lambda rows: None,
) -> TrainedModel:
    """Train on labelled reviews and on `unlabelled` [m, sequence_length].

    Otherwise as `models.training.train_variant`; `epochs` are those of the student.
    """
    every = np.concatenate([train.ids, unlabelled])
    first_epochs = variant.teacher_epochs if len(unlabelled) else epochs
    work = first_epochs * len(train.ids) + (epochs * len(every) if len(unlabelled) else 0)
    told = _stretch(report, epochs * len(train.ids), work)
    with ThreadPoolExecutor(1) as pool:  # word2vec takes one core, the n-grams another
        sizes = variant.vocabulary_size, variant.embedding_size
        awaited = pool.submit(fit_word_vectors, every, *sizes, seed)
        ngrams = fit_ngrams(train.ids, train.positive, np.ones(len(train.ids)), variant.vocabulary_size)
        vectors = _scale_vectors(awaited.result())
    path = _make_path(variant, vectors, seed)
    softened = LabelledReviews(train.ids, np.where(train.positive > 0.5, SURE, 1 - SURE).astype(np.float32))
    history = fit_path(path, variant, softened, validation, epochs=first_epochs, seed=seed, report=told)
    if len(unlabelled):
        likely = _label(path, ngrams, variant, validation, unlabelled)
        weight = np.repeat([1.0, UNLABELLED_WEIGHT], [len(train.ids), len(unlabelled)])
        ngrams = fit_ngrams(every, np.concatenate([train.positive, likely]), weight, variant.vocabulary_size)
        path = _make_path(variant, vectors, seed + 1)
        both = LabelledReviews(every, np.concatenate([softened.positive, likely]))
        history = fit_path(path, variant, both, validation, epochs=epochs, seed=seed + 1, report=told)
    blend = _fit_blend(*_rate_both(path, ngrams, variant, validation.ids), validation.positive)
    model = join_paths(variant, path.reader, path.head, ngrams, blend)
    return TrainedModel(model, tuple(history), kept_epoch=len(history))


def _stretch(report: Callable[[int], None], promised: int, work: int) -> Callable[[int], None]:
    """Make what tells `report` of `promised` rows in all while `work` rows are done."""
    done = told = 0

    def tell(rows: int) -> None:
        nonlocal done, told
        done += rows
        due = done * promised // max(work, 1)
        report(due - told)
        told = due

    return tell


def _scale_vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = float(vectors.std())
    return vectors * np.float32(VECTOR_SPREAD / spread) if spread > 0 else vectors


def _make_path(variant: "Variant", vectors: NDArray[np.float32], seed: int) -> LstmPath:
    import keras

    keras.utils.set_random_seed(seed)
    return LstmPath(build_reader(variant, vectors), build_lstm_head(variant))


def _label(
    path: LstmPath,
    ngrams: NgramModel,
    variant: "Variant",
    validation: LabelledReviews,
    unlabelled: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Give what the reviews without a label likely are, [m] 0 to 1, by both paths together."""
    blend = _fit_blend(*_rate_both(path, ngrams, variant, validation.ids), validation.positive)
    lstm, wide = _rate_both(path, ngrams, variant, unlabelled)
    return (1 / (1 + np.exp(-(blend.lstm * lstm + blend.ngrams * wide + blend.bias)))).astype(np.float32)


def _rate_both(
    path: LstmPath, ngrams: NgramModel, variant: "Variant", ids: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return make_rate(path, variant.window)(ids), rate_ngrams(ngrams, ids, variant.vocabulary_size)


def _fit_blend(
    lstm: NDArray[np.float64], ngrams: NDArray[np.float64], positive: NDArray[np.float32]
) -> Blend:
    """Fit how two logits [n] make a score."""
    from sklearn.linear_model import LogisticRegression

    rows = np.stack([lstm, ngrams], axis=1)
    fitted = LogisticRegression(C=BLEND_INVERSE_REGULARIZATION).fit(rows, positive > 0.5)
    (first, second), bias = fitted.coef_[0], fitted.intercept_[0]
    return Blend(float(first), float(second), float(bias))
