"""Reads all settings: from the environment, else from `.env` in the project's root, else their defaults.

Flows read the settings once and pass the values on; the code that they call does not read the environment.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from socket import gethostname

from data_contracts.archive import PUBLISHED_URL
from data_contracts.errors import UsageError
from data_contracts.rules_and_limits import DRIFT_SEVERITIES, RowLimits, ServingLimits
from data_contracts.storage.faults import VARIABLE, require_known
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import parse_inbox_store, parse_workers
from deployments.installation_paths import find_default_home, read_settings_file
from tasks.delivery.addresses import list_variables, read_urls
from tasks.support.secret_files import read_secret_files
from tasks.support.setting_values import (
    quote_value,
    read_choice,
    read_database,
    read_days,
    read_encoding,
    read_folders,
    read_hosts,
    read_limit,
    read_name,
    read_number,
    read_place,
    read_sharing,
    read_switch,
    read_switch_of_store,
    read_token,
    read_web_address,
    read_whole,
)

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (a setting's value, not where anything listens)
SITE_HOST = "127.0.0.1"
"""Where `reviews up` serves the site: its pages have texts of reviews, and nobody is asked for a password."""
OTHER_VARIABLES = ("REVIEWS_REPORTS", "REVIEWS_WEEKS", "REVIEWS_FAULT", "REVIEWS_UP_HOME")
"""Variables whose names differ from the field that they set, or that set no field, such as the mark of processes."""
DEPLOYMENTS = ("ingest-reviews", "train-model", "back-up-home", "verify-home", "score-reviews")
"""The deployments of a home, each named like its flow."""
SECRETS = (
    "PREFECT_SERVER_API_AUTH_STRING",
    "REVIEWS_DATABASE_URL",
    "REVIEWS_ALERT_URL",
    "REVIEWS_SERVE_TOKEN",
)
"""Settings that can be in a file of their own: the variable `NAME_FILE` is its path."""


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
    publish_to_store: bool = False
    """REVIEWS_PUBLISH_TO_STORE: with `true`, runs upload what is new of the published copy to `published/` of
    REVIEWS_STORE; there `reviews sql` on other machines reads it."""
    share_home: bool = False
    """REVIEWS_SHARE_HOME: with `true`, several machines share this home by REVIEWS_STORE: one at a time writes, from
    where the one before has ended; includes REVIEWS_PUBLISH_TO_STORE."""
    dask: str | None = None
    """REVIEWS_DASK: the workers that score the objects of the store, and score again: those of the scheduler at
    `tcp://HOST:PORT`, or N processes of this machine, `local:N`."""
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
    """REVIEWS_METRICS_HOST: the address on which it serves them, without a password; `0.0.0.0` (every address) also
    needs REVIEWS_ALLOWED_HOSTS."""
    site_port: int | None = None
    """REVIEWS_SITE_PORT: the port of 127.0.0.1, such as 8400, on which `reviews up` serves the site and the
    reports, without a password."""
    drain_seconds: float = 60
    """REVIEWS_DRAIN_SECONDS: the seconds that `reviews up` waits for active runs when it stops; 0 does not wait."""
    serve_port: int = 8300
    """REVIEWS_SERVE_PORT: the port on which `reviews serve` answers."""
    serve_host: str = "127.0.0.1"
    """REVIEWS_SERVE_HOST: the address on which it answers; one that other machines can reach needs REVIEWS_SERVE_TOKEN,
    and `0.0.0.0` (every address) REVIEWS_ALLOWED_HOSTS too."""
    serve_token: str | None = field(default=None, repr=False)
    """REVIEWS_SERVE_TOKEN: the token that requests to `reviews serve` must have; a secret of 16 characters or more."""
    serving: ServingLimits = field(default_factory=ServingLimits)
    """Limits of requests to `reviews serve`, each a setting of its own."""
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
    destination_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """REVIEWS_DESTINATION_NAME_URL: the PostgreSQL database of the destination NAME, such as
    `postgresql://user:password@host/database`; in capitals, with `_` for `-`; a secret that is never shown."""
    alert_url: str | None = field(default=None, repr=False)
    """REVIEWS_ALERT_URL: the URL of the webhook that receives the alerts; where flows run, and for
    `reviews up --deploy-only`; a secret that is never shown."""

    keep_backups: int = 7
    """REVIEWS_KEEP_BACKUPS: how many of the newest backups stay in `backups/`; 0 keeps all."""
    write_reports: bool = True
    """REVIEWS_REPORTS: with `false`, runs write no report at their end; `reviews report` can still write it."""
    keep_reports: int = 100
    """REVIEWS_KEEP_REPORTS: how many of the newest reports stay in `reports/`; 0 keeps all."""
    write_weeks: bool = False
    """REVIEWS_WEEKS: with `true`, the first scoring run after a week's end writes its page, as `reviews report --week`
    does, and the webhook of REVIEWS_ALERT_URL gets its text."""
    keep_runs_days: float = 30
    """REVIEWS_KEEP_RUNS_DAYS: for how many days the server of `reviews up` keeps runs that have ended."""
    keep_quarantine_days: float = 0
    """REVIEWS_KEEP_QUARANTINE_DAYS: after how many days a quarantined row's bytes are deleted; 0 keeps them."""
    keep_trainings_days: float = 7
    """REVIEWS_KEEP_TRAININGS_DAYS: after how many days the checkpoints of a training that was stopped are deleted; 0
    keeps them."""
    drift: str = "warn"
    """REVIEWS_DRIFT: with `warn`, a run that finds drift warns; with `error` it fails. Its scores stay either way."""
    train_at_labels: int = 500
    """REVIEWS_TRAIN_AT_LABELS: after how many new labels a training is due; 0 never for this reason."""
    train_when_due: bool = False
    """REVIEWS_TRAIN_WHEN_DUE: with `true`, the deployment `train-model` runs with own labels when a training is due;
    it holds from the next `reviews up` on."""
    rescore_minutes: float | None = None
    """REVIEWS_RESCORE_MINUTES: after how many minutes of scoring again a run leaves the rest to the next one; more than
    0; without it, there is no limit."""
    shadow_minutes: float = 5
    """REVIEWS_SHADOW_MINUTES: after how many minutes with the shadow a run leaves the rest to the next one; 0 switches
    its scoring off."""
    scored_files: str = "keep"
    """REVIEWS_SCORED_FILES: `keep` scored files in the inbox, or `move` them to `scored/DATE/`."""

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
    def copy_store(self) -> str | None:
        """The store to which runs upload the published copy; None if they upload none."""
        return self.store if self.publish_to_store or self.share_home else None

    @property
    def shared_store(self) -> str | None:
        """The store by which several machines share the home; None if this machine has it alone."""
        return self.store if self.share_home else None

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
    settings = Settings(
        home=Home(_read_home(values)),
        name=read_name(values, "REVIEWS_NAME"),
        store=read_place(values, "REVIEWS_STORE", parse_inbox_store),
        publish_to_store=read_switch_of_store(values, "REVIEWS_PUBLISH_TO_STORE"),
        share_home=read_sharing(values),
        dask=read_place(values, "REVIEWS_DASK", parse_workers),
        archive=values.get("REVIEWS_ARCHIVE") or PUBLISHED_URL,
        input_dirs=read_folders(values, "REVIEWS_INPUT_DIRS"),
        fallback_encoding=read_encoding(values, "REVIEWS_FALLBACK_ENCODING"),
        limits=_read_limits(values),
        serving=_read_serving(values),
        destination_urls=read_urls(values),
    )
    for read in (_read_addresses, _read_deploying, _read_keeping, _read_models):
        settings = read(settings, values)
    return settings


def _read_addresses(settings: Settings, values: Mapping[str, str]) -> Settings:
    """Return the settings with where this machine answers, under which names, and who may ask."""
    return replace(
        settings,
        port=read_whole(values, "REVIEWS_PORT", Settings.port, 1, 65535),
        host=values.get("REVIEWS_HOST", "").strip() or Settings.host,
        allowed_hosts=read_hosts(values, "REVIEWS_ALLOWED_HOSTS"),
        password=values.get("PREFECT_SERVER_API_AUTH_STRING", "").strip() or None,
        metrics_port=read_whole(values, "REVIEWS_METRICS_PORT", 0, 0, 65535) or None,
        metrics_host=values.get("REVIEWS_METRICS_HOST", "").strip() or Settings.metrics_host,
        site_port=read_whole(values, "REVIEWS_SITE_PORT", 0, 0, 65535) or None,
        serve_port=read_whole(values, "REVIEWS_SERVE_PORT", Settings.serve_port, 1, 65535),
        serve_host=values.get("REVIEWS_SERVE_HOST", "").strip() or Settings.serve_host,
        serve_token=read_token(values, "REVIEWS_SERVE_TOKEN"),
    )


def _read_deploying(settings: Settings, values: Mapping[str, str]) -> Settings:
    """Return the settings with how `reviews up` and the deployments run."""
    return replace(
        settings,
        poll_seconds=read_number(values, "REVIEWS_POLL_SECONDS", Settings.poll_seconds, 0.5, 3600),
        log=read_choice(values, "REVIEWS_LOG", ("text", "json")),
        drain_seconds=read_number(values, "REVIEWS_DRAIN_SECONDS", Settings.drain_seconds, 0, 86_400),
        watch_inbox=read_switch(values, "REVIEWS_WATCH_INBOX"),
        database_url=read_database(values, "REVIEWS_DATABASE_URL"),
        deployed_home=values.get("REVIEWS_DEPLOYED_HOME", "").strip() or None,
        deployed_version=values.get("REVIEWS_DEPLOYED_VERSION", "").strip() or None,
        alert_url=read_web_address(values, "REVIEWS_ALERT_URL"),
    )


def _read_keeping(settings: Settings, values: Mapping[str, str]) -> Settings:
    """Return the settings with what runs write for people, and how long it is kept."""
    return replace(
        settings,
        keep_backups=read_whole(values, "REVIEWS_KEEP_BACKUPS", Settings.keep_backups, 0, 10**6),
        write_reports=read_switch(values, "REVIEWS_REPORTS", Settings.write_reports),
        keep_reports=read_whole(values, "REVIEWS_KEEP_REPORTS", Settings.keep_reports, 0, 10**6),
        write_weeks=read_switch(values, "REVIEWS_WEEKS"),
        keep_runs_days=read_number(values, "REVIEWS_KEEP_RUNS_DAYS", Settings.keep_runs_days, 0.1, 36500),
        keep_quarantine_days=read_days(values, "REVIEWS_KEEP_QUARANTINE_DAYS", Settings.keep_quarantine_days),
        keep_trainings_days=read_days(values, "REVIEWS_KEEP_TRAININGS_DAYS", Settings.keep_trainings_days),
        scored_files=read_choice(values, "REVIEWS_SCORED_FILES", ("keep", "move")),
    )


def _read_models(settings: Settings, values: Mapping[str, str]) -> Settings:
    """Return the settings with when a model is judged, trained, and scores again."""
    return replace(
        settings,
        drift=read_choice(values, "REVIEWS_DRIFT", DRIFT_SEVERITIES),
        train_at_labels=read_whole(values, "REVIEWS_TRAIN_AT_LABELS", Settings.train_at_labels, 0, 10**9),
        train_when_due=read_switch(values, "REVIEWS_TRAIN_WHEN_DUE"),
        rescore_minutes=read_limit(values, "REVIEWS_RESCORE_MINUTES", 1440),
        shadow_minutes=read_number(values, "REVIEWS_SHADOW_MINUTES", Settings.shadow_minutes, 0, 1440),
    )


def _read_values(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the settings file and, before those, of the environment, with the values of secrets."""
    values = {**_read_secrets(read_settings_file()), **_read_secrets(environment)}
    _refuse_undecodable(values)
    require_known(values.get(VARIABLE, ""))
    return values


def _read_limits(values: Mapping[str, str]) -> RowLimits:
    """Return the limits of rows and of files with bad rows."""
    default = RowLimits()
    return RowLimits(
        max_text_chars=read_whole(values, "REVIEWS_MAX_TEXT_CHARS", default.max_text_chars, 1, 10**7),
        max_bad_share=read_number(values, "REVIEWS_MAX_BAD_SHARE", default.max_bad_share, 0, 1),
        min_bad_rows=read_whole(values, "REVIEWS_MIN_BAD_ROWS", default.min_bad_rows, 0, 10**9),
    )


def _read_secrets(values: Mapping[str, str]) -> dict[str, str]:
    """Return variables with the values of the secrets whose files they name."""
    return read_secret_files(values, (*SECRETS, *list_variables(values)))


def _read_serving(values: Mapping[str, str]) -> ServingLimits:
    """Return the limits of requests to `reviews serve`."""
    default = ServingLimits()
    return ServingLimits(
        serve_max_texts=read_whole(values, "REVIEWS_SERVE_MAX_TEXTS", default.serve_max_texts, 1, 10_000),
        serve_max_bytes=read_whole(values, "REVIEWS_SERVE_MAX_BYTES", default.serve_max_bytes, 1_000, 10**9),
    )


def find_unknown(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return a warning for each variable that begins with REVIEWS_ but is no setting, with the name probably meant."""
    known = {
        f"REVIEWS_{each.name.upper()}"
        for kind in (Settings, RowLimits, ServingLimits)
        for each in fields(kind)
    }
    known.update(OTHER_VARIABLES, (f"{name}_FILE" for name in SECRETS))
    values = {**read_settings_file(), **(os.environ if environment is None else environment)}
    addresses = list_variables(values)
    known.update(addresses, (f"{name}_FILE" for name in addresses))
    unknown = sorted(name for name in values if name.startswith("REVIEWS_") and name not in known)
    return [f"{quote_value(name)} sets nothing.{_suggest(name, known)}" for name in unknown]


def _suggest(name: str, known: Collection[str]) -> str:
    """Return words that suggest the setting probably meant, or none."""
    from difflib import get_close_matches

    longer = sorted(each for each in known if each.startswith(f"{name}_"))
    near = longer or get_close_matches(name, known, 1, 0.75)
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
            f"REVIEWS_HOME={quote_value(text)}: there is no such user. Next: name the folder."
        ) from None
    except UnicodeEncodeError:
        raise UsageError(
            f"REVIEWS_HOME={quote_value(text)}: its path is not UTF-8. Next: rename the folder."
        ) from None
    if "?" in str(home):  # DuckDB reads what follows as options
        raise UsageError(
            f"REVIEWS_HOME={quote_value(text)}: DuckDB can't open a path with a question mark. Next: rename the folder."
        )
    if home.exists() and not home.is_dir():
        raise UsageError(f"REVIEWS_HOME={quote_value(text)}: is a file. Next: name a folder.")
    return home
