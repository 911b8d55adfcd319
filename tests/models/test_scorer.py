"""The scorer gives Keras's own numbers, whatever the batch."""

import numpy as np
import pytest

from models.scorer import BATCH_ROWS, SAME_SCORE, make_scorer, score_ids, score_texts
from models.variants import VARIANTS, find_variant
from tests.models.small import WORDS, make_small_variant

WORD_IDS = {word: position for position, word in enumerate(WORDS, start=1)}


@pytest.mark.parametrize("name", VARIANTS)
def test_scores_equal_those_of_model_predict(name: str) -> None:
    variant = find_variant(name)
    model = variant.build(variant)
    random = np.random.default_rng(0)
    ids = random.integers(0, 5000, (BATCH_ROWS + 3, 500)).astype(np.int32)
    for row, length in enumerate(random.integers(0, 500, len(ids))):
        ids[row, :length] = 0
    expected = model.predict(ids, batch_size=64, verbose=0)[:, 0]
    assert np.abs(score_ids(make_scorer("", model, {}, 500), ids) - expected).max() < SAME_SCORE


def test_scores_come_back_in_the_order_of_the_texts() -> None:
    variant = make_small_variant()
    scorer = make_scorer("", variant.build(variant), WORD_IDS, 12)
    texts = [f"{WORDS[number % 6]} {WORDS[number % 5]}" for number in range(40)]
    alone = [score_texts(scorer, [text]).score[0] for text in texts]
    assert score_texts(scorer, texts).score.tolist() == pytest.approx(alone, abs=1e-6)


def test_the_facts_of_a_text_stand_beside_its_score() -> None:
    variant = make_small_variant()
    scored = score_texts(make_scorer("", variant.build(variant), WORD_IDS, 12), ["good what", "the " * 20])
    assert scored.token_count.tolist() == [2, 20]
    assert scored.oov_rate.tolist() == [0.5, 0]
    assert scored.truncated.tolist() == [False, True]


def test_no_texts_give_no_scores() -> None:
    variant = make_small_variant()
    assert len(score_texts(make_scorer("", variant.build(variant), WORD_IDS, 12), []).score) == 0
