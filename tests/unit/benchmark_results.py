"""Makes invented results of the benchmark of variants, with figures that are easy to recognize."""

from typing import Any

from models.evaluation.behaviour import CAPABILITIES
from models.evaluation.elsewhere import ElsewhereReview

REVIEWS = (
    ElsewhereReview("short-001", "Good | *very* good.", "positive", 9, "short"),
    ElsewhereReview("short-002", "Bad <b>\n_indeed_.", "negative", 2, "short"),
    ElsewhereReview("mixed-001", "Good and bad, good.", "positive", 8, "mixed"),
    ElsewhereReview("mixed-002", "Bad and good, bad.", "negative", 3, "mixed"),
)
RIGHT, WRONG = [0.9, 0.1, 0.8, 0.2], [0.2, 0.9, 0.1, 0.8]


def make_results() -> dict[str, Any]:
    """Return results of three variants with two seeds: `new` is the best by validation, `lstm` by test."""
    return {
        "machine": "*A machine.*",
        "dataset": "sample",
        "rows": {"train": 4000, "validation": 500, "test": 2500},
        "of_earlier_code": 0,
        "baseline": {
            "name": "linear",
            "test_accuracy": 0.9,
            "seconds": 2.4,
            "train_reviews": 4000,
            "test_reviews": 2500,
            "features": 34_614,
        },
        "variants": {"lstm": "an LSTM", "cnn_lstm": "a convolution", "new": "something else"},
        "models": [
            make_model("lstm", 0, accuracy=0.95, loss=0.4, scores=WRONG),
            make_model("lstm", 1, accuracy=0.97, loss=0.5, scores=WRONG),
            make_model("cnn_lstm", 0, accuracy=0.80, loss=0.4, scores=[0.9, 0.1, 0.1, 0.8]),
            make_model("cnn_lstm", 1, accuracy=0.82, loss=0.4, scores=[0.9, 0.1, 0.1, 0.8]),
            make_model("new", 0, accuracy=0.91, loss=0.3, scores=RIGHT),
            make_model("new", 1, accuracy=0.93, loss=0.3, scores=RIGHT),
        ],
        "stock": [
            {"variant": "cnn_lstm", "seed": 0, "seconds": 10.0, "test_accuracy": 0.81},
            {"variant": "cnn_lstm", "seed": 1, "seconds": 20.0, "test_accuracy": 0.83},
        ],
        "speed": {
            name: {
                "ratio": ratio,
                "low": ratio - 1,
                "high": ratio + 1,
                "reviews_a_second": 1000 * ratio,
                "words_found_ratio": ratio + 0.5,
                "stock_reviews_a_second": 1000.0,
            }
            for name, ratio in {"lstm": 8.0, "cnn_lstm": 12.0, "new": 8.5}.items()
        },
    }


def make_model(name: str, seed: int, *, accuracy: float, loss: float, scores: list[float]) -> dict[str, Any]:
    """Return the figures of one bundle; its training took 5 seconds."""
    figures = {
        "reviews": 2500,
        "accuracy": accuracy,
        "auc": 0.95,
        "log_loss": loss,
        "calibration_error": 0.02,
    }
    return {
        "model_id": f"{name}-s{seed}-0123456789ab",
        "variant": name,
        "seed": seed,
        "kept_epoch": 2,
        "epochs": 2,
        "parameters": 213_301,
        "bytes": 1_800_000,
        "training_seconds": 5.0,
        "command_seconds": None,
        "validation": figures,
        "test": figures,
        "test_unseen_texts": {**figures, "accuracy": accuracy - 0.01},
        "reliability": [
            {"lower": 0.0, "upper": 0.1, "reviews": 1000, "mean_score": 0.05, "share_positive": 0.1 * seed},
            {"lower": 0.9, "upper": 1.0, "reviews": 3000, "mean_score": 0.95, "share_positive": 0.9},
        ],
        "by_length": [
            {"from_words": words, "reviews": reviews, "accuracy": accuracy, "rating_mae": 1.5}
            for words, reviews in ((1, 500), (50, 1000), (1000, 3))
        ],
        "rating": {"mae": 1.6, "title_spearman": 0.92},
        "ablations": {},
        "elsewhere_scores": scores,
        "behaviour": {
            "by_test": dict.fromkeys(CAPABILITIES, 0.5),
            "by_capability": {name: 0.25 * seed for names in CAPABILITIES.values() for name in names},
        },
    }
