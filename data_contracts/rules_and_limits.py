"""The meaning of ratings and scores; the rules and limits by which a row or a file is refused. Imports no library."""

from dataclasses import dataclass

POSITIVE_FROM = 0.5
"""The lowest score that is called positive."""
LOWEST_STARS, HIGHEST_STARS = 1, 10
"""The bounds of a rating."""
NEGATIVE_STARS, POSITIVE_STARS = (LOWEST_STARS, 4), (7, HIGHEST_STARS)
"""The lowest and the highest rating of each sentiment, as in the archive. Ratings in between have no sentiment."""

COUNT_THEM = 'other_languages = "accept" above the tables of the profile of their source'
"""What lets rows count that are not in English."""

SMALLEST_SHARE = 0.5
"""A file that replaces others is refused if it has a smaller share of the reviews of the last one, by default."""

UNREADABLE_COLUMNS = "unreadable_columns"
"""The key in `extra` that lists further columns whose values in this row can't be read."""
ROUNDED_IDS = "rounded_ids"
"""The key in `extra` of the ids of a row that stand in scientific notation, so that they name no single review."""

ROW_RULES = {
    "row_shape": "The row does not have the shape of its file; mend the line and resubmit the file.",
    "no_review": "Another column says that the row is no review: spam, a test, a note of the shop; nothing to score.",
    "text_missing": "The row has no text: a null, or none of the text's columns; fill it in.",
    "text_not_given": "The row is empty, or has a rating or label without a text, or a word such as nan for it.",
    "text_blank": "The text is empty, or only spaces or invisible characters; fill it in.",
    "text_encoding": "The text's bytes are not valid in the file's encoding; save the file as UTF-8.",
    "text_type": "The text is a number, a list or another value that is not a string; put it in quotes.",
    "text_too_long": "The text is longer than a review may be; check for a missing quote, or shorten it.",
    "text_nul": "The text contains NUL characters, so it is probably binary or UTF-16; save the file as UTF-8.",
    "text_no_words": "The text is only punctuation or HTML line breaks, so there is nothing to score.",
}
"""Each row rule with its problem and next step. A row that breaks several rules counts for the first in this order."""

TEXT_NOT_GIVEN = "text_not_given"
NO_REVIEW = "no_review"
HARMLESS_RULES = (TEXT_NOT_GIVEN, NO_REVIEW)
"""Rules of rows for which nobody needs to do anything."""
SCORER_FAILED = "scorer_failed"
NO_KNOWN_WORD = "text_no_known_word"
NOT_ENGLISH = "not_english"
SCORING_RULES = {
    **{
        f"{value}_not_read": f"The {value} can't be read, and the profile of its source quarantines such rows; correct "
        "the profile, then `reviews sources rescan NAME`, or the file; a row that is released has no "
        f"{value}."
        for value in ("date", "label", "rating")
    },
    NOT_ENGLISH: "The text is not in English, and the profile of its source quarantines such rows; release "
    "the row to score it all the same.",
    NO_KNOWN_WORD: "The model knows none of the text's words, so a score would mean nothing; is the text in English?",
    SCORER_FAILED: "The model failed on this text alone; release the row when the model or this program is fixed.",
}
"""Rules that depend on the model or on what the source wants: a row can break them only after it has passed all others.
A release does not check them again, except for `NO_KNOWN_WORD`."""

UNCOUNTED_RULES = frozenset({NOT_ENGLISH, NO_KNOWN_WORD, NO_REVIEW, TEXT_NOT_GIVEN})
"""Rules of rows that say nothing against their file: another language, spam, or customers who wrote no text."""

FILE_RULES = {
    "file_empty": "The file is empty; export it again.",
    "file_unreadable": "The file can't be opened or read; check its permissions and the disk.",
    "profile_wrong": "The profile of the file's source is wrong; correct it (`reviews sources check` shows rows).",
    "profile_column_missing": "The profile of the file's source names that column; correct the profile or the file.",
    "format_unknown": "The format is not supported; use csv, xlsx, jsonl, parquet, txt, a zip or a tar of such files "
    "(`reviews score FILE` tries one again that was only renamed).",
    "format_mismatch": "The content is not of the format that the name's ending states; correct the ending, then "
    "`reviews score FILE`.",
    "compression_broken": "The compressed data is truncated or damaged; copy the file again.",
    "archive_broken": "The zip or tar is truncated or damaged; pack it again.",
    "archive_empty": "The archive contains no review file; pack at least one into it.",
    "archive_encrypted": "The zip or workbook is protected by a password; pack or save it without one.",
    "member_name_unsafe": "A member's path leads out of the archive; pack it with plain relative paths.",
    "member_not_a_file": "The archive contains a link, a device or another special member; pack only regular files.",
    "member_nested_archive": "The archive contains another archive; unpack the inner one first.",
    "bomb_suspected": "The file unpacks to far more than its size allows; split it if it really is that large.",
    "csv_broken": "From some byte on, the CSV can't be split into rows; check its quotes and separators.",
    "json_broken": "The JSON can't be read as rows; mend it, or say where they are: reviews sources init NAME FILE",
    "parquet_broken": "The Parquet file is truncated or damaged; write it again.",
    "orc_broken": "The ORC file is truncated or damaged, or has a time before 1677 or after 2262; write it again.",
    "arrow_broken": "The Arrow or Feather file is truncated or damaged; write it again, or as Parquet.",
    "avro_broken": "The Avro file is truncated or damaged; write it again.",
    "workbook_broken": "The workbook is damaged, or has cells without the value that is seen; save it again, as xlsx "
    "or as CSV UTF-8.",
    "workbook_too_large": "A workbook is held whole, and this one is too large, or has cells far apart; save its sheet "
    "as CSV UTF-8.",
    "sheet_missing": "Say which sheet has the reviews, in a profile: reviews sources init NAME FILE",
    "header_broken": "The first line is not a usable header; give each column a name of its own.",
    "header_changed": "From there on the columns are others; split the file there, so that each part has one header.",
    "label_sheet": "A sheet of `reviews models label` is no file of reviews; put it, by itself, into inbox/labels/.",
    "text_column_missing": "Say which column is the text, in a profile: reviews sources init NAME FILE",
    "text_column_doubled": "Say which column is the text, in a profile: reviews sources init NAME FILE",
    "text_column_type": "Say which column is the text, in a profile: reviews sources init NAME FILE",
    "encoding_broken": "The text is truncated or invalid in the file's encoding; save the file again, as UTF-8.",
    "encoding_unknown": "The file's encoding is not supported; save the file as UTF-8.",
    "too_many_bad_rows": "Too large a share of the rows is bad; look at their rules, then correct the file.",
    "too_few_rows": "The profile of the file's source requires more rows; export it again, or lower fewest_rows.",
    "export_too_small": "If that is right, lower smallest_share_of_last in the profile, then score the file by name.",
    "rows_renumbered": "Rows of it were forgotten, by other numbers than now; delete these rows from the file.",
    "values_not_read": "By [severity] the profile of its source refuses such files; correct the file or the profile.",
    "workers_killed": "Look at the workers' logs; score it without REVIEWS_DASK, or name it to try it again.",
    "link_refused": "The file is a link, and links are not followed; replace it by the file itself.",
}
"""Each rule by which a whole file is refused, with its problem and next step."""

FIELD_RULES = {
    "date_understood": "reviewed_at",
    "label_understood": "given_label",
    "rating_understood": "given_rating",
    "ids_exact": ROUNDED_IDS,
    "further_columns_readable": UNREADABLE_COLUMNS,
}
"""The rules of the fields other than the text, each with the key under which `extra` keeps an invalid value."""
FIELD_WORDS = {
    "date_understood": (
        "date",
        "in no form that can be read, in the future or a placeholder: kept in `extra`",
    ),
    "label_understood": ("label", "of no known meaning: kept in `extra`"),
    "rating_understood": ("rating", "no number on the scale of the column, as 0 often is: kept in `extra`"),
    "ids_exact": (
        "row",
        "whose id a spreadsheet has rounded (9.03E+09), kept in `extra` as `rounded_ids`. Next: export it again with "
        "the ids as text",
    ),
    "further_columns_readable": (
        "row",
        "whose `unreadable_columns` in `extra` names columns that are left out",
    ),
}
"""For each field rule, the noun for what the run counts as invalid, and the words that say why and where it is kept."""

VALUE_RULES = {
    "dates": ("date_understood", "date_not_read"),
    "labels": ("label_understood", "label_not_read"),
    "ratings": ("rating_understood", "rating_not_read"),
}
"""A key of [severity] in a profile: its field rule, and the rule by which a row is quarantined."""

COLUMNS_USED = "columns_used"
"""The rule that a file breaks of which no profile says what all of its columns are."""


def name_rated_sentiment(stars: float | None) -> str | None:
    """Return the sentiment of a rating in stars, or None for a missing rating or one between the two sentiments."""
    if stars is None or NEGATIVE_STARS[1] < stars < POSITIVE_STARS[0]:
        return None
    return "positive" if stars >= POSITIVE_STARS[0] else "negative"


@dataclass(frozen=True)
class RowLimits:
    """The limits of a row and of the bad rows in a file."""

    max_text_chars: int = 100_000
    """The longest text of a row, in Unicode characters; the longest review of the Stanford archive has 14,282."""
    max_bad_share: float = 0.2
    """The largest share of a file's rows, 0 to 1, that may be bad without the file being refused."""
    min_bad_rows: int = 10
    """Up to this number of bad rows a file is never refused, however small it is."""


@dataclass(frozen=True)
class FileLimits(RowLimits):
    """The limits of the files of one source: those of its profile, and the settings where it states none."""

    fewest_rows: int = 0
    """A file with fewer rows, bad ones included, is refused."""


def exceeds_bad_rows(rows_read: int, rows_bad: int, limits: RowLimits) -> bool:
    """Return whether the bad rows exceed both limits, the number and the share, so that `too_many_bad_rows` applies."""
    return rows_bad > limits.min_bad_rows and rows_bad > limits.max_bad_share * rows_read
