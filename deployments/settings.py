"""The one place where settings are read: the environment, then `.env` in the project's root, then defaults.

Flows read them once and pass values down; nothing below them looks at the environment.
"""

import ipaddress
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from data_contracts.archive import PUBLISHED_URL
from data_contracts.errors import UsageError
from data_contracts.limits import DRIFT_SEVERITIES, RowLimits
from data_contracts.storage.faults import VARIABLE, require_known
from data_contracts.storage.home import Home

PROJECT_ROOT = Path(__file__).resolve().parents[1]
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (a setting's value, not where anything listens)
NAMES_OF_THEIR_OWN = ("REVIEWS_REPORTS", "REVIEWS_FAULT", "REVIEWS_UP_HOME")
"""Variables that are not named as the field that they set; the last is the mark of the processes of `reviews up`."""
SHOWN = 80
"""Characters of a wrong value that are repeated."""
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
SWITCHES = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


@dataclass(frozen=True)
class Settings:
    """Where things lie and which limits hold."""

    home: Home
    """REVIEWS_HOME: the folder of all data."""
    archive: str = PUBLISHED_URL
    """REVIEWS_ARCHIVE: path or URL of the Large Movie Review archive."""
    input_dirs: tuple[Path, ...] = ()
    """REVIEWS_INPUT_DIRS: folders in which runs of deployments may read named files, as in the inbox; whole paths with
    `:` between them."""
    limits: RowLimits = field(default_factory=RowLimits)
    """How far a row, and a file of rows, may go; a setting each."""
    port: int = 4200
    """REVIEWS_PORT: the port on which `reviews up` serves Prefect's API and pages."""
    host: str = "127.0.0.1"
    """REVIEWS_HOST: the address on which it serves them; `0.0.0.0`, every address, needs REVIEWS_ALLOWED_HOSTS too."""
    allowed_hosts: tuple[str, ...] = ()
    """REVIEWS_ALLOWED_HOSTS: further names or addresses that it answers to, for other machines or a proxy; with commas
    between them."""
    password: str | None = field(default=None, repr=False)
    """PREFECT_SERVER_API_AUTH_STRING: the password of its server, such as `user:password`."""
    poll_seconds: float = 2
    """REVIEWS_POLL_SECONDS: how often the worker asks for work, and how often a watched inbox is read, in seconds."""
    drain_seconds: float = 60
    """REVIEWS_DRAIN_SECONDS: how long `reviews up` waits for running flows when it is stopped; 0 does not wait."""
    watch_inbox: bool = False
    """REVIEWS_WATCH_INBOX: `true` lets `reviews up` score files as soon as they arrive."""
    alert_url: str | None = field(default=None, repr=False)
    """REVIEWS_ALERT_URL: the webhook that receives the alerts; a secret, so it is never shown."""

    keep_backups: int = 7
    """REVIEWS_KEEP_BACKUPS: the number of newest backups that stay in `backups/`; 0 keeps all."""
    write_reports: bool = True
    """REVIEWS_REPORTS: `false` leaves out the report that a run writes at its end; `reviews report` still makes it."""
    keep_reports: int = 100
    """REVIEWS_KEEP_REPORTS: the number of newest reports that stay in `reports/`; 0 keeps all."""
    keep_runs_days: float = 30
    """REVIEWS_KEEP_RUNS_DAYS: how many days Prefect's server under `reviews up` keeps runs that have ended."""
    keep_quarantine_days: float = 0
    """REVIEWS_KEEP_QUARANTINE_DAYS: after how many days a quarantined row's bytes are deleted; 0 keeps them."""
    drift: str = "warn"
    """REVIEWS_DRIFT: `warn` of drift, or `error`: a run that finds drift fails, and its scores stay."""
    scored_files: str = "keep"
    """REVIEWS_SCORED_FILES: `keep` scored files in the inbox, or `move` them to `scored/DATE/`."""

    @property
    def api_url(self) -> str:
        """The Prefect API that `reviews up` serves."""
        return f"{self.ui_url}/api"

    @property
    def ui_url(self) -> str:
        """Prefect's pages as `reviews up` serves them."""
        host = "127.0.0.1" if self.host in EVERY_ADDRESS else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; a value that makes no sense is a `UsageError` that names it."""
    values = {**_read_env_file(), **(os.environ if environment is None else environment)}
    _refuse_undecodable(values)
    require_known(values.get(VARIABLE, ""))
    default = RowLimits()
    limits = RowLimits(
        max_text_chars=_read_whole(values, "REVIEWS_MAX_TEXT_CHARS", default.max_text_chars, 1, 10**7),
        max_bad_share=_read_number(values, "REVIEWS_MAX_BAD_SHARE", default.max_bad_share, 0, 1),
        min_bad_rows=_read_whole(values, "REVIEWS_MIN_BAD_ROWS", default.min_bad_rows, 0, 10**9),
    )
    return Settings(
        home=Home(_read_home(values)),
        archive=values.get("REVIEWS_ARCHIVE") or PUBLISHED_URL,
        input_dirs=_read_folders(values, "REVIEWS_INPUT_DIRS"),
        limits=limits,
        port=_read_whole(values, "REVIEWS_PORT", Settings.port, 1, 65535),
        host=values.get("REVIEWS_HOST", "").strip() or Settings.host,
        allowed_hosts=_read_hosts(values, "REVIEWS_ALLOWED_HOSTS"),
        password=values.get("PREFECT_SERVER_API_AUTH_STRING", "").strip() or None,
        poll_seconds=_read_number(values, "REVIEWS_POLL_SECONDS", Settings.poll_seconds, 0.5, 3600),
        drain_seconds=_read_number(values, "REVIEWS_DRAIN_SECONDS", Settings.drain_seconds, 0, 86_400),
        watch_inbox=_read_switch(values, "REVIEWS_WATCH_INBOX"),
        alert_url=_read_web_address(values, "REVIEWS_ALERT_URL"),
        keep_backups=_read_whole(values, "REVIEWS_KEEP_BACKUPS", Settings.keep_backups, 0, 10**6),
        write_reports=_read_switch(values, "REVIEWS_REPORTS", Settings.write_reports),
        keep_reports=_read_whole(values, "REVIEWS_KEEP_REPORTS", Settings.keep_reports, 0, 10**6),
        keep_runs_days=_read_number(values, "REVIEWS_KEEP_RUNS_DAYS", Settings.keep_runs_days, 0.1, 36500),
        keep_quarantine_days=_read_number(
            values, "REVIEWS_KEEP_QUARANTINE_DAYS", Settings.keep_quarantine_days, 0, 36500
        ),
        drift=_read_choice(values, "REVIEWS_DRIFT", DRIFT_SEVERITIES),
        scored_files=_read_choice(values, "REVIEWS_SCORED_FILES", ("keep", "move")),
    )


def _read_env_file() -> dict[str, str]:
    path = PROJECT_ROOT / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value for key, value in dotenv_values(path).items() if value is not None}
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8. Next: write it anew in UTF-8.") from None


def find_unknown(environment: Mapping[str, str] | None = None) -> list[str]:
    """Say of each variable that begins as ours do and sets nothing what it may have been meant to be."""
    known = {f"REVIEWS_{each.name.upper()}" for kind in (Settings, RowLimits) for each in fields(kind)}
    known.update(NAMES_OF_THEIR_OWN)
    values = {**_read_env_file(), **(os.environ if environment is None else environment)}
    unknown = sorted(name for name in values if name.startswith("REVIEWS_") and name not in known)
    return [f"{_show(name)} sets nothing.{_suggest(name, known)}" for name in unknown]


def _suggest(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1, 0.75)
    return f" Did you mean {near[0]}?" if near else ""


def require_prefect_home(environment: Mapping[str, str]) -> None:
    """Raise `UsageError` where PREFECT_HOME names a folder that can't be made or written."""
    named = environment.get("PREFECT_HOME")
    if named is None:
        return
    if not named:  # it would be the present folder
        raise UsageError("PREFECT_HOME is empty. Next: unset it, or name a folder.")
    try:
        Path(named).expanduser().mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"PREFECT_HOME={_show(named)}: can't be made ({getattr(error, 'strerror', None) or error}). Next: unset "
            "it, or name a folder that can be written."
        ) from None


def _refuse_undecodable(values: Mapping[str, str]) -> None:
    """Raise `UsageError` where a setting of ours holds bytes that are no text; it may be a secret: only its name."""
    for name, value in values.items():
        if name.startswith("REVIEWS_") and value.encode(errors="ignore").decode() != value:
            raise UsageError(
                f"{name} is not UTF-8. Next: write it in UTF-8, or rename the file or folder that it names."
            )


def _read_home(values: Mapping[str, str]) -> Path:
    """Give the folder of all data; the database's path has to be text, and `~name` a user of this machine."""
    text = values.get("REVIEWS_HOME") or str(PROJECT_ROOT / "data")
    try:
        home = Path(text).expanduser().absolute()
        str(home).encode()
    except RuntimeError:
        raise UsageError(
            f"REVIEWS_HOME={_show(text)}: there is no such user. Next: name the folder."
        ) from None
    except UnicodeEncodeError:
        raise UsageError(
            f"REVIEWS_HOME={_show(text)}: its path is not UTF-8. Next: rename the folder."
        ) from None
    if "?" in str(home):  # it takes what follows for options
        raise UsageError(
            f"REVIEWS_HOME={_show(text)}: DuckDB reads no path with a question mark. Next: rename it."
        )
    if home.exists() and not home.is_dir():
        raise UsageError(f"REVIEWS_HOME={_show(text)}: is a file. Next: name a folder.")
    return home


def _read_whole(values: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    number = _read_number(values, name, default, lowest, highest)
    if number != int(number):
        raise UsageError(f"{name} must be a whole number, not {_show(values[name])}.")
    return int(number)


def _show(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _read_number(
    values: Mapping[str, str], name: str, default: float, lowest: float, highest: float
) -> float:
    text = values.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        raise UsageError(f"{name} must be a number, not {_show(text)}.") from None
    if not lowest <= number <= highest:
        raise UsageError(f"{name} must be from {lowest:g} to {highest:g}, not {text[:SHOWN]}.")
    return number


def _read_folders(values: Mapping[str, str], name: str) -> tuple[Path, ...]:
    """Give folders by their whole paths, set apart as those of PATH are (`:`)."""
    folders = [Path(text) for text in values.get(name, "").split(os.pathsep) if text.strip()]
    if relative := [str(folder) for folder in folders if not folder.is_absolute()]:
        raise UsageError(f"{name} must name folders by their whole paths, not {relative[0]!r}.")
    return tuple(folders)


def _read_choice(values: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Give one of the words in `choices`, the first where none is set."""
    text = values.get(name, "").strip().lower() or choices[0]
    if text not in choices:
        raise UsageError(f"{name} must be {' or '.join(choices)}, not {_show(text)}.")
    return text


def _read_switch(values: Mapping[str, str], name: str, default: bool = False) -> bool:
    text = values.get(name, "").strip().lower()
    if text and text not in SWITCHES:
        raise UsageError(f"{name} must be true or false, not {_show(text)}.")
    return SWITCHES[text] if text else default


def _read_hosts(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Give host names and addresses, set apart by commas, as a `Host` header has them."""
    found = []
    for text in filter(None, (each.strip().lower() for each in values.get(name, "").split(","))):
        try:
            address = ipaddress.ip_address(text.strip("[]"))
        except ValueError:
            if not HOST_NAME.fullmatch(text):
                raise UsageError(
                    f"{name} must be names or addresses without a port, such as reviews.example.org,192.0.2.7, "
                    f"not {text!r}."
                ) from None
            found.append(text)
        else:
            found.append(f"[{address}]" if address.version == 6 else str(address))
    return tuple(found)


def _read_web_address(values: Mapping[str, str], name: str) -> str | None:
    """Give an http address; it may hold a secret, so a wrong one is not repeated."""
    text = values.get(name, "").strip()
    if text and not text.lower().startswith(("http://", "https://")):
        raise UsageError(f"{name} must start with http:// or https://.")
    if text and not _names_host(text):
        raise UsageError(
            f"{name} names no host, or no port that there is. It looks like http://host:8080/path."
        )
    return text or None


def _names_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
