"""Reads the values of settings: numbers, switches, addresses and the like, each checked; messages name the setting."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from data_contracts.errors import UsageError
from data_contracts.text_encodings import extends_ascii, find_encoding

SHOWN = 80
"""The largest number of characters of a wrong value that a message repeats."""
HOME_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
DATABASE_SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg")
TOKEN = re.compile(r"[!-~]{16,}")
SWITCHES = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


def read_name(values: Mapping[str, str], name: str) -> str | None:
    """Return the name of a home, None if it is not set."""
    text = values.get(name, "").strip()
    if text and not HOME_NAME.fullmatch(text):
        raise UsageError(
            f"{name} must be small letters, digits and hyphens, such as shop-a, not {quote_value(text)}."
        )
    return text or None


def read_place(values: Mapping[str, str], name: str, parse: Callable[[str], str]) -> str | None:
    """Return what `parse` makes of a setting, None if it is not set."""
    text = values.get(name, "").strip()
    try:
        return parse(text) if text else None
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def read_whole(values: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    """Return a setting that must be a whole number."""
    number = read_number(values, name, default, lowest, highest)
    if number != int(number):
        raise UsageError(f"{name} must be a whole number, not {quote_value(values[name])}.")
    return int(number)


def quote_value(text: str) -> str:
    """Return the value of a setting for an error message, shortened."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def read_number(values: Mapping[str, str], name: str, default: float, lowest: float, highest: float) -> float:
    """Return a setting that must be a number within limits."""
    number = _parse_number(values, name, default)
    if not lowest <= number <= highest:
        raise UsageError(f"{name} must be from {lowest:g} to {highest:g}, not {values[name][:SHOWN]}.")
    return number


def _parse_number(values: Mapping[str, str], name: str, default: float) -> float:
    """Return a setting that must be a number, also `nan` and `inf`, which no bounds allow."""
    text = values.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise UsageError(f"{name} must be a number, not {quote_value(text)}.") from None


def read_days(values: Mapping[str, str], name: str, default: float) -> float:
    """Return for how many days something is kept; 0 has a meaning of its own."""
    return read_number(values, name, default, 0, 36500)


def read_limit(values: Mapping[str, str], name: str, highest: float) -> float | None:
    """Return a limit, which must be a number above 0; None if it is not set, which is no limit."""
    if not values.get(name):
        return None
    number = _parse_number(values, name, 0)
    if not 0 < number <= highest:
        raise UsageError(
            f"{name} must be more than 0, at most {highest:g}, not {values[name][:SHOWN]}. Next: leave it out for "
            "no limit."
        )
    return number


def read_folders(values: Mapping[str, str], name: str) -> tuple[Path, ...]:
    """Return the absolute paths of a list of folders that is separated as in PATH (`:`)."""
    folders = [Path(text) for text in values.get(name, "").split(os.pathsep) if text.strip()]
    if relative := [str(folder) for folder in folders if not folder.is_absolute()]:
        raise UsageError(f"{name} must have absolute paths of folders, not {relative[0]!r}.")
    return tuple(folders)


def read_choice(values: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return the value, which must be one of `choices`; the first of them is the default."""
    text = values.get(name, "").strip().lower() or choices[0]
    if text not in choices:
        raise UsageError(f"{name} must be {' or '.join(choices)}, not {quote_value(text)}.")
    return text


def read_switch(values: Mapping[str, str], name: str, default: bool = False) -> bool:
    """Return a setting that must be on or off."""
    text = values.get(name, "").strip().lower()
    if text and text not in SWITCHES:
        raise UsageError(f"{name} must be true or false, not {quote_value(text)}.")
    return SWITCHES[text] if text else default


def read_hosts(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return comma-separated host names and addresses in the form that they have in a `Host` header."""
    hosts = []
    for text in filter(None, (each.strip().lower() for each in values.get(name, "").split(","))):
        try:
            address = ipaddress.ip_address(text.strip("[]"))
        except ValueError:
            if not HOST_NAME.fullmatch(text):
                raise UsageError(
                    f"{name} must be names or addresses without a port, such as reviews.example.org,192.0.2.7, "
                    f"not {text!r}."
                ) from None
            hosts.append(text)
        else:
            hosts.append(f"[{address}]" if address.version == 6 else str(address))
    return tuple(hosts)


def read_encoding(values: Mapping[str, str], name: str) -> str | None:
    """Return an encoding by its usual name, None if it is not set."""
    text = values.get(name, "").strip()
    encoding = find_encoding(text) if text else None
    if text and (encoding is None or not extends_ascii(encoding)):
        raise UsageError(
            f"{name} must be an encoding that extends ASCII, such as cp1252 or cp1250, not {quote_value(text)}."
        )
    return encoding


def read_web_address(values: Mapping[str, str], name: str) -> str | None:
    """Return an http(s) URL, None if it is not set; messages don't repeat the value, which may be secret."""
    text = values.get(name, "").strip()
    if text and not text.lower().startswith(("http://", "https://")):
        raise UsageError(f"{name} must start with http:// or https://.")
    if text and not _has_host(text):
        raise UsageError(
            f"{name} has no host, or an invalid port. A valid one looks like http://host:8080/path."
        )
    return text or None


def read_token(values: Mapping[str, str], name: str) -> str | None:
    """Return a token that can be sent in a header, None if it is not set; messages don't repeat it."""
    text = values.get(name, "").strip()
    if text and not TOKEN.fullmatch(text):
        raise UsageError(
            f"{name} must have 16 characters or more, all ASCII, no space. Next: `openssl rand -hex 24` makes one."
        )
    return text or None


def read_database(values: Mapping[str, str], name: str) -> str | None:
    """Return the address of a PostgreSQL database with the driver that Prefect needs; messages don't repeat it."""
    text = values.get(name, "").strip()
    scheme, _, rest = text.partition("://")
    if text and (scheme not in DATABASE_SCHEMES or not _has_host(text)):
        raise UsageError(f"{name} must be like postgresql://user:password@host:5432/name.")
    return f"{DATABASE_SCHEMES[-1]}://{rest}" if text else None


def _has_host(address: str) -> bool:
    """Return whether the URL of a setting names a host, and no invalid port."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def read_switch_of_store(values: Mapping[str, str], name: str) -> bool:
    """Return a switch that needs a store; raise `UsageError` if it is on, and no store is set."""
    is_on = read_switch(values, name)
    if is_on and not values.get("REVIEWS_STORE", "").strip():
        raise UsageError(
            f"{name} is set, but REVIEWS_STORE is not. Next: set REVIEWS_STORE to the URI of a store, such as "
            "s3://bucket/prefix."
        )
    return is_on


def read_sharing(values: Mapping[str, str]) -> bool:
    """Return whether machines share the home; raise `UsageError` if so, and scored files should be moved."""
    is_shared = read_switch_of_store(values, "REVIEWS_SHARE_HOME")
    if is_shared and read_choice(values, "REVIEWS_SCORED_FILES", ("keep", "move")) == "move":
        raise UsageError(
            "REVIEWS_SCORED_FILES=move can't be used with REVIEWS_SHARE_HOME: another machine may have to score a file "
            "again that this one has moved. Next: unset REVIEWS_SCORED_FILES."
        )
    return is_shared
