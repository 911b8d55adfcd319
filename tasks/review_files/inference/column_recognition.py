"""Recognises the columns of a file by their names: those of a platform, known names, and the questions of surveys."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.review_files.inference.known_column_names import (
    ANSWER,
    BESIDE_FOREIGN_TEXTS,
    COLUMN_NAMES,
    FILE_IDS,
    FOREIGN_COMMENTS,
    FOREIGN_OPINIONS,
    FOREIGN_TEXTS,
    LABEL,
    LABELS_BY_PROGRAMS,
    LATER_NAMES,
    OF_RESPONSES,
    OTHER_LABELS,
    OTHER_TARGET,
    OTHER_TARGETS,
    PLOTS,
    PRODUCT_NAMES,
    RESPONSE_TEXTS,
    REVIEW_TITLES,
    SCALE_COLUMNS,
    SENTIMENTS,
    STATE_COLUMNS,
    TITLES,
)
from tasks.review_files.inference.name_doubts import RIVALS, VALUE_COLUMNS, find_rivals, strip_copies
from tasks.review_files.inference.platforms import (
    POLARITY,
    POLARITY_NAMES,
    Platform,
    find_platform,
    split_names,
)
from tasks.review_files.inference.scale_names import find_hint, may_be_price, says_lowest_is_best
from tasks.review_files.plans.normalized_names import (
    NAME_READ,
    normalize_known,
    normalize_name,
    strip_all_remarks,
    strip_remarks,
)
from tasks.review_files.plans.reading_plan import RatingScale

_BODIES = {"body", "reviewbody", "reviewcontent"}
"""Names of a text column beside which a title is that of the review."""
_QUESTION_OF_TEXT = re.compile(
    r"(?:please )?(?:tell us|describe|explain|share your|leave (?:a|your) (?:comment|review|feedback))|"
    r"why did you|what did you (?:think|like|dislike|enjoy|love|hate|not like)|"
    r"any (?:other|further|additional)? ?(?:comments|feedback)|"
    r"(?:additional|other|further|your|general) (?:comments?|feedback|thoughts|review|opinion)|"
    r"in your own words|write (?:a|your) review|what (?:could|can|should|would) (?:be|we|you)\b",
    re.IGNORECASE,
)
_QUESTION_OF_MOVIE = re.compile(
    r"^(?!.*\b(?:next|would you like(?! to (?:review|rate))|do you want|should we)\b).*\bwhich (?:film|movie|title)\b",
    re.IGNORECASE | re.DOTALL,
)
_OF_OTHER_THINGS = (
    r"recommend|likely|staff|service|support|delivery|shipping|packag\w*|price|seats?|food|drinks|cleanliness|website|"
    r"checkout|booking"
)
_QUESTION_OF_RATING = re.compile(
    rf"^(?!.*\b(?:{_OF_OTHER_THINGS})\b).*\b(?:rate|rating|stars?|score)\b", re.IGNORECASE | re.DOTALL
)
_UNSPLIT = re.compile(r"[;\t|]")
_UNSPLIT_ALONE = re.compile(r"[;\t|]|,\S")
"""A name with one of these, the second if it is the only one, is perhaps a whole header that was not split."""
_YEAR = re.compile(r"[(\[] ?(?:release year|year(?: of release)?|jahr|année|año|anno) ?[)\]]", re.IGNORECASE)
"""A remark that a title is followed by its year."""
_TITLE_OF_MOVIE = normalize_name("movie_title")


@dataclass(frozen=True)
class Recognised:
    """The columns of a file that their names reveal, by position from 0."""

    text: tuple[int, ...] = ()
    """The columns of the text, the body last; empty if there is none."""
    doubled: bool = False
    """Other columns have the name of the body."""
    known: dict[str, int] = field(default_factory=dict)
    """Our column other than the text -> position."""
    beside: dict[str, int] = field(default_factory=dict)
    """What says how ratings or labels are meant, as in `SCALE_COLUMNS`, `ANSWER` or `OTHER_LABELS`, or may be ours as
    well, as in `RIVALS` -> its position."""
    platform: Platform | None = None
    hint: RatingScale | None = None
    """The scale that the name of the rating states, such as `Your rating (1-10)`."""
    remarked: frozenset[str] = frozenset()
    """Our columns that are known only without a remark in brackets that may change what is meant."""
    may_be_price: bool = False
    """The rating is called `rate` beside columns that show that it may be a price."""
    lowest_is_best: bool = False
    """The name of the rating says that its lowest number is the best."""
    file_id: int | None = None
    """A column that may number the rows of this file only."""
    unclear_title: int | None = None
    """A column that may be the title of the review, or of the movie."""


def recognise_columns(names: Sequence[str]) -> Recognised:
    """Recognise the columns of a file by their names."""
    bare = strip_copies(names, _strip_harmless(names))
    platform = POLARITY if set(bare) == POLARITY_NAMES else find_platform(bare)
    loose = _strip_all(names, bare)
    text = _find_text(names, bare, loose, platform)
    known = _find_known(names, bare, platform, text)
    remarked = {} if loose == bare else _find_remarked(loose, known, platform, text)
    known |= remarked
    text = None if _may_be_remark(loose, text, known) else text
    taken = {*known.values()} | (set() if text is None else {text})
    file_id = _find_first(bare, normalize_known(FILE_IDS), taken)
    found = Recognised(
        known=known,
        beside=_find_beside(bare, known, taken, platform)
        | find_rivals(names, bare, known, platform is not None),
        platform=platform,
        remarked=frozenset(remarked),
        file_id=file_id if _needs_id(known, platform) else None,
    )
    found = _read_rating_name(found, names) if "given_rating" in known else found
    if text is None:
        return found
    title, unclear = _find_title(bare, platform, text, taken)
    texts = (text,) if title is None else (title, text)
    return replace(found, text=texts, doubled=loose.count(loose[text]) > 1, unclear_title=unclear)


def _read_rating_name(found: Recognised, names: Sequence[str]) -> Recognised:
    """Return recognised columns with what the name of the rating says of its values."""
    name = names[found.known["given_rating"]]
    found = replace(found, hint=find_hint(name), may_be_price=may_be_price(name, names))
    return replace(found, lowest_is_best=says_lowest_is_best(name))


def take_second_rating(found: Recognised, names: Sequence[str]) -> Recognised:
    """Return recognised columns of which a second one has the ratings."""
    known = {**found.known, "given_rating": found.beside[RIVALS["given_rating"]]}
    return _read_rating_name(replace(found, known=known), names)


def _strip_harmless(names: Sequence[str]) -> list[str]:
    """Return the names without harmless remarks; a title with its year is a movie's, beside it the year alone."""
    bare = [strip_remarks(name[:NAME_READ]) for name in names]
    years = [place for place, name in enumerate(names) if _YEAR.search(name[:NAME_READ])]
    others = {name for place, name in enumerate(bare) if place not in years}
    for place in years:
        if bare[place] in others:
            bare[place] = normalize_name(names[place][:NAME_READ])
        elif bare[place] in normalize_known(TITLES):
            bare[place] = _TITLE_OF_MOVIE
    return bare


def _strip_all(names: Sequence[str], bare: Sequence[str]) -> list[str]:
    """Return the names without remarks; those that have none are as in `bare`, which most are."""
    pairs = zip(names, bare, strict=True)
    return [strip_all_remarks(name[:NAME_READ]) if _has_remark(left) else left for name, left in pairs]


def _has_remark(bare: str) -> bool:
    """Return whether a name without harmless remarks has a remark."""
    return "(" in bare or "[" in bare


def _find_text(
    names: Sequence[str], bare: Sequence[str], loose: Sequence[str], platform: Platform | None
) -> int | None:
    """Return the position of the text: by a name of its own, as a survey's question, or by a name that is less sure.

    `loose`: the names without remarks. No remark but that of a reply makes a text another thing.
    """
    own = _list_names("text", platform)
    text = _find_first([*bare, *loose], own)
    if text is not None:
        return text % len(names)
    questions = _list_questions(names, _QUESTION_OF_TEXT)
    if questions:
        return questions[0] if len(questions) == 1 else None
    later = _find_first([*bare, *loose], _list_later("text", platform))
    return None if later is None else later % len(names)


def _find_known(
    names: Sequence[str], bare: Sequence[str], platform: Platform | None, text: int | None
) -> dict[str, int]:
    """Return the positions of our columns other than the text."""
    known: dict[str, int] = {}
    texts = set() if text is None else {text, *_list_of_responses(bare)}
    for ours in COLUMN_NAMES:
        if ours != "text":
            known |= _find_own(ours, bare, _list_names(ours, platform), texts | set(known.values()))
    if "given_label" in known and _has_label_by_program(bare, platform):
        del known["given_label"]
    known |= _find_asked(names, known, texts | _list_remarked_ratings(names, bare))
    for ours in COLUMN_NAMES:
        if ours != "text" and ours not in known:
            wanted = (*_list_later(ours, platform), *_list_beside(ours, bare, text))
            known |= _find_own(ours, bare, wanted, texts | set(known.values()))
    return known


def _find_remarked(
    loose: Sequence[str], known: Mapping[str, int], platform: Platform | None, text: int | None
) -> dict[str, int]:
    """Return the positions of dates, labels and ratings that are known only without remarks: they are in doubt.

    Movies have no such doubt: those with a remark stay further columns.
    """
    taken = {*known.values()} | (set() if text is None else {text, *_list_of_responses(loose)})
    found: dict[str, int] = {}
    for ours in VALUE_COLUMNS:
        if ours not in known and not (ours == "given_label" and _has_label_by_program(loose, platform)):
            found |= _find_own(ours, loose, _list_names(ours, platform), taken | set(found.values()))
    return found


def _list_of_responses(bare: Sequence[str]) -> list[int]:
    """Return the positions of columns that are of a shop's responses, if a column has the texts of these."""
    if set(bare).isdisjoint(normalize_known(RESPONSE_TEXTS)):
        return []
    return [place for place, name in enumerate(bare) if name in normalize_known(OF_RESPONSES)]


def _list_remarked_ratings(names: Sequence[str], bare: Sequence[str]) -> set[int]:
    """Return the positions of columns that have a name of ratings, and a remark that may make it another's."""
    ratings = normalize_known(COLUMN_NAMES["given_rating"])
    remarked = (place for place, name in enumerate(bare) if _has_remark(name))
    return {place for place in remarked if strip_all_remarks(names[place][:NAME_READ]) in ratings}


def _find_own(ours: str, bare: Sequence[str], wanted: Sequence[str], taken: set[int]) -> dict[str, int]:
    """Return the position of one of our columns; {} if none has a name that is `wanted`."""
    position = _find_first(bare, wanted, taken)
    return {} if position is None else {ours: position}


def _list_beside(ours: str, bare: Sequence[str], text: int | None) -> tuple[str, ...]:
    """Return the normalised names of one of our columns that are its own only beside a text in another language."""
    is_foreign = text is not None and bare[text] in normalize_known(FOREIGN_TEXTS)
    return normalize_known(BESIDE_FOREIGN_TEXTS.get(ours, ())) if is_foreign else ()


def _may_be_remark(bare: Sequence[str], text: int | None, known: Mapping[str, int]) -> bool:
    """Return whether a text may be a remark of a shop on the opinion beside it, which is not the rating."""
    if text is None or bare[text] not in normalize_known(FOREIGN_COMMENTS):
        return False
    others = (name for place, name in enumerate(bare) if place not in known.values())
    return not set(others).isdisjoint(normalize_known(FOREIGN_OPINIONS))


def _has_label_by_program(bare: Sequence[str], platform: Platform | None) -> bool:
    """Return whether a label was made by a program, as a column beside it shows, unless a platform names the label."""
    is_named = platform is not None and "given_label" in platform.columns
    return not is_named and not set(bare).isdisjoint(normalize_known(LABELS_BY_PROGRAMS))


def find_states(names: Sequence[str]) -> dict[str, int]:
    """Return the positions of the columns that say whether rows are reviews, by their key in `STATE_COLUMNS`."""
    bare = [strip_remarks(name[:NAME_READ]) for name in names]
    found = {what: _find_first(bare, normalize_known(wanted)) for what, wanted in STATE_COLUMNS.items()}
    return {what: place for what, place in found.items() if place is not None}


def _find_beside(
    bare: Sequence[str], known: Mapping[str, int], taken: set[int], platform: Platform | None
) -> dict[str, int]:
    """Return the positions of columns that say how ratings are meant, or whether labels hold or rows are reviews."""
    wanted = SCALE_COLUMNS if "given_rating" in known else {}
    wanted = wanted | STATE_COLUMNS | ({ANSWER: (ANSWER,)} if "given_label" in known else {})
    found = {what: _find_first(bare, normalize_known(names), taken) for what, names in wanted.items()}
    others = _find_beside_labels(bare, known, platform)
    return {what: place for what, place in found.items() if place is not None} | others


def _find_beside_labels(
    bare: Sequence[str], known: Mapping[str, int], platform: Platform | None
) -> dict[str, int]:
    """Return the positions of a second column of labels, and of what a `label` may be of, if its columns have names.

    {} if the labels are surely the writer's.
    """
    names, first = normalize_known(SENTIMENTS), known.get("given_label")
    if platform is not None or first is None or bare[first] not in names:
        return {}
    taken = {*known.values()}
    targets = normalize_known(OTHER_TARGETS) if bare[first] == LABEL else ()
    return _find_own(OTHER_LABELS, bare, names, taken) | _find_own(OTHER_TARGET, bare, targets, taken)


def _find_asked(names: Sequence[str], known: Mapping[str, int], texts: set[int]) -> dict[str, int]:
    """Return the positions of the movie and the rating that a survey asks for, unless they are known by name."""
    asked: dict[str, int] = {}
    movie = _find_question(names, _QUESTION_OF_MOVIE, texts | set(known.values()))
    if movie is not None and "movie_id" not in known:
        asked["movie_id"] = movie
    rating = _find_question(names, _QUESTION_OF_RATING, texts | {*known.values(), *asked.values()})
    if rating is not None and "given_rating" not in known:
        name = names[rating]
        states_scale = find_hint(name) is not None or says_lowest_is_best(name)
        is_asked = states_scale or name[:NAME_READ].rstrip().endswith("?")
        asked |= {"given_rating": rating} if is_asked else {}
    return asked


def _needs_id(known: dict[str, int], platform: Platform | None) -> bool:
    """Return whether a file has no review id, and its platform does not say so."""
    return "review_id" not in known and (platform is None or "review_id" not in platform.columns)


def _list_names(ours: str, platform: Platform | None) -> tuple[str, ...]:
    """Return the normalised names of one of our columns: those of the platform, then the known ones."""
    known = normalize_known(COLUMN_NAMES[ours])
    if platform is None or ours not in platform.columns:
        return known
    own = platform.columns[ours]
    return (*split_names(own), *known) if own else ()


def _list_later(ours: str, platform: Platform | None) -> tuple[str, ...]:
    """Return the normalised names of one of our columns that are less sure; none if its platform has no such column."""
    is_none = platform is not None and platform.columns.get(ours, ours) == ""
    return () if is_none else normalize_known(LATER_NAMES.get(ours, ()))


def _find_title(
    bare: Sequence[str], platform: Platform | None, text: int, taken: set[int]
) -> tuple[int | None, int | None]:
    """Return the position of the review's title, None if there is none; and that of a title that may be another's."""
    wanted = normalize_known(REVIEW_TITLES)
    if platform is not None and platform.title:
        wanted = (normalize_name(platform.title), *wanted)
    title = _find_first(bare, wanted, taken)
    if title is not None:
        return title, None
    unclear = _find_first(bare, normalize_known(TITLES), taken)
    if unclear is None or platform is not None:
        return None, None
    is_product_named = not set(bare).isdisjoint(normalize_known(PRODUCT_NAMES))
    if bare[unclear] in PLOTS or not (bare[text] in _BODIES or is_product_named):
        return None, unclear
    return unclear, None


def _find_question(names: Sequence[str], pattern: re.Pattern[str], taken: Collection[int] = ()) -> int | None:
    """Return the position of the only column whose name matches; None if there is none, or several."""
    found = _list_questions(names, pattern, taken)
    return found[0] if len(found) == 1 else None


def _list_questions(names: Sequence[str], pattern: re.Pattern[str], taken: Collection[int] = ()) -> list[int]:
    """Return the positions of the columns whose names match."""
    unsplit = _UNSPLIT_ALONE if len(names) == 1 else _UNSPLIT
    return [
        place
        for place, name in enumerate(names)
        if place not in taken and pattern.search(name[:NAME_READ]) and not unsplit.search(name)
    ]


def _find_first(bare: Sequence[str], wanted: Iterable[str], taken: set[int] | None = None) -> int | None:
    """Return the position of the first of the `wanted` names that a column has, not among those `taken`."""
    places: dict[str, int] = {}
    for place, name in enumerate(bare):
        if taken is None or place not in taken:
            places.setdefault(name, place)
    return next((places[name] for name in wanted if name in places), None)
