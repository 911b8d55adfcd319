"""The gate: the rules that a challenger must pass to replace the champion."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from data_contracts.errors import UsageError
from models.evaluation.bootstrap import Interval
from models.evaluation.comparison import Comparison, SliceComparison
from models.evaluation.sets import BehaviourChange

PROMOTE_MODES = ("auto", "never", "always")
SMALLEST_GAIN = 0.001
"""A challenger's validation log loss must be lower than the champion's by more than this, in nats."""
OWN_LOSS_MARGIN = 0.005
"""Nats by which the validation log loss may be higher where the log loss on own labels is lower beyond chance."""
OWN_ACCURACY_MARGIN = 0.003
"""Loss of validation accuracy that is allowed there, as a share: 0.3 points."""
FEWEST_OWN_REVIEWS = 30
"""A gain on fewer held-out reviews with own labels promotes nothing."""
SLICE_MARGIN = 0.01
"""Loss of accuracy on a slice that is allowed even if it is beyond chance, as a share: one point."""
SMALLEST_SLICE = 100
"""A slice with fewer reviews than this passes without being judged."""
BEHAVIOUR_ALLOWANCE = 0.05
"""Loss of a pass rate of behavioural tests that is allowed even if it is beyond chance, as a share."""
BEHAVIOUR_CHANCE = 0.025
"""A lower pass rate is beyond chance if the p-value of its sign test is below this."""
LARGEST_COST_RATIO = 10.0
"""How many times as long as the champion a challenger may take for a review.

By docs/models.md `wide_lstm` takes about 3 times as long as `cnn_lstm` for a test accuracy 6 percentage points higher.
"""
FIRST_MODEL = "first_model"
"""The name of the check of a model that has no champion to be compared with."""
OWN_TRAFFIC = "own_traffic"
"""The rule on the reviews that a challenger scored as the shadow. It is there only where the two models met."""
SMALLEST_TRAFFIC = 100
"""With fewer labelled reviews of own traffic that both models scored, a challenger is not judged by them."""
TRAFFIC_CHANCE = 0.05
"""On these, a lower accuracy is beyond chance if its 95 % interval lies below 0 and McNemar's p is below this too."""


@dataclass(frozen=True)
class Contest:
    """All figures that the gate judges: a challenger compared with the champion."""

    scores: Comparison
    """On the validation rows."""
    behaviour: tuple[BehaviourChange, ...]
    challenger_seconds: float
    """Scoring time per review in this process: the shortest of several times over the same texts."""
    champion_seconds: float
    """Measured in the same way."""
    own: Comparison | None = None
    """On held-out reviews that sources gave labels for, each source a slice; None if neither model learnt from any."""

    @property
    def cost_ratio(self) -> float:
        """Return the challenger's time per review divided by the champion's."""
        return self.challenger_seconds / max(self.champion_seconds, 1e-12)


@dataclass(frozen=True)
class OwnTraffic:
    """A challenger that scored as the shadow, compared with the champion on labelled reviews that came to the home."""

    labelled_reviews: int
    shadow_accuracy: float | None
    """None without a labelled review, as the other figures."""
    champion_accuracy: float | None
    only_shadow_right: int
    only_champion_right: int
    gain_lower: float | None
    """The 95 % interval of the challenger's accuracy minus the champion's, by titles; None for labels of one title."""
    gain_upper: float | None
    mcnemar_p: float | None


@dataclass(frozen=True)
class GateCheck:
    """The result of one rule of the gate, with the figures that decided it."""

    name: str
    """'log_loss', 'accuracy', 'slice NAME', 'behaviour TYPE', 'cost', 'own_log_loss', 'source NAME', 'own_traffic';
    else why nothing was compared."""
    passed: bool
    detail: str
    challenger: float | None = None
    champion: float | None = None
    lower: float | None = None
    """Lower bound of the interval of the challenger's gain, if there is one; a gain above 0 is better."""
    upper: float | None = None
    reviews: int | None = None
    """On which a slice or a source was measured."""


@dataclass(frozen=True)
class Decision:
    """Whether the challenger is promoted, with the reason in words and the checks."""

    promote: bool
    reason: str
    checks: tuple[GateCheck, ...] = ()


def decide_promotion(mode: str, checks: Sequence[GateCheck]) -> Decision:
    """Decide whether the challenger is promoted.

    `checks` are those of `judge_contest`, or the single check that states why nothing was compared. The mode `auto`
    promotes a challenger that passes all of them; `always` and `never` ignore them. The decision keeps the checks in
    every mode. Raises `UsageError` for an unknown mode.
    """
    if mode not in PROMOTE_MODES:
        raise UsageError(f"--promote is one of {', '.join(PROMOTE_MODES)}, not {mode!r}.")
    kept = tuple(checks)
    if mode != "auto":
        return Decision(mode == "always", f"asked for: --promote {mode}", kept)
    failed = [check for check in kept if not check.passed]
    if failed:
        # The name of a slice, a type of tests or a source is not in the detail.
        reasons = [f"{check.name}: {check.detail}" if " " in check.name else check.detail for check in failed]
        return Decision(False, "; ".join(reasons) + _describe_unproven(kept), kept)
    shown = {
        check.name: f"{check.challenger:.4f} against {check.champion:.4f}"
        for check in kept
        if check.name in ("log_loss", "accuracy", "own_log_loss")
    }
    if "log_loss" not in shown:
        return Decision(True, kept[0].detail, kept)
    better = f"validation log loss {shown['log_loss']}, accuracy {shown['accuracy']}"
    if "own_log_loss" in shown:
        better += f"; log loss on own labels {shown['own_log_loss']}"
    return Decision(True, f"better than the champion: {better}", kept)


def pass_first_model() -> GateCheck:
    """Return the passed check of a model that has no champion to be compared with."""
    return GateCheck(FIRST_MODEL, True, "the first model")


def judge_contest(contest: Contest) -> tuple[GateCheck, ...]:
    """Judge a challenger by each rule of the gate; return one check for each rule.

    The challenger must have a lower log loss beyond chance and at least the champion's accuracy. It must not be clearly
    worse on any slice or type of behavioural tests, nor too slow. If one of the models learnt from labels of sources,
    a lower log loss on enough of their held-out reviews counts instead of one on the validation reviews, where the
    challenger may then lose a little; it must not be clearly worse on them, nor on those of any source.
    """
    mine, other = contest.challenger_seconds, contest.champion_seconds
    cost = (
        f"{1e6 * mine:,.0f} microseconds a review against {1e6 * other:,.0f}, {contest.cost_ratio:.2g} times as long "
        f"(at most {LARGEST_COST_RATIO:g})"
    )
    margins = (0.0, 0.0)
    own = contest.own
    if own is not None and own.challenger.reviews >= FEWEST_OWN_REVIEWS and _is_better(own):
        margins = (OWN_LOSS_MARGIN, OWN_ACCURACY_MARGIN)
    return (
        _judge_log_loss(contest.scores, margins[0]),
        _judge_accuracy(contest.scores, margins[1]),
        *map(_judge_slice, contest.scores.slices),
        *(_judge_behaviour(change, contest.behaviour) for change in contest.behaviour),
        GateCheck("cost", contest.cost_ratio <= LARGEST_COST_RATIO, cost, mine, other),
        *(_judge_own(own) if own is not None else ()),
    )


def _is_better(scores: Comparison) -> bool:
    """Return whether the challenger's log loss is lower by more than chance and `SMALLEST_GAIN`."""
    gain = scores.log_loss_gain
    return gain.value > SMALLEST_GAIN and gain.lower > 0


def _judge_own(own: Comparison) -> tuple[GateCheck, ...]:
    """Judge by the rules of the gate on reviews that sources gave labels for: of all, then of each source."""
    gain, mine, other = own.log_loss_gain, own.challenger.log_loss, own.champion.log_loss
    detail = (
        f"log loss {mine:.4f} against {other:.4f} on {own.challenger.reviews:,} held-out reviews with own labels "
        f"({_format_nats(gain)}; accuracy {own.challenger.accuracy:.4f} against {own.champion.accuracy:.4f})"
    )
    checks = (GateCheck("own_log_loss", gain.upper >= 0, detail, mine, other, gain.lower, gain.upper),)
    return (*checks, *(replace(_judge_slice(each), name=f"source {each.name}") for each in own.slices))


def _judge_log_loss(scores: Comparison, margin: float) -> GateCheck:
    """Judge by the rule of the gate on the log loss; with a margin above 0, a loss of that much is allowed."""
    gain, mine, other = scores.log_loss_gain, scores.challenger.log_loss, scores.champion.log_loss
    allowed = f"; the gain on own labels allows {-margin:.3f}" if margin else ""
    detail = f"validation log loss {mine:.4f} against {other:.4f} ({_format_nats(gain)}{allowed})"
    passed = gain.value >= -margin if margin else _is_better(scores)
    return GateCheck("log_loss", passed, detail, mine, other, gain.lower, gain.upper)


def _judge_accuracy(scores: Comparison, margin: float) -> GateCheck:
    """Judge by the rule of the gate on the accuracy, which may be lower by a margin."""
    gain, mine, other = scores.accuracy_gain, scores.challenger.accuracy, scores.champion.accuracy
    detail = (
        f"accuracy {mine:.4f} against {other:.4f} ({_format_points(gain)}; of the reviews that only one model "
        f"classifies correctly, {scores.only_challenger_right:,} against {scores.only_champion_right:,}, "
        f"McNemar's p {scores.mcnemar_p:.2g})"
    )
    return GateCheck("accuracy", mine >= other - margin, detail, mine, other, gain.lower, gain.upper)


def _judge_slice(each: SliceComparison) -> GateCheck:
    """Fail a loss of accuracy above `SLICE_MARGIN` that is beyond chance, corrected for the number of slices."""
    few = each.reviews < SMALLEST_SLICE
    worse = not few and each.gain.value < -SLICE_MARGIN and each.gain.upper < 0
    detail = (
        f"accuracy {each.challenger_accuracy:.4f} against {each.champion_accuracy:.4f} on {each.reviews:,} reviews "
        f"({_format_points(each.gain)}, simultaneous over all slices"
        f"{'; too few to judge' if few else ''})"
    )
    mine, other = each.challenger_accuracy, each.champion_accuracy
    lower, upper = each.gain.lower, each.gain.upper
    return GateCheck(f"slice {each.name}", not worse, detail, mine, other, lower, upper, each.reviews)


def _judge_behaviour(change: BehaviourChange, changes: Sequence[BehaviourChange]) -> GateCheck:
    """Fail a clearly lower pass rate of one type of tests, unless as many tests of all types together are passed.

    A champion that gives every text the same score passes all tests of invariance and none of direction. A model that
    has learnt something must be able to replace it.
    """
    mine, other = change.challenger_passed / change.tests, change.champion_passed / change.tests
    lower = other - mine > BEHAVIOUR_ALLOWANCE and change.p_value < BEHAVIOUR_CHANCE
    outweighed = sum(each.challenger_passed - each.champion_passed for each in changes) >= 0
    detail = (
        f"{change.challenger_passed} of {change.tests} tests passed against {change.champion_passed}; "
        f"{change.lost} lost, {change.won} won"
        f"{', outweighed by the other types' if lower and outweighed else ''}"
    )
    return GateCheck(f"behaviour {change.test}", not lower or outweighed, detail, mine, other)


def judge_own_traffic(traffic: OwnTraffic) -> GateCheck:
    """Fail a challenger that was worse than the champion on the labelled reviews of its time as the shadow.

    Two conditions, since each errs where the other does not: McNemar's test takes the reviews of a movie for
    independent, and the interval takes the gain for normally distributed, which it is not if few reviews differ.
    """
    mine, other = traffic.shadow_accuracy, traffic.champion_accuracy
    if mine is None or other is None:
        return GateCheck(
            OWN_TRAFFIC, True, "no labelled review of own traffic that both scored, so not judged"
        )
    lower, upper, p = traffic.gain_lower, traffic.gain_upper, traffic.mcnemar_p
    few = traffic.labelled_reviews < SMALLEST_TRAFFIC or lower is None or upper is None
    worse = not few and (upper or 0) < 0 and p is not None and p < TRAFFIC_CHANCE
    gain = Interval(mine - other, math.nan if lower is None else lower, math.nan if upper is None else upper)
    detail = (
        f"accuracy {mine:.4f} against {other:.4f} on {traffic.labelled_reviews:,} labelled reviews of own traffic "
        f"({_format_points(gain)}; of the reviews that only one model classifies correctly, "
        f"{traffic.only_shadow_right:,} against {traffic.only_champion_right:,}, McNemar's p {p or 0:.2g}"
        f"{'; too few to judge' if few else ''})"
    )
    return GateCheck(OWN_TRAFFIC, not worse, detail, mine, other, lower, upper)


def _format_nats(gain: Interval) -> str:
    """Format a gain in log loss, with its interval."""
    return f"gain {gain.value:+.4f}, 95 % interval {gain.lower:+.4f} to {gain.upper:+.4f}"


def _format_points(gain: Interval) -> str:
    """Format a gain in accuracy in percentage points, with its interval."""
    value, lower, upper = (f"{100 * each:+.2f}" for each in (gain.value, gain.lower, gain.upper))
    if math.isnan(gain.lower):
        return f"{value} points"
    return f"{value} points, 95 % interval {lower} to {upper}"


def _describe_unproven(checks: Sequence[GateCheck]) -> str:
    """Describe a lower log loss on own labels that is not proven, where a proven one would have been enough."""
    by_name = {check.name: check for check in checks}
    own, archive = by_name.get("own_log_loss"), by_name.get("log_loss")
    if own is None or archive is None or archive.passed or not own.passed:
        return ""
    gains = [(check.champion or 0) - (check.challenger or 0) for check in (own, archive)]
    if gains[0] <= 0 or gains[1] < -OWN_LOSS_MARGIN:
        return ""
    few = f"but by too little, or on fewer than {FEWEST_OWN_REVIEWS} held-out reviews"
    why = "but not beyond chance" if (own.lower or 0) <= 0 else few
    return f"; better on own labels, {why}: {own.detail}"
