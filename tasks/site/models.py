"""The page on which the models stand beside each other: its sections."""

from data_contracts.storage.home import Home
from tasks.pages.formatting import format_moment
from tasks.pages.rendering import Frame
from tasks.pages.sections import Answers, Part, Rows, Section
from tasks.site.overview import tell_missing


def _tell_shadow(rows: Rows) -> str:
    """Return since when the shadow scores, and whether it can."""
    row = rows[0]
    until = f", until {format_moment(row['until'])}" if row["until"] else ""
    since = f"since {format_moment(row['started_at'])}{until}"
    past = f"from {format_moment(row['started_at'])} to {format_moment(row['ended_at'])}"
    ended = ", when it became the champion" if row["ended_by"] == "promotion" else ""
    when = f"scores unseen {since}" if row["is_on"] else f"scored unseen {past}{ended}"
    told = f"{row['model_id']} {when}: none of its scores is in any other figure."
    if row["is_on"] and row["trouble"]:
        told += f" It can't score since {format_moment(row['trouble_since'])}: {row['trouble'][:500]}"
    return told


SECTIONS = (
    Section(
        "The champion", "champions", "Of the held-out test reviews, called right.", "figures",
        "test_accuracy=by the champion, baseline_test_accuracy=by a linear model that counts words",
    ),
    Section(
        "The models", "models-side-by-side",
        "The champion first, then those that were promoted last, then the others, the newest first.",
        columns="model_id, status, variant, seed, epochs, dataset=trained on, train_rows=reviews, own_labels_until=own "
        "labels until, trained_at", empty="None has been trained yet: `reviews train` trains one.",
    ),
    Section(
        "On reviews of the archive that none was trained on", "models-side-by-side",
        "By the test reviews a model is described, by the validation reviews it is chosen. Log loss, in nats, is "
        "lower for a model that is right and sure of it; the calibration error is by how much its scores differ "
        "from the share of positive reviews. The linear baseline, which counts words and pairs of words, had the "
        "same reviews.",
        columns="model_id, test_accuracy=right in the test, baseline_test_accuracy=baseline, test_log_loss=log loss, "
        "test_ece=calibration error, test_rating_mae=stars off, validation_accuracy=right in the validation, "
        "validation_log_loss=its log loss, validation_ece=its calibration error",
    ),
    Section(
        "Calibration", "model-calibration",
        "On the diagonal a score is the share that is positive.", "curve", "mean_score, model, share_positive",
    ),
    Section(
        "Right by length", "model-lengths", "Of the test reviews, by the number of their words.", "lines",
        "words_from, model, accuracy", unit="share right",
    ),
    Section(
        "Right by kind", "model-slices",
        "Of the test reviews: short ones have under 150 words, long ones 300 and more; q1 to q4 are quarters by the "
        "share of unknown words, q1 has the fewest.", "lying bars", "kind, model, accuracy", unit="share right",
    ),
    Section(
        "On your own reviews", "models-side-by-side",
        "What a model scored while it was the champion may have come with the verdict of the writer, or a clear "
        "rating: “called right” is of those. Labels that a model may have learnt from do not count for it. A review "
        "that came again counts each time; so two models may have had different reviews.",
        columns="model_id, reviews=scores given, accuracy=called right, judged=of scores, stars_off, rated=of "
        "scores with stars",
    ),
    Section("The shadow beside the champion", "newest-shadow", _tell_shadow, columns="model_id, started_at, until, "
    "is_on"),
    Section(
        "Shadow and champion on the same reviews", "shadow-comparison",
        "Of reviews that both models scored, each by its newest row, in all and by source. The gain is the 95 % "
        "interval of how much more often the shadow is right.",
        columns="compared_with=beside, source, reviews, flips, labelled, shadow_accuracy=shadow right, "
        "champion_accuracy=champion right, gain_lower=gain from, gain_upper=to, stars_difference=stars differ",
    ),
    Section(
        "Which model was the champion", "champions", "Each promotion and rollback with its reason, the newest first.",
        columns="at=champion from, model_id, action=what, compared_with=in place of, reason",
    ),
)  # fmt: skip


def read_models(answers: Answers) -> list[Part]:
    """Read the sections of the page; the shadow is compared with the champion alone."""
    shadow = answers.find("newest-shadow")
    champion = answers.find("champions")[:1]
    given = {
        "model": shadow[0]["model_id"] if shadow else "",
        "beside": champion[0]["model_id"] if champion else None,
    }
    return [answers.read(section, given) for section in SECTIONS]


def frame_models(parts: list[Part], home: Home) -> Frame:
    """Return the frame of the page."""
    models = parts[1].rows
    has_champion = bool(models) and models[0]["is_champion"]
    return Frame(
        "Models side by side",
        meta=f"The champion, which scores what comes in, is {models[0]['model_id']}."
        if has_champion
        else "No model has been promoted yet, so nothing is scored.",
        note=tell_missing(models, home),
        foot="reviews site",
        here="models",
    )
