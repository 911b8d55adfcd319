"""Reads all settings: from the environment, else from `.env` in the project's root, else their defaults.

Flows read the settings once and pass the values on; the code that they call does not read the environment.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import field, fields
from pathlib import Path
from socket import gethostname
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from data_contracts.archive import PUBLISHED_URL
from data_contracts.errors import UsageError
from data_contracts.rules_and_limits import RowLimits
from data_contracts.storage.faults import VARIABLE, require_known
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import parse_inbox_store, parse_workers
from deployments.installation_paths import find_default_home, read_settings_file
from tasks.delivery.addresses import list_variables, read_urls
from tasks.support.secret_files import read_secret_files

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (a setting's value, not where anything listens)
SITE_HOST = "127.0.0.1"
"""Where `reviews up` serves the site: its pages have texts of reviews, and nobody is asked for a password."""
OTHER_VARIABLES = {
    "password": "PREFECT_SERVER_API_AUTH_STRING",
    "write_reports": "REVIEWS_REPORTS",
    "write_weeks": "REVIEWS_WEEKS",
}
"""Variables whose names differ from the field that they set."""
GONE = {
    "REVIEWS_FALLBACK_ENCODING": "`encoding` in the profile of a source says it, by `reviews sources init NAME FILE`",
    "REVIEWS_DRIFT": "drift is a finding, and fails no run",
    "REVIEWS_POLL_SECONDS": "the worker asks every 2 seconds",
    "REVIEWS_MAX_BAD_SHARE": "`largest_bad_share` in the profile of a source says it",
    "REVIEWS_MIN_BAD_ROWS": "up to 10 bad rows refuse no file",
    "REVIEWS_KEEP_REPORTS": "the newest 100 reports stay",
    "REVIEWS_KEEP_RUNS_DAYS": "Prefect's PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD says it, in seconds",
    "REVIEWS_WATCH_INBOX": "`reviews up --watch-inbox` does it",
    "REVIEWS_DEPLOYED_VERSION": "Prefect keeps the version of a deployment",
}
"""Settings of the last release that are none any more, and what takes their place."""
DEPLOYED_HOME = "REVIEWS_DEPLOYED_HOME"
"""The variable by which a deployment names the home that its runs are for."""
UNSET = ("REVIEWS_FAULT", "REVIEWS_UP_HOME", DEPLOYED_HOME)
"""Variables that set no field, such as the mark of processes."""
DEPLOYMENTS = ("ingest-reviews", "train-model", "back-up-home", "verify-home", "score-reviews")
"""The deployments of a home, each named like its flow."""
WORKER = "reviews-up"
"""The name of the worker of `reviews up`."""
SECRETS = (
    "PREFECT_SERVER_API_AUTH_STRING",
    "REVIEWS_DATABASE_URL",
    "REVIEWS_ALERT_URL",
    "REVIEWS_SERVE_TOKEN",
)
"""Settings that can be in a file of their own, the variable `NAME_FILE` being its path; messages don't repeat them."""
SHOWN = 80
"""The largest number of characters of a wrong value that a message repeats."""
_HOME_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
_TOKEN = re.compile(r"[!-~]{16,}")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_DATABASE_SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg")


def _split_hosts(value: str) -> tuple[str, ...]:
    """Return comma-separated host names and addresses in the form that they have in a `Host` header."""
    hosts = []
    for text in filter(None, (each.strip().lower() for each in value.split(","))):
        try:
            address = ipaddress.ip_address(text.strip("[]"))
        except ValueError:
            if not _HOST_NAME.fullmatch(text):
                raise ValueError(
                    "must be names or addresses without a port, such as reviews.example.org,192.0.2.7"
                ) from None
            hosts.append(text)
        else:
            hosts.append(f"[{address}]" if address.version == 6 else str(address))
    return tuple(hosts)


def _split_folders(value: str) -> tuple[Path, ...]:
    """Return the absolute paths of a list of folders that is separated as in PATH (`:`)."""
    folders = [Path(text) for text in value.split(os.pathsep) if text.strip()]
    if relative := [str(folder) for folder in folders if not folder.is_absolute()]:
        raise ValueError(f"must have absolute paths of folders, not {relative[0]!r}")
    return tuple(folders)


def _require_name(text: str) -> str:
    if not _HOME_NAME.fullmatch(text):
        raise ValueError("must be small letters, digits and hyphens, such as shop-a")
    return text


def _require_token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(
            "must have 16 characters or more, all ASCII, no space. Next: `openssl rand -hex 24` makes one"
        )
    return text


def _require_web_address(text: str) -> str:
    if not text.lower().startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    if not _has_host(text):
        raise ValueError("has no host, or an invalid port. A valid one looks like http://host:8080/path")
    return text


def _name_database(text: str) -> str:
    """Return the address of a PostgreSQL database with the driver that Prefect needs."""
    scheme, _, rest = text.partition("://")
    if scheme not in _DATABASE_SCHEMES or not _has_host(text):
        raise ValueError("must be like postgresql://user:password@host:5432/name")
    return f"{_DATABASE_SCHEMES[-1]}://{rest}"


def _has_host(address: str) -> bool:
    """Return whether the URL of a setting names a host, and no invalid port."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _find_home(value: str) -> Home:
    """Return the home at a path; raise `ValueError` if DuckDB can't use it or it is no folder."""
    try:
        home = Path(value).expanduser().absolute()
        str(home).encode()
    except RuntimeError:
        raise ValueError("there is no such user. Next: name the folder") from None
    except UnicodeEncodeError:
        raise ValueError("its path is not UTF-8. Next: rename the folder") from None
    if "?" in str(home):  # DuckDB reads what follows as options
        raise ValueError("DuckDB can't open a path with a question mark. Next: rename the folder")
    if home.exists() and not home.is_dir():
        raise ValueError("is a file. Next: name a folder")
    return Home(home)


def _read_by(parse: Callable[[str], object]) -> BeforeValidator:
    """Return a validator that reads the text of a variable by `parse`, and leaves alone what is read already."""

    def read(value: object) -> object:
        try:
            return parse(value) if isinstance(value, str) else value
        except UsageError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(read)


_Port = Annotated[int, Field(ge=1, le=65535)]
_PortOrNone = Annotated[int | None, Field(ge=0, le=65535), AfterValidator(lambda port: port or None)]
_Number = Annotated[int, Field(ge=0, le=10**9)]
_Days = Annotated[float, Field(ge=0, le=36500, allow_inf_nan=False)]


@dataclass(frozen=True)
class Settings:
    """Paths, limits and options; each field's docstring is its text on the page of settings."""

    home: Annotated[Home, _read_by(_find_home)]
    """REVIEWS_HOME: the folder of all data."""
    name: Annotated[str | None, _read_by(_require_name)] = None
    """REVIEWS_NAME: a name of this home, such as `shop-a`, for a Prefect server that several homes share: the work pool
    and the deployments have it at their end."""
    store: Annotated[str | None, _read_by(parse_inbox_store)] = None
    """REVIEWS_STORE: the URI of an object store, such as `s3://bucket/prefix`, whose `inbox/` is read as that of
    the home is."""
    publish_to_store: bool = False
    """REVIEWS_PUBLISH_TO_STORE: with `true`, each run keeps a snapshot of the home in `snapshots/` of REVIEWS_STORE,
    from which `reviews sql` on other machines reads, and `reviews restore` restores."""
    dask: Annotated[str | None, _read_by(parse_workers)] = None
    """REVIEWS_DASK: the workers that score texts: those of the scheduler at `tcp://HOST:PORT`, or N processes of this
    machine, `local:N`."""
    archive: str = PUBLISHED_URL
    """REVIEWS_ARCHIVE: path or URL of the Large Movie Review archive."""
    input_dirs: Annotated[tuple[Path, ...], _read_by(_split_folders)] = ()
    """REVIEWS_INPUT_DIRS: folders besides the inbox from which a run of a deployment may read the files that it names;
    absolute paths, separated by `:`."""
    max_text_chars: Annotated[int, Field(ge=1, le=10**7)] = RowLimits.max_text_chars
    """REVIEWS_MAX_TEXT_CHARS: the longest text of a row, in Unicode characters; the longest review of the Stanford
    archive has 14,282."""
    port: _Port = 4200
    """REVIEWS_PORT: the port on which `reviews up` serves Prefect's API and pages."""
    host: str = "127.0.0.1"
    """REVIEWS_HOST: the address on which `reviews up` serves them; `0.0.0.0` (every address) also needs
    REVIEWS_ALLOWED_HOSTS."""
    allowed_hosts: Annotated[tuple[str, ...], _read_by(_split_hosts)] = ()
    """REVIEWS_ALLOWED_HOSTS: further names or addresses under which other machines or a proxy reach `reviews up`;
    separated by commas."""
    password: str | None = field(default=None, repr=False)
    """PREFECT_SERVER_API_AUTH_STRING: the password of the server of `reviews up`, such as `user:password`."""
    log: Literal["text", "json"] = "text"
    """REVIEWS_LOG: `text` or `json`, the form of each line that `reviews up` and its runs print."""
    metrics_port: _PortOrNone = None
    """REVIEWS_METRICS_PORT: the port on which `reviews up` serves metrics for Prometheus, such as 9108."""
    metrics_host: str = "127.0.0.1"
    """REVIEWS_METRICS_HOST: the address on which it serves them, without a password; `0.0.0.0` (every address) also
    needs REVIEWS_ALLOWED_HOSTS."""
    site_port: _PortOrNone = None
    """REVIEWS_SITE_PORT: the port of 127.0.0.1, such as 8400, on which `reviews up` serves the site and the
    reports, without a password."""
    drain_seconds: Annotated[float, Field(ge=0, le=86_400)] = 60
    """REVIEWS_DRAIN_SECONDS: the seconds that `reviews up` waits for active runs when it stops; 0 does not wait."""
    serve_port: _Port = 8300
    """REVIEWS_SERVE_PORT: the port on which `reviews serve` answers."""
    serve_host: str = "127.0.0.1"
    """REVIEWS_SERVE_HOST: the address on which it answers; one that other machines can reach needs REVIEWS_SERVE_TOKEN,
    and `0.0.0.0` (every address) REVIEWS_ALLOWED_HOSTS too."""
    serve_token: Annotated[str | None, _read_by(_require_token)] = field(default=None, repr=False)
    """REVIEWS_SERVE_TOKEN: the token that requests to `reviews serve` must have; a secret of 16 characters or more."""
    database_url: Annotated[str | None, _read_by(_name_database)] = field(default=None, repr=False)
    """REVIEWS_DATABASE_URL: a PostgreSQL database for the data of the server of `reviews up`, in place of a file in the
    home, such as `postgresql://user:password@host/prefect`; a secret that only the server gets."""
    destination_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """REVIEWS_DESTINATION_NAME_URL: the PostgreSQL database of the destination NAME, such as
    `postgresql://user:password@host/database`; in capitals, with `_` for `-`; a secret that is never shown."""
    alert_url: Annotated[str | None, _read_by(_require_web_address)] = field(default=None, repr=False)
    """REVIEWS_ALERT_URL: the URL of the webhook that receives the alerts; where flows run, and for
    `reviews up --deploy-only`; a secret that is never shown."""

    keep_backups: _Number = 7
    """REVIEWS_KEEP_BACKUPS: how many of the newest backups stay in each place; 0 keeps all."""
    write_reports: bool = True
    """REVIEWS_REPORTS: with `false`, runs write no report at their end; `reviews report` can still write it."""
    write_weeks: bool = False
    """REVIEWS_WEEKS: with `true`, the first scoring run after a week's end writes its page, as `reviews report --week`
    does, and the webhook of REVIEWS_ALERT_URL gets its text."""
    keep_quarantine_days: _Days = 0
    """REVIEWS_KEEP_QUARANTINE_DAYS: after how many days a quarantined row's bytes are deleted; 0 keeps them."""
    train_when_due: bool = False
    """REVIEWS_TRAIN_WHEN_DUE: with `true`, the deployment `train-model` runs with own labels when a training is due;
    it holds from the next `reviews up` on."""
    rescore_minutes: Annotated[float | None, Field(gt=0, le=1440)] = None
    """REVIEWS_RESCORE_MINUTES: after how many minutes of scoring again a run leaves the rest to the next one; more than
    0; without it, there is no limit."""
    scored_files: Literal["keep", "move"] = "keep"
    """REVIEWS_SCORED_FILES: `keep` scored files in the inbox, or `move` them to `scored/DATE/`."""

    @property
    def limits(self) -> RowLimits:
        """The limits of rows and files."""
        return RowLimits(self.max_text_chars)

    @property
    def pool(self) -> str:
        """The work pool of the deployments, and the tag of their runs."""
        return self.add_name("reviews")

    @property
    def deployments(self) -> tuple[str, ...]:
        """The names of the deployments."""
        return tuple(map(self.add_name, DEPLOYMENTS))

    def add_name(self, text: str) -> str:
        """Return what this home calls something of which each home of a server has one of its own."""
        return f"{text}-{self.name}" if self.name else text

    @property
    def label(self) -> str:
        """What alerts and metrics call this home: its name, else its machine and folder."""
        return self.name or f"{gethostname()}:{self.home.folder}"

    @property
    def snapshot_store(self) -> str | None:
        """The store in which runs keep snapshots; None if they keep none."""
        return self.store if self.publish_to_store else None

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

    @property
    def site_url(self) -> str | None:
        """The URL of the site and the reports that `reviews up` serves; None if it serves none."""
        return _make_url(SITE_HOST, self.site_port) if self.site_port else None

    @property
    def serve_url(self) -> str:
        """The URL on which `reviews serve` answers."""
        return _make_url(self.serve_host, self.serve_port)


def _make_url(host: str, port: int) -> str:
    """Return the URL of a port of this machine."""
    host = "127.0.0.1" if host in EVERY_ADDRESS else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings; raise `UsageError` that names the first setting with an invalid value."""
    values = _read_values(os.environ if environment is None else environment)
    stated = {name: values.get(name_variable(name), "").strip() for name in _list_fields()}
    given: dict[str, Any] = {name: text for name, text in stated.items() if text}
    given.setdefault("home", str(find_default_home()))
    try:
        settings = Settings(**given, destination_urls=read_urls(values))
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(_describe(str(first["loc"][0]), given, first["msg"])) from None
    if settings.publish_to_store and settings.store is None:
        raise UsageError(
            "REVIEWS_PUBLISH_TO_STORE is set, but REVIEWS_STORE is not. Next: set REVIEWS_STORE to the URI of a "
            "store, such as s3://bucket/prefix."
        )
    return settings


def find_deployed_home() -> str:
    """Return the home for which the deployment of this run was made: its id, path and machine; empty without one."""
    return os.environ.get(DEPLOYED_HOME, "")


def name_variable(name: str) -> str:
    """Return the variable that sets a field of the settings."""
    return OTHER_VARIABLES.get(name, f"REVIEWS_{name.upper()}")


def _list_fields() -> list[str]:
    """List the fields that a variable sets."""
    return [each.name for each in fields(Settings) if each.name != "destination_urls"]


def _describe(name: str, given: Mapping[str, Any], message: str) -> str:
    """Return what is wrong with the value of a setting; messages don't repeat secrets."""
    variable = name_variable(name)
    shown = "" if variable in SECRETS else f"={_quote(given[name])}"
    said = message.removeprefix("Value error, ").replace("Input should", "it must").rstrip(".")
    return f"{variable}{shown}: {said}."


def _quote(text: str) -> str:
    """Return a value for an error message, shortened."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _read_values(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the settings file and, before those, of the environment, with the values of secrets."""
    values: dict[str, str] = {}
    for variables in (read_settings_file(), environment):
        values |= read_secret_files(variables, (*SECRETS, *list_variables(variables)))
    for name, value in values.items():
        if name.startswith("REVIEWS_") and value.encode(errors="ignore").decode() != value:
            raise UsageError(  # without the value, which may be secret
                f"{name} is not UTF-8. Next: write it in UTF-8, or rename the file or folder that it names."
            )
    require_known(values.get(VARIABLE, ""))
    return values


def find_unknown(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return a warning for each variable that begins with REVIEWS_ but is no setting, with the name probably meant."""
    known = {*map(name_variable, _list_fields()), *UNSET, *(f"{name}_FILE" for name in SECRETS)}
    values = {**read_settings_file(), **(os.environ if environment is None else environment)}
    addresses = list_variables(values)
    known.update(addresses, (f"{name}_FILE" for name in addresses))
    unknown = sorted(name for name in values if name.startswith("REVIEWS_") and name not in known)
    return [
        f"{name} sets nothing any more: {GONE[name]}."
        if name in GONE
        else f"{_quote(name)} sets nothing.{_suggest(name, known)}"
        for name in unknown
    ]


def _suggest(name: str, known: Collection[str]) -> str:
    """Return words that suggest the setting probably meant, or none."""
    from difflib import get_close_matches

    longer = sorted(each for each in known if each.startswith(f"{name}_"))
    near = longer or get_close_matches(name, known, 1, 0.75)
    return f" Did you mean {near[0]}?" if near else ""
