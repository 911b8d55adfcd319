"""Keeps in every place of snapshots of a home the record of what was forgotten, also of what is forgotten later.

So a restore leaves that out even where the home, which has the same record, is lost. The home lists its places outside
it, each with the size of the record that was last written there. Where that is not the present one, as after a `forget`
while a disk was away, the next command that looks writes it again.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from data_contracts.errors import ObjectMissingError, ReviewsError, UsageError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from tasks.snapshots.old_backups import MANIFEST
from tasks.snapshots.ownership import is_own, read_owner
from tasks.snapshots.places import Place, open_place
from tasks.support.locking import hold_folder
from tasks.support.wording import quote_word


@contextmanager
def remember_place(home: Home, place: Place) -> Iterator[None]:
    """Note a place outside a home while the block makes the home its owner.

    It is noted before anything is there, so that a kill loses none, and no more if the block fails. One that does not
    answer, such as a misspelt one, is not noted.
    """
    read_owner(place)
    with _change_remembered(home) as known:
        is_new = place.name not in known
        known.setdefault(place.name, 0)
    try:
        yield
    except Exception:
        with suppress(ReviewsError):
            if is_new and not is_own(home, place):
                with _change_remembered(home) as known:
                    known.pop(place.name, None)
        raise


def give_up_places(home: Home, named: str) -> list[str]:
    """Remember no more the places at or below a path or URI that are not found there; return them.

    Only a person can say that a disk or a store is not merely away. Raises `UsageError` if there are none.
    """
    with _change_remembered(home) as known:
        of_place = [each for each in known if f"{each}/".startswith(f"{named.rstrip('/')}/")]
        gone = [each for each in of_place if _is_away(home, each)]
        if not gone:
            others = ", ".join(known) or "none"
            raise UsageError(
                f"{named}: no backup that is gone was there. Next: name one of those known: {others}."
            )
        for each in gone:
            del known[each]
    return gone


def _is_away(home: Home, name: str) -> bool:
    """Return whether no snapshots of a home are found at a place now, for whatever reason."""
    try:
        return not _has_own(home, open_place(name))
    except ReviewsError:
        return True


def _has_own(home: Home, place: Place) -> bool:
    """Return whether a home writes to a place, or a backup of an earlier version is there."""
    if is_own(home, place):
        return True
    try:
        place.read(MANIFEST, 1)
    except ObjectMissingError:
        return False
    return True


@contextmanager
def _change_remembered(home: Home) -> Iterator[dict[str, int]]:
    """Yield the places of a home outside it, with the size of the record there; keep what the block makes of them."""
    home.make()
    with hold_folder(home.folder):
        known = read_remembered(home)
        before = dict(known)
        yield known
        if known != before:
            with write_whole(home.backups_elsewhere) as building:
                building.write_text(json.dumps(known, indent=0), "utf-8")


def read_remembered(home: Home) -> dict[str, int]:
    """Return the places of a home outside it; raise `ReviewsError` if the list can't be read.

    That of an earlier version has no sizes.
    """
    try:
        found = json.loads(home.backups_elsewhere.read_text("utf-8"))
        sizes = found if isinstance(found, dict) else dict.fromkeys(found, 0)
        return {str(place): int(size) for place, size in sizes.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise ReviewsError(
            f"{home.backups_elsewhere}: can't be read ({error}). It lists the backups outside the home, to tell them "
            "what is forgotten. Next: delete it; backups made later are listed again."
        ) from error


def note_forgotten(home: Home) -> list[str]:
    """Write the home's record of what was forgotten into all places that lack some of it; return what else to say.

    Places outside the home that are not there are named, until they are given up.
    """
    if not home.forgotten.exists():
        return []
    size, said, told = home.forgotten.stat().st_size, list[str](), list[str]()
    try:
        if home.backups.is_dir():
            _unite(home, open_place(home.backups))
        for name in [name for name, known in read_remembered(home).items() if known != size]:
            try:
                place = open_place(name)
                if _has_own(home, place):  # another home may write there now
                    _unite(home, place)
                elif not place.list_names():
                    raise ObjectMissingError(f"{name}: is not there.")
                told.append(name)
            except ReviewsError as error:
                said.append(_describe(name, error))
        with _change_remembered(home) as known:
            known.update({name: size for name in told if name in known})
    except (OSError, ReviewsError) as error:
        return [f"what was forgotten can't be noted in the backups: {error}"]
    return said


def _describe(name: str, error: ReviewsError) -> str:
    """Say which place could not be written to, and what to do."""
    why = str(error).partition(" Next: ")[0].rstrip(".")
    return (
        f"a restore of {name} could bring back what was forgotten, if this home is lost: its record could not be "
        f"written there ({why}). Next: once it is there again, `reviews verify` writes it; if it is gone for good: "
        f"`reviews backup --gone {quote_word(name)}`"
    )


def _unite(home: Home, place: Place) -> None:
    """Add the lines of a home's record to those of a place that lacks some, as when another process wrote meanwhile."""
    own = home.forgotten.read_bytes().splitlines()
    while not {*own} <= {*(there := read_record(home, place).splitlines())}:
        place.write(home.forgotten.name, b"".join(line + b"\n" for line in dict.fromkeys([*there, *own])))


def read_record(home: Home, place: Place) -> bytes:
    """Return the record in a place, as it was written; nothing if there is none."""
    try:
        return place.read(home.forgotten.name)
    except ObjectMissingError:
        return b""
