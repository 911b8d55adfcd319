"""What a delivery did, who delivers, and the errors that name the destination and the next step."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from data_contracts.errors import DestinationError
from tasks.delivery.destinations import Destination

StartProgress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Takes the number of rows; the block's value is a function to call with each number of rows done."""


def start_no_progress(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show nothing."""
    return nullcontext(lambda amount: None)


@dataclass(frozen=True)
class Delivered:
    """What a delivery changed in its destination."""

    rows: int = 0
    """Rows that were written: new ones, and those that differed."""
    removed: int = 0
    """Rows that were deleted: forgotten ones, and those of readings that count no more."""
    files: int = 0
    """Source files that were new, changed or gone."""

    def add(self, other: "Delivered") -> "Delivered":
        """Return the sum of two deliveries."""
        return Delivered(self.rows + other.rows, self.removed + other.removed, self.files + other.files)


@dataclass(frozen=True)
class Sender:
    """The home that delivers."""

    home_id: str
    place: str
    """Its machine and folder, in words."""
    takes_over: bool = False
    """Whether it may go on with what another home has delivered."""
    repeats: bool = False
    """Whether everything is delivered again, whatever was."""


def require_own(destination: Destination, sender: Sender, home: str, place: str, rows: str) -> None:
    """Raise `DestinationError` if another home, in words at `place`, began a destination, or it has other rows."""
    begun = f"{destination.name}: {destination.place}"
    if home != sender.home_id and not sender.takes_over:
        raise DestinationError(
            f"{begun}: another home delivers there ({place}), so this one may not: each would delete the rows of the "
            "other. Next: give each home a place of its own; if that home is gone, "
            f"`{destination.repeating} --take-over`."
        )
    if rows != destination.layout.rows:
        raise DestinationError(
            f'{begun} was begun with rows = "{rows}". Next: name another place, or delete what is there with its '
            "ledger."
        )
