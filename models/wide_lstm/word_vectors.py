"""Learns word vectors without labels: gensim's word2vec, skip-gram with negative sampling (Mikolov et al., 2013).

Needs gensim, at training time only.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CONTEXT = 8
"""Words on either side of a word that are predicted from it, at most."""
NEGATIVES = 5
"""Random words that each predicted word is contrasted with."""
EPOCHS = 3
SUBSAMPLING = 1e-4
"""Words that make up a larger share of all words than this are skipped at random, more often the more frequent."""


def fit_word_vectors(
    ids: NDArray[np.int32],
    vocabulary_size: int,
    size: int,
    seed: int,
    report: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Learn a vector for each word id from reviews [n, length]; return [vocabulary_size, size].

    The vectors of id 0 and of words that no review holds are 0. `report` is called after each of `EPOCHS`. It runs on
    one core, since word2vec on several gives other vectors each time; the same reviews and seed give the same vectors.
    """
    from gensim.models import Word2Vec
    from gensim.models.callbacks import CallbackAny2Vec

    class ReportEpoch(CallbackAny2Vec):  # type: ignore[misc]
        def on_epoch_end(self, model: Word2Vec) -> None:
            report()

    names = np.array([str(number) for number in range(vocabulary_size)], dtype=object)
    learned = Word2Vec(
        [names[row[row > 0]].tolist() for row in ids],
        vector_size=size,
        window=CONTEXT,
        sg=1,
        negative=NEGATIVES,
        sample=SUBSAMPLING,
        epochs=EPOCHS,
        min_count=1,
        seed=seed,
        workers=1,
        callbacks=[ReportEpoch()],
    ).wv
    vectors = np.zeros((vocabulary_size, size), np.float32)
    vectors[[int(name) for name in learned.index_to_key]] = learned.vectors
    return vectors
