"""The kind `LSTM`: the three seed variants, which `docs/design.md` fixes, with their export and engine."""

from models.lstm.engine import load_lstm_engine
from models.lstm.export import export_lstm
from models.lstm.layers import build_cnn_lstm, build_lstm, build_lstm_dropout
from models.training.kind_of_model import Kind, Variant

LSTM = Kind(
    variants=(
        Variant("lstm", "Embedding, LSTM, Dense", build_lstm),
        Variant(
            "lstm_dropout",
            "the same, with dropout before and after the LSTM",
            build_lstm_dropout,
            dropout=0.2,
        ),
        Variant(
            "cnn_lstm",
            "Embedding, convolution, pooling, LSTM, Dense",
            build_cnn_lstm,
            filters=32,
            kernel_size=3,
            pool_size=2,
        ),
    ),
    export=export_lstm,
    load_engine=load_lstm_engine,
)
