"""Tells Prefect when the inbox has changed, so that a file is scored as soon as it has arrived whole.

The event `reviews.inbox.changed` starts a run of `score-reviews` (a trigger in `prefect.yaml`). Nothing is told
while a run goes on, since a second one would be cancelled; what arrived meanwhile is told after it.
"""

from collections.abc import Callable
from pathlib import Path

from tasks.inbox import FoundFile, look_into

Look = frozenset[FoundFile]


def watch_inbox(inbox: Path, is_busy: Callable[[], bool], tell: Callable[[int], None]) -> Callable[[], None]:
    """Give the function to call again and again: it looks once, and tells how many files are new or changed.

    A change is told when two looks in a row see the same files, so that a file is whole.
    """
    last: Look = frozenset()
    told: Look = frozenset()

    def look() -> None:
        nonlocal last, told
        seen = frozenset(look_into(inbox).files) if inbox.is_dir() else frozenset()
        settled, last = seen == last, seen
        arrived = seen - told
        if settled and arrived and not is_busy():
            tell(len(arrived))
            told = seen

    return look


def is_scoring() -> bool:
    """Tell whether a run of `score-reviews` goes on or is about to."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter

    going_on = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
    ours = {"name": {"any_": ["score-reviews"]}}
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(going_on),
            deployment_filter=DeploymentFilter.model_validate(ours),
            limit=1,
        )
    return bool(runs)


def tell_change(files: int) -> None:
    """Emit the event that starts a run."""
    from prefect.events import emit_event

    emit_event(
        "reviews.inbox.changed", resource={"prefect.resource.id": "reviews.inbox"}, payload={"files": files}
    )
