"""Decides how the dates of a file are read: in the only way that fits all, or not at all."""

from tasks.review_files.inference.date_facts import DateFacts, NumericFacts
from tasks.review_files.plans.digit_dates import UNKNOWN
from tasks.review_files.plans.reading_plan import DateFormat

Verdict = tuple[str, bool]
"""Words for what was found, and whether it settles how the values are read."""


def decide_dates(facts: DateFacts) -> tuple[DateFormat | None, Verdict]:
    """Return the format of the dates; None if all are kept as found. In doubt it may be that of clear dates."""
    doubt = _doubt_all(facts)
    if doubt is not None:
        return None, (doubt, False)
    form, verdict = _decide_numeric(facts.numeric)
    doubt = _doubt_some(facts)
    if doubt is not None and verdict[1]:
        return form, (doubt, False)
    return form, verdict


def _doubt_all(facts: DateFacts) -> str | None:
    """Return why no date of a column is read, though some could be; None if there is no such reason."""
    if UNKNOWN in facts.kinds:
        return (
            "some dates are digits that are neither an epoch of 1990 to now nor year, month, day and time; a pattern "
            "such as %d%m%Y%H%M in [dates] of a profile may say what they are"
        )
    if facts.year_first and not facts.numeric.in_any_order and not facts.day_last:
        return (
            "the dates with the year first have days up to 12 alone, the others none such: a spreadsheet has perhaps "
            "swapped day and month where it could. Export again without opening the file in one"
        )
    if len(facts.kinds) > 1:
        return f"some dates are digits of different kinds: {', '.join(sorted(facts.kinds))}"
    if facts.month_last and not facts.day_last and not facts.numeric.found:
        return (
            "some dates with the year first are dates only with the month last, none only with the day last; the "
            "pattern %Y-%d-%m in [dates] of a profile says so"
        )
    return None


def _doubt_some(facts: DateFacts) -> str | None:
    """Return why some dates of a column are kept as found while others are read; None if there is no such reason."""
    if facts.serials:
        return (
            "some dates seem to be the numbers by which a spreadsheet counts days, such as 45817: format its column as "
            "dates, then export again"
        )
    if facts.rounded:
        return "a spreadsheet has rounded some dates, such as 1.78206E+12: export again without opening the file in one"
    if facts.given and not facts.readable:
        zones = "; names of time zones are not, as PST: write -08:00" if facts.named_zones else ""
        unread = "no date is in a form that can be read, or all lie in the future or before 1900, or are placeholders"
        return f"{unread}{zones}"
    return None


def _decide_numeric(facts: NumericFacts) -> tuple[DateFormat, Verdict]:
    """Return the format of dates of which some may have the year last."""
    if not facts.found:
        return DateFormat(), ("dates that can be read in one way only", True)
    if _may_begin_with_year(facts):
        return DateFormat(), ("the year may come first or last in dates of three short numbers", False)
    if facts.day_first and not facts.month_first:
        return DateFormat("day_first"), (
            "the day comes first: with the month first, some would be no dates",
            True,
        )
    if facts.month_first and not facts.day_first:
        return DateFormat("month_first"), (
            "the month comes first: with the day first, some would be no dates",
            True,
        )
    if not facts.day_first:
        return DateFormat(), (
            "some are dates only with the day first, others only with the month first: ask the sender, since a profile "
            "can say one of both",
            False,
        )
    if facts.alike:
        return DateFormat("day_first"), ("day and month are the same number in all dates", True)
    if facts.separators == {"."}:
        return DateFormat("day_first"), (
            "the day comes first, as it does where dots separate the numbers",
            True,
        )
    return DateFormat(), (
        "day and month may be in either order: the date of every row with a text allows both",
        False,
    )


def _may_begin_with_year(facts: NumericFacts) -> bool:
    """Return whether the year may come first in dates with a short year, such as `24-01-05`.

    There are fewer different years than days in most files. With dashes, as many of both leave it open.
    """
    more = len(facts.years) - len(facts.firsts)
    return facts.year_first and (more > 0 or (more == 0 and bool(facts.firsts) and "-" in facts.separators))
