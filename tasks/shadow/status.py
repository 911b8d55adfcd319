"""The status of the shadow in words: since when it scores, what it has scored, and what the gate says of it.

How it does beside the champion is the named query `shadow-comparison`.
"""

from datetime import UTC, datetime

from data_contracts.storage.home import Home
from tasks.queries.run_query import ask_published
from tasks.shadow.waiting_files import find_waiting_for_shadow
from tasks.support.wording import count, escape_controls
from tasks.warehouse.model_registry import find_champion
from tasks.warehouse.shadow.comparison import READ_COMPARISONS, Row, choose_rows, judge_row
from tasks.warehouse.shadow.record import PROMOTION, Shadow, find_last_shadow
from tasks.warehouse.shadow.scores import count_shadow_scores


def describe_status(home: Home) -> str:
    """Return the status of the shadow that was started last, in words."""
    shadow = find_last_shadow(home.warehouse)
    if shadow is None:
        return "No model is the shadow. Next: reviews models shadow start MODEL"
    done = count_shadow_scores(home.warehouse, shadow.model_id)
    waiting = len(find_waiting_for_shadow(home.warehouse, shadow)) if shadow.is_on else 0
    lines = [
        f"{shadow.model_id} {_describe_state(shadow)}",
        f"  scored      {count(done.rows, 'review')} of {count(done.files, 'file')}"
        + (f"; {count(waiting, 'file')} left to the next run" if waiting else ""),
    ]
    if shadow.is_on and shadow.trouble:
        lines.append(
            f"  trouble     since {_format_time(shadow.trouble_since)}: {escape_controls(shadow.trouble)}"
        )
    champion = find_champion(home.warehouse)
    rows = choose_rows(_read_rows(home, shadow.model_id), champion.model_id if champion else None)
    if not rows:
        lines.append("  compared    not yet: no review was scored by both the shadow and the champion")
        return "\n".join(lines)
    gate = judge_row(rows[0])
    holds = "holds" if gate.passed else "is broken, so that a promotion would need --force"
    lines.append(f"  gate        own_traffic {holds}: {gate.detail}")
    query = f"--param model={shadow.model_id} --param beside={rows[0]['compared_with']}"
    return "\n".join([*lines, f"Next: reviews sql shadow-comparison {query}"])


def _read_rows(home: Home, model_id: str) -> list[Row]:
    """Return all comparisons of a model from the published copy; none if there is no copy yet."""
    if not home.published.is_file():
        return []
    with ask_published(home.published) as ask:
        return ask(READ_COMPARISONS, {"model_id": model_id})


def _describe_state(shadow: Shadow) -> str:
    """Return in words since when a model is the shadow, and until when, or how it ended."""
    began = f"since {_format_time(shadow.started_at)}"
    if shadow.is_on:
        return f"is the shadow {began}" + (f", until {_format_time(shadow.until)}" if shadow.until else "")
    if shadow.ended_at is None:
        return f"was the shadow {began}; it ended by itself on {_format_time(shadow.until)}"
    how = "it became the champion" if shadow.ended_by == PROMOTION else f"{shadow.ended_by} stopped it"
    return f"was the shadow {began}; {how} on {_format_time(shadow.ended_at)}"


def _format_time(moment: datetime | None) -> str:
    """Format a time in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "an unknown time"
