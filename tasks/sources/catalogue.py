"""Finds the source of a file by its folder in the inbox, and the source's profile in the home."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from data_contracts.errors import UsageError
from data_contracts.expectations import CheckResult
from data_contracts.rules_and_limits import FIELD_RULES, VALUE_RULES
from data_contracts.sources.profile import Profile, name_version, parse_profile
from data_contracts.storage.home import LABELS, Home
from data_contracts.storage.listing import list_paths
from data_contracts.storage.store_uris import name_in_inbox
from tasks.support.wording import escape_controls, quote_word

DEFAULT = "default"
"""The source of files that lie in no folder of the inbox."""
_NAME = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,99}")


@dataclass(frozen=True)
class Source:
    """A feed of files: a folder of the inbox, or `DEFAULT`."""

    name: str
    profile: Profile | None = None
    """None: each file is read by the profile of a known platform, or our own names."""
    trouble: str | None = None
    """What is wrong with the profile, so that no file of the source can be read."""

    @property
    def version(self) -> str | None:
        """The version of the profile."""
        return name_version(self.profile) if self.profile else None

    @property
    def other_languages(self) -> str:
        """What is done with rows that are not in English, as `other_languages` of a profile says."""
        return self.profile.other_languages if self.profile else "warn"

    def judge(self, check: str) -> str:
        """Return what a finding of a check, a key of [severity], does: warn, accept, quarantine or refuse.

        Values of a column that the profile leaves out are accepted: it uses none of them.
        """
        if self.profile is None:
            return "warn"
        is_left_out = check in VALUE_RULES and not getattr(
            self.profile.columns, FIELD_RULES[VALUE_RULES[check][0]]
        )
        return "accept" if is_left_out else str(getattr(self.profile.severity, check))

    @property
    def replaces_from_share(self) -> float | None:
        """The share of the last file's reviews from which a file takes the place of all before it; None if it adds."""
        if self.profile is None or self.profile.each_file == "adds":
            return None
        return self.profile.limits.smallest_share_of_last


@dataclass(frozen=True)
class Catalogue:
    """The sources of a run."""

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    """By the name of their source."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with a profile that can't be read, by the same names."""
    chosen: str | None = None
    """The source of every file, whatever its folder; None: each file's folder decides."""

    def find(self, uri: str) -> Source:
        """Return the source of the file with this uri: the first folder of a path in the inbox."""
        parts = PurePosixPath(name_in_inbox(uri)).parts
        folder = parts[0] if len(parts) > 1 and not uri.startswith("/") else DEFAULT
        name = self.chosen or folder
        return Source(name, self.profiles.get(name), self.broken.get(name))

    def list_encodings(self) -> dict[str, str]:
        """Return the encoding that a profile states, by its source."""
        stated = {name: profile.file.encoding for name, profile in self.profiles.items()}
        return {name: encoding for name, encoding in stated.items() if encoding is not None}

    def describe(self, uri: str) -> dict[str, Any]:
        """Return the values of a file's source for the ledger of a part, by column."""
        source = self.find(uri)
        return {
            "source": source.name,
            "profile_version": source.version,
            "replaces_from_share": source.replaces_from_share,
        }


def load_catalogue(home: Home, chosen: str | None = None) -> Catalogue:
    """Read all profiles of the home; `chosen` is the source of every file, if it is given.

    A wrong profile stops only its own source: the files of the others are read. Raises `UsageError` if the chosen
    source has no profile.
    """
    profiles: dict[str, Profile] = {}
    broken: dict[str, str] = {}
    for path in list_paths(home.sources, "*.toml"):
        try:
            profiles[path.stem] = parse_profile(path)
        except UsageError as error:
            broken[path.stem] = str(error).partition(" Next: ")[0].rstrip(".")
    if chosen is not None and chosen not in {*profiles, *broken}:
        raise UsageError(describe_missing_profile(home, chosen))
    return Catalogue(profiles, broken, chosen)


def accept_findings(
    home: Home, results: Sequence[CheckResult], sources: Collection[str] = ()
) -> list[CheckResult]:
    """Return the results, without those findings that the [severity] of the profile of their source accepts.

    A finding of no source is of all rows, which are from `sources`: it is accepted if each of these accepts it.
    """
    if all(result.success for result in results):
        return list(results)  # saves reading the profiles
    severities = {name: dict(each.severity) for name, each in load_catalogue(home).profiles.items()}
    kept: list[CheckResult] = []
    for result in results:
        of_whom = sources if result.source is None else (result.source,)
        accepting = [name for name in of_whom if severities.get(name, {}).get(result.boundary) == "accept"]
        is_accepted = bool(accepting) and len(accepting) == len(of_whom)
        kept.append(replace(result, success=True) if is_accepted else result)
    return kept


def list_sources(home: Home) -> list[str]:
    """Return a line for each source: those with a profile or a folder in the inbox, and `DEFAULT`."""
    catalogue = load_catalogue(home)
    # A link is followed nowhere, so it is no source either.
    found = (path for path in home.inbox.glob("*") if path.is_dir() and not path.is_symlink())
    folders = {path.name for path in found if path.name[0] != "."}
    names = sorted({DEFAULT, *folders, *catalogue.profiles, *catalogue.broken} - {LABELS})
    without = "no profile: files are read by the names of their columns"
    # A sender may have chosen its folder's name.
    return [
        f"{escape_controls(each.name):<24} {each.trouble or (f'profile {each.version}' if each.version else without)}"
        for each in (catalogue.find(f"{name}/file") for name in names)
    ]


def require_profile(home: Home, source: str) -> Path:
    """Return the path of the profile of a source; raise `UsageError` if there is none."""
    path = name_profile(home, source)
    if not path.is_file():
        raise UsageError(describe_missing_profile(home, source))
    return path


def describe_missing_profile(home: Home, name: str) -> str:
    """Return the message that a source has no profile, with the sources that have one."""
    known = ", ".join(path.stem for path in list_paths(home.sources, "*.toml"))
    others = f"; there are those of: {escape_controls(known)}" if known else ""
    either = "name one of these, or " if known else ""
    return (
        f"{name_profile(home, name)}: there is no such profile{others}. Next: {either}"
        f"write down how a file is read without a profile: reviews sources init {quote_word(name)} FILE"
    )


def name_profile(home: Home, source: str) -> Path:
    """Return the path of a source's profile."""
    return home.sources / f"{require_name(source)}.toml"


def require_name(name: str) -> str:
    """Return the name of a source; raise `UsageError` if it is none."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a source: it is the name of a folder in the inbox, and begins with no dot. Next: "
            "name that folder."
        )
    return name
