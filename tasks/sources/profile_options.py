"""Turns the profile of a source into the options by which its files are read."""

from dataclasses import asdict, replace

from data_contracts.rules_and_limits import NOT_ENGLISH, VALUE_RULES, FileLimits, RowLimits
from data_contracts.sources.profile import Profile
from tasks.inbox.source_files import SourceFile
from tasks.reading.rows import ReadOptions
from tasks.sources.catalogue import Catalogue
from tasks.support.refusals import refusal


def choose_file_options(catalogue: Catalogue, options: ReadOptions, file: SourceFile) -> ReadOptions:
    """Return how a file is read: as the profile of its source says, or else by `options`.

    Raises `FileRefusedError` (profile_wrong: the file waits) if the profile is wrong.
    """
    source = catalogue.find(file.uri)
    if source.trouble is not None:
        raise refusal("profile_wrong", source.trouble)
    # Of full exports the last one counts, so their order stays.
    may_postpone = options.may_postpone and source.replaces_from_share is None
    return replace(options, profile=source.profile, root=file.root, may_postpone=may_postpone)


def choose_file_limits(catalogue: Catalogue, limits: RowLimits, file: SourceFile) -> FileLimits:
    """Return the limits of a file: as the profile of its source says, or else `limits`."""
    return make_limits(catalogue.find(file.uri).profile, limits)


def make_limits(profile: Profile | None, limits: RowLimits) -> FileLimits:
    """Return the limits that a profile states; what it leaves open, or what there is without one, is in `limits`."""
    chosen = FileLimits(**asdict(limits))
    if profile is None:
        return chosen
    share = profile.limits.largest_bad_share
    return replace(
        chosen,
        fewest_rows=profile.limits.fewest_rows,
        max_bad_share=chosen.max_bad_share if share is None else share,
    )


def list_quarantining(profile: Profile) -> tuple[str, ...]:
    """Return the rules by which a profile quarantines rows that are good by the contract, in the order of a run."""
    language = [NOT_ENGLISH] if profile.other_languages == "quarantine" else []
    judged = (
        rule for key, (_, rule) in VALUE_RULES.items() if getattr(profile.severity, key) == "quarantine"
    )
    return (*judged, *language)
