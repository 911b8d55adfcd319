"""The report of a training: its sections."""

from tasks.pages.formatting import format_share
from tasks.pages.rendering import Frame
from tasks.pages.sections import Row, Rows, Section
from tasks.report.scoring import frame_run
from tasks.report.verdict import judge_training
from tasks.support.wording import count


def frame_training(row: Row) -> Frame:
    """Return the frame of the report, by the row of `training-figures`."""
    made = f"{row['variant']}, seed {row['seed']}" if row["model_id"] else "A training without a model"
    return frame_run(row, "Training run", made, f"Model {row['model_id']}. " if row["model_id"] else "")


def _tell_figures(rows: Rows) -> str:
    """Return what the figures are of."""
    row = rows[0]
    if row["accuracy_from"] is None:
        return ""
    interval = f"{format_share(row['accuracy_from'])} to {format_share(row['accuracy_to'])}"
    return f"On the test reviews, on which no choice of the training depends; 95 % interval of the accuracy {interval}."


def _tell_gate(rows: Rows) -> str:
    """Return against whom the gate judged."""
    held = sum(row["result"] == "held" for row in rows)
    mode = "" if rows[0]["mode"] == "auto" else f" It was not asked to decide ({rows[0]['mode']})."
    return (
        f"Against the champion of that moment, {rows[0]['compared_with']}, on the validation reviews: {held} of "
        f"{count(len(rows), 'rule')} held.{mode} Intervals are of 95 % by the bootstrap over titles."
    )


def _tell_epochs(rows: Rows) -> str:
    """Return which epoch was kept."""
    losses = {
        row["validation_loss"]: row["epoch"] for row in reversed(rows) if row["validation_loss"] is not None
    }
    kept = rows[0]["kept_epoch"]
    lowest = ", which had the lowest validation loss" if losses and losses[min(losses)] == kept else ""
    return f"{count(len(rows), 'epoch')}; the weights of epoch {kept} were kept{lowest}."


SECTIONS = (
    Section("Verdict", "training-verdict", judge_training, "verdict"),
    Section(
        "In figures", "training-figures", _tell_figures, "figures",
        "test_accuracy=accuracy on the test reviews, baseline_accuracy=accuracy of counting words, "
        "area_under_roc=area under the ROC curve, log_loss=log loss in nats, calibration_error, stars_off",
    ),
    Section("The rules of the gate", "training-gate", _tell_gate, columns="of_the_gate=rule, result, figures"),
    Section(
        "Loss", "training-epochs", _tell_epochs, "lines", "epoch, loss=training, validation_loss=validation",
        unit="nats",
    ),
    Section(
        "Accuracy", "training-epochs", "The share called right, epoch by epoch.", "lines",
        "epoch, accuracy=training, validation_accuracy=validation", unit="share right",
    ),
    Section("ROC curve", "training-roc", look="curve"),
    Section(
        "Calibration", "training-calibration", "On the diagonal a score is the share that is positive.", "curve",
        "mean_score, share_positive",
    ),
    Section(
        "Accuracy by length", "training-lengths", "Test reviews by their number of words.", "lying bars",
        "words, accuracy", unit="share right",
    ),
    Section(
        "Stars off by length", "training-lengths", "By how many stars the model's are from the writer's.", "lying bars",
        "words, stars_off", unit="stars",
    ),
    Section(
        "By set of reviews", "training-sets",
        columns="reviews, number, accuracy, area_under_roc=area under ROC, log_loss, calibration_error",
    ),
    Section(
        "Right and wrong", "training-sets",
        columns="reviews, positive_called_positive, positive_called_negative, negative_called_negative, "
        "negative_called_positive",
    ),
    Section(
        "By kind of review", "training-slices",
        "Test reviews; the interval is of 95 %.",
        columns="kind, reviews, accuracy, accuracy_from=from, accuracy_to=to",
    ),
    Section(
        "How it behaves", "training-behaviour",
        "On two small sets of our own that no model learns from: sentences whose effect on a score is obvious, and "
        "reviews as people write them on other sites. A difference of a few texts means little.",
    ),
    Section(
        "Beside the others", "training-variants", "The newest model of each variant, on its own test reviews.",
        columns="variant, test_accuracy=accuracy, baseline_accuracy=counting words, log_loss, calibration_error, "
        "stars_off, trained_on, status, model_id",
    ),
    Section("Contracts that did not hold", "run-contracts", "A warning stops no run."),
    Section("What it was made of", "training-lineage", look="facts"),
)  # fmt: skip
