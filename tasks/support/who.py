"""Names who changes something, for the tables that record it."""

from socket import gethostname


def name_user() -> str:
    """Return the present user and machine, such as `ann@host`; the user is 'unknown' if it has no login name."""
    import getpass

    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{gethostname()}"
