"""The status of the shadow: since when it scores, what it has scored, how it does beside the champion; in words too."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from data_contracts.storage.home import Home
from models.evaluation.gate import SMALLEST_TRAFFIC, GateCheck
from tasks.queries.run_query import ask_published
from tasks.shadow.waiting_files import find_waiting_for_shadow
from tasks.support.wording import count, escape_controls
from tasks.warehouse.model_registry import find_champion
from tasks.warehouse.shadow.comparison import READ_COMPARISONS, Row, choose_rows, judge_row
from tasks.warehouse.shadow.record import PROMOTION, Shadow, find_last_shadow
from tasks.warehouse.shadow.scores import count_shadow_scores

NONE_YET = "No model is the shadow. Next: reviews models shadow start MODEL"
_TIMES = ("started_at", "since", "until", "ended_at", "trouble_since")


@dataclass(frozen=True)
class ShadowStatus:
    """What is to be known of the shadow that was started last."""

    shadow: Shadow
    state: str
    """'on', 'stopped' by a user, 'promoted', or 'ended' since its time is over."""
    files_scored: int
    rows_scored: int
    files_waiting: int
    """Files that the champion has scored and the next run scores with the shadow; 0 unless it is on."""
    compared_with: str | None
    """The champion, or an earlier one that most reviews are compared with; None without a comparison."""
    comparison: tuple[Row, ...]
    """Rows of `shadow_comparison`: over all sources, then of each source; none without a review that both scored."""
    gate: GateCheck | None
    """What the gate's rule on own traffic says of the shadow; None without a comparison."""


def read_status(home: Home) -> ShadowStatus | None:
    """Return the status of the shadow that was started last; None if there never was one."""
    shadow = find_last_shadow(home.warehouse)
    if shadow is None:
        return None
    counted = count_shadow_scores(home.warehouse, shadow.model_id)
    waiting = len(find_waiting_for_shadow(home.warehouse, shadow)) if shadow.is_on else 0
    champion = find_champion(home.warehouse)
    rows = choose_rows(_read_rows(home, shadow.model_id), champion.model_id if champion else None)
    return ShadowStatus(
        shadow,
        _name_state(shadow),
        counted.files,
        counted.rows,
        waiting,
        rows[0]["compared_with"] if rows else None,
        tuple(rows),
        judge_row(rows[0]) if rows else None,
    )


def _read_rows(home: Home, model_id: str) -> list[Row]:
    """Return all comparisons of a model from the published copy; none if there is no copy yet."""
    if not home.published.is_file():
        return []
    with ask_published(home.published) as ask:
        return ask(READ_COMPARISONS, {"model_id": model_id})


def _name_state(shadow: Shadow) -> str:
    """Return whether a shadow is on, or how it ended."""
    if shadow.is_on:
        return "on"
    if shadow.ended_at is None:
        return "ended"
    return "promoted" if shadow.ended_by == PROMOTION else "stopped"


def list_facts(status: ShadowStatus | None) -> dict[str, Any]:
    """Return a status for JSON; its times are in ISO 8601."""
    if status is None:
        return {"state": "none"}
    shadow = {name: value for name, value in asdict(status.shadow).items() if name != "bundle_fingerprint"}
    shadow |= {name: shadow[name] and shadow[name].astimezone(UTC).isoformat() for name in _TIMES}
    gate = status.gate and {"passed": status.gate.passed, "detail": status.gate.detail}
    figures = {
        name: getattr(status, name)
        for name in ("files_scored", "rows_scored", "files_waiting", "compared_with")
    }
    return {"state": status.state, **shadow, **figures, "gate": gate, "comparison": list(status.comparison)}


def describe_status(status: ShadowStatus | None) -> str:
    """Return a status in words."""
    if status is None:
        return NONE_YET
    shadow = status.shadow
    lines = [
        f"{shadow.model_id} {_describe_state(status)}",
        f"  scored      {count(status.rows_scored, 'review')} of {count(status.files_scored, 'file')}"
        + (f"; {count(status.files_waiting, 'file')} left to the next run" if status.files_waiting else ""),
    ]
    if shadow.is_on and shadow.trouble:
        lines.append(
            f"  trouble     since {_format_time(shadow.trouble_since)}: {escape_controls(shadow.trouble)}"
        )
    if not status.comparison:
        return "\n".join(
            [*lines, "  compared    not yet: no review was scored by both the shadow and the champion"]
        )
    return "\n".join([*lines, *_describe_comparison(status)])


def _describe_state(status: ShadowStatus) -> str:
    """Return in words since when a model is the shadow, and until when."""
    shadow, began = status.shadow, f"since {_format_time(status.shadow.started_at)}"
    if status.state == "on":
        return f"is the shadow {began}" + (f", until {_format_time(shadow.until)}" if shadow.until else "")
    if status.state == "ended":
        return f"was the shadow {began}; it ended by itself on {_format_time(shadow.until)}"
    how = "it became the champion" if status.state == "promoted" else f"{shadow.ended_by} stopped it"
    return f"was the shadow {began}; {how} on {_format_time(shadow.ended_at)}"


def _describe_comparison(status: ShadowStatus) -> list[str]:
    """Return the lines on how the shadow does beside the other model, in all and by source."""
    all_, *sources = status.comparison
    lines = [
        f"Beside {status.compared_with}, on {count(all_['reviews'], 'review')} that both scored:",
        f"  agreement   {_format_share(all_['share_agreement'])} have the same sentiment, {all_['flips']:,} another; "
        f"the scores differ by {all_['mean_score_difference']:.3f} on average, the stars by "
        f"{all_['mean_rating_difference']:.2f}" + _describe_correlation(all_),
    ]
    lines += _describe_labels(all_)
    if all_["shadow_microseconds"] is not None:
        lines.append(
            f"  time        {all_['shadow_microseconds']:,.0f} µs a review against {all_['champion_microseconds']:,.0f}"
        )
    if status.gate is not None:
        lines.append(f"  gate        own_traffic {_describe_gate(status.gate, all_)}")
    return [*lines, *_tabulate_sources(sources)] if len(sources) > 1 else lines


def _describe_correlation(row: Row) -> str:
    """Return the words on the correlation of the two scores, if there is one."""
    return "" if row["correlation"] is None else f"; correlation {row['correlation']:.3f}"


def _describe_labels(row: Row) -> list[str]:
    """Return the lines on how right both models are by the labels and ratings that the sources gave."""
    lines = []
    if row["labelled_reviews"]:
        interval = (
            ""
            if row["gain_lower"] is None
            else f", 95 % interval {100 * row['gain_lower']:+.1f} to {100 * row['gain_upper']:+.1f}"
        )
        lines = [
            f"  accuracy    {row['shadow_accuracy']:.4f} against {row['champion_accuracy']:.4f} on "
            f"{count(row['labelled_reviews'], 'labelled review')} ({100 * row['accuracy_gain']:+.1f} points{interval})",
            f"              only one is right: {row['only_shadow_right']:,} against {row['only_champion_right']:,}, "
            f"McNemar's p {row['mcnemar_p']:.2g}",
        ]
    if row["rated_reviews"]:
        lines.append(
            f"  stars       off by {row['shadow_rating_mae']:.2f} against {row['champion_rating_mae']:.2f} on "
            f"{count(row['rated_reviews'], 'rated review')}"
        )
    return lines


def _describe_gate(check: GateCheck, row: Row) -> str:
    """Return in words what the gate's rule on own traffic says."""
    if not check.passed:
        return "is broken: less accurate beyond chance; a promotion would need --force"
    if row["labelled_reviews"] < SMALLEST_TRAFFIC or row["gain_lower"] is None:
        return f"does not judge yet: it needs {SMALLEST_TRAFFIC} labelled reviews, of more than one movie"
    return "holds: not less accurate beyond chance"


def _tabulate_sources(rows: Sequence[Row]) -> list[str]:
    """Return a table of the sources."""
    header = f"  {'source':<24} {'reviews':>8} {'flipped':>8} {'labelled':>9} {'accuracy':>9} {'champion':>9}"
    return [
        header,
        *(
            f"  {escape_controls(row['source']):<24} {row['reviews']:>8,} "
            f"{_format_share(row['flips'] / row['reviews']):>8} {row['labelled_reviews']:>9,} "
            f"{_format_accuracy(row['shadow_accuracy']):>9} {_format_accuracy(row['champion_accuracy']):>9}"
            for row in rows
        ),
    ]


def _format_share(share: float) -> str:
    """Format a share as a percentage."""
    return f"{100 * share:.1f} %"


def _format_accuracy(accuracy: float | None) -> str:
    """Format an accuracy of a source, which may have no labels."""
    return "-" if accuracy is None else f"{accuracy:.4f}"


def _format_time(moment: datetime | None) -> str:
    """Format a time in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "an unknown time"
