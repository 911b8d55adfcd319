"""Trains the wide LSTM: word vectors, then each branch by itself, then a blend of their logits.

1. Word vectors are learnt from all reviews, also those without a label. At the same time the n-gram model is fitted on
   the labelled reviews, each used twice: the whole review, and its last window.
2. The LSTM branch is trained on the labelled reviews, from those word vectors, by adversarial training.
3. The logits are blended by a logistic regression on the validation rows, which also sets the temperature.

Needs TensorFlow, gensim, scikit-learn and scipy.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from models.training.types import LabelledReviews, TrainedModel, TrainingReviews, Variant
from models.wide_lstm.branch_training import LstmBranch, compile_branch, fit_branch
from models.wide_lstm.layers import Blend, build_lstm_head, build_reader, join_branches
from models.wide_lstm.ngrams import NgramModel, compute_ngram_logits, fit_ngrams
from models.wide_lstm.word_vectors import EPOCHS as VECTOR_EPOCHS
from models.wide_lstm.word_vectors import fit_word_vectors

SMOOTHED_LABEL = 0.98
"""Training target of a positive review instead of 1, since some labels are wrong."""
VECTOR_SPREAD = 0.3
"""Standard deviation of the initial values of the word vectors."""
BLEND_INVERSE_REGULARIZATION = 100.0
"""Of the logistic regression that blends the logits: `C` of scikit-learn."""


def train_wide_lstm(
    variant: Variant, reviews: TrainingReviews, *, seed: int, epochs: int, report: Callable[[int], None]
) -> TrainedModel:
    """Train on labelled reviews, with word vectors from unlabelled ones too; see `models.training.types.Recipe`."""
    import keras

    train, validation = reviews.train, reviews.validation
    rows = len(train.ids)
    report_work = _scale_progress(report, epochs * rows, (epochs + VECTOR_EPOCHS) * rows)
    ngram_model = _start(
        lambda: _fit_ngram_model(variant, train)
    )  # word2vec takes one core, the n-grams another
    all_ids = np.concatenate([train.ids, reviews.unlabelled])
    sizes = variant.vocabulary_size, variant.embedding_size
    vectors = _scale_vectors(fit_word_vectors(all_ids, *sizes, seed, lambda: report_work(rows)))
    ngrams = ngram_model.result()
    keras.utils.set_random_seed(seed)
    branch = LstmBranch(variant, build_reader(variant, vectors), build_lstm_head(variant))
    history = fit_branch(branch, _smooth_labels(reviews), epochs=epochs, seed=seed, report=report_work)
    blend = _fit_blend(branch, ngrams, validation)
    model = join_branches(variant, branch.reader, branch.head, ngrams, blend)
    return TrainedModel(model, tuple(history), kept_epoch=len(history))


def _scale_progress(report: Callable[[int], None], promised: int, work: int) -> Callable[[int], None]:
    """Return a progress function for `work` rows in all, which calls `report` with `promised` rows in all.

    The rows of word2vec are work too, but the caller expects only those of the epochs.
    """
    done = reported = 0

    def report_work(rows: int) -> None:
        nonlocal done, reported
        done += rows
        due = done * promised // work
        report(due - reported)
        reported = due

    return report_work


def _start(compute: Callable[[], NgramModel]) -> Future[NgramModel]:
    """Run `compute` in a daemon thread: Ctrl-C must not wait for it, as it would for a thread of a pool."""
    future: Future[NgramModel] = Future()

    def fill() -> None:
        try:
            future.set_result(compute())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=fill, daemon=True).start()
    return future


def _fit_ngram_model(variant: Variant, train: LabelledReviews) -> NgramModel:
    """Fit one n-gram model on every whole review and on its last window, so that endings weigh more."""
    ending = np.zeros_like(train.ids)
    ending[:, -variant.window :] = train.ids[:, -variant.window :]
    both = np.concatenate([train.ids, ending])
    return fit_ngrams(both, np.tile(train.positive > 0.5, 2), variant.vocabulary_size)


def _scale_vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale the word vectors to the spread with which the training of the branch starts."""
    spread = float(vectors.std())
    return vectors * np.float32(VECTOR_SPREAD / spread) if spread > 0 else vectors


def _smooth_labels(reviews: TrainingReviews) -> TrainingReviews:
    """Replace the training labels 1 and 0 by `SMOOTHED_LABEL` and `1 - SMOOTHED_LABEL`."""
    train = reviews.train
    smoothed = np.where(train.positive > 0.5, SMOOTHED_LABEL, 1 - SMOOTHED_LABEL).astype(np.float32)
    return replace(reviews, train=LabelledReviews(train.ids, smoothed))


def _fit_blend(branch: LstmBranch, ngrams: NgramModel, validation: LabelledReviews) -> Blend:
    """Fit the weight of each logit on the validation rows."""
    from sklearn.linear_model import LogisticRegression

    ids, size = validation.ids, branch.variant.vocabulary_size
    ngram_logits = [
        compute_ngram_logits(ngrams, view, size) for view in (ids, ids[:, -branch.variant.window :])
    ]
    logits = np.stack([compile_branch(branch)(ids), *ngram_logits], axis=1)
    fitted = LogisticRegression(C=BLEND_INVERSE_REGULARIZATION).fit(logits, validation.positive > 0.5)
    return Blend(*(float(weight) for weight in (*fitted.coef_[0], fitted.intercept_[0])))
