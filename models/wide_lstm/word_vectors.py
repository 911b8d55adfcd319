"""Word vectors from reviews without labels: gensim's word2vec, skip-gram with negative sampling (Mikolov et al., 2013).

Needs gensim, at training time only.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CONTEXT = 8
"""Words on either side that a word is told by, at most."""
NEGATIVES = 5
EPOCHS = 3
SUBSAMPLING = 1e-4
"""Words more frequent than this share are skipped now and then, the more frequent the more often."""


def fit_word_vectors(
    ids: NDArray[np.int32],
    vocabulary_size: int,
    size: int,
    seed: int,
    report: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Give a vector [size] for every word id in reviews [n, length]: [vocabulary_size, size].

    That of 0, and of words that are not seen, is 0. `report` is called after each of `EPOCHS`.

    On one core, since word2vec on several gives other vectors every time. The same reviews and seed give the same.
    """
    from gensim.models import Word2Vec
    from gensim.models.callbacks import CallbackAny2Vec

    class TellEpoch(CallbackAny2Vec):  # type: ignore[misc]
        def on_epoch_end(self, model: Word2Vec) -> None:
            report()

    names = np.array([str(number) for number in range(vocabulary_size)], dtype=object)
    learnt = Word2Vec(
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
        callbacks=[TellEpoch()],
    ).wv
    vectors = np.zeros((vocabulary_size, size), np.float32)
    vectors[[int(name) for name in learnt.index_to_key]] = learnt.vectors
    return vectors
