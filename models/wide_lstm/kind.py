"""The kind `WIDE_LSTM`: the default variant with its recipe, layer class, export and engine."""

from models.training.kind_of_model import Kind, Variant
from models.wide_lstm.engine import load_wide_lstm_engine
from models.wide_lstm.export import export_windows
from models.wide_lstm.layers import build_wide_lstm, make_ngram_layer
from models.wide_lstm.training_recipe import train_wide_lstm

WIDE_LSTM = Kind(
    variants=(
        Variant(
            "wide_lstm",
            "convolution and bidirectional LSTM over windows of words, beside n-grams",
            build_wide_lstm,
            train_wide_lstm,
            reads_unlabelled=True,
            vocabulary_size=30_000,
            sequence_length=1024,
            embedding_size=200,
            lstm_units=96,
            dropout=0.3,
            filters=160,
            kernel_size=5,
            pool_size=4,
            head_dropout=0.5,
            window=64,
            epochs=3,
            batch_size=32,
        ),
    ),
    export=export_windows,
    load_engine=load_wide_lstm_engine,
    make_layers=lambda: (make_ngram_layer(),),
)
