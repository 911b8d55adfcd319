"""Reads all settings: from the environment, else from `.env` in the project's root, else their defaults.

Flows read the settings once and pass the values on; the code that they call does not read the environment.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from data_contracts.archive import PUBLISHED_URL
from data_contracts.errors import UsageError
from data_contracts.limits import DRIFT_SEVERITIES, RowLimits
from data_contracts.storage.faults import VARIABLE, require_known
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import parse_inbox_store, parse_workers
from data_contracts.text_encodings import extends_ascii, find_encoding
from deployments.installation import find_default_home, find_settings_file
from tasks.support.secret_files import read_secret_files

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (a setting's value, not where anything listens)
OTHER_VARIABLES = ("REVIEWS_REPORTS", "REVIEWS_FAULT", "REVIEWS_UP_HOME")
"""Variables whose names differ from the field that they set, or that set no field, such as the mark of processes."""
SHOWN = 80
"""The largest number of characters of a wrong value that a message repeats."""
DEPLOYMENTS = ("ingest-reviews", "train-model", "score-reviews")
"""The deployments of a home, each named like its flow."""
HOME_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
DATABASE_SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg")
SECRETS = ("PREFECT_SERVER_API_AUTH_STRING", "REVIEWS_DATABASE_URL", "REVIEWS_ALERT_URL")
"""Settings that can be in a file of their own: the variable `NAME_FILE` is its path."""
SWITCHES = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


@dataclass(frozen=True)
class Settings:
    """Paths, limits and options; each field's docstring is its text on the page of settings."""

    home: Home
    """REVIEWS_HOME: the folder of all data."""
    name: str | None = None
    """REVIEWS_NAME: a name of this home, such as `shop-a`, for a Prefect server that several homes share: the work pool
    and the deployments have it at their end."""
    store: str | None = None
    """REVIEWS_STORE: the URI of an object store, such as `s3://bucket/prefix`, whose `inbox/` is read as that of
    the home is."""
    dask: str | None = None
    """REVIEWS_DASK: the workers that score the objects of the store: those of the scheduler at `tcp://HOST:PORT`, or N
    processes of this machine, `local:N`."""
    archive: str = PUBLISHED_URL
    """REVIEWS_ARCHIVE: path or URL of the Large Movie Review archive."""
    input_dirs: tuple[Path, ...] = ()
    """REVIEWS_INPUT_DIRS: folders besides the inbox from which a run of a deployment may read the files that it names;
    absolute paths, separated by `:`."""
    fallback_encoding: str | None = None
    """REVIEWS_FALLBACK_ENCODING: the encoding, such as `cp1252`, of text files without a byte order mark that are not
    UTF-8; by default their rows are quarantined."""
    limits: RowLimits = field(default_factory=RowLimits)
    """Limits of rows and files, each a setting of its own."""
    port: int = 4200
    """REVIEWS_PORT: the port on which `reviews up` serves Prefect's API and pages."""
    host: str = "127.0.0.1"
    """REVIEWS_HOST: the address on which `reviews up` serves them; `0.0.0.0` (every address) also needs
    REVIEWS_ALLOWED_HOSTS."""
    allowed_hosts: tuple[str, ...] = ()
    """REVIEWS_ALLOWED_HOSTS: further names or addresses under which other machines or a proxy reach `reviews up`;
    separated by commas."""
    password: str | None = field(default=None, repr=False)
    """PREFECT_SERVER_API_AUTH_STRING: the password of the server of `reviews up`, such as `user:password`."""
    poll_seconds: float = 2
    """REVIEWS_POLL_SECONDS: the seconds between two requests of the worker for runs, and between two reads of a watched
    inbox."""
    log: str = "text"
    """REVIEWS_LOG: `text` or `json`, the form of each line that `reviews up` and its runs print."""
    metrics_port: int | None = None
    """REVIEWS_METRICS_PORT: the port on which `reviews up` serves metrics for Prometheus, such as 9108."""
    metrics_host: str = "127.0.0.1"
    """REVIEWS_METRICS_HOST: the address on which it serves them, without a password; every address also needs
    REVIEWS_ALLOWED_HOSTS."""
    drain_seconds: float = 60
    """REVIEWS_DRAIN_SECONDS: the seconds that `reviews up` waits for active runs when it stops; 0 does not wait."""
    watch_inbox: bool = False
    """REVIEWS_WATCH_INBOX: with `true`, `reviews up` scores files as soon as they arrive."""
    database_url: str | None = field(default=None, repr=False)
    """REVIEWS_DATABASE_URL: a PostgreSQL database for the data of the server of `reviews up`, in place of a file in the
    home, such as `postgresql://user:password@host/prefect`; a secret that only the server gets."""
    deployed_home: str | None = None
    """REVIEWS_DEPLOYED_HOME: the id of a home, which deployments set for their runs: a run on a machine with another
    home fails at once."""
    deployed_version: str | None = None
    """REVIEWS_DEPLOYED_VERSION: the version that made a deployment, likewise; a worker of another one warns."""
    alert_url: str | None = field(default=None, repr=False)
    """REVIEWS_ALERT_URL: the URL of the webhook that receives the alerts; a secret that is never shown."""

    keep_backups: int = 7
    """REVIEWS_KEEP_BACKUPS: how many of the newest backups stay in `backups/`; 0 keeps all."""
    write_reports: bool = True
    """REVIEWS_REPORTS: with `false`, runs write no report at their end; `reviews report` can still write it."""
    keep_reports: int = 100
    """REVIEWS_KEEP_REPORTS: how many of the newest reports stay in `reports/`; 0 keeps all."""
    keep_runs_days: float = 30
    """REVIEWS_KEEP_RUNS_DAYS: for how many days the server of `reviews up` keeps runs that have ended."""
    keep_quarantine_days: float = 0
    """REVIEWS_KEEP_QUARANTINE_DAYS: after how many days a quarantined row's bytes are deleted; 0 keeps them."""
    drift: str = "warn"
    """REVIEWS_DRIFT: with `warn`, a run that finds drift warns; with `error` it fails. Its scores stay either way."""
    scored_files: str = "keep"
    """REVIEWS_SCORED_FILES: `keep` scored files in the inbox, or `move` them to `scored/DATE/`."""

    @property
    def pool(self) -> str:
        """The work pool of the deployments."""
        return self.add_name("reviews")

    @property
    def deployments(self) -> tuple[str, ...]:
        """The names of the deployments."""
        return tuple(map(self.add_name, DEPLOYMENTS))

    def add_name(self, text: str) -> str:
        """Return what this home calls something of which each home of a server has one of its own."""
        return f"{text}-{self.name}" if self.name else text

    @property
    def api_url(self) -> str:
        """The URL of the Prefect API that `reviews up` serves."""
        return f"{self.ui_url}/api"

    @property
    def ui_url(self) -> str:
        """The URL of the Prefect pages that `reviews up` serves."""
        return _make_url(self.host, self.port)

    @property
    def metrics_url(self) -> str | None:
        """The URL of the metrics that `reviews up` serves; None if it serves none."""
        return f"{_make_url(self.metrics_host, self.metrics_port)}/metrics" if self.metrics_port else None


def _make_url(host: str, port: int) -> str:
    """Return the URL of a port of this machine."""
    host = "127.0.0.1" if host in EVERY_ADDRESS else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings; raise `UsageError` that names the first setting with an invalid value."""
    variables = os.environ if environment is None else environment
    values = {**read_secret_files(_read_env_file(), SECRETS), **read_secret_files(variables, SECRETS)}
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
        name=_read_name(values, "REVIEWS_NAME"),
        store=_read_place(values, "REVIEWS_STORE", parse_inbox_store),
        dask=_read_place(values, "REVIEWS_DASK", parse_workers),
        archive=values.get("REVIEWS_ARCHIVE") or PUBLISHED_URL,
        input_dirs=_read_folders(values, "REVIEWS_INPUT_DIRS"),
        fallback_encoding=_read_encoding(values, "REVIEWS_FALLBACK_ENCODING"),
        limits=limits,
        port=_read_whole(values, "REVIEWS_PORT", Settings.port, 1, 65535),
        host=values.get("REVIEWS_HOST", "").strip() or Settings.host,
        allowed_hosts=_read_hosts(values, "REVIEWS_ALLOWED_HOSTS"),
        password=values.get("PREFECT_SERVER_API_AUTH_STRING", "").strip() or None,
        poll_seconds=_read_number(values, "REVIEWS_POLL_SECONDS", Settings.poll_seconds, 0.5, 3600),
        log=_read_choice(values, "REVIEWS_LOG", ("text", "json")),
        metrics_port=_read_whole(values, "REVIEWS_METRICS_PORT", 0, 0, 65535) or None,
        metrics_host=values.get("REVIEWS_METRICS_HOST", "").strip() or Settings.metrics_host,
        drain_seconds=_read_number(values, "REVIEWS_DRAIN_SECONDS", Settings.drain_seconds, 0, 86_400),
        watch_inbox=_read_switch(values, "REVIEWS_WATCH_INBOX"),
        database_url=_read_database(values, "REVIEWS_DATABASE_URL"),
        deployed_home=values.get("REVIEWS_DEPLOYED_HOME", "").strip() or None,
        deployed_version=values.get("REVIEWS_DEPLOYED_VERSION", "").strip() or None,
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
    """Return the settings in `.env`; raise `UsageError` if the file is not UTF-8."""
    path = find_settings_file()
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value for key, value in dotenv_values(path).items() if value is not None}
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8. Next: save it in UTF-8.") from None


def find_unknown(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return a warning for each variable that begins with REVIEWS_ but is no setting, with the name probably meant."""
    known = {f"REVIEWS_{each.name.upper()}" for kind in (Settings, RowLimits) for each in fields(kind)}
    known.update(OTHER_VARIABLES, (f"{name}_FILE" for name in SECRETS))
    values = {**_read_env_file(), **(os.environ if environment is None else environment)}
    unknown = sorted(name for name in values if name.startswith("REVIEWS_") and name not in known)
    return [f"{_quote(name)} sets nothing.{_suggest(name, known)}" for name in unknown]


def _suggest(name: str, known: Collection[str]) -> str:
    """Return words that suggest the setting probably meant, or none."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1, 0.75)
    return f" Did you mean {near[0]}?" if near else ""


def _refuse_undecodable(values: Mapping[str, str]) -> None:
    """Raise `UsageError` if a setting is not valid text; the message has only its name, as the value may be secret."""
    for name, value in values.items():
        if name.startswith("REVIEWS_") and value.encode(errors="ignore").decode() != value:
            raise UsageError(
                f"{name} is not UTF-8. Next: write it in UTF-8, or rename the file or folder that it names."
            )


def _read_home(values: Mapping[str, str]) -> Path:
    """Return the absolute path of the home; raise `UsageError` if DuckDB can't use it or it is not a folder."""
    text = values.get("REVIEWS_HOME") or str(find_default_home())
    try:
        home = Path(text).expanduser().absolute()
        str(home).encode()
    except RuntimeError:
        raise UsageError(
            f"REVIEWS_HOME={_quote(text)}: there is no such user. Next: name the folder."
        ) from None
    except UnicodeEncodeError:
        raise UsageError(
            f"REVIEWS_HOME={_quote(text)}: its path is not UTF-8. Next: rename the folder."
        ) from None
    if "?" in str(home):  # DuckDB reads what follows as options
        raise UsageError(
            f"REVIEWS_HOME={_quote(text)}: DuckDB can't open a path with a question mark. Next: rename the folder."
        )
    if home.exists() and not home.is_dir():
        raise UsageError(f"REVIEWS_HOME={_quote(text)}: is a file. Next: name a folder.")
    return home


def _read_name(values: Mapping[str, str], name: str) -> str | None:
    """Return the name of a home, None if it is not set."""
    text = values.get(name, "").strip()
    if text and not HOME_NAME.fullmatch(text):
        raise UsageError(
            f"{name} must be small letters, digits and hyphens, such as shop-a, not {_quote(text)}."
        )
    return text or None


def _read_place(values: Mapping[str, str], name: str, parse: Callable[[str], str]) -> str | None:
    """Return what `parse` makes of a setting, None if it is not set."""
    text = values.get(name, "").strip()
    try:
        return parse(text) if text else None
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _read_whole(values: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    """Return a setting that must be a whole number."""
    number = _read_number(values, name, default, lowest, highest)
    if number != int(number):
        raise UsageError(f"{name} must be a whole number, not {_quote(values[name])}.")
    return int(number)


def _quote(text: str) -> str:
    """Return the value of a setting for an error message, shortened."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _read_number(
    values: Mapping[str, str], name: str, default: float, lowest: float, highest: float
) -> float:
    """Return a setting that must be a number within limits."""
    text = values.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        raise UsageError(f"{name} must be a number, not {_quote(text)}.") from None
    if not lowest <= number <= highest:
        raise UsageError(f"{name} must be from {lowest:g} to {highest:g}, not {text[:SHOWN]}.")
    return number


def _read_folders(values: Mapping[str, str], name: str) -> tuple[Path, ...]:
    """Return the absolute paths of a list of folders that is separated as in PATH (`:`)."""
    folders = [Path(text) for text in values.get(name, "").split(os.pathsep) if text.strip()]
    if relative := [str(folder) for folder in folders if not folder.is_absolute()]:
        raise UsageError(f"{name} must have absolute paths of folders, not {relative[0]!r}.")
    return tuple(folders)


def _read_choice(values: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return the value, which must be one of `choices`; the first of them is the default."""
    text = values.get(name, "").strip().lower() or choices[0]
    if text not in choices:
        raise UsageError(f"{name} must be {' or '.join(choices)}, not {_quote(text)}.")
    return text


def _read_switch(values: Mapping[str, str], name: str, default: bool = False) -> bool:
    """Return a setting that must be on or off."""
    text = values.get(name, "").strip().lower()
    if text and text not in SWITCHES:
        raise UsageError(f"{name} must be true or false, not {_quote(text)}.")
    return SWITCHES[text] if text else default


def _read_hosts(values: Mapping[str, str], name: str) -> tuple[str, ...]:
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


def _read_encoding(values: Mapping[str, str], name: str) -> str | None:
    """Return an encoding by its usual name, None if it is not set."""
    text = values.get(name, "").strip()
    encoding = find_encoding(text) if text else None
    if text and (encoding is None or not extends_ascii(encoding)):
        raise UsageError(
            f"{name} must be an encoding that extends ASCII, such as cp1252 or cp1250, not {_quote(text)}."
        )
    return encoding


def _read_web_address(values: Mapping[str, str], name: str) -> str | None:
    """Return an http(s) URL, None if it is not set; messages don't repeat the value, which may be secret."""
    text = values.get(name, "").strip()
    if text and not text.lower().startswith(("http://", "https://")):
        raise UsageError(f"{name} must start with http:// or https://.")
    if text and not _has_host(text):
        raise UsageError(
            f"{name} has no host, or an invalid port. A valid one looks like http://host:8080/path."
        )
    return text or None


def _read_database(values: Mapping[str, str], name: str) -> str | None:
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
