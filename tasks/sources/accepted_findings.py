"""Lets a source accept findings that its profile names: they are kept as results and are no warning."""

from collections.abc import Collection, Sequence
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
    kept: list[CheckResult] = []
    for result in results:
        of_whom = sources if result.source is None else (result.source,)
        accepting = [name for name in of_whom if severities.get(name, {}).get(result.boundary) == "accept"]
        is_accepted = bool(accepting) and len(accepting) == len(of_whom)
        kept.append(replace(result, success=True) if is_accepted else result)
    return kept
