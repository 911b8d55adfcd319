"""The id of a home: a random name, by which deployments and object stores know it wherever it lies."""

import uuid

from data_contracts.errors import ReviewsError
from data_contracts.storage.durable import create_whole
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
    """Return the id of a home; it is drawn and kept when it is first asked for.

    Of several processes that ask at once, all get the one that was kept. Raises `ReviewsError` if that is empty.
    """
    if known := read_home_id(home):
        return known
    create_whole(home.id_file, f"{uuid.uuid4().hex[:ID_DIGITS]}\n".encode())
    if not (kept := read_home_id(home)):
        raise ReviewsError(f"{home.id_file}: is empty. Next: put a copy back; delete it if there is none.")
    return kept
