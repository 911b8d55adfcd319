"""The order in which the server of `reviews up` looks at events: none waits for one that an earlier server has seen.

Prefect lets an event wait up to 15 minutes for the one that it follows, and keeps in memory which it has seen. After
a restart the end of a run would wait so for its beginning, and nobody would be alerted of a run that crashed. The
setting PREFECT_SERVER_EVENTS_CAUSAL_ORDERING names this module; `CausalOrdering` is the name that Prefect asks for.
"""

from uuid import UUID

import psutil
from prefect.server.events.ordering import memory
from prefect.server.events.schemas.events import ReceivedEvent

STARTED_MS = round(psutil.Process().create_time() * 1000)
"""When this server's process was started, ms since 1970."""


class CausalOrdering(memory.CausalOrdering):
    """Prefect's own order in memory, which this server's own events alone can wait for."""

    async def wait_for_leader(self, event: ReceivedEvent) -> None:
        """Wait for the event that `event` follows, unless that was made before this server was started."""
        if event.follows is not None and is_of_an_earlier_server(event.follows):
            return
        await super().wait_for_leader(event)


def is_of_an_earlier_server(event_id: UUID) -> bool:
    """Tell by the time in its id (UUID version 7, RFC 9562) whether an event was made before this server was."""
    return event_id.version == 7 and event_id.int >> 80 < STARTED_MS
