"""Tests that the seed variants have the layers of the design."""

import pytest

from models.variants import find_variant, list_variants

EMBEDDING, LSTM, DENSE = ("Embedding", 5000 * 32), ("LSTM", 4 * 100 * (32 + 100 + 1)), ("Dense", 101)
DROPOUT = ("Dropout", 0)
LAYERS = {
    "lstm": [EMBEDDING, LSTM, DENSE],
    "lstm_dropout": [EMBEDDING, DROPOUT, LSTM, DROPOUT, DENSE],
    "cnn_lstm": [EMBEDDING, ("Conv1D", 32 * 32 * 3 + 32), ("MaxPooling1D", 0), LSTM, DENSE],
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_seed_variant_has_the_layers_of_the_design(name: str) -> None:
    variant = find_variant(name)
    model = variant.build(variant)
    assert [(type(layer).__name__, layer.count_params()) for layer in model.layers] == LAYERS[name]
    assert model.input_shape == (None, 500)
    assert (model.loss, type(model.optimizer).__name__) == ("binary_crossentropy", "Adam")


def test_the_seed_variants_train_in_batches_of_64_for_2_epochs() -> None:
    variants = [list_variants()[name] for name in LAYERS]
    assert {(each.batch_size, each.epochs) for each in variants} == {(64, 2)}


def test_dropout_is_a_fifth() -> None:
    variant = find_variant("lstm_dropout")
    assert [layer.rate for layer in variant.build(variant).layers if "Dropout" in type(layer).__name__] == [
        0.2,
        0.2,
    ]


def test_the_convolution_is_3_wide_same_padded_and_rectified() -> None:
    variant = find_variant("cnn_lstm")
    convolution, pooling = variant.build(variant).layers[1:3]
    assert (convolution.kernel_size, convolution.padding, convolution.activation.__name__) == (
        (3,),
        "same",
        "relu",
    )
    assert pooling.pool_size == (2,)
