"""The id of a home: a random name, by which deployments and object stores know it wherever it lies."""

import uuid

from data_contracts.errors import ReviewsError
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home

ID_DIGITS = 12


def read_home_id(home: Home) -> str | None:
    """Return the id of a home; None if it has none yet. Raises `ReviewsError` if it can't be read."""
    try:
        return home.id_file.read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        # Another id in its place would make the home a stranger to its stores, destinations and deployments.
        raise ReviewsError(
            f"{home.id_file}: can't be read ({error.strerror}). Next: let this user read it, or put a copy back."
        ) from error


def ensure_home_id(home: Home) -> str:
    """Return the id of a home; it is drawn and kept when it is first asked for."""
    if known := read_home_id(home):
        return known
    make_folder(home.id_file.parent)
    made = uuid.uuid4().hex[:ID_DIGITS]
    with write_whole(home.id_file) as building:
        building.write_text(made + "\n", "utf-8")
    return made
