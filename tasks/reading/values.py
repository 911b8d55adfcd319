"""Parses the values of raw rows by their profile: dates, labels, ratings, and texts that stand for none.

Unattended, only a value that states what it means is read without a profile that says it. A date, label or rating that
can't be parsed is kept with the further columns, under our name of its column.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache, partial, reduce
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.review_files import READ_SCHEMA
from data_contracts.rules_and_limits import (
    HIGHEST_STARS,
    LOWEST_STARS,
    NO_REVIEW,
    ROUNDED_IDS,
    TEXT_NOT_GIVEN,
)
from data_contracts.sources.profile import DATE_STYLES, OWN_SCALES, Labels, Rating, Rows
from tasks.reading.columns import PART, STATE, Reading, add_values, settle_labels
from tasks.reading.rows import KEPT_BYTES, Defect, RawRows, drop_defective, measure_texts
from tasks.support.refusals import make_showable

# Words that programs write where there is no value

NOTHING_WORDS = frozenset(
    (
        *("nan", "null", "none", "nat", "n/a", "na", "#n/a", "<na>", "nil", "undefined", r"\n"),
        *("-", "--", "–", "—"),
    )
)
"""In lower case; they stand for no value. The one with a backslash is that of database dumps."""
_NO_IDS = pa.array(["", *sorted(NOTHING_WORDS)], pa.string())
NO_TEXT_WORDS = frozenset(
    (
        *("nan", "null", "nat", "n/a", "na", "<na>", "#n/a", "undefined", r"\n"),
        *("[deleted]", "[removed]"),
        *("#name?", "#ref!", "#value!", "#div/0!", "#null!", "#num!"),
    )
)
"""Those that stand for no text too, with the errors of spreadsheets. People write `none` as a review."""
_LONGEST_NO_TEXT = 64
"""Bytes up to which a text may be only blanks, or more than a word for none, and is looked at."""
_ROUNDED_ID = r"^\d(?:[.,]\d+)?[eE]\+\d{2,3}$"
LONGEST_ID = 2000
"""Most bytes of an id: the longest are URLs. A longer one is the text of a row whose quotes are wrong."""


def is_nothing(text: str) -> bool:
    """Return whether a value is blank or a word for nothing."""
    text = text.strip()
    return not text or text.casefold() in NOTHING_WORDS


# Dates. One is split into its numbers, whichever order they have, and the time of day after it. An order is a choice of
# the profile only where the numbers alone do not decide it: `03/04/2026`. Without a time it is the start of that day.

_MONTHS = (
    "january janvier januar enero gennaio janeiro",
    "february février fevrier februar febrero febbraio fevereiro",
    "march mars märz maerz marzo março marco",
    "april avril abril aprile",
    "may mai mayo maggio maio",
    "june juin juni junio giugno junho",
    "july juillet juli julio luglio julho",
    "august août aout agosto",
    "september septembre septiembre settembre setembro",
    "october octobre oktober octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december décembre decembre dezember diciembre dicembre dezembro",
)
"""In order, each in English, French, German, Spanish, Italian and Portuguese."""
_ANY_EPOCH = re.compile(r"-?\d{1,19}(\.\d*)?", re.ASCII)
_CLEAR_EPOCH = re.compile(r"[1-9]\d{9}(\d{3})?(\.\d*)?", re.ASCII)
"""Seconds or milliseconds of a moment after 2001."""
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_SECONDS = 10**11
"""Seconds of an epoch; more are thousandths of these, or of them in turn."""
_CALENDAR_DIGITS, _OFFSET_AT = 8, 10

_MONTH = r"(?P<month>[a-zà-ÿ]{3,10})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.)?"
_YEAR = r"(?P<year>\d{4}|'?\d{2})"
_TIME = (
    r"(?:(?:\s+(?:at|à|um)\s+|\s*,\s*|\s+|\s*t\s*)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?)?(?:\s*(?P<zone>z|utc|gmt|(?:utc|gmt)?[+-]\d{1,2}(?::?\d\d)?))?"
)
_FLAGS = re.ASCII | re.IGNORECASE
_WORDS = tuple(
    re.compile(rf"(?:reviewed in .{{1,60}} on )?(?:[a-z]{{3,9}}\.?,?\s+)??{date}{_TIME}", _FLAGS)
    for date in (
        rf"{_DAY}[\s/.-]*(?:(?:of|de)\s+)?{_MONTH}[\s/.,-]*(?:de\s+)?{_YEAR}",
        rf"{_MONTH}[\s/.-]*{_DAY}(?:,\s*|[\s/-]+){_YEAR}",
    )
)
_YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})([-/. ])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}}){_TIME}", _FLAGS)
_NUMBERS = re.compile(
    rf"(?P<first>\d{{1,2}})([-/. ])(?P<second_>\d{{1,2}})(?:\2|,\s*)(?P<year>\d{{4}}|\d\d){_TIME}", _FLAGS
)
_PLACEHOLDERS = {datetime(1, 1, 1), datetime(1899, 12, 30), datetime(1900, 1, 1), datetime(1970, 1, 1)}
"""What programs write where there is no date: .NET, spreadsheets, databases, and an epoch of 0."""
_FIRST_YEAR = 1900
"""Years before it, such as 1404 and 0026, are those of another calendar, or lack digits."""
_YEAR_DIGITS, _CENTURY_FROM = 4, 69
"""Years of two digits from this one on are in the 20th century, as for `strptime`."""
_MOST_CACHED, _LONGEST_CACHED = 1 << 14, 40
"""Dates that are kept once parsed, since many rows have the same, and the most characters of one of them."""


@lru_cache(8)
def make_date_parser(form: str = "clear", zone_name: str = "UTC") -> Callable[[str], datetime | None]:
    """Return a function that parses dates of a format into UTC; None for a blank one, else it raises `ValueError`.

    The format is one of `DATE_STYLES` or a pattern of strptime; the zone, by its IANA name, is that of times without
    one.
    """
    zone: tzinfo = UTC if zone_name == "UTC" else ZoneInfo(zone_name)
    latest = _find_latest()

    def parse(text: str) -> datetime | None:
        if is_nothing(text):
            return None
        found = _parse_date(text.strip(), form)
        if found.replace(tzinfo=None) in _PLACEHOLDERS or found.year < _FIRST_YEAR:
            raise ValueError("a placeholder of a program, or before the first year of a review")
        try:
            moment = (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)
        except OverflowError as error:
            raise ValueError("not in the years 1 to 9999") from error
        # The clock is asked again only where a moment is after the time at which the parser was made.
        if moment > latest and moment > _find_latest():
            raise ValueError("a date in the future")  # it would stay the newest of its review for ever
        return moment

    short = lru_cache(_MOST_CACHED)(parse)
    return lambda text: short(text) if len(text) <= _LONGEST_CACHED else parse(text)


def _find_latest() -> datetime:
    """Return the moment after which a date lies in the future, for all clocks and time zones."""
    return datetime.now(UTC) + timedelta(days=1)


def _parse_date(text: str, form: str) -> datetime:
    """Parse a text that is not blank by a format; raise `ValueError` if it does not fit."""
    if form not in DATE_STYLES:
        return datetime.strptime(text, form)  # its zone, if any, is that of its moment
    if form == "iso":
        return _parse_iso(text)
    if form == "epoch":
        return _parse_epoch(text) if _ANY_EPOCH.fullmatch(text) else _fail()
    match = _NUMBERS.fullmatch(text) if form in ("day-first", "month-first") else None
    if match is not None:
        numbers = int(match["first"]), int(match["second_"])
        day, month = numbers if form == "day-first" else numbers[::-1]
        return _build(match, month, day)
    # What is left can be read in one way only, unless its year has two digits: 15-Nov-20 may be of 2015.
    if _CLEAR_EPOCH.fullmatch(text):
        return _parse_epoch(text)
    try:
        return _parse_iso(text)
    except ValueError:
        pass
    if match := _YEAR_FIRST.fullmatch(text):
        return _build(match, int(match["month"]), int(match["day"]))
    for pattern in _WORDS:
        if (match := pattern.fullmatch(text)) and (form != "clear" or len(match["year"]) >= _YEAR_DIGITS):
            return _build(match, _find_month(match["month"].lower()), int(match["day"]))
    return _fail()


def _parse_iso(text: str) -> datetime:
    """Parse a date of ISO 8601, also one with an offset and no time: `2024-01-05+02:00`."""
    # `fromisoformat` would take further digits, those behind a point, or the offset, for a time of day.
    whole, _, rest = text.partition(".")
    if whole.isdigit():
        if len(whole) != _CALENDAR_DIGITS or rest.strip("0"):
            _fail()
        text = whole
    if text[_OFFSET_AT : _OFFSET_AT + 1] in ("+", "-"):
        text = f"{text[:_OFFSET_AT]}T00:00{text[_OFFSET_AT:]}"
    return datetime.fromisoformat(text)


def _parse_epoch(text: str) -> datetime:
    """Parse an epoch, in the unit that its size shows: seconds, or milliseconds to nanoseconds."""
    seconds = float(text)
    while abs(seconds) >= _MOST_SECONDS:
        seconds /= 1000
    return _EPOCH_START + timedelta(seconds=seconds)


def _build(match: re.Match[str], month: int, day: int) -> datetime:
    """Return the moment of a matched date, with the zone that it states."""
    hour, half = int(match["hour"] or 0), (match["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            _fail()
        hour = hour % 12 + (12 if half == "p" else 0)
    clock = (hour, int(match["minute"] or 0), int(match["second"] or 0))
    microseconds = int((match["part"] or "0")[:6].ljust(6, "0"))
    digits = match["year"].lstrip("'")
    year = int(digits)
    if len(digits) < _YEAR_DIGITS:
        year += 1900 if year >= _CENTURY_FROM else 2000
    return datetime(year, month, day, *clock, microseconds, tzinfo=_read_offset(match["zone"]))


def _read_offset(text: str | None) -> tzinfo | None:
    """Return the time zone of `Z`, `UTC`, `+02:00` or `GMT+2`; None if there is none."""
    if text is None:
        return None
    offset = re.sub("^(utc|gmt|z)", "", text.lower())
    if not offset:
        return UTC
    digits = offset[1:].replace(":", "").zfill(2)
    hours, minutes = (digits[:2], digits[2:]) if len(digits) != 3 else (digits[:1], digits[1:])
    size = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-size if offset[0] == "-" else size)


def _find_month(word: str) -> int:
    """Return the number of a month by its name, or by letters with which names of this month alone begin."""
    found = [
        number
        for number, names in enumerate(_MONTHS, 1)
        if any(name.startswith(word) for name in names.split())
    ]
    return found[0] if len(found) == 1 else _fail()


def _fail() -> NoReturn:
    raise ValueError("not a date")


# Labels

_OWN_LABELS = {
    **dict.fromkeys(("pos", "positive", "recommended", "fresh"), "positive"),
    **dict.fromkeys(("neg", "negative", "not recommended", "rotten"), "negative"),
    **dict.fromkeys(("neutral", "neu", "mixed", "unsup"), None),
}
"""Label in a review file whose profile lists none -> our label; None: the review has no label."""


def clean_label(text: str) -> str:
    """Return a label as profiles list it: in lower case, and a whole number without a decimal point."""
    label = text.strip().casefold()
    return label[:-2] if label.endswith(".0") else label


@lru_cache(8)  # it is asked for with each batch of a file
def _make_label_parser(labels: Labels | None) -> Callable[[str], str | None]:
    """Return a function that parses a label: 'positive', 'negative' or None; it raises `ValueError` for others."""
    known: dict[str, str | None] = dict(_OWN_LABELS)
    if labels is not None:
        meant = ((labels.positive, "positive"), (labels.negative, "negative"), (labels.none, None))
        known = {clean_label(label): ours for listed, ours in meant for label in listed}

    def parse(text: str) -> str | None:
        label = clean_label(text)
        if label not in known and not is_nothing(text):
            raise ValueError("not a label")
        return known.get(label)

    return parse


# Ratings, as stars from 1 to 10. One rule for each scale: a scale whose lowest rating is at least a tenth of its
# highest is stretched in proportion, so 4 of 5 is 8. Any other is stretched so that its lowest rating is 1 and its
# highest is 10, so 50 of 100 is 5.5.

_NUMBER = r"(-?\d{1,4}(?:[.,]\d{0,17})?)"
_STARS = r"stars?(?:\s+rating)?|stern(?:en?)?|étoiles?|estrellas?|stell[ae]|★|\*"
_UNITS = rf"(?:(?:\s*|-)(?:({_STARS})|points?|pts))?"
_OUT_OF = r"(?:/|out of|of|von|sur|su|de|sobre)"
_RATING = re.compile(
    rf"(?:rated\s+)?{_NUMBER}{_UNITS}(?:\s*{_OUT_OF}\s*(\d{{1,3}})(?:[.,]0{{1,2}})?{_UNITS}|(\s*%))?", _FLAGS
)
_THOUSAND = re.compile(r"\.\d{3}", re.ASCII)
_MOST_DRAWN = 5
_SYMBOLS = re.compile(r"(?:([★⭐]\ufe0f?|\*)+½?|½)([☆✩]\ufe0f?)*")


@dataclass(frozen=True)
class FoundRating:
    """A rating as it is written."""

    value: float
    highest: int | None = None
    """The highest rating, if the rating states it: 5 for `4/5`."""
    most: float = math.inf
    """The highest rating of scales on which it is written so: nobody draws six stars, or counts more than ten."""
    comma: bool = False
    """Its decimal separator is a comma."""


def find_rating(text: str) -> FoundRating | None:
    """Return the rating that a text is; None if it is none."""
    text = text.strip()
    if _SYMBOLS.fullmatch(text):  # hollow ones show the highest rating
        full = sum(text.count(symbol) for symbol in "★⭐*") + (0.5 if "½" in text else 0)
        hollow = sum(text.count(symbol) for symbol in "☆✩")
        return FoundRating(full, math.ceil(full) + hollow if hollow else None, _MOST_DRAWN)
    match = _RATING.fullmatch(text)
    if match is None:
        return None
    number, stars, highest, _, percent = match.groups()
    own = 100 if percent else int(highest) if highest else None
    most = HIGHEST_STARS if stars else math.inf
    return FoundRating(float(number.replace(",", ".")), own, most, "," in number)


def make_rating_parser(scale: Rating | None) -> Callable[[str], float | None]:
    """Return a function that parses a rating on this scale into stars; None for a blank one, else `ValueError`."""
    words = {clean_label(word): value for word, value in ((scale and scale.words) or {}).items()}
    # Words that are numbers, as where 1 is the best, give all numbers their meaning.
    has_own_numbers = any(map(find_rating, words))

    def parse(text: str) -> float | None:
        if is_nothing(text):
            return None
        word = words.get(clean_label(text))
        found = FoundRating(word) if word is not None else None if has_own_numbers else find_rating(text)
        # `4,0` has a comma as `4,5` has; else a file would lose its halves alone. A whole number with a point is clear,
        # but for `1.000`, which is a thousand where decimals follow a comma.
        if found is None or (
            scale is not None and (found.comma or found.value % 1 != 0) and found.comma != scale.decimal_comma
        ):
            raise ValueError("not a rating")
        if scale is not None and scale.decimal_comma and _THOUSAND.search(text):
            raise ValueError("a point that may stand for thousands")
        return to_stars(found.value, _choose_scale(found, scale))

    return parse


def to_stars(value: float, scale: Rating) -> float:
    """Return a rating on a scale as stars from 1 to 10; raise `ValueError` if it is not on the scale."""
    if not scale.lowest <= value <= scale.highest:
        raise ValueError("not on the scale")
    if scale.lowest * HIGHEST_STARS >= scale.highest:
        return value * HIGHEST_STARS / scale.highest
    share = (value - scale.lowest) / (scale.highest - scale.lowest)
    return LOWEST_STARS + (HIGHEST_STARS - LOWEST_STARS) * share


def _choose_scale(found: FoundRating, scale: Rating | None) -> Rating:
    """Return the scale of a rating: the one that it states, else `scale`."""
    if found.highest is not None and (scale is None or found.highest != scale.highest):
        scale = OWN_SCALES.get(found.highest)
    elif scale is not None and scale.highest > found.most:
        scale = None
    if scale is None:
        raise ValueError("on no known scale")
    return scale


# Rows


def parse_table(
    rows: Iterable[RawRows], member: str | None, report: Callable[[Reading], object]
) -> Iterator[pa.RecordBatch]:
    """Yield the raw rows of a member as batches of `READ_SCHEMA`; `report` is called once, with how it is read."""
    reading = None
    for raw in rows:
        if reading is None and len(raw.defects) < len(raw.row_numbers):
            reading = settle_labels(raw.reading, raw.known.get("given_label"))
            report(reading)
        yield parse_rows(raw, pa.repeat(pa.scalar(member, pa.string()), len(raw.row_numbers)), reading)


def parse_rows(raw: RawRows, members: pa.Array, reading: Reading | None = None) -> pa.RecordBatch:
    """Parse the values of n raw rows by their reading, or the given one; return them as [n] rows of `READ_SCHEMA`.

    `members` [n] are the names of their members, null for a file that is no archive. Blank ids become null. A row
    without text and without a defect breaks the rule text_missing.
    """
    profile, size = (reading or raw.reading).profile, len(raw.row_numbers)
    ids, further = _drop_rounded(raw)
    ids, long_ids = _drop_long(ids)
    columns = {"row_number": raw.row_numbers, "member": members, **ids}
    if profile.movie is not None:
        columns["movie_id"] = pc.fill_null(
            columns.get("movie_id", pa.nulls(size, pa.string())), profile.movie
        )
    parsers: dict[str, Callable[[str], Any]] = {
        "reviewed_at": make_date_parser(profile.dates.format, profile.dates.time_zone),
        "given_label": _make_label_parser(profile.labels),
        "given_rating": make_rating_parser(profile.rating),
    }
    for name, parse in parsers.items():
        if name in raw.known:
            columns[name], unparsed = _parse_column(raw.known[name], parse, READ_SCHEMA.field(name).type)
            further = add_values(further, name, raw.known[name], unparsed)
    columns["extra"] = pa.nulls(size, pa.string()) if further is None else further
    none = NO_TEXT_WORDS | {text.strip().casefold() for text in profile.rows.no_text}
    text, not_given = _drop_missing_texts(raw, none, columns["extra"])
    no_reviews = _find_no_reviews(raw, profile.rows, text)
    defects = {**not_given, **no_reviews, **long_ids, **raw.defects}
    columns["text"] = drop_defective(text, defects)
    if defects or columns["text"].null_count:
        missing = pc.if_else(pc.is_null(columns["text"]), "text_missing", pa.scalar(None, pa.string()))
        columns |= _make_defect_columns(defects, missing)
    for field in READ_SCHEMA:
        if field.name not in columns:
            columns[field.name] = pa.nulls(size, field.type)
    return pa.RecordBatch.from_arrays([columns[name] for name in READ_SCHEMA.names], schema=READ_SCHEMA)


def _drop_rounded(raw: RawRows) -> tuple[dict[str, pa.Array], pa.Array | None]:
    """Return ids, by our column, without words for none, and without those in scientific notation.

    A spreadsheet writes long numbers so, and rounds them: many reviews would have one id. The second value has the
    further columns with these.
    """
    ids: dict[str, pa.Array] = {}
    rounded: list[pa.Array] = []
    for name in ("review_id", "movie_id"):
        if name not in raw.known:
            continue
        trimmed = pc.utf8_trim_whitespace(raw.known[name])
        ids[name] = pc.if_else(pc.is_in(pc.utf8_lower(trimmed), _NO_IDS), None, trimmed)
        # Nearly no id has a plus sign, which is found far faster than the pattern.
        if pc.any(pc.match_substring(ids[name], "+")).as_py():
            marks = pc.match_substring_regex(ids[name], _ROUNDED_ID)
            rounded.append(pc.if_else(marks, ids[name], None))
            ids[name] = pc.if_else(marks, None, ids[name])
    if not rounded:
        return ids, raw.further
    joined = reduce(partial(_join_pair, between=", "), rounded)
    places = pc.indices_nonzero(pc.is_valid(joined)).to_pylist()
    return ids, add_values(raw.further, ROUNDED_IDS, joined, places)


def _drop_long(ids: Mapping[str, pa.Array]) -> tuple[dict[str, pa.Array], dict[int, Defect]]:
    """Return ids, by our column, without those that are too long to be one, and the defects of the rows with such."""
    kept: dict[str, pa.Array] = {}
    defects: dict[int, Defect] = {}
    for name, column in ids.items():
        is_long = pc.fill_null(pc.greater(pc.binary_length(column), LONGEST_ID), False)
        for place in pc.indices_nonzero(is_long).to_pylist():
            value = column[place].as_py().encode()
            problem = f"its {name} has {len(value):,} bytes, more than any id"
            defects[place] = Defect("row_shape", problem, value[:KEPT_BYTES])
        kept[name] = pc.if_else(is_long, None, column)
    return kept, defects


def _parse_column(
    column: pa.Array, parse: Callable[[str], Any], kind: pa.DataType
) -> tuple[pa.Array, list[int]]:
    """Parse [n] strings, each distinct value once; return [n] values and the positions that can't be parsed."""
    encoded = column.dictionary_encode()
    values: list[Any] = []
    failed: list[bool] = []
    for text in encoded.dictionary.to_pylist():
        try:
            value, has_failed = parse(text), False
        except ValueError:
            value, has_failed = None, True
        values.append(value)
        failed.append(has_failed)
    positions: list[int] = []
    if any(failed):
        mask = pc.fill_null(pa.array(failed, pa.bool_()).take(encoded.indices), False)
        positions = pc.indices_nonzero(mask).to_pylist()
    return pa.array(values, kind).take(encoded.indices), positions


def _drop_missing_texts(
    raw: RawRows, none: frozenset[str], extra: pa.Array
) -> tuple[pa.Array, dict[int, Defect]]:
    """Return the texts, those of several columns joined, without parts that stand for none, and the defects of rows so.

    In a file of ratings many customers write no text, and a spreadsheet writes empty rows below its table; that says
    nothing against the other rows. `extra` [n] has the further columns.
    """
    size = len(raw.row_numbers)
    body = raw.known.get("text", pa.nulls(size, pa.string()))
    parts = [*(raw.known[name] for name in raw.known if name.startswith(PART)), body]
    marked = [_mark_none(part, none) for part in parts]
    filled = [
        pc.if_else(pa.array(~marks), part, None) if marks.any() else part
        for part, marks in zip(parts, marked, strict=True)
    ]
    texts = reduce(_join_pair, filled)
    places = np.flatnonzero(np.logical_and.reduce(marked))
    if not len(places):
        return texts, {}
    judged = np.zeros(size, dtype=bool)
    for name in ("given_rating", "given_label") if raw.is_table else ():
        if name in raw.known:
            length = pc.fill_null(pc.binary_length(pc.utf8_trim_whitespace(raw.known[name])), 0)
            judged |= length.to_numpy(zero_copy_only=False) > 0
    defects: dict[int, Defect] = {}
    has_extra, is_blank = extra.is_valid().to_numpy(zero_copy_only=False), np.zeros(size, dtype=bool)
    for place, word in zip(places.tolist(), body.take(pa.array(places)).to_pylist(), strict=True):
        if word and word.strip():
            detail = f"the text is '{word.strip()}', which stands for none"
            defects[place] = Defect(TEXT_NOT_GIVEN, detail, word.encode())
        elif not word and judged[place]:  # blanks are reported as they are
            defects[place] = Defect(TEXT_NOT_GIVEN, "a rating or label without a text", None)
        elif not word and raw.is_table and not has_extra[place] and _is_empty(raw, place):
            defects[place] = Defect(TEXT_NOT_GIVEN, "the row is empty", None)
        else:
            is_blank[place] = True
    return pc.if_else(pa.array(is_blank), body, texts) if is_blank.any() else texts, defects


def _mark_none(texts: pa.Array, none: frozenset[str]) -> NDArray[np.bool_]:
    """Return which of n texts are missing, blank or a word for none."""
    marks: NDArray[np.bool_] = texts.is_null().to_numpy(zero_copy_only=False).copy()
    longest = _LONGEST_NO_TEXT + max(map(len, map(str.encode, none)))
    # Only short texts are looked at, since few are.
    places = np.flatnonzero(~marks & (measure_texts(texts) <= longest))
    if len(places):
        short = pc.utf8_lower(pc.utf8_trim_whitespace(texts.take(pa.array(places))))
        is_none = pc.or_(pc.is_in(short, pa.array(sorted(none), pa.string())), pc.equal(short, ""))
        marks[places] = np.asarray(is_none)
    return marks


def _join_pair(before: pa.Array, after: pa.Array, between: str = "\n\n") -> pa.Array:
    """Join two columns of texts, by a blank line if nothing else is named; where one is null the other stays alone.

    Arrow's own way of skipping nulls drops the rows in which all are null.
    """
    return pc.coalesce(pc.binary_join_element_wise(before, after, between), before, after)


def _is_empty(raw: RawRows, place: int) -> bool:
    """Return whether no cell of a row has anything; a null, as in an object, is no cell."""
    values = [column[place].as_py() for column in raw.known.values()]
    return any(value is not None for value in values) and not any(map(str.strip, filter(None, values)))


def _find_no_reviews(raw: RawRows, rows: Rows, texts: pa.Array) -> dict[int, Defect]:
    """Return the defect of each row of which another column says, by the profile, that it is no review."""
    defects: dict[int, Defect] = {}
    for listed, wanted in ((rows.only, True), (rows.never, False)):
        for name, values in listed.items():
            if (column := raw.known.get(f"{STATE}{name}")) is None:
                continue
            found = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(column)), "")
            marks = pc.is_in(found, pa.array([value.strip().lower() for value in values], pa.string()))
            for place in pc.indices_nonzero(pc.invert(marks) if wanted else marks).to_pylist():
                text = texts[place].as_py()
                detail = f"its column '{name}' says that it is no review: '{(column[place].as_py() or '').strip()}'"
                defects[place] = Defect(NO_REVIEW, detail, None if text is None else text.encode())
    return defects


def _make_defect_columns(defects: Mapping[int, Defect], missing: pa.Array) -> dict[str, pa.Array]:
    """Return the columns of `READ_SCHEMA` that say which rows are bad; `missing` is the rule without a defect."""
    rules, size = missing.to_pylist(), len(missing)
    details: list[str | None] = [None] * size
    raws: list[bytes | None] = [None] * size
    for position, defect in defects.items():
        detail = make_showable(defect.detail)
        rules[position], details[position], raws[position] = defect.rule, detail, defect.raw
    return {
        "rule": pa.array(rules, pa.string()),
        "detail": pa.array(details, pa.string()),
        "raw": pa.array(raws, pa.binary()),
    }
