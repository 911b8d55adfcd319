"""Lets one home at a time write to a place of snapshots: a file there names it, and another home is refused.

Two homes that wrote to one place would each delete what the other needs, and readers would see now one, now the other.
Where the home is gone, as when its machine is lost, another one takes the place over; the first one notices that.
"""

import json
import socket
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from data_contracts.errors import ObjectMissingError, SourceError, StoreError
from data_contracts.storage.durable import make_folder
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from tasks.snapshots.places import Place
from tasks.support.wording import escape_controls, quote_word

OWNER = "home.json"


@dataclass(frozen=True)
class Owner:
    """The home that writes to a place."""

    home_id: str
    home: str
    """Its machine and folder, for people."""


def describe_home(home: Home) -> Owner:
    """Return how a home signs its snapshots, and their places."""
    return Owner(ensure_home_id(home), f"{socket.gethostname()}:{home.folder}")


def read_owner(place: Place) -> Owner | None:
    """Return the home that writes to a place; None if none does. Raises `StoreError` if the place does not tell."""
    try:
        stated = json.loads(place.read(OWNER))
        return Owner(str(stated["home_id"]), escape_controls(str(stated["home"])))
    except ObjectMissingError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StoreError(
            f"{place.name}/{OWNER}: does not say which home writes there. Next: delete this file, and find out who can "
            "write there."
        ) from None


def is_own(home: Home, place: Place) -> bool:
    """Return whether a home is the one that writes to a place."""
    owner = read_owner(place)
    return owner is not None and owner.home_id == ensure_home_id(home)


def claim(home: Home, place: Place, take_over: bool = False) -> None:
    """Make a home the one that writes to a place.

    Raises `SourceError` if another one does, unless the place is to be taken over from it.
    """
    owner, own = read_owner(place), describe_home(home)
    if owner and owner.home_id == own.home_id:
        return
    content = json.dumps(asdict(own)).encode()
    if owner is None:
        place.create(OWNER, content)
    elif take_over:
        place.write(OWNER, content)
    require_own(home, place)


def require_own(home: Home, place: Place) -> None:
    """Raise `SourceError` if another home, or none, writes to a place."""
    owner = read_owner(place)
    if owner is None or owner.home_id != ensure_home_id(home):
        raise SourceError(describe_other(place, owner))


def describe_other(place: Place, owner: Owner | None) -> str:
    """Return the error of a place to which another home writes."""
    return (
        f"{place.name}: another home writes there ({owner.home if owner else 'which is not said'}). Next: give each "
        f"home a place of its own; if that home is gone for good: `reviews backup --take-over {quote_word(place.name)}`"
    )


def make_lock(home: Home, place: Place) -> Path:
    """Return the folder of a home that is locked while it writes to a place; it is made if it is missing."""
    home.make()
    folder = home.uploads / sha256(place.name.encode()).hexdigest()[:32]
    make_folder(folder)
    return folder
