"""The contract of a file's language: its texts are in English, since the models learn from English reviews alone.

A text seems not to be in English if its beginning has at least `LEAST_FOREIGN` foreign words, and more of them than
common English words. A foreign word is one of a fixed list, or has a letter beyond ASCII. No model is asked, so that
the reading of a file never depends on a vocabulary. Imports only Arrow.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.expectations import CheckResult
from data_contracts.rules_and_limits import NOT_ENGLISH

BOUNDARY = "language"
BEGINNING = 200
"""Characters of a text that are looked at. More of them cost time and change hardly a result."""
LEAST_FOREIGN = 2
"""Fewest foreign words of a text that seems not to be in English: an English one may have a name, such as Beyoncé."""
UNNOTICED_SHARE = 0.002
"""Largest share of a file's rows, 0 to 1, without a warning: lists of names, for example, seem not to be in English."""

# Words that are frequent in several languages are in neither list: `in`, `so` and `was` are German too.
_ENGLISH = """
about after all and any are be because been before but can can't could didn't doesn't don't even for from get good got
great had has have he her him his how i'm i've if into is isn't it it's its just like more most much my not of one only
or other our out really she should some than that that's the their them then there these they this those to too up very
wasn't were what when where which while who why will with won't would you your
"""
_FOREIGN = """
aber ale alla anche ang att au auch auf avec bardzo bei bez bir bu c'est ce cette che com como con cuando daha dans das
dass de degli del della dem dengan der des det di dla dopo du een egy ein eine einen einer el elle en es est et fue gibi
gli goed het ho hogy hyvin ich ik ikke il ile ini inte ist itu iyi jag jak je jeg jego jest kadar kann keine la las le
leider les lo los ma maar mais mas mein meine mga mi mis mit molto muito mutta muy na nach ne nel nem nicht nie niet
noch non nous och oder og olarak ont ook os para pas però per pero po por pour przez que questo qui se sehr ses si sich
sind som sono sonra sont stato sur tego tidak til todo tylko um uma un una und une untuk van ve viel vom voor wenn wie
wir wird wurde yang za zijn zum zur
"""
_BEYOND_ASCII = r"\x{C0}-\x{24F}\x{370}-\x{1FFF}\x{3040}-\x{D7AF}"


def _match_words(words: str) -> str:
    """Return the pattern, of Arrow's regular expressions, of any of these words."""
    return rf"\b(?:{'|'.join(words.split())})\b"


_ENGLISH_WORD = _match_words(_ENGLISH)
_FOREIGN_WORD = rf"[a-z]*[{_BEYOND_ASCII}][a-z{_BEYOND_ASCII}]*|{_match_words(_FOREIGN)}"


def mark_english(texts: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return which texts, [n], seem to be in English; true also for those too short to be judged."""
    beginnings = pc.utf8_lower(pc.utf8_slice_codeunits(texts, 0, BEGINNING))
    foreign = pc.count_substring_regex(beginnings, _FOREIGN_WORD).to_numpy()
    english: NDArray[np.bool_] = foreign < LEAST_FOREIGN
    # English words are many, so they are counted only where that matters.
    unsure = pc.count_substring_regex(beginnings.filter(pa.array(~english)), _ENGLISH_WORD).to_numpy()
    english[~english] = unsure >= foreign[~english]
    return english


def judge_language(
    file: tuple[str, str], rows: int, rows_not_english: int, other_languages: str
) -> CheckResult:
    """Return the result of one file: a warning if its source wants one and enough of its `rows` are not in English.

    `file` is its sha256 and the name of its source; `other_languages` is what the profile of that says, one of
    `OTHER_LANGUAGES`.
    """
    is_noticed = other_languages == "warn" and rows_not_english > UNNOTICED_SHARE * rows
    return CheckResult(
        boundary=BOUNDARY,
        rule=NOT_ENGLISH,
        expectation="expect_english_texts",
        columns="text",
        severity="warning",
        success=not is_noticed,
        observed=f"{rows_not_english:,} of {rows:,} rows seem not to be in English",
        expected=f"at most {UNNOTICED_SHARE:.1%} of the rows",
        unexpected_count=rows_not_english,
        source_sha256=file[0],
        source=file[1],
    )
