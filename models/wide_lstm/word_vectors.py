"""Learns word vectors without labels: gensim's word2vec, skip-gram with negative sampling (Mikolov et al., 2013).

Needs gensim, at training time only.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.background import start_thread
from models.training.journal import QUIET, Arrays, Journal, name_epoch

CONTEXT = 8
"""Words on either side of a word that are predicted from it, at most."""
NEGATIVES = 5
"""Random words that each predicted word is contrasted with."""
EPOCHS = 3
SUBSAMPLING = 1e-4
"""Words that make up a larger share of all words than this are skipped at random, more often the more frequent."""


PART = "word-vectors"
"""The name of the checkpoints of word vectors, one after each epoch."""
LOOK_SECONDS = 0.5
"""Seconds between two looks at how far an epoch is."""
_FIRST_RATE, _LAST_RATE = 0.025, 0.0001
"""The learning rate falls from one to the other; gensim's own defaults."""
_REVIEWS_AT_ONCE = 100


def fit_word_vectors(
    ids: NDArray[np.int32], vocabulary_size: int, size: int, seed: int, journal: Journal = QUIET
) -> NDArray[np.float32]:
    """Learn a vector for each word id from reviews [n, length]; return [vocabulary_size, size].

    The vectors of id 0 and of words that no review holds are 0. It reports the reviews of all `EPOCHS`. It runs on
    one core, since word2vec on several gives other vectors each time; the same reviews and seed give the same vectors.
    """
    from gensim.models import Word2Vec

    checkpoint = journal.load(PART)
    if checkpoint is not None:
        journal.report(checkpoint.done * len(ids))
        journal.go_on(f"{name_epoch(checkpoint.done, EPOCHS)} of the word vectors", checkpoint.saved_at)
        if checkpoint.done == EPOCHS:
            return np.asarray(checkpoint.arrays["vectors"])
    names = np.array([str(number) for number in range(vocabulary_size)], dtype=object)
    model = Word2Vec(
        vector_size=size,
        window=CONTEXT,
        sg=1,
        negative=NEGATIVES,
        sample=SUBSAMPLING,
        min_count=1,
        seed=seed,
        workers=1,
    )
    model.build_vocab(_Sentences(ids, names))
    if checkpoint is not None:
        _restore(model, checkpoint.arrays)
    for epoch in range(checkpoint.done if checkpoint else 0, EPOCHS):
        _train_epoch(model, _Sentences(ids, names), epoch, journal.report)
        last = epoch + 1 == EPOCHS
        vectors = _order_by_id(model.wv, vocabulary_size)
        journal.save(PART, epoch + 1, {"vectors": vectors} if last else _list_state(model))
    return vectors


@dataclass(frozen=True)
class _Sentences:
    """The known words of each review as names, made anew for each of gensim's passes, since they take much memory."""

    ids: NDArray[np.int32]
    names: NDArray[np.object_]
    passed: list[int] = field(default_factory=list)
    """The number of reviews in each step of a pass so far."""

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the words of each review."""
        for start in range(0, len(self.ids), _REVIEWS_AT_ONCE):
            part = self.ids[start : start + _REVIEWS_AT_ONCE]
            for row in part:
                yield self.names[row[row > 0]].tolist()
            self.passed.append(len(part))


def _train_epoch(model: Any, sentences: _Sentences, epoch: int, report: Callable[[int], None]) -> None:
    """Train for one epoch in another thread, and report from this one meanwhile."""
    first, last = (_FIRST_RATE - (_FIRST_RATE - _LAST_RATE) * each / EPOCHS for each in (epoch, epoch + 1))
    training = start_thread(
        lambda: model.train(
            sentences, total_examples=model.corpus_count, epochs=1, start_alpha=first, end_alpha=last
        )
    )
    reported = 0
    while not wait([training], LOOK_SECONDS).done:
        due = sum(sentences.passed)
        report(due - reported)
        reported = due
    training.result()
    report(len(sentences.ids) - reported)


def _list_state(model: Any) -> dict[str, NDArray[Any]]:
    """Return all that changes while a model is trained."""
    _, keys, position, *_ = model.random.get_state()
    return {
        "words": model.wv.vectors,
        "contexts": model.syn1neg,
        "random_keys": keys,
        "random_position": np.array(position),
    }


def _restore(model: Any, arrays: Arrays) -> None:
    """Give a model with the same vocabulary the state that it had at a checkpoint."""
    model.wv.vectors[:], model.syn1neg[:] = arrays["words"], arrays["contexts"]
    model.random.set_state(("MT19937", arrays["random_keys"], int(arrays["random_position"])))


def _order_by_id(learned: Any, vocabulary_size: int) -> NDArray[np.float32]:
    """Return the vectors [vocabulary_size, size] by word id."""
    vectors = np.zeros((vocabulary_size, learned.vector_size), np.float32)
    vectors[[int(name) for name in learned.index_to_key]] = learned.vectors
    return vectors
