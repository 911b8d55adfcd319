"""Makes the sentence of a verdict from its reasons, which a query gives, the heaviest first; and says what judges."""

from collections.abc import Mapping, Sequence

from tasks.pages.sections import Rows
from tasks.support.wording import count

SCORES = {
    "good": "These scores can be trusted",
    "care": "Use these scores with care",
    "bad": "Do not use these scores before you have looked into it",
}


def judge_scores(rows: Rows) -> str:
    """Return the verdict on the scores of a run."""
    return _conclude(SCORES, rows)


def judge_training(rows: Rows) -> str:
    """Return the verdict on a training."""
    scores = "This model scores" if rows[0]["is_champion"] else "This model was trained and does not score"
    leads = {"good": scores, "care": f"{scores}. To know", "bad": "This training is not to be relied on"}
    return _conclude(leads, rows)


def _conclude(leads: Mapping[str, str], rows: Rows) -> str:
    """Return the lead of the heaviest weight, with the clauses of the reasons that have it."""
    weight = rows[0]["weight"]
    briefs = [row["brief"] for row in rows if row["weight"] == weight and row["brief"]]
    return f"{leads[weight]}: {_join(briefs)}." if briefs else f"{leads[weight]}."


def _join(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def tell_verdicts(rows: Rows) -> str:
    """Return what judges the model."""
    told = (
        "Called right are reviews whose writers gave a label or a clear rating, if the model says the same."
    )
    learnt = count(rows[0]["learnt"], "review")
    more = f" {learnt} came before the model learnt from such verdicts; they do not judge it."
    return told + more if rows[0]["learnt"] else told
