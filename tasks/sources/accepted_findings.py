"""Lets a source accept findings that its profile names: they are kept as results and are no warning."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from data_contracts.expectations import CheckResult
from data_contracts.storage.home import Home
from tasks.sources.catalogue import load_catalogue


def accept_findings(
    home: Home, results: Sequence[CheckResult], sources: Collection[str] = ()
) -> list[CheckResult]:
    """Return the results, without those findings that the [severity] of the profile of their source accepts.

    A finding of no source is of all rows, which are from `sources`: it is accepted if each of these accepts it.
    """
    if all(result.success for result in results):
        return list(results)  # saves reading the profiles
    severities = {name: dict(each.severity) for name, each in load_catalogue(home).profiles.items()}
    accepted = {name: [key for key in each if each[key] == "accept"] for name, each in severities.items()}
    return [
        replace(result, success=True) if _is_accepted(result, accepted, sources) else result
        for result in results
    ]


def _is_accepted(
    result: CheckResult, accepted: Mapping[str, Collection[str]], sources: Collection[str]
) -> bool:
    """Return whether a result is a finding that all of its sources accept; `accepted` has the keys by source."""
    of_whom = sources if result.source is None else (result.source,)
    return (
        not result.success
        and bool(of_whom)
        and all(result.boundary in accepted.get(name, ()) for name in of_whom)
    )
