"""Turns the profile of a source into the options by which its files are read."""

from dataclasses import asdict, replace

from data_contracts.rules_and_limits import NOT_ENGLISH, VALUE_RULES, FileLimits, RowLimits
from tasks.inbox.source_files import SourceFile
from tasks.review_files.options import ReadOptions
from tasks.review_files.plans.reading_plan import DateFormat, DateStyle, RatingScale, ReadingPlan
from tasks.sources.catalogue import Catalogue, Source
from tasks.sources.profile import Dates, Labels, Profile, Rating
from tasks.support.refusals import refusal

_STYLES: dict[str, DateStyle] = {
    "clear": "clear",
    "iso": "iso",
    "epoch": "epoch",
    "day-first": "day_first",
    "month-first": "month_first",
}


def choose_file_options(catalogue: Catalogue, options: ReadOptions, file: SourceFile) -> ReadOptions:
    """Return how a file is read: as the profile of its source says, or else by `options`."""
    source = catalogue.find(file.uri)
    # Of full exports the last one counts, so their order stays.
    may_postpone = options.may_postpone and source.replaces_from_share is None
    return replace(choose_options(source, options), root=file.root, may_postpone=may_postpone)


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


def choose_options(source: Source, options: ReadOptions) -> ReadOptions:
    """Return the options for a file of the source: those of its profile, where it has one.

    Raises `FileRefusedError` (profile_wrong: the file waits) if the profile is wrong.
    """
    if source.trouble is not None:
        raise refusal("profile_wrong", source.trouble)
    return make_options(source.profile, options) if source.profile else options


def make_options(profile: Profile, options: ReadOptions) -> ReadOptions:
    """Return the options that a profile states; what it leaves open is as in `options`."""
    layout = profile.file
    return replace(
        options,
        plan=make_plan(profile),
        encoding=layout.encoding or options.encoding,
        delimiter=layout.delimiter,
        sheet=layout.sheet,
        json_path=layout.json_path,
    )


def make_plan(profile: Profile) -> ReadingPlan:
    """Return the plan that a profile states. It leaves nothing in doubt."""
    columns = profile.columns
    return ReadingPlan(
        text=columns.text,
        review_id=columns.review_id,
        movie_id=columns.movie_id,
        reviewed_at=columns.reviewed_at,
        given_label=columns.given_label,
        given_rating=columns.given_rating,
        author=columns.author,
        constant_movie_id=profile.movie,
        known_names=False,
        ids_hold=profile.ids_hold_across_files,
        dates=_make_dates(profile.dates),
        ratings=_make_scale(profile.rating) if profile.rating else None,
        labels=_make_labels(profile.labels) if profile.labels else None,
    )


def _make_scale(rating: Rating) -> RatingScale:
    """Return the scale of ratings."""
    return RatingScale(rating.lowest, rating.highest, rating.decimal_comma, rating.words)


def _make_dates(dates: Dates) -> DateFormat:
    """Return how dates are read."""
    style = _STYLES.get(dates.format)
    if style is None:
        return DateFormat("pattern", dates.format, dates.time_zone)
    return DateFormat(style, zone=dates.time_zone)


def _make_labels(labels: Labels) -> dict[str, str | None]:
    """Return our label for each value of the label column."""
    ours = {**dict.fromkeys(labels.positive, "positive"), **dict.fromkeys(labels.negative, "negative")}
    return {**ours, **dict.fromkeys(labels.none, None)}
