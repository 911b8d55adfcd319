"""Measures the test accuracy of each branch of a wide LSTM alone: the LSTM over windows, and the n-grams.

The figures are only reported. The LSTM has one logit and the n-grams have several, so the weights of a single branch
are fitted again, on the validation rows, as the weights of the whole model are, and for the same logits. Needs ONNX
Runtime and scikit-learn, at training time only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.engine_interface import Engine
from models.training.reviews import EvaluationReviews
from models.wide_lstm.engine import WideLstmEngine, compute_logits
from models.wide_lstm.training_recipe import BLEND_INVERSE_REGULARIZATION


def measure_branches(
    engine: Engine, validation: EvaluationReviews, test: EvaluationReviews
) -> dict[str, Any]:
    """Return the test accuracy of each branch alone, as `{"lstm": {"test_accuracy": 0.9}, ...}`.

    The whole model's accuracy is not included, since the evaluation measures it. Empty for an engine of another kind.
    """
    if not isinstance(engine, WideLstmEngine):
        return {}
    used = engine.blend != 0
    on_validation, on_test = (
        _list_branches(compute_logits(engine, reviews.encoded), used) for reviews in (validation, test)
    )
    return {
        branch: {
            "test_accuracy": _measure_accuracy(logits, validation.positive, on_test[branch], test.positive)
        }
        for branch, logits in on_validation.items()
    }


def _list_branches(logits: NDArray[np.float64], used: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Return the logits of each branch: [n, 1] of the LSTM, and those of the n-grams that the blend uses."""
    return {"lstm": logits[:, :1], "ngrams": logits[:, 1:][:, used[1:]]}


def _measure_accuracy(
    validation_logits: NDArray[np.float64],
    validation_positive: NDArray[np.bool_],
    test_logits: NDArray[np.float64],
    test_positive: NDArray[np.bool_],
) -> float:
    """Fit the weights of a branch's logits on validation reviews [n, k]; return the accuracy on test reviews [m, k]."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=BLEND_INVERSE_REGULARIZATION).fit(validation_logits, validation_positive)
    return float((model.predict(test_logits) == test_positive).mean())
