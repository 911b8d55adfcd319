"""What each path of a wide LSTM reaches alone: the LSTM over windows, and the n-grams. Only reported.

A path alone weighs its logits, of which the n-grams have two, in a way of its own; this is fitted on the validation
rows as the blend of all is. Needs ONNX Runtime and scikit-learn, at training time only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lstm.engine import open_graph
from models.tokenizer import EncodedReviews
from models.wide_lstm.engine import Logits, load_window_engine, rate_paths, reads_windows
from models.wide_lstm.recipe import BLEND_INVERSE_REGULARIZATION


def measure_paths(
    graph: bytes | None,
    validation: EncodedReviews,
    validation_positive: NDArray[np.bool_],
    test: EncodedReviews,
    test_positive: NDArray[np.bool_],
) -> dict[str, Any]:
    """Give the test accuracy of each path alone, `{"lstm": {"test_accuracy": 0.9}, ...}`.

    `graph` is what `models.lstm.export.export_graph` gave of the model; of one that is no wide LSTM there is nothing.

    The whole model's is not among them: it is that of its evaluation.
    """
    opened = None if graph is None else open_graph(graph)
    if opened is None or not reads_windows(opened):
        return {}
    engine = load_window_engine(opened)
    fitted_on, judged_on = (_list_paths(rate_paths(engine, reviews)) for reviews in (validation, test))
    return {
        path: {"test_accuracy": _rate_alone(logits, validation_positive, judged_on[path], test_positive)}
        for path, logits in fitted_on.items()
    }


def _list_paths(logits: Logits) -> dict[str, NDArray[np.float64]]:
    """Give the logits of each path, [n, those that it has]."""
    return {"lstm": logits.lstm[:, None], "ngrams": np.stack([logits.ngrams, logits.ending], axis=1)}


def _rate_alone(
    fitted_on: NDArray[np.float64],
    positive: NDArray[np.bool_],
    judged_on: NDArray[np.float64],
    judged_positive: NDArray[np.bool_],
) -> float:
    """Fit how the logits [n, k] of a path make a label, and give the share of `judged_on` [m, k] called rightly."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=BLEND_INVERSE_REGULARIZATION).fit(fitted_on, positive)
    return float((fitted.predict(judged_on) == judged_positive).mean())
