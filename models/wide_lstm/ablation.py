"""What each path of a wide LSTM reaches alone: the LSTM over windows, and the n-grams. Only reported.

A path alone weighs its logits, of which the n-grams have two, in a way of its own; this is fitted on the validation
rows as the blend of all is. Needs ONNX Runtime and scikit-learn, at training time only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.engine import Engine
from models.training.types import EvaluationReviews
from models.wide_lstm.engine import Logits, WindowEngine, rate_paths
from models.wide_lstm.recipe import BLEND_INVERSE_REGULARIZATION


def measure_paths(engine: Engine, validation: EvaluationReviews, test: EvaluationReviews) -> dict[str, Any]:
    """Give the test accuracy of each path alone, `{"lstm": {"test_accuracy": 0.9}, ...}`; nothing for another engine.

    The whole model's is not among them: it is that of its evaluation.
    """
    if not isinstance(engine, WindowEngine):
        return {}
    fitted_on, judged_on = (_list_paths(rate_paths(engine, each.encoded)) for each in (validation, test))
    return {
        path: {"test_accuracy": _rate_alone(logits, validation.positive, judged_on[path], test.positive)}
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
