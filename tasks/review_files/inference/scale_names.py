"""Reads what the name of a rating says of its scale: the bounds, and which of its ends is the best."""

import re
from collections.abc import Sequence

from tasks.review_files.plans.normalized_names import NAME_READ, normalize_name
from tasks.review_files.plans.reading_plan import RatingScale

_RANGE = re.compile(
    r"(?<![\d.])(\d{1,2})\s*(?:-|–|—|to|bis|à|\.\.|…|=.{1,30},)\s*(\d{1,3})(?![\d.])|"
    r"(?:out of|\b(?:von|sur|su|sobre)\b|/|[(,]\s*max(?:imum)?\.?)\s*(\d{1,3})(?!\d)|"
    r"(?<!\d)(5|10)[ -](?:stars?|points?)\b|(%|percent)",
    re.IGNORECASE,
)
_LOWEST_TOO = re.compile(r"\bmin(?:imum)?\b", re.IGNORECASE)
_HIGHEST = (3, 4, 5, 6, 7, 10, 20, 100)
"""The highest ratings that a hint in a name may state."""
_RATE, _OF_PRICES = "rate", {"hotel", "nights", "room", "price"}
"""The name of a rating that may be a price, and words in the names of columns beside a price."""
_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_ADVERBS = r"(?:(?!not\b|no\b|less\b|least\b)[a-z]+\s+){0,2}"
_BEST = (
    r"(?:best|good|great|excellent|outstanding|superb|perfect|amazing|awesome|fantastic|wonderful|love[ds]?|"
    r"brilliant|top|must[- ]see|positive|like[ds]?|satisfied|agree|high|highest|sehr gut|gut)\b"
)
_WORST = (
    r"(?:worst|bad|poor|terrible|awful|horrible|dreadful|hate[ds]?|dislike[ds]?|dissatisfied|unsatisfied|disagree|lowest|"
    r"low|flop|weak|negative|inadequate|unacceptable|avoid(?!\s+\w)|schlecht|ungenügend|mangelhaft)\b"
)
_BESIDE = r"\s*(?:=|:|\(|\[|-|–|—|is|means|being)?\s*(?:the\s+)?"
_UP_TO = r"\s*(?:-|–|—|to|\.\.|…)\s*"
_TURNED = (
    r"(?<!keine )\bschulnoten?\b(?!.*umgerechnet)|\b(?:german|austrian) (?:grades?|marks?)\b|(?<!not )\binverted\b|"
    r"\b(?:smaller|low|lower|less)\s*(?:is|=|means)\s*(?:better|best|good)\b"
)
"""What says so in other words."""
_LETTERS = r"[(\[][^)\]]*?(?:(?<![\d.])[01]\s*[=:]\s*a\b(?!\s*['’\w])|\ba\s*[=:]\s*[01]\b(?!\s*(?:[-–—/…]|to\b|\.\.)))"
"""The best letter is the lowest number, in brackets: `(1=A, 5=E)`, but not `(A: 1-10)`."""
_LOWEST_IS_BEST = re.compile(
    rf"(?<![\d.])[01]{_BESIDE}{_ADVERBS}{_BEST}|(?<![\d.])(?:[3-9]|10|20|100){_BESIDE}{_ADVERBS}{_WORST}(?!{_UP_TO}{_BEST})|"
    rf"\b{_BEST}[\s=:(]{{1,3}}[01]\b.{{1,40}}\b{_WORST}[\s=:(]{{1,3}}\d|"
    rf"\b{_BEST}{_UP_TO}{_WORST}|{_TURNED}|{_LETTERS}",
    re.IGNORECASE,
)


def find_hint(name: str) -> RatingScale | None:
    """Return the scale that the name of a rating states, such as `(1-10)` or `out of 5`; None if it states none."""
    match = _RANGE.search(name[:NAME_READ].replace("_", " "))
    if match is None or (match[3] and _LOWEST_TOO.search(name[:NAME_READ])):
        return None
    if match[5]:
        return RatingScale(0, 100)
    lowest, highest = int(match[1] or 0), int(match[2] or match[3] or match[4])
    if highest not in _HIGHEST or lowest > 1:
        return None
    if match[1] is None:
        lowest = 0 if highest > 10 else 1
    return RatingScale(lowest, highest)


def says_lowest_is_best(name: str) -> bool:
    """Return whether the name of a rating says that its lowest number is the best: `1 = very good, 6 = poor`."""
    return _LOWEST_IS_BEST.search(name[:NAME_READ].replace("_", " ")) is not None


def may_be_price(name: str, names: Sequence[str]) -> bool:
    """Return whether a rating is called `rate` beside the name of a hotel, nights, a room or a price, in n names."""
    words = (word.casefold() for each in names for word in _NAME_WORD.findall(each[:NAME_READ]))
    return normalize_name(name[:NAME_READ]) == _RATE and not _OF_PRICES.isdisjoint(words)
