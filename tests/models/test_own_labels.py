"""Tests of what a finished model learns from the labels of a source."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from data_contracts.errors import BundleError
from models.bundle.fingerprint import is_unaltered
from models.bundle.folder import OWN_FILE, load_own, name_adapted, write_adapted_bundle
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import Scorer, load_scorer, score_texts
from models.own_labels.fitting import LabelledTexts, ScoredTexts, fit_layer
from models.own_labels.layer import OwnLayer, read_layer, to_facts, to_logit, to_score
from models.own_labels.predicted_labels import FEWEST_OF_A_PREDICTION, learn_from_predictions
from models.own_labels.valences import Lexicon
from models.tokenizer import EncodedReviews, Vocabulary, encode_reviews
from tasks.training.adapting import find_same_training
from tests.support.small_home import make_small_bundle

LENGTH = 12
WORD_IDS = {word: number for number, word in enumerate(("fits", "well", "runs", "small", "dress"), start=1)}
PRAISE = Lexicon(((2, 2.0, 0),))
SHOP = OwnLayer(1.0, ((3,), (3, 4)), (-1.0, -2.0), 0.5, PRAISE)


def encode(texts: list[str]) -> EncodedReviews:
    return encode_reviews(texts, WORD_IDS, LENGTH)


def make_scorer(**layers: OwnLayer) -> Scorer:
    """Return a scorer that gives every text a score by its number of words."""
    return Scorer("", LENGTH, WORD_IDS, lambda encoded: to_score(encoded.token_count / 10), own=layers)


def draw_labels(texts: int, seed: int = 0) -> LabelledTexts:
    """Draw texts of a source whose writers mean what the model says, by logit, with three in four positive."""
    random = np.random.default_rng(seed)
    words = [*WORD_IDS]
    drawn = [" ".join(random.choice(words, 6)) for _ in range(texts)]
    logit = random.normal(1.0, 2.0, texts)
    return LabelledTexts(to_score(logit), encode(drawn), random.random(texts) < to_score(logit))


def label(texts: list[str], praise: str) -> LabelledTexts:
    """Label the texts in which a word stands positive; the model knows nothing of them."""
    positive = np.array([praise in text.split() for text in texts])
    return LabelledTexts(np.full(len(texts), 0.5), encode(texts), positive)


def measure_loss(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    return float(-np.log(np.where(positive, score, 1 - score)).mean())


def test_a_layer_changes_the_logit_by_its_bias_and_by_each_ngram_once() -> None:
    [plain, marked] = SHOP.adapt(np.array([0.5, 0.5]), encode(["fits dress", "runs small runs small"]))
    assert plain == pytest.approx(to_score(np.array([1.0]))[0])
    assert marked == pytest.approx(to_score(np.array([1.0 - 3.0 / np.sqrt(2)]))[0])


def test_a_layer_changes_the_logit_by_the_mean_valence_of_the_known_words() -> None:
    layer = OwnLayer(factor=0.5, lexicon=PRAISE)
    [changed] = layer.adapt(np.array([0.5]), encode(["it fits so well"]))
    assert changed == pytest.approx(to_score(np.array([0.5 * 2.0 / 2]))[0])


def test_a_pair_of_words_of_two_texts_is_no_ngram() -> None:
    layer = OwnLayer(ngrams=((3, 4),), weights=(5.0,))
    assert layer.adapt(np.array([0.5, 0.5]), encode(["it runs", "small"])).tolist() == [0.5, 0.5]


def test_a_layer_is_read_as_it_was_written() -> None:
    assert read_layer(json.loads(json.dumps(to_facts(SHOP))), len(WORD_IDS)) == SHOP


def test_a_layer_of_an_earlier_version_has_no_valences() -> None:
    facts = to_facts(SHOP)
    del facts["factor"], facts["lexicon"]
    assert read_layer(facts, len(WORD_IDS)) == replace(SHOP, factor=0.0, lexicon=Lexicon())


def test_only_the_texts_of_a_source_are_scored_with_its_layer() -> None:
    scorer = make_scorer(shop=SHOP)
    texts, sources = (
        ["runs small", "runs small", "fits well", "runs small"],
        ["shop", "other", "shop", "shop"],
    )
    plain, adapted = score_texts(scorer, texts).score, score_texts(scorer, texts, sources).score
    assert adapted[1] == plain[1]
    assert adapted[0] == adapted[3] == scorer.predict_for("shop")(encode(["runs small"]))[0] != plain[0]
    assert scorer.predict_for(None)(encode(["runs small"]))[0] == plain[0]


@pytest.mark.parametrize("rare", [0, 1])
def test_labels_of_one_kind_settle_nothing(rare: int) -> None:
    labels = draw_labels(100)
    fitted = fit_layer(replace(labels, positive=np.arange(100) >= rare))
    assert fitted.layer.changes_nothing


@pytest.mark.slow
def test_labels_that_agree_with_the_model_hardly_move_it() -> None:
    new = draw_labels(2000, seed=1)
    before = measure_loss(new.score, new.positive)
    losses = [
        measure_loss(fit_layer(draw_labels(30, seed)).layer.adapt(new.score, new.encoded), new.positive)
        for seed in range(5)
    ]
    assert np.mean(losses) < before + 0.02


@pytest.mark.slow
def test_a_source_whose_writers_are_kinder_than_the_model_thinks_moves_the_bias() -> None:
    labels, new = (draw_labels(300, seed) for seed in (0, 1))
    kinder = [replace(each, score=to_score(to_logit(each.score) - 2)) for each in (labels, new)]
    fitted = fit_layer(kinder[0])
    adapted = fitted.layer.adapt(kinder[1].score, new.encoded)
    assert fitted.layer.bias > 0
    assert measure_loss(adapted, new.positive) < measure_loss(kinder[1].score, new.positive) - 0.1
    assert fitted.shares[0] < 0.01


@pytest.mark.slow
def test_a_word_that_means_something_else_in_a_source_gets_a_weight() -> None:
    random = np.random.default_rng(0)
    texts = [f"dress {word}" for word in random.choice(["well", "small"], 400)]
    positive = np.array(["well" in text for text in texts]) ^ (random.random(400) < 0.1)
    fitted = fit_layer(LabelledTexts(np.full(400, 0.5), encode(texts), positive))
    by_ngram = dict(zip(fitted.layer.ngrams, fitted.layer.weights, strict=True))
    assert by_ngram[WORD_IDS["well"],] > 0.5
    assert by_ngram[WORD_IDS["small"],] < -0.5
    assert sum(fitted.shares) == pytest.approx(1)


def give_others(texts: int) -> ScoredTexts:
    """Return texts without a label, with `dress` beside a word that the model likes, or `runs` beside another one."""
    drawn = [["well dress", "small runs"][number % 2] for number in range(texts)]
    return ScoredTexts(np.array([0.9 if "well" in text else 0.1 for text in drawn]), encode(drawn))


def test_reviews_without_labels_teach_words_that_no_labelled_one_has() -> None:
    texts = ["well", "small"] * 50
    labels = LabelledTexts(np.full(100, 0.5), encode(texts), np.array([text == "well" for text in texts]))
    scores = [
        fit_layer(labels, others).layer.adapt(np.array([0.5, 0.5]), encode(["dress", "runs"]))
        for others in (None, give_others(200))
    ]
    assert scores[0].tolist() == pytest.approx([0.5, 0.5], abs=1e-3)
    assert scores[1][0] > 0.51
    assert scores[1][1] < 0.49


def teach(*reviews: tuple[int, str, float]) -> Callable[[str], float]:
    """Return the taught logit of a word, after as many reviews of one word each with a score of the model."""
    words = sorted({word for _, word, _ in reviews})
    place = np.repeat([words.index(word) for _, word, _ in reviews], [number for number, _, _ in reviews])
    score = np.repeat([score for _, _, score in reviews], [number for number, _, _ in reviews])
    shares = scipy.sparse.csr_matrix((np.ones(len(place)), (np.arange(len(place)), place)))
    taught = learn_from_predictions(shares, score)
    assert taught is not None
    return lambda word: float(taught.bias + taught.weights[words.index(word)])


def test_few_reviews_of_which_the_model_is_sure_teach_more_than_many_others() -> None:
    logit = teach((20, "dress", 0.99), (40, "dress", 0.49), (20, "runs", 0.01), (40, "runs", 0.51))
    assert logit("dress") > 0 > logit("runs")


def test_the_rarer_predicted_label_teaches_as_much_as_the_other() -> None:
    logit = teach((20, "dress", 0.99), (30, "dress", 0.01), (150, "runs", 0.01))
    assert logit("dress") > 0 > logit("runs")


def test_a_word_that_no_labelled_text_has_counts_by_its_valence() -> None:
    praise = Lexicon(((WORD_IDS["fits"], 2.0, 0), (WORD_IDS["well"], 2.0, 0)))
    labels = label(["well dress", "runs small"] * 30, "well")
    known, unknown = (
        fit_layer(labels, lexicon=lexicon).layer.adapt(np.array([0.5]), encode(["fits"]))[0]
        for lexicon in (praise, Lexicon())
    )
    assert known > 0.6
    assert unknown == pytest.approx(0.5, abs=0.01)


def test_valences_count_for_more_where_the_labels_agree_with_them() -> None:
    agree, differ = (
        fit_layer(label(["it fits well", "it runs small"] * 60, praise), lexicon=PRAISE).layer
        for praise in ("well", "small")
    )
    assert agree.lexicon == differ.lexicon == PRAISE
    assert agree.factor > differ.factor + 0.5


def test_valences_move_no_score_on_average_where_both_labels_are_as_frequent() -> None:
    labels = label(["it fits well", "it runs small"] * 60, "well")
    layer = fit_layer(labels, lexicon=PRAISE).layer
    assert layer.factor > 1
    assert to_logit(layer.adapt(labels.score, labels.encoded)).mean() == pytest.approx(0, abs=0.01)


def test_too_few_reviews_without_labels_teach_nothing() -> None:
    labels = draw_labels(100)
    few = give_others(2 * FEWEST_OF_A_PREDICTION - 2)
    alone = fit_layer(labels, replace(few, score=np.full(len(few.score), 0.9)))
    assert fit_layer(labels, few) == alone


@pytest.mark.slow
def test_the_same_labels_give_the_same_layer() -> None:
    assert fit_layer(draw_labels(60)) == fit_layer(draw_labels(60))
    assert fit_layer(draw_labels(60), give_others(60)) == fit_layer(draw_labels(60), give_others(60))


def adapt_small_bundle(folder: Path) -> Path:
    """Write a bundle with a layer of the source `shop` beside a small one, and return its folder."""
    [base] = make_small_bundle().iterdir()
    shutil.copytree(base, folder / base.name)
    facts = read_facts(base)
    prints = {name: value for name, value in facts["fingerprints"].items() if name != "bundle"}
    named = {**facts, "model_id": name_adapted(facts, {"shop": SHOP}), "fingerprints": prints}
    named["own"] = {"base": base.name}
    return write_adapted_bundle(folder / base.name, {"shop": SHOP}, named)


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapt_small_bundle(tmp_path_factory.mktemp("adapted"))


def test_an_adapted_bundle_scores_as_the_layer_on_the_model_does(adapted: Path) -> None:
    scorer = load_scorer(adapted)
    texts = ["a plot", "film the plot"]
    plain = score_texts(scorer, texts)
    assert scorer.model_id == adapted.name
    assert score_texts(scorer, texts, ["default"] * 2).score.tolist() == plain.score.tolist()
    expected = SHOP.adapt(plain.score, encode_reviews(texts, scorer.word_ids, scorer.sequence_length))
    assert score_texts(scorer, texts, ["shop"] * 2).score.tolist() == expected.tolist()
    assert abs(expected - plain.score).min() > 1e-4


def test_a_layer_that_was_altered_is_noticed(tmp_path: Path) -> None:
    folder = adapt_small_bundle(tmp_path)
    assert is_unaltered(folder)
    (folder / OWN_FILE).write_text((folder / OWN_FILE).read_text().replace("1.0", "1.5"))
    assert not is_unaltered(folder)


def test_of_several_bundles_of_one_training_the_newest_or_that_of_the_champion_is_taken(
    tmp_path: Path,
) -> None:
    adapted = adapt_small_bundle(tmp_path)
    [newer] = make_small_bundle(1).iterdir()
    shutil.copytree(newer, tmp_path / newer.name)
    facts = read_facts(newer)
    ids = [path.name for path in tmp_path.iterdir()]
    for champion, seed in ((None, 1), (adapted.name, 0)):
        found = find_same_training(tmp_path, {"variant": facts["variant"]}, ids, champion)
        assert found is not None
        assert found.facts["seed"] == seed


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"shop": {"bias": 1}}',
        '{"shop": {"bias": 0, "ngrams": [], "factor": 1, "lexicon": [[Infinity, 1, 0]]}}',
        '{"shop": {"bias": 0, "ngrams": [], "factor": 1, "lexicon": [[6, 1, 0]]}}',
        '{"shop": {"bias": 0, "ngrams": [], "factor": NaN}}',
        '{"shop": {"bias": 1e999, "ngrams": []}}',
        '{"shop": ' + "[" * 100_000,
    ],
)
def test_layers_that_cant_be_read_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / OWN_FILE).write_text(content)
    with pytest.raises(BundleError, match=OWN_FILE):
        load_own(tmp_path, Vocabulary(tuple(WORD_IDS)))
