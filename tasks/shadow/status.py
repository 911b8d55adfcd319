"""The status of the shadow in words: since when it scores, what it has scored, and what the gate says of it.

How it does beside the champion is the named query `shadow-comparison`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from data_contracts.storage.home import Home
from models.evaluation.gate import GateCheck
from tasks.queries.run_query import ask_published
from tasks.shadow.waiting_files import find_waiting_for_shadow
from tasks.support.wording import count, escape_controls
from tasks.warehouse.model_registry import find_champion
from tasks.warehouse.shadow.comparison import READ_COMPARISONS, Row, choose_rows, judge_row
from tasks.warehouse.shadow.record import PROMOTION, Shadow, find_last_shadow
from tasks.warehouse.shadow.scores import count_shadow_scores

NONE_YET = "No model is the shadow. Next: reviews models shadow start MODEL"


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
    if status.compared_with is None or status.gate is None:
        compared = "not yet: no review was scored by both the shadow and the champion"
        return "\n".join([*lines, f"  compared    {compared}"])
    query = (
        f"reviews sql shadow-comparison --param model={shadow.model_id} --param beside={status.compared_with}"
    )
    gate = "holds" if status.gate.passed else "is broken, so that a promotion would need --force"
    lines.append(f"  gate        own_traffic {gate}: {status.gate.detail}")
    return "\n".join([*lines, f"Next: {query}"])


def _describe_state(status: ShadowStatus) -> str:
    """Return in words since when a model is the shadow, and until when."""
    shadow, began = status.shadow, f"since {_format_time(status.shadow.started_at)}"
    if status.state == "on":
        return f"is the shadow {began}" + (f", until {_format_time(shadow.until)}" if shadow.until else "")
    if status.state == "ended":
        return f"was the shadow {began}; it ended by itself on {_format_time(shadow.until)}"
    how = "it became the champion" if status.state == "promoted" else f"{shadow.ended_by} stopped it"
    return f"was the shadow {began}; {how} on {_format_time(shadow.ended_at)}"


def _format_time(moment: datetime | None) -> str:
    """Format a time in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "an unknown time"
