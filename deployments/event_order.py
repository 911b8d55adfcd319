"""The order in which the server of `reviews up` processes events: no event waits for one before the server's start.

Prefect lets an event wait up to 15 minutes for the event that it follows, and remembers processed events in memory
only. So after a restart, the event of a run's end would wait for that of its beginning, and the alert of a crashed run
would not be sent. The setting PREFECT_SERVER_EVENTS_CAUSAL_ORDERING names this module; Prefect requires the class name
`CausalOrdering`.
"""

from uuid import UUID

import psutil
from prefect.server.events.ordering import memory
from prefect.server.events.schemas.events import ReceivedEvent

STARTED_MS = round(psutil.Process().create_time() * 1000)
"""When this server's process was started, in ms since 1970."""


class CausalOrdering(memory.CausalOrdering):
    """Prefect's order in memory, restricted to events that were created after this server was started."""

    async def wait_for_leader(self, event: ReceivedEvent) -> None:
        """Wait for the event that `event` follows, unless it was created before this server was started."""
        if event.follows is not None and is_of_an_earlier_server(event.follows):
            return
        await super().wait_for_leader(event)


def is_of_an_earlier_server(event_id: UUID) -> bool:
    """Return whether an event was created before this server was started, by the time in its UUID (version 7)."""
    return event_id.version == 7 and event_id.int >> 80 < STARTED_MS
