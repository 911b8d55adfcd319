"""Trains the wide LSTM: word vectors, then each branch by itself, then a blend of their logits.

1. Word vectors are learnt from all reviews, also those without a label. At the same time, and on, the n-gram model is
   fitted on the labelled reviews, each used twice: the whole review, and its last window. Then vectors of its n-grams
   are learnt from all reviews; they give it a second weighting.
2. The LSTM branch is trained on the labelled reviews, from those word vectors, by adversarial training.
3. The logits are blended by a logistic regression on the validation rows, which also sets the temperature.

Needs TensorFlow, gensim, Numba, scikit-learn and scipy.
"""

from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from models.training.background import start_thread
from models.training.journal import Journal
from models.training.types import LabelledReviews, TrainedModel, TrainingReviews, Variant
from models.wide_lstm.branch_training import PART as BRANCH
from models.wide_lstm.branch_training import LstmBranch, compile_branch, fit_branch
from models.wide_lstm.layers import Blend, build_lstm_head, build_reader, join_branches
from models.wide_lstm.ngram_vectors import fit_vector_weighting
from models.wide_lstm.ngrams import (
    NgramModel,
    compute_logits_from,
    fit_ngrams,
    join_weightings,
    make_matrix,
)
from models.wide_lstm.word_vectors import EPOCHS as VECTOR_EPOCHS
from models.wide_lstm.word_vectors import fit_word_vectors

NGRAMS = "ngrams"
"""The name of the checkpoint of the n-gram model."""
VECTOR_WORK = 0.25
"""The time that a review takes in an epoch of word2vec, as a share of that in an epoch of the branch, on two cores.

With more cores it is larger, as word2vec has one.
"""
SMOOTHED_LABEL = 0.98
"""Training target of a positive review instead of 1, since some labels are wrong."""
VECTOR_SPREAD = 0.3
"""Standard deviation of the initial values of the word vectors."""
BLEND_INVERSE_REGULARIZATION = 100.0
"""Of the logistic regression that blends the logits: `C` of scikit-learn."""


def train_wide_lstm(
    variant: Variant, reviews: TrainingReviews, *, seed: int, epochs: int, journal: Journal
) -> TrainedModel:
    """Train on labelled reviews, with word vectors from unlabelled ones too; see `models.training.types.Recipe`."""
    import keras

    # word2vec takes one core, the n-grams another; most of their time passes beside that of the branch
    ngram_model = start_thread(lambda: _weigh_ngrams(variant, reviews, seed, journal))
    has_begun = journal.load(BRANCH) is not None
    vectors_journal, branch_journal = _share_progress(journal, reviews, epochs, has_begun)
    if has_begun:  # its checkpoint has the vectors too
        vectors = np.zeros((variant.vocabulary_size, variant.embedding_size), np.float32)
    else:
        vectors = _learn_vectors(variant, reviews, seed, vectors_journal)
    keras.utils.set_random_seed(seed)
    branch = LstmBranch(variant, build_reader(variant, vectors), build_lstm_head(variant))
    smoothed = _smooth_labels(reviews)
    history = fit_branch(branch, smoothed, epochs=epochs, seed=seed, journal=branch_journal)
    ngrams = ngram_model.result()
    blend = _fit_blend(branch, ngrams, reviews.validation)
    model = join_branches(variant, branch.reader, branch.head, ngrams, blend)
    return TrainedModel(model, history, kept_epoch=len(history))


def _share_progress(
    journal: Journal, reviews: TrainingReviews, epochs: int, has_begun: bool
) -> tuple[Journal, Journal]:
    """Return the journals of the word vectors and of the branch, whose reviews take different times.

    The caller is told of `epochs` times the training reviews in all. If the branch has begun, the word vectors are told
    of with the first reviews of the branch.
    """
    promised = epochs * len(reviews.train.ids)
    vectors = VECTOR_WORK * VECTOR_EPOCHS * (len(reviews.train.ids) + len(reviews.unlabelled))
    done, told = vectors if has_begun else 0.0, 0

    def report(work: float) -> None:
        nonlocal done, told
        done += work
        due = round(done * promised / (vectors + promised))
        journal.report(due - told)
        told = due

    return replace(journal, report=lambda rows: report(VECTOR_WORK * rows)), replace(journal, report=report)


def _learn_vectors(
    variant: Variant, reviews: TrainingReviews, seed: int, journal: Journal
) -> NDArray[np.float32]:
    """Learn the word vectors with which the training of the branch starts."""
    ids = np.concatenate([reviews.train.ids, reviews.unlabelled])
    return _scale_vectors(
        fit_word_vectors(ids, variant.vocabulary_size, variant.embedding_size, seed, journal)
    )


def _weigh_ngrams(variant: Variant, reviews: TrainingReviews, seed: int, journal: Journal) -> NgramModel:
    """Return the n-gram model with both weightings."""
    fitted = _recall_ngram_model(variant, reviews.train, journal)
    ids = np.concatenate([reviews.train.ids, reviews.unlabelled])
    present = make_matrix(fitted.numbers, ids, variant.vocabulary_size)
    by_vectors = fit_vector_weighting(fitted, present, reviews.train.positive > 0.5, seed, journal)
    return join_weightings([fitted, by_vectors])


def _recall_ngram_model(variant: Variant, train: LabelledReviews, journal: Journal) -> NgramModel:
    """Return the first weighting from the journal's checkpoint; fit and keep it where there is none."""
    checkpoint = journal.load(NGRAMS)
    if checkpoint is None:
        fitted = _fit_ngram_model(variant, train)
        journal.save(NGRAMS, 1, {field.name: getattr(fitted, field.name) for field in fields(fitted)})
        return fitted
    return NgramModel(*(checkpoint.arrays[field.name] for field in fields(NgramModel)))


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
    starts = 0, ids.shape[1] - branch.variant.window
    ngram_logits = compute_logits_from(ngrams, ids, size, starts)
    logits = np.concatenate([compile_branch(branch)(ids)[:, None], *ngram_logits], axis=1)
    fitted = LogisticRegression(C=BLEND_INVERSE_REGULARIZATION).fit(logits, validation.positive > 0.5)
    lstm, *both = fitted.coef_[0].tolist()
    return Blend(lstm, tuple(both[:2]), tuple(both[2:]), float(fitted.intercept_[0]))
