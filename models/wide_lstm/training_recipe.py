"""Trains the wide LSTM: word vectors, then each branch by itself, then a blend of their logits.

1. Word vectors are learnt from all reviews, also those without a label. Beside it, in another thread, the n-gram model
   is fitted on the labelled reviews, each used twice: the whole review, and its last window. Then vectors of its
   n-grams are learnt from all reviews; they give it a second weighting. Both weightings then predict labels for the
   reviews without one; the log ratios are computed again with these, and both weightings are fitted again.
2. The LSTM branch is trained on the labelled reviews, from those word vectors, by adversarial training.
3. The logits are blended by a logistic regression on the validation rows, which also sets the temperature.

Needs TensorFlow, gensim, Numba, scikit-learn and scipy.
"""

from concurrent.futures import Future, wait
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from models.training.background import Result, start_thread
from models.training.journal import Journal
from models.training.kind_of_model import Variant
from models.training.reviews import LabelledReviews, TrainingReviews
from models.training.trained_model import TrainedModel
from models.wide_lstm.branch_training import PART as BRANCH
from models.wide_lstm.branch_training import LstmBranch, fit_branch
from models.wide_lstm.layers import Blend, build_lstm_head, build_reader, join_branches
from models.wide_lstm.ngram_vectors import EPOCHS as NGRAM_VECTOR_EPOCHS
from models.wide_lstm.ngram_vectors import PARTS, fit_vector_weighting, learn_sets
from models.wide_lstm.ngrams import (
    NgramModel,
    compare_labels,
    compute_logits_from,
    fit_ngrams,
    fit_weights,
    join_weightings,
    make_matrix,
    weigh_matrix,
)
from models.wide_lstm.word_vectors import EPOCHS as VECTOR_EPOCHS
from models.wide_lstm.word_vectors import LOOK_SECONDS, fit_word_vectors

NGRAMS = "ngrams"
"""The name of the checkpoint of the n-gram model."""
VECTOR_WORK = 0.25
"""The time that a review takes in an epoch of word2vec, as a share of that in an epoch of the branch, on two cores.

With more cores it is larger, as word2vec has one.
"""
NGRAM_VECTOR_WORK = 0.02
"""Likewise, the time of a review in an epoch of one set of vectors of n-grams."""
SMOOTHED_LABEL = 0.98
"""Training target of a positive review instead of 1, since some labels are wrong."""
VECTOR_SPREAD = 0.3
"""Standard deviation of the initial values of the word vectors."""
BLEND_INVERSE_REGULARIZATION = 100.0
"""Of the logistic regression that blends the logits: `C` of scikit-learn."""


def train_wide_lstm(
    variant: Variant, reviews: TrainingReviews, *, seed: int, epochs: int, journal: Journal
) -> TrainedModel:
    """Train on labelled reviews, with word vectors from unlabelled ones too.

    See `models.training.kind_of_model.Recipe`.
    """
    import keras

    has_begun = journal.load(BRANCH) is not None
    progress = _begin_progress(journal, reviews, epochs, has_begun)
    # word2vec takes one core, the n-grams another; most of their time passes beside that of the branch
    beside = progress.open_beside(NGRAM_VECTOR_WORK)
    ngram_model = start_thread(lambda: weigh_ngrams(variant, reviews, seed, beside))
    if has_begun:  # its checkpoint has the vectors too
        vectors = np.zeros((variant.vocabulary_size, variant.embedding_size), np.float32)
    else:
        vectors = _learn_vectors(variant, reviews, seed, progress.open(VECTOR_WORK))
    keras.utils.set_random_seed(seed)
    branch = LstmBranch(variant, build_reader(variant, vectors), build_lstm_head(variant))
    train = reviews.train
    targets = np.where(train.positive > 0.5, SMOOTHED_LABEL, 1 - SMOOTHED_LABEL).astype(np.float32)
    smoothed = replace(reviews, train=LabelledReviews(train.ids, targets))
    history = fit_branch(branch, smoothed, epochs=epochs, seed=seed, journal=progress.open(1.0))
    ngrams = progress.wait_for(ngram_model)
    blend = _fit_blend(branch, ngrams, reviews.validation)
    model = join_branches(variant, branch.reader, branch.head, ngrams, blend)
    return TrainedModel(model, history, kept_epoch=len(history))


@dataclass
class _Progress:
    """Reports the progress of all parts to the caller, as a share of the rows that it expects.

    Work is the time of a review, as a share of that in an epoch of the branch. Only the main thread reports.
    """

    journal: Journal
    rows: int
    """That the caller expects: `epochs` times the training reviews."""
    work: float
    """Of all parts."""
    done: float
    beside: list[float]
    """Work that is done in other threads: they append to it, and the next report of the main thread includes it."""
    reported: int = 0
    """Rows."""

    def open(self, work: float) -> Journal:
        """Return the journal of a part in the main thread, of which a review takes this work."""
        return replace(self.journal, report=lambda rows: self.report(work * rows))

    def open_beside(self, work: float) -> Journal:
        """Return the journal of a part in other threads, of which a review takes this work."""
        return replace(self.journal, report=lambda rows: self.beside.append(work * rows))

    def report(self, work: float) -> None:
        """Report work that the main thread has done, and what the others have done meanwhile."""
        self.done += work
        due = min(round((self.done + sum(self.beside)) / self.work * self.rows), self.rows)
        self.journal.report(due - self.reported)
        self.reported = due

    def wait_for(self, last: Future[Result]) -> Result:
        """Return the result of the last part when it has one; report its work meanwhile."""
        while not wait([last], LOOK_SECONDS).done:
            self.report(0)
        self.report(self.work)
        return last.result()


def _begin_progress(journal: Journal, reviews: TrainingReviews, epochs: int, has_begun: bool) -> _Progress:
    """Return the progress of a training; if the branch has begun, the word vectors are done."""
    every, rows = len(reviews.train.ids) + len(reviews.unlabelled), epochs * len(reviews.train.ids)
    words, ngrams = VECTOR_WORK * VECTOR_EPOCHS * every, NGRAM_VECTOR_WORK * every
    before = ngrams * sum(journal.find_done(part) for part in PARTS)
    work = words + ngrams * NGRAM_VECTOR_EPOCHS * len(PARTS) + rows
    return _Progress(journal, rows, work, words if has_begun else 0.0, [before])


def _learn_vectors(
    variant: Variant, reviews: TrainingReviews, seed: int, journal: Journal
) -> NDArray[np.float32]:
    """Learn the word vectors with which the training of the branch starts, scaled to their spread."""
    ids = np.concatenate([reviews.train.ids, reviews.unlabelled])
    vectors = fit_word_vectors(ids, variant.vocabulary_size, variant.embedding_size, seed, journal)
    spread = float(vectors.std())
    return vectors * np.float32(VECTOR_SPREAD / spread) if spread > 0 else vectors


def weigh_ngrams(variant: Variant, reviews: TrainingReviews, seed: int, journal: Journal) -> NgramModel:
    """Return the n-gram model with both weightings, each fitted twice.

    First with the log ratios of the labelled reviews. Then the reviews without a label count too, with the label that
    both weightings together predict: they are more, so the log ratios are more exact, above all those of rare n-grams.
    """
    fitted, positive = _recall_ngram_model(variant, reviews.train, journal), reviews.train.positive > 0.5
    ids = np.concatenate([reviews.train.ids, reviews.unlabelled])
    present = make_matrix(fitted.numbers, ids, variant.vocabulary_size)
    sets = learn_sets(present, fitted.ratio[:, 0], seed, journal)
    by_vectors = fit_vector_weighting(fitted, present, positive, sets)
    if sets:
        judged = weigh_matrix(fitted, present) + weigh_matrix(by_vectors, present) > 0
        judged[: len(positive)] = positive
        ratio = compare_labels(present, judged)
        both = make_matrix(fitted.numbers, _add_endings(variant, reviews.train), variant.vocabulary_size)
        fitted = fit_weights(fitted.numbers, both, np.tile(positive, 2), ratio)
        by_vectors = fit_vector_weighting(fitted, present, positive, sets)
    return join_weightings([fitted, by_vectors])


def _recall_ngram_model(variant: Variant, train: LabelledReviews, journal: Journal) -> NgramModel:
    """Return the first weighting from the journal's checkpoint; fit and keep it where there is none."""
    checkpoint = journal.load(NGRAMS)
    if checkpoint is None:
        # On every whole review and on its last window, so that endings weigh more.
        both, positive = _add_endings(variant, train), np.tile(train.positive > 0.5, 2)
        fitted = fit_ngrams(both, positive, variant.vocabulary_size)
        journal.save(NGRAMS, 1, {field.name: getattr(fitted, field.name) for field in fields(fitted)})
        return fitted
    return NgramModel(*(checkpoint.arrays[field.name] for field in fields(NgramModel)))


def _add_endings(variant: Variant, train: LabelledReviews) -> NDArray[np.int32]:
    """Return every whole review, then the last window of every review."""
    endings = np.zeros_like(train.ids)
    endings[:, -variant.window :] = train.ids[:, -variant.window :]
    return np.concatenate([train.ids, endings])


def _fit_blend(branch: LstmBranch, ngrams: NgramModel, validation: LabelledReviews) -> Blend:
    """Fit the weight of each logit on the validation rows; 0 for the ending by vectors.

    That logit adds nothing to the other four on held-out titles, and each weight that is fitted on so few rows costs.
    """
    from sklearn.linear_model import LogisticRegression

    ids, size = validation.ids, branch.variant.vocabulary_size
    starts = 0, ids.shape[1] - branch.variant.window
    whole, ending = compute_logits_from(ngrams, ids, size, starts)
    logits = np.concatenate([branch.rate(ids)[:, None], whole, ending[:, :1]], axis=1)
    fitted = LogisticRegression(C=BLEND_INVERSE_REGULARIZATION).fit(logits, validation.positive > 0.5)
    lstm, by_labels, by_vectors, at_end = fitted.coef_[0].tolist()
    return Blend(lstm, (by_labels, by_vectors), (at_end, 0.0), float(fitted.intercept_[0]))
