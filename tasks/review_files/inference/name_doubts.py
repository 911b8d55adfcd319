"""Finds what the names of a file's columns leave open: second columns that may be ours as well, names of other things.

Of two columns that may be ours only their values can show that they are one, or which of them is the writer's.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from tasks.review_files.inference.column_facts import FileFacts
from tasks.review_files.inference.known_column_names import (
    COLUMN_NAMES,
    ENDS,
    OF_SURVEYS,
    QUESTIONS,
    RATINGS_OF_MOVIES,
    RATINGS_OF_WRITERS,
    RESPONDENT_IDS,
)
from tasks.review_files.plans.normalized_names import has_remark, normalize_known, quote_name, strip_remarks

VALUE_COLUMNS = ("reviewed_at", "given_label", "given_rating")
"""Our columns whose values are written in many ways."""
RIVALS = {ours: f"rival of {ours}" for ours in VALUE_COLUMNS}
"""Our column -> our key of a second one that may be it as well. It is kept as a further column too."""
_COPY = re.compile(r"(?:\.\d{1,2}|[._][xy]|_right|_duplicated_\d{1,2})\s*\Z")
"""What pandas, R and Polars add to the names of columns that are called alike."""
_EVENT = re.compile(
    r"[(\[][^)\]]*\b(?:stay|visit(?:ed)?|experience|check|arrival|departure|travel|trip|booking|booked|watched)\b",
    re.IGNORECASE,
)
"""A remark that a date is that of what was reviewed."""
_UTC = re.compile(r"[(\[]\s*(?:utc|gmt)\s*[)\]]", re.IGNORECASE)
"""A remark by which a date is in the time zone in which it is read."""
_NAME_READ = 300
"""Characters of a name that are read."""
OF_EVENT = "by its name it may be when what is reviewed took place, not when the review was written"
OF_RESPONDENT = "beside the questions of a survey it names who answered, so that several rows may share it"
_SAME_NAME = "a second column of that name, of which a profile reads the first,"
_MAY_BE = " may be it as well, and has other values in some rows"


def strip_copies(names: Sequence[str], bare: Sequence[str]) -> list[str]:
    """Return n normalised names with those of dates, labels and ratings that a program made different under one name.

    `stars_x` and `stars_y` are both `stars`, as `rating` and `rating.1` are both `rating`.
    """
    cut = [name[:_NAME_READ] for name in names]
    if not any(map(_COPY.search, cut)):
        return list(bare)
    known = {name for ours in VALUE_COLUMNS for name in normalize_known(COLUMN_NAMES[ours])}
    stems = [strip_remarks(_COPY.sub("", name)) for name in cut]
    counts = Counter(stems)
    pairs = zip(stems, bare, strict=True)
    return [stem if stem in known and counts[stem] > 1 else left for stem, left in pairs]


def find_rivals(
    names: Sequence[str], bare: Sequence[str], known: Mapping[str, int], has_platform: bool
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the positions of our columns, and by `RIVALS` those of second ones that may be these as well."""
    chosen, rivals = dict(known), dict[str, int]()
    for ours in known.keys() & RIVALS.keys():
        places = _list_alike(names, bare, known[ours], ours)
        if ours == "given_rating" and len(places) == 1 and not has_platform:
            places = _list_of_writer(names, bare, places[0])
        chosen[ours], *others = places
        rivals |= {RIVALS[ours]: others[0]} if others else {}
    return chosen, rivals


def _list_alike(names: Sequence[str], bare: Sequence[str], place: int, ours: str) -> list[int]:
    """Return the positions of the columns called alike, or of those that are clearer than the others.

    `Rating` is the whole beside `Rating (dialogue)`; but of `Date` and `Date (UTC)` the second says more.
    """
    alike = [at for at, name in enumerate(bare) if name == bare[place]]
    is_date = ours == "reviewed_at"
    clear = [at for at in alike if (_UTC.search(names[at]) if is_date else not has_remark(names[at]))]
    return clear or alike


def _list_of_writer(names: Sequence[str], bare: Sequence[str], place: int) -> list[int]:
    """Return the position of a rating, and before it those of ratings that are the writer's by their names.

    `user.rating` is none of them: it is what an object `user` says of itself.
    """
    if bare[place] not in normalize_known(RATINGS_OF_MOVIES):
        return [place]
    writers = normalize_known(RATINGS_OF_WRITERS)
    return [*(at for at, name in enumerate(bare) if name in writers and "." not in names[at]), place]


def find_unclear(names: Sequence[str], bare: Sequence[str], known: Mapping[str, int]) -> dict[str, str]:
    """Return why our columns may be of other things, by what their names and those beside them say."""
    unclear: dict[str, str] = {}
    date = known.get("reviewed_at")
    if date is not None and (_EVENT.search(names[date][:_NAME_READ]) or _is_end(bare, date)):
        unclear["reviewed_at"] = OF_EVENT
    if (place := known.get("review_id")) is not None and _is_respondent(bare, place):
        unclear["review_id"] = OF_RESPONDENT
    return unclear


def _is_end(bare: Sequence[str], place: int) -> bool:
    """Return whether a date is an end, and no column shows that it is that of an answer to a survey."""
    return bare[place] in normalize_known(ENDS) and _has_none(bare, OF_SURVEYS)


def _is_respondent(bare: Sequence[str], place: int) -> bool:
    """Return whether an id is that of an answer to a survey, and each row has one of its questions."""
    return bare[place] in normalize_known(RESPONDENT_IDS) and not _has_none(bare, QUESTIONS)


def _has_none(bare: Sequence[str], wanted: tuple[str, ...]) -> bool:
    """Return whether no column has one of the names."""
    return set(bare).isdisjoint(normalize_known(wanted))


def doubt_rivals(facts: FileFacts) -> dict[str, str]:
    """Return why our columns are in doubt beside second ones that may be these as well, and have other values.

    Of two ratings, one that all rows of a movie share is that of the movie, if the other one is none.
    """
    found = {ours: min(facts.origins[RIVALS[ours]]) for ours in facts.differing}
    if facts.rival_by_movie.are_alike and facts.by_movie.vary:
        found.pop("given_rating", None)
    return {ours: f"{_name(rival, facts.origins[ours])}{_MAY_BE}" for ours, rival in found.items()}


def _name(rival: str, origins: Collection[str]) -> str:
    """Return the name of a second column for a message, which says how a profile tells it from the first."""
    return _SAME_NAME if rival in origins else quote_name(rival)
