"""Training of the wide LSTM: word vectors of all reviews, the two paths apart, and a blend of what they say.

1. Word vectors from all reviews, those without a label too; beside it the n-gram model from the labelled ones, each
   taken twice: whole, and its last window.
2. The LSTM path from the labelled reviews, beginning with those vectors, by adversarial training.
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
from models.wide_lstm.branch_training import LstmPath, fit_path, make_rate
from models.wide_lstm.layers import Blend, build_lstm_head, build_reader, join_paths
from models.wide_lstm.ngrams import NgramModel, fit_ngrams, rate_ngrams
from models.wide_lstm.word_vectors import EPOCHS as VECTOR_EPOCHS
from models.wide_lstm.word_vectors import fit_word_vectors

SMOOTHED_LABEL = 0.98
"""What the label of a positive review counts as, so that the model need not become surer than labels are right."""
VECTOR_SPREAD = 0.3
"""Standard deviation of the values that the words' vectors start from."""
BLEND_INVERSE_REGULARIZATION = 100.0


def train_wide_lstm(
    variant: Variant, reviews: TrainingReviews, *, seed: int, epochs: int, report: Callable[[int], None]
) -> TrainedModel:
    """Train on labelled reviews, with word vectors from unlabelled ones too; see `models.training.types.Recipe`."""
    import keras

    train, validation = reviews.train, reviews.validation
    rows = len(train.ids)
    told = _stretch(report, epochs * rows, (epochs + VECTOR_EPOCHS) * rows)
    begun = _begin(lambda: _fit_views(variant, train))  # word2vec takes one core, the n-grams another
    every, sizes = (
        np.concatenate([train.ids, reviews.unlabelled]),
        (variant.vocabulary_size, variant.embedding_size),
    )
    vectors = _scale_vectors(fit_word_vectors(every, *sizes, seed, lambda: told(rows)))
    ngrams = begun.result()
    keras.utils.set_random_seed(seed)
    path = LstmPath(variant, build_reader(variant, vectors), build_lstm_head(variant))
    history = fit_path(path, _smooth_labels(reviews), epochs=epochs, seed=seed, report=told)
    blend = _fit_blend(path, ngrams, validation)
    model = join_paths(variant, path.reader, path.head, ngrams, blend)
    return TrainedModel(model, tuple(history), kept_epoch=len(history))


def _stretch(report: Callable[[int], None], promised: int, work: int) -> Callable[[int], None]:
    """Make what tells `report` of `promised` rows in all while `work` rows are done: those of word2vec count too."""
    done = told = 0

    def tell(rows: int) -> None:
        nonlocal done, told
        done += rows
        due = done * promised // work
        report(due - told)
        told = due

    return tell


def _begin(compute: Callable[[], NgramModel]) -> Future[NgramModel]:
    """Compute in a thread that ends with the process: Ctrl-C must not wait for it, as it does for a pool's."""
    future: Future[NgramModel] = Future()

    def fill() -> None:
        try:
            future.set_result(compute())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=fill, daemon=True).start()
    return future


def _fit_views(variant: Variant, train: LabelledReviews) -> NgramModel:
    """Fit one n-gram model on every review and on its last window alone: endings weigh more than other words."""
    ending = np.zeros_like(train.ids)
    ending[:, -variant.window :] = train.ids[:, -variant.window :]
    both = np.concatenate([train.ids, ending])
    return fit_ngrams(both, np.tile(train.positive > 0.5, 2), variant.vocabulary_size)


def _scale_vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = float(vectors.std())
    return vectors * np.float32(VECTOR_SPREAD / spread) if spread > 0 else vectors


def _smooth_labels(reviews: TrainingReviews) -> TrainingReviews:
    """Replace the training labels 1 and 0 by `SMOOTHED_LABEL` and its complement."""
    train = reviews.train
    softened = np.where(train.positive > 0.5, SMOOTHED_LABEL, 1 - SMOOTHED_LABEL).astype(np.float32)
    return replace(reviews, train=LabelledReviews(train.ids, softened))


def _fit_blend(path: LstmPath, ngrams: NgramModel, validation: LabelledReviews) -> Blend:
    """Fit what each logit counts on the validation rows."""
    from sklearn.linear_model import LogisticRegression

    ids, size = validation.ids, path.variant.vocabulary_size
    wide = [rate_ngrams(ngrams, view, size) for view in (ids, ids[:, -path.variant.window :])]
    logits = np.stack([make_rate(path)(ids), *wide], axis=1)
    fitted = LogisticRegression(C=BLEND_INVERSE_REGULARIZATION).fit(logits, validation.positive > 0.5)
    return Blend(*(float(weight) for weight in (*fitted.coef_[0], fitted.intercept_[0])))
