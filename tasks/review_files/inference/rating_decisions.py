"""Decides how the ratings and labels of a file are read: in the only way that fits all, or not at all."""

import re
from collections.abc import Mapping, Set
from dataclasses import replace

from tasks.review_files.inference.column_facts import MOST_KEPT, FileFacts, LabelFacts, RatingFacts
from tasks.review_files.inference.column_recognition import Recognised, take_second_rating
from tasks.review_files.inference.date_decisions import Verdict
from tasks.review_files.inference.known_column_names import LABELS_IN_WORDS
from tasks.review_files.inference.name_doubts import RIVALS, may_be_given
from tasks.review_files.plans.labels import LABELS
from tasks.review_files.plans.normalized_names import (
    NAME_READ,
    normalize_known,
    normalize_name,
    strip_remarks,
)
from tasks.review_files.plans.ratings import AS_FOUND, FIVE, HIGHEST_OF_TWENTY, HUNDRED, OWN_SCALES, TEN
from tasks.review_files.plans.reading_plan import RatingScale

WORD_LABELS = {
    "pos": "positive",
    "positive": "positive",
    "neg": "negative",
    "negative": "negative",
    **dict.fromkeys(("positiv", "positif", "positivo"), "positive"),
    **dict.fromkeys(("negativ", "négatif", "negativo"), "negative"),
    "neu": None,
    "neutral": None,
    "mixed": None,
    "unsup": None,
    "unlabeled": None,
    **dict.fromkeys(("recommended", "recommends", "would recommend", "highly recommended"), "positive"),
    "not recommended": "negative",
    **{f"{verb} not recommend": "negative" for verb in ("does", "would")},
    **{f"{verb}n{sign}t recommend": "negative" for verb in ("does", "would") for sign in "'’"},
    "fresh": "positive",
    "rotten": "negative",
}
"""Labels that mean the same in every file."""
NUMBER_LABELS: tuple[Mapping[str, str | None], ...] = (
    {"0": "negative", "1": "positive"},
    {"-1": "negative", "1": "positive"},
    {"0": "negative", "4": "positive"},
    {"0": "negative", "2": None, "4": "positive"},
)
"""The known sets of labels that are numbers. A set counts only if the file has all of it."""

Stated = tuple[RatingScale | None, str | None]
"""The scale that columns beside the ratings state, and why what they state is in doubt."""
OUR_RATINGS, OUR_LABELS = "given_rating", "given_label"
"""Our own names: their values are as docs/scoring.md defines them."""
_STEPS_OF_SURVEYS = (6, 7)
"""The highest whole ratings of six-point and seven-point scales, which are as usual in surveys as ten points."""
_STARS = frozenset((1, 2, 3, 4, 5))
_LOWEST_BEST = 2
"""The lowest number that may be the highest rating of a scale."""
_NO_HIGHEST = "a column states the lowest rating of the scale, none states the highest"
_NO_BOUNDS = "the columns that state the bounds of its scale state several, or none that can be"
_NO_ANSWER, _NO_ANSWERS, _FEWEST_ANSWERS = {9}, {88, 98, 99}, 3
"""What stands for no answer on scales to five, and to ten; and different ratings below it that show such a scale."""
_HIGHEST_OF_FIFTY, _STEP_OF_FIFTY = 50, 5
"""Stars that are written as 10 to 50, with halves between them."""
_TURN = 'words of [rating] in a profile turn it round, such as words = { "1" = 5, "2" = 4, "3" = 3, "4" = 2, "5" = 1 }'
LOWEST_IS_BEST = f"the column's name says that the lowest number is the best; {_TURN}"
MARKS = f"it may be a mark as at German schools, of which the lowest is the best; {_TURN}"
AVERAGES = "all rows of a movie have the same rating, so it may be the average of the movie, not the writer's"
NO_ANSWERS = LabelFacts()
REJECTED = frozenset(("reject", "ignore"))
"""What the column `answer` of an annotation tool says of a label that does not hold."""
UNACCEPTED = "by the column 'answer' some labels were rejected or ignored: export the rows with accept alone"
FIVE_STARS = "ratings from 1 star to 5 stars"
NO_NUMBER = "no rating is a number"
_SHOWN = 5
_LEGEND_WORDS = {**WORD_LABELS, "good": "positive", "bad": "negative"}
_WORD = rf"({'|'.join(sorted(_LEGEND_WORDS, key=len, reverse=True))})\b"
_MEANS = r"\s*(?:=+|:|->|-|–|is|means)\s*"
_LEGEND = re.compile(rf"(?<![\w.-])(-?\d){_MEANS}{_WORD}|\b{_WORD}{_MEANS}(-?\d)(?!\d)", re.IGNORECASE)
"""A number and what it means, in the name of a column of labels."""
_LISTS = re.compile(r"\d\s*[/,]\s*\d|[a-z]\s*/\s*[a-z]", re.IGNORECASE)
"""Numbers or words side by side: `0/1 = negative/positive` has no pairs."""


def find_stated_scale(highest: Set[float], lowest: Set[float]) -> Stated:
    """Return the scale whose bounds columns beside the ratings state, or why these leave it in doubt."""
    if not highest:
        return None, None if lowest <= {FIVE.lowest, TEN.lowest} else _NO_HIGHEST
    best, worst = min(highest), min(lowest, default=0)
    is_one = len(highest) == 1 and len(lowest) <= 1
    if not is_one or best < _LOWEST_BEST or not worst < best <= HUNDRED.highest:
        return None, _NO_BOUNDS
    usual = OWN_SCALES.get(int(best), RatingScale(1, best)) if best % 1 == 0 else RatingScale(1, best)
    return RatingScale(worst, best) if lowest else usual, None


def prefer_filled(facts: FileFacts, recognised: Recognised) -> tuple[FileFacts, Recognised]:
    """Return facts and columns with a second column of ratings in place of the first one, if that has nothing."""
    first, second = (facts.origins.get(name) for name in ("given_rating", RIVALS["given_rating"]))
    is_known = (
        RIVALS["given_rating"] in recognised.beside
    )  # not of a group alone whose objects have other keys
    if not second or second == first or not is_known:
        return facts, recognised
    if facts.ratings.has_any() or not may_be_given(facts.rival_ratings):
        return facts, recognised
    origins = {**facts.origins, "given_rating": second}
    facts = replace(facts, origins=origins, ratings=facts.rival_ratings, by_movie=facts.rival_by_movie)
    return facts, take_second_rating(recognised, facts.names)


def decide_ratings(
    facts: RatingFacts,
    recognised: Recognised,
    column: str,
    stated: Stated = (None, None),
    are_averages: bool = False,
) -> tuple[RatingScale | None, Verdict]:
    """Return the scale of the ratings of a column; None if it is in doubt."""
    scale, words = _find_scale(facts, recognised, column, stated[0])
    if normalize_name(column) == normalize_name(OUR_RATINGS):
        return scale, (words, True)
    if are_averages and (recognised.platform is None or recognised.platform.scale is None):
        return AS_FOUND, (AVERAGES, False)
    if recognised.lowest_is_best:
        return None, (LOWEST_IS_BEST, False)
    if doubt := stated[1] or _doubt_stated(scale, words, stated[0]):
        return None, (doubt, False)
    if facts.commas and facts.points:
        return None, ("some ratings have a decimal comma, others a decimal point", False)
    if scale is None or not facts.plain:
        # Ratings that state their scale need none.
        return _use_comma(scale, facts), (words, scale is not None or not _needs_scale(facts))
    if facts.lowest < 0 or facts.highest > scale.highest:
        return None, (f"{words}, but the ratings go from {facts.lowest:g} to {facts.highest:g}", False)
    if scale.highest == HUNDRED.highest and _are_shares(facts):
        return None, (f"{words}, but no rating is above 1: a cell that shows 20 % is 0.2", False)
    return _use_comma(scale, facts), (words, True)


def decide_labels(
    facts: LabelFacts, recognised: Recognised, column: str, answers: LabelFacts = NO_ANSWERS
) -> tuple[Mapping[str, str | None] | None, Verdict]:
    """Return the meaning of the labels of a column; None if it is in doubt."""
    found, platform = facts.labels, recognised.platform
    if answers.labels & REJECTED and answers.labels <= REJECTED | {"accept"}:
        return None, (UNACCEPTED, False)
    if platform is not None and platform.labels is not None and found <= platform.labels.keys():
        return platform.labels, (f"the labels of {platform.name}", True)
    if normalize_name(column) == normalize_name(OUR_LABELS) and found <= LABELS.keys() | WORD_LABELS.keys():
        return {**WORD_LABELS, **LABELS}, ("labels under our own name", True)
    if found <= WORD_LABELS.keys():
        return WORD_LABELS, ("labels that are words", True)
    numbers = () if strip_remarks(column) in normalize_known(LABELS_IN_WORDS) else NUMBER_LABELS
    known = next((labels for labels in numbers if found == labels.keys()), None)
    if _is_turned_round(column, known or NUMBER_LABELS[0]):
        return None, (
            "the column's name says that the labels mean something else than in the known sets",
            False,
        )
    if found == {"0"} and numbers:
        return NUMBER_LABELS[0], ("all labels are 0, which is negative in every known set", True)
    shown = ", ".join(sorted(found)[:_SHOWN]) + (" and more" if len(found) > _SHOWN else "")
    if known is not None:
        return known, (f"the labels {shown}", True)
    many = f"more than {MOST_KEPT} different labels" if len(found) > MOST_KEPT else f"the labels {shown}"
    return None, (f"{many} are no known set", False)


def _is_turned_round(column: str, labels: Mapping[str, str | None]) -> bool:
    """Return whether the name of a column gives a number another meaning than `labels`: `label (1 = negative)`."""
    name = column[:NAME_READ].replace("_", " ")
    pairs = [] if _LISTS.search(name) else _LEGEND.finditer(name)
    stated = {found[1] or found[4]: (found[2] or found[3]).casefold() for found in pairs}
    meanings = {number: _LEGEND_WORDS.get(word) for number, word in stated.items()}
    return any(meaning not in (None, labels.get(number, meaning)) for number, meaning in meanings.items())


def _doubt_stated(scale: RatingScale | None, words: str, stated: RatingScale | None) -> str | None:
    """Return why a scale is in doubt beside the one that other columns state; None if it is not."""
    if scale is None or stated is None or scale.highest == stated.highest:
        return None
    return f"{words}, but a column beside it states {stated.highest:g} as the highest rating"


def _find_scale(
    facts: RatingFacts, recognised: Recognised, column: str, stated: RatingScale | None
) -> tuple[RatingScale | None, str]:
    """Return the scale that the file's own words, its platform or its ratings show; None if they leave it open."""
    if normalize_name(column) == normalize_name(OUR_RATINGS):
        return TEN, "stars out of ten under our own name"
    if recognised.hint is not None:
        hint = recognised.hint
        return hint, f"the column's name says {hint.lowest:g} to {hint.highest:g}"
    platform = recognised.platform
    if platform is not None and platform.scale is not None:
        return platform.scale, f"ratings to {platform.scale.highest:g} of {platform.name}"
    if len(facts.own_highest) == 1 and (own := next(iter(facts.own_highest))) in OWN_SCALES:
        return OWN_SCALES[own], f"ratings say that they are out of {own}"
    if facts.own_highest:
        return None, "ratings state different scales"
    if facts.most_symbols:
        return (FIVE if facts.most_symbols <= FIVE.highest else TEN), "ratings written as symbols"
    if stated is not None:
        return stated, f"a column beside it states {stated.highest:g} as the highest rating"
    scale, words = _judge_bounds(facts)
    if scale == HUNDRED and recognised.may_be_price:
        return None, f"{words}, or prices, as a rate may be"
    return scale, words


def _judge_bounds(facts: RatingFacts) -> tuple[RatingScale | None, str]:
    """Return the scale that the lowest and the highest rating of the whole file show; None if they leave it open."""
    if not facts.plain:
        return None, NO_NUMBER if facts.words else "no rating is given"
    bounds = f"the ratings go from {0 if facts.has_zero else facts.lowest:g} to {facts.highest:g}"
    if facts.highest < 0 or facts.lowest < 0:
        return None, f"{bounds}: some are below 0"
    if _are_five_stars(facts):
        return FIVE, FIVE_STARS
    if _are_shares(facts):
        return None, f"{bounds}: they may be percentages, which a spreadsheet keeps as 0.2 for 20 %"
    if facts.highest <= FIVE.highest:
        return (
            None,
            f"no rating is above {max(facts.highest, 0):g}: they may be out of five, ten or another number",
        )
    if facts.highest <= TEN.highest:
        doubt = _doubt_ten(facts)
        return (None, f"{bounds}: {doubt}") if doubt else (TEN, f"{bounds}: out of ten")
    if facts.highest <= HIGHEST_OF_TWENTY:
        return None, f"{bounds}: they may be out of 20 or of 100"
    if facts.highest <= HUNDRED.highest:
        doubt = _doubt_hundred(facts)
        return (None, f"{bounds}: {doubt}") if doubt else (HUNDRED, f"{bounds}: out of 100")
    return None, f"{bounds}: on no known scale"


def _are_five_stars(facts: RatingFacts) -> bool:
    """Return whether all ratings are written as stars, such as `4 stars`, and are all of one to five."""
    is_whole = facts.highest == FIVE.highest and not facts.has_zero and facts.values >= _STARS
    return is_whole and not facts.bare


def _doubt_ten(facts: RatingFacts) -> str | None:
    """Return why ratings whose highest is above five and up to ten may not be out of ten; None if they are."""
    if _is_of_survey(facts):
        return f"they may be out of {facts.highest:g}, as in surveys, or of ten"
    if _is_nine_for_none(facts):
        return "9 may mean that there is none, since no other is above 5"
    if facts.few_above_five:
        return "only a few are above 5, so these may be typing errors on a scale to five"
    if facts.has_zero:
        return "0 may be the lowest rating, or mean that there is none: lowest = 0 or lowest = 1 settles it"
    return None


def _doubt_hundred(facts: RatingFacts) -> str | None:
    """Return why ratings whose highest is above 20 and up to 100 may not be out of 100; None if they are."""
    small = sum(value <= FIVE.highest for value in facts.values)
    large = sum(value > HIGHEST_OF_TWENTY for value in facts.values)
    if _is_alone(facts, TEN.highest, _NO_ANSWERS):
        codes = ", ".join(f"{value:g}" for value in sorted(facts.values & _NO_ANSWERS))
        return f"{codes} may mean that there is none, since no other is above 10"
    if facts.few_above_twenty or small >= large:
        return "too few are above 20 for a scale to 100, so these may be typing errors, such as 45 for 4.5"
    if _is_of_fifty(facts):
        return "they may be five steps from 10 to 50, or out of 100"
    return None


def _is_nine_for_none(facts: RatingFacts) -> bool:
    """Return whether 9 may stand for no answer on a scale to five: few rows have it, and no rating is a half."""
    are_whole = all(value % 1 == 0 for value in facts.values)
    return are_whole and not facts.many_above_five and _is_alone(facts, FIVE.highest, _NO_ANSWER)


def _is_alone(facts: RatingFacts, highest: float, codes: Set[float]) -> bool:
    """Return whether all ratings above `highest` are `codes` for no answer, and several different ones are below."""
    above = {value for value in facts.values if value > highest}
    return bool(above) and above <= codes and len(facts.values) - len(above) >= _FEWEST_ANSWERS


def suggest_bounds(facts: RatingFacts) -> tuple[str, ...]:
    """Return the lowest and the highest rating that a scale in doubt is likeliest to have; none if that is unclear."""
    if _are_shares(facts):
        return "0", "1"
    if _is_of_survey(facts):
        return "1", f"{facts.highest:g}"
    if _is_alone(facts, FIVE.highest, _NO_ANSWER | _NO_ANSWERS):
        return "1", "5"
    if _is_alone(facts, TEN.highest, _NO_ANSWERS):
        return "1", "10"
    if FIVE.highest < facts.highest <= TEN.highest and not facts.few_above_five:
        return "0" if facts.has_zero else "1", "10"
    if facts.highest > HIGHEST_OF_TWENTY and _is_of_fifty(facts):
        return "10", "50"
    return ()


def _are_shares(facts: RatingFacts) -> bool:
    """Return whether the ratings may be shares of one, as a spreadsheet keeps percentages; half a star is none."""
    return 0 < facts.highest <= 1 and any(value * 2 % 1 for value in facts.values)


def _is_of_survey(facts: RatingFacts) -> bool:
    """Return whether the ratings may be on a scale of six or seven points."""
    return facts.highest in _STEPS_OF_SURVEYS and all(value % 1 == 0 for value in facts.values)


def _is_of_fifty(facts: RatingFacts) -> bool:
    """Return whether the ratings may be stars written as 10 to 50."""
    return facts.highest <= _HIGHEST_OF_FIFTY and all(value % _STEP_OF_FIFTY == 0 for value in facts.values)


def _needs_scale(facts: RatingFacts) -> bool:
    """Return whether there are ratings that do not state their scale."""
    return bool(facts.plain or (facts.words and not facts.own_highest))


def _use_comma(scale: RatingScale | None, facts: RatingFacts) -> RatingScale | None:
    """Return the scale with the decimal separator that the ratings have."""
    if scale is None or not facts.commas:
        return scale
    return RatingScale(scale.lowest, scale.highest, True, scale.words)
