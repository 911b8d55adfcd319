"""Small exports with the columns and quirks of real platforms, each with what a person who looks at it would read.

The texts are our own. `DOUBTS` names our columns that a person could not decide either; their values stay as found.
"""

# ruff: noqa: E501

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """An export of one platform."""

    name: str
    ending: str
    rows: Sequence[Row]
    expected: Sequence[Row]
    """For each row what is read, without nulls; `reviewed_at` in ISO 8601 and in UTC."""
    doubts: frozenset[str] = frozenset()


def make_export(name: str, ending: str, rows: Sequence[Row], expected: Sequence[Row], *doubts: str) -> Export:
    """Return an export whose columns `doubts` are in doubt."""
    return Export(name, ending, rows, expected, frozenset(doubts))


def make_rows(header: str, *lines: Sequence[Any]) -> list[Row]:
    """Return rows with the columns of a header that is separated by `|`."""
    names = header.split("|")
    return [dict(zip(names, line, strict=True)) for line in lines]


EXPORTS = [
    make_export(
        "Amazon, old style",
        "jsonl",
        make_rows(
            "reviewerID|asin|reviewerName|helpful|reviewText|overall|summary|unixReviewTime|reviewTime",
            ("A1", "0001", "Ann", [2, 3], "It hums all night.", 2.0, "Too loud", 1252800000, "09 13, 2009"),
            ("A2", "0002", "Bob", [0, 0], "Cuts bread well.", 5.0, "Sharp", 1381363200, "10 10, 2013"),
        ),
        [
            {"text": "Too loud\n\nIt hums all night.", "movie_id": "0001", "reviewed_at": "2009-09-13", "given_rating": 4},
            {"text": "Sharp\n\nCuts bread well.", "movie_id": "0002", "reviewed_at": "2013-10-10", "given_rating": 10},
        ],
    ),
    make_export(
        "Amazon, 2023",
        "jsonl",
        make_rows(
            "rating|title|text|images|asin|parent_asin|user_id|timestamp|helpful_vote|verified_purchase",
            (4.0, "Nice", "A warm lamp.", [], "B1", "P1", "U1", 1588687728923, 0, True),
            (1.0, "No", "Broke at once.", [], "B2", "P2", "U2", 1618687728000, 3, False),
        ),
        [
            {"text": "Nice\n\nA warm lamp.", "movie_id": "P1", "reviewed_at": "2020-05-05T14:08:48.923", "given_rating": 8},
            {"text": "No\n\nBroke at once.", "movie_id": "P2", "reviewed_at": "2021-04-17T19:28:48", "given_rating": 2},
        ],
    ),
    make_export(
        "Amazon, customer reviews",
        "tsv",
        make_rows(
            "marketplace|customer_id|review_id|product_id|product_parent|product_title|star_rating|review_headline|review_body|review_date",
            ("US", "1", "R1", "B1", "9", "Tent", "3", "Fair", "It stands.", "2015-08-31"),
        ),
        [{"text": "Fair\n\nIt stands.", "review_id": "R1", "movie_id": "B1", "reviewed_at": "2015-08-31", "given_rating": 6}],
    ),
    make_export(
        "Yelp",
        "jsonl",
        make_rows(
            "review_id|user_id|business_id|stars|useful|funny|cool|text|date",
            ("r1", "u1", "b1", 3.0, 0, 0, 0, "Decent soup.", "2018-07-07 22:09:11"),
            ("r2", "u2", "b1", 5.0, 1, 0, 1, "Best soup.", "2012-01-03 15:28:18"),
        ),
        [
            {"text": "Decent soup.", "review_id": "r1", "movie_id": "b1", "reviewed_at": "2018-07-07T22:09:11", "given_rating": 6},
            {"text": "Best soup.", "review_id": "r2", "movie_id": "b1", "reviewed_at": "2012-01-03T15:28:18", "given_rating": 10},
        ],
    ),
    make_export(
        "Google Play, scraped",
        "csv",
        make_rows(
            "reviewId|userName|content|score|thumbsUpCount|reviewCreatedVersion|at|replyContent|appId",
            ("g1", "Ann", "Crashes daily.", "1", "4", "2.1", "2024-03-05 10:11:12", "", "org.app"),
            ("g2", "Bob", "Works.", "4", "0", "", "2024-03-06 09:00:00", "Thanks", "org.app"),
        ),
        [
            {"text": "Crashes daily.", "review_id": "g1", "movie_id": "org.app", "reviewed_at": "2024-03-05T10:11:12", "given_rating": 2},
            {"text": "Works.", "review_id": "g2", "movie_id": "org.app", "reviewed_at": "2024-03-06T09:00:00", "given_rating": 8},
        ],
    ),
    make_export(
        "Google Play Console",
        "csv",
        make_rows(
            "Package Name|App Version Code|Reviewer Language|Device|Review Submit Date and Time|Review Submit Millis Since Epoch|"
            "Star Rating|Review Title|Review Text|Developer Reply Text|Review Link",
            ("org.app", "12", "en", "pixel", "2026-01-03T10:20:30Z", "1767435630000", "5", "", "Love it.", "", "https://play/1"),
            ("org.app", "12", "en", "pixel", "2026-01-04T10:20:30Z", "1767522030000", "2", "", "", "", ""),
        ),
        [
            {"text": "Love it.", "review_id": "https://play/1", "movie_id": "org.app", "reviewed_at": "2026-01-03T10:20:30", "given_rating": 10},
            {"rule": "text_not_given", "movie_id": "org.app", "reviewed_at": "2026-01-04T10:20:30", "given_rating": 4},
        ],
    ),
    make_export(
        "Kaggle, Google Play with sentiments by a program",
        "csv",
        make_rows(
            "App|Translated_Review|Sentiment|Sentiment_Polarity|Sentiment_Subjectivity",
            ("Chess", "Good fun.", "Positive", "0.5", "0.6"),
            ("Chess", "nan", "nan", "nan", "nan"),
        ),
        [{"text": "Good fun.", "movie_id": "Chess"}, {"rule": "text_not_given", "movie_id": "Chess"}],
    ),
    make_export(
        "App Store",
        "csv",
        make_rows(
            "App Name|Date|Version|Territory|Rating|Title|Review|Author",
            ("Chess", "Nov 1, 2026", "3.2", "US", "1", "Ads", "Only ads.", "ann"),
            ("Chess", "Nov 2, 2026", "3.2", "GB", "5", "Fine", "No ads for me.", "bob"),
        ),
        [
            {"text": "Ads\n\nOnly ads.", "movie_id": "Chess", "reviewed_at": "2026-11-01", "given_rating": 2},
            {"text": "Fine\n\nNo ads for me.", "movie_id": "Chess", "reviewed_at": "2026-11-02", "given_rating": 10},
        ],
    ),
    make_export(
        "Trustpilot",
        "csv",
        make_rows(
            "Review Id|Review Created (UTC)|Review Consumer User Id|Review Title|Review Content|Review Stars|Domain URL",
            ("t1", "2026-03-05 07:08:09", "c1", "Late", "It came a week late.", "1", "shop.example"),
            ("t2", "2026-03-06 07:08:09", "c2", "Quick", "It came next day.", "5", "shop.example"),
        ),
        [
            {"text": "Late\n\nIt came a week late.", "review_id": "t1", "reviewed_at": "2026-03-05T07:08:09", "given_rating": 2},
            {"text": "Quick\n\nIt came next day.", "review_id": "t2", "reviewed_at": "2026-03-06T07:08:09", "given_rating": 10},
        ],
    ),
    make_export(
        "Letterboxd",
        "csv",
        make_rows(
            "Date|Name|Year|Letterboxd URI|Rating|Rewatch|Review|Tags|Watched Date",
            ("2026-02-03", "A Quiet Film", "1999", "https://l/1", "0.5", "", "Sleep came early.", "", "2026-02-02"),
            ("2026-02-04", "A Loud Film", "2001", "https://l/2", "4.5", "", "Loud and lovely.", "", "2026-02-03"),
        ),
        [
            {"text": "Sleep came early.", "review_id": "https://l/1", "movie_id": "A Quiet Film", "reviewed_at": "2026-02-03", "given_rating": 1},
            {"text": "Loud and lovely.", "review_id": "https://l/2", "movie_id": "A Loud Film", "reviewed_at": "2026-02-04", "given_rating": 9},
        ],
    ),
    make_export(
        "Kaggle, IMDb",
        "csv",
        make_rows("review|sentiment", ("A joy.<br />", "positive"), ("A bore.", "negative")),
        [{"text": "A joy.<br />", "given_label": "positive"}, {"text": "A bore.", "given_label": "negative"}],
    ),
    make_export(
        "Hugging Face, Amazon Polarity",
        "csv",
        make_rows("label|title|content", (2, "Good", "I kept it."), (1, "Bad", "I sent it back.")),
        [
            {"text": "Good\n\nI kept it.", "given_label": "positive"},
            {"text": "Bad\n\nI sent it back.", "given_label": "negative"},
        ],
    ),
    make_export(
        "Labels 1 and 2 of an unknown set",
        "csv",
        make_rows("text|label", ("Good.", 2), ("Bad.", 1)),
        [{"text": "Good."}, {"text": "Bad."}],
        "given_label",
    ),
    make_export(
        "Sentiment140",
        "csv",
        make_rows(
            "target|ids|date|flag|user|text",
            ("0", "14678", "Mon Apr 06 22:19:45 PDT 2009", "NO_QUERY", "ann", "rain again"),
            ("4", "14679", "Mon Apr 06 22:20:45 PDT 2009", "NO_QUERY", "bob", "sun at last"),
        ),
        [{"text": "rain again", "given_label": "negative"}, {"text": "sun at last", "given_label": "positive"}],
        "reviewed_at",
    ),
    make_export(
        "Labels 0 and 4",
        "csv",
        make_rows("sentiment|text", ("0", "Dull."), ("4", "Bright.")),
        [{"text": "Dull.", "given_label": "negative"}, {"text": "Bright.", "given_label": "positive"}],
    ),
    make_export(
        "Labels of five classes",
        "csv",
        make_rows("text|label", ("a film", "0"), ("b film", "1"), ("c film", "2"), ("d film", "3"), ("e film", "4")),
        [{"text": f"{letter} film"} for letter in "abcde"],
        "given_label",
    ),
    make_export(
        "Steam",
        "jsonl",
        make_rows(
            "recommendationid|language|review|timestamp_created|voted_up|votes_up",
            ("55", "english", "Runs well.", 1700000000, True, 3),
            ("56", "english", "Runs badly.", 1700000100, False, 0),
        ),
        [
            {"text": "Runs well.", "review_id": "55", "reviewed_at": "2023-11-14T22:13:20", "given_label": "positive"},
            {"text": "Runs badly.", "review_id": "56", "reviewed_at": "2023-11-14T22:15:00", "given_label": "negative"},
        ],
    ),
    make_export(
        "Rotten Tomatoes critics",
        "csv",
        make_rows(
            "rotten_tomatoes_link|critic_name|top_critic|publisher_name|review_type|review_score|review_date|review_content",
            ("m/one", "Ann", "False", "Post", "Fresh", "3/4", "2010-02-08", "A romp."),
            ("m/one", "Bob", "True", "Times", "Rotten", "1/5", "2010-02-09", "A slog."),
            ("m/one", "Cy", "True", "Daily", "Fresh", "B+", "2010-02-10", "A treat."),
        ),
        [
            {"text": "A romp.", "movie_id": "m/one", "reviewed_at": "2010-02-08", "given_label": "positive", "given_rating": 7.5},
            {"text": "A slog.", "movie_id": "m/one", "reviewed_at": "2010-02-09", "given_label": "negative", "given_rating": 2},
            {"text": "A treat.", "movie_id": "m/one", "reviewed_at": "2010-02-10", "given_label": "positive"},
        ],
    ),
    make_export(
        "Rotten Tomatoes phrases",
        "tsv",
        make_rows(
            "PhraseId|SentenceId|Phrase|Sentiment",
            ("1", "1", "A series of fine escapades", "1"),
            ("2", "1", "fine escapades", "0"),
        ),
        [{"text": "A series of fine escapades"}, {"text": "fine escapades"}],
    ),
    make_export(
        "IMDb reviews, another set",
        "jsonl",
        make_rows(
            "review_id|reviewer|movie|rating|review_summary|review_date|spoiler_tag|review_detail|helpful",
            ("rw1", "Ann", "Heat (1995)", "4", "Well", "3 May 2020", 0, "It goes on and on.", ["1", "2"]),
            ("rw2", "Bob", "Heat (1995)", None, "A treat", "4 May 2020", 1, "Loved it.", ["0", "0"]),
        ),
        [
            {"text": "Well\n\nIt goes on and on.", "review_id": "rw1", "movie_id": "Heat (1995)", "reviewed_at": "2020-05-03", "given_rating": 4},
            {"text": "A treat\n\nLoved it.", "review_id": "rw2", "movie_id": "Heat (1995)", "reviewed_at": "2020-05-04"},
        ],
    ),
    make_export(
        "TripAdvisor restaurants",
        "csv",
        make_rows(
            "restaurant_name|rating_review|review_id|title_review|review_preview|review_full|date",
            ("Chez Ann", "5", "r1", "Warm", "We came late...", "We came late and ate well.", "October 12, 2021"),
            ("Chez Ann", "1", "r2", "Cold", "Never...", "Never again, we left.", "October 13, 2021"),
        ),
        [
            {"text": "Warm\n\nWe came late and ate well.", "review_id": "r1", "movie_id": "Chez Ann", "reviewed_at": "2021-10-12"},
            {"text": "Cold\n\nNever again, we left.", "review_id": "r2", "movie_id": "Chez Ann", "reviewed_at": "2021-10-13"},
        ],
        "given_rating",
    ),
    make_export(
        "Goodreads",
        "csv",
        make_rows(
            "Book Id|Title|Author|My Rating|Average Rating|Date Read|Date Added|My Review",
            ("11", "A Tale", "A. Writer", "4", "3.9", "2026/02/01", "2026/01/01", "Sad and fine."),
        ),
        [{"text": "Sad and fine.", "movie_id": "11", "reviewed_at": "2026-02-01", "given_rating": 8}],
    ),
    make_export(
        "Google Maps, scraped",
        "jsonl",
        make_rows(
            "title|placeId|reviewId|name|text|stars|publishedAtDate",
            ("Cafe One", "p1", "x1", "Ann", "Cold tea.", 2, "2026-05-06T07:08:09.000Z"),
        ),
        [{"text": "Cold tea.", "review_id": "x1", "movie_id": "p1", "reviewed_at": "2026-05-06T07:08:09", "given_rating": 4}],
    ),
    make_export(
        "Google Business",
        "jsonl",
        make_rows(
            "reviewer|starRating|comment|createTime|name",
            ({"displayName": "Ann"}, "FIVE", "Kind staff.", "2026-05-06T07:08:09Z", "accounts/1/reviews/2"),
            ({"displayName": "Bob"}, "TWO", "Slow.", "2026-05-07T07:08:09Z", "accounts/1/reviews/3"),
        ),
        [
            {"text": "Kind staff.", "reviewed_at": "2026-05-06T07:08:09", "given_rating": 10},
            {"text": "Slow.", "reviewed_at": "2026-05-07T07:08:09", "given_rating": 4},
        ],
    ),
    make_export(
        "Shopify",
        "csv",
        make_rows(
            "product_handle|state|rating|title|author|email|location|body|reply|created_at|replied_at",
            ("mug", "published", "5", "Lovely", "Ann", "a@example.org", "", "Keeps warm.", "", "2026-01-02 03:04:05 UTC", ""),
        ),
        [{"text": "Lovely\n\nKeeps warm.", "movie_id": "mug", "reviewed_at": "2026-01-02T03:04:05", "given_rating": 10}],
    ),
    make_export(
        "Etsy",
        "jsonl",
        make_rows("reviewer|date_reviewed|star_rating|message|order_id", ("ann", "11/27/2026", 3, "Small but neat.", 7)),
        [{"text": "Small but neat.", "reviewed_at": "2026-11-27", "given_rating": 6}],
    ),
    make_export(
        "Datafiniti",
        "csv",
        make_rows(
            "id|name|asins|reviews.date|reviews.rating|reviews.text|reviews.title|reviews.username",
            ("AV1", "Reader", "B01", "2017-01-13T00:00:00.000Z", "5.0", "Light to hold.", "Light", "ann"),
        ),
        [{"text": "Light\n\nLight to hold.", "movie_id": "B01", "reviewed_at": "2017-01-13", "given_rating": 10}],
    ),
    make_export(
        "Women's Clothing",
        "csv",
        make_rows(
            "|Clothing ID|Age|Title|Review Text|Rating|Recommended IND",
            ("0", "767", "33", "", "Soft.", "4", "1"),
            ("1", "767", "34", "Hm", "", "2", "0"),
        ),
        [
            {"text": "Soft.", "movie_id": "767", "given_rating": 8},
            {"text": "Hm", "movie_id": "767", "given_rating": 4},
        ],
    ),
    make_export(
        "Amazon Alexa",
        "tsv",
        make_rows(
            "rating|date|variation|verified_reviews|feedback",
            ("5", "31-Jul-18", "Black", "Hears me.", "1"),
            ("1", "8-Jun-18", "White", "Deaf.", "0"),
        ),
        [
            {"text": "Hears me.", "movie_id": "Black", "reviewed_at": "2018-07-31", "given_rating": 10},
            {"text": "Deaf.", "movie_id": "White", "reviewed_at": "2018-06-08", "given_rating": 2},
        ],
    ),
    make_export(
        "Amazon Fine Foods",
        "csv",
        make_rows(
            "Id|ProductId|UserId|ProfileName|HelpfulnessNumerator|HelpfulnessDenominator|Score|Time|Summary|Text",
            ("1", "B1", "U1", "ann", "1", "1", "5", "1303862400", "Good", "The cat agrees."),
        ),
        [{"text": "Good\n\nThe cat agrees.", "movie_id": "B1", "reviewed_at": "2011-04-27", "given_rating": 10}],
        "review_id",
    ),
    make_export(
        "Twitter, airlines",
        "csv",
        make_rows(
            "tweet_id|airline_sentiment|airline_sentiment_confidence|airline|name|text|tweet_created",
            ("1", "neutral", "1.0", "One", "ann", "Which gate?", "2015-02-24 11:35:52 -0800"),
            ("2", "negative", "1.0", "One", "bob", "Lost my bag.", "2015-02-24 11:15:59 -0800"),
        ),
        [{"text": "Which gate?"}, {"text": "Lost my bag.", "given_label": "negative"}],
    ),
    make_export(
        "SurveyMonkey",
        "csv",
        make_rows(
            "Respondent ID|Collector ID|Start Date|End Date|How would you rate the film? (1-10)|Please tell us what you thought of it",
            ("", "", "", "", "Response", "Open-Ended Response"),
            ("118", "9", "11/01/2026 10:00:00 AM", "11/01/2026 10:05:00 AM", "4", "Too long."),
            ("119", "9", "11/27/2026 10:00:00 AM", "11/27/2026 10:05:00 PM", "2", "Far too long."),
        ),
        [
            {"rule": "text_not_given"},
            {"text": "Too long.", "review_id": "118", "reviewed_at": "2026-11-01T10:05:00", "given_rating": 4},
            {"text": "Far too long.", "review_id": "119", "reviewed_at": "2026-11-27T22:05:00", "given_rating": 2},
        ],
    ),
    make_export(
        "Typeform",
        "csv",
        make_rows(
            "#|Tell us about the film|Your rating (out of 5)|Submit Date (UTC)",
            ("k1", "It shone.", "5", "2026-11-01 10:00:00"),
            ("k2", "It dragged.", "1", "2026-11-02 10:00:00"),
        ),
        [
            {"text": "It shone.", "reviewed_at": "2026-11-01T10:00:00", "given_rating": 10},
            {"text": "It dragged.", "reviewed_at": "2026-11-02T10:00:00", "given_rating": 2},
        ],
        "review_id",
    ),
    make_export(
        "Google Forms",
        "csv",
        make_rows(
            "Timestamp|Your rating (1-10)|Any other comments?",
            ("2026/11/01 2:33:11 PM GMT+1", "3", "The sound was poor."),
            ("2026/11/02 9:00:00 AM GMT+1", "5", "So so."),
        ),
        [
            {"text": "The sound was poor.", "reviewed_at": "2026-11-01T13:33:11", "given_rating": 3},
            {"text": "So so.", "reviewed_at": "2026-11-02T08:00:00", "given_rating": 5},
        ],
    ),
    make_export(
        "A spreadsheet with days first",
        "csv",
        make_rows("Datum|date|Review Text|stars", ("", "03/04/2026", "Fine.", "8"), ("", "27/11/2026", "Poor.", "2")),
        [
            {"text": "Fine.", "reviewed_at": "2026-04-03", "given_rating": 8},
            {"text": "Poor.", "reviewed_at": "2026-11-27", "given_rating": 2},
        ],
    ),
    make_export(
        "A spreadsheet whose dates leave the order open",
        "csv",
        make_rows("date|Review Text|stars", ("03/04/2026", "Fine.", "8"), ("05/06/2026", "Poor.", "2")),
        [{"text": "Fine.", "given_rating": 8}, {"text": "Poor.", "given_rating": 2}],
        "reviewed_at",
    ),
    make_export(
        "A German spreadsheet",
        "csv",
        make_rows("date|comment|rating", ("01.11.2026", "Gut.", "7,5"), ("2.11.2026 18:30", "Schwach.", "3")),
        [
            {"text": "Gut.", "reviewed_at": "2026-11-01", "given_rating": 7.5},
            {"text": "Schwach.", "reviewed_at": "2026-11-02T18:30:00", "given_rating": 3},
        ],
    ),
    make_export(
        "Marks out of 100",
        "csv",
        make_rows("comment|rating", ("The worst film.", "10"), ("The best film.", "100"), ("Middling.", "50")),
        [
            {"text": "The worst film.", "given_rating": 1.9},
            {"text": "The best film.", "given_rating": 10},
            {"text": "Middling.", "given_rating": 5.5},
        ],
    ),
    make_export(
        "Marks out of 20",
        "csv",
        make_rows("comment|note|rating", ("Bien.", "", "15"), ("Nul.", "", "3")),
        [{"text": "Bien."}, {"text": "Nul."}],
        "given_rating",
    ),
    make_export(
        "Stars that may be of five",
        "csv",
        make_rows("comment|rating", ("Poor.", "1"), ("Great.", "5")),
        [{"text": "Poor."}, {"text": "Great."}],
        "given_rating",
    ),
    make_export(
        "Stars as symbols",
        "csv",
        make_rows("comment|rating", ("Poor.", "★"), ("Great.", "★★★★")),
        [{"text": "Poor.", "given_rating": 2}, {"text": "Great.", "given_rating": 8}],
    ),
    make_export(
        "Half a star of Letterboxd",
        "csv",
        make_rows("review|rating", ("Awful.", "½"), ("Poor.", "★½"), ("Great.", "★★★★★")),
        [
            {"text": "Awful.", "given_rating": 1},
            {"text": "Poor.", "given_rating": 3},
            {"text": "Great.", "given_rating": 10},
        ],
    ),
    make_export(
        "Bubbles of TripAdvisor",
        "csv",
        make_rows("review|rating", ("Poor.", "bubble_10"), ("Good.", "bubble_45")),
        [{"text": "Poor.", "given_rating": 2}, {"text": "Good.", "given_rating": 9}],
    ),
    make_export(
        "Stars in words that may be of ten",
        "csv",
        make_rows("review|rating", ("Poor.", "1 star"), ("Good.", "4 stars")),
        [{"text": "Poor."}, {"text": "Good."}],
        "given_rating",
    ),
    make_export(
        "Stars in words",
        "csv",
        make_rows("comment|rating", ("Poor.", "2 stars"), ("Great.", "8 stars")),
        [{"text": "Poor.", "given_rating": 2}, {"text": "Great.", "given_rating": 8}],
    ),
    make_export(
        "Scraped stars",
        "jsonl",
        make_rows("review|rating|date", ("Poor.", "1.0 out of 5 stars", "Reviewed in Canada on July 4, 2022")),
        [{"text": "Poor.", "given_rating": 2, "reviewed_at": "2022-07-04"}],
    ),
    make_export(
        "Steam, scraped",
        "csv",
        make_rows(
            "date_posted|funny|helpful|hour_played|is_early_access_review|recommendation|review|title",
            ("2019-02-10", "2", "4", "578", "False", "Recommended", "Runs well.", "A Quiet Game"),
            ("2019-02-11", "0", "0", "1", "False", "Not Recommended", "Runs badly.", "A Quiet Game"),
        ),
        [
            {"text": "Runs well.", "movie_id": "A Quiet Game", "reviewed_at": "2019-02-10", "given_label": "positive"},
            {"text": "Runs badly.", "movie_id": "A Quiet Game", "reviewed_at": "2019-02-11", "given_label": "negative"},
        ],
    ),
    make_export(
        "Goodreads, collected",
        "jsonl",
        make_rows(
            "user_id|book_id|review_id|rating|review_text|date_added|date_updated|read_at|started_at|n_votes|n_comments",
            ("u1", "1885", "r1", 4, "Sad and fine.", "Sat Mar 09 11:04:37 -0700 2024", "", "", "", 1, 0),
        ),
        [{"text": "Sad and fine.", "review_id": "r1", "movie_id": "1885", "reviewed_at": "2024-03-09T18:04:37", "given_rating": 8}],
    ),
    make_export(
        "StoryGraph",
        "csv",
        make_rows(
            "Title|Authors|Read Status|Date Added|Last Date Read|Star Rating|Review",
            ("A Tale", "A. Writer", "read", "2024/01/02", "2024/03/09", "4.25", "Sad and fine."),
        ),
        [{"text": "Sad and fine.", "movie_id": "A Tale", "reviewed_at": "2024-03-09", "given_rating": 8.5}],
    ),
    make_export(
        "TripAdvisor, scraped",
        "csv",
        make_rows(
            "id|title|publishedDate|publishedPlatform|rating|text|travelDate|tripType|placeInfo.id|placeInfo.name|placeInfo.rating",
            ("900", "So so", "2024-04-24", "OTHER", "3", "The room was dark.", "2024-04", "COUPLES", "12", "Hotel Aurora", "4.5"),
        ),
        [{"text": "So so\n\nThe room was dark.", "movie_id": "Hotel Aurora", "reviewed_at": "2024-04-24", "given_rating": 6}],
        "review_id",
    ),
    make_export(
        "Untappd",
        "csv",
        make_rows(
            "beer_name|comment|rating_score|created_at|checkin_id|bid|global_rating_score",
            ("Pale", "Thin and warm.", "0.50", "2025-02-20 14:55:05", "800", "11", "3.6"),
        ),
        [{"text": "Thin and warm.", "movie_id": "11", "reviewed_at": "2025-02-20T14:55:05", "given_rating": 1}],
    ),
    make_export(
        "BoardGameGeek",
        "csv",
        make_rows(
            "objectname|objectid|rating|average|baverage|comment",
            ("A Quiet Game", "101", "3.5", "7.5", "7.2", "Too long."),
            ("A Loud Game", "102", "0", "7.5", "7.2", "Not played yet."),
        ),
        [{"text": "Too long.", "movie_id": "A Quiet Game", "given_rating": 3.5}, {"text": "Not played yet.", "movie_id": "A Loud Game"}],
    ),
    make_export(
        "Zomato, Kaggle",
        "csv",
        make_rows(
            "Restaurant|Reviewer|Review|Rating|Metadata|Time|Pictures",
            ("Cafe One", "Ann", "Cold tea.", "1", "1 Review , 2 Followers", "5/25/2019 15:54", "0"),
        ),
        [{"text": "Cold tea.", "movie_id": "Cafe One", "reviewed_at": "2019-05-25T15:54:00", "given_rating": 2}],
    ),
    make_export(
        "Yelp's interface",
        "csv",
        make_rows("url|text|rating|time_created", ("u", "Decent soup.", "4", "2025-01-06 07:55:08")),
        [{"text": "Decent soup.", "reviewed_at": "2025-01-06T07:55:08"}],
        "given_rating",
    ),
    make_export(
        "Facebook recommendations",
        "jsonl",
        make_rows(
            "created_time|recommendation_type|review_text",
            ("2024-07-25T10:00:00+0000", "positive", "Kind staff."),
            ("2024-07-26T10:00:00+0000", "negative", "Slow."),
        ),
        [
            {"text": "Kind staff.", "reviewed_at": "2024-07-25T10:00:00", "given_label": "positive"},
            {"text": "Slow.", "reviewed_at": "2024-07-26T10:00:00", "given_label": "negative"},
        ],
    ),
    make_export(
        "Reddit comments",
        "csv",
        make_rows("id|author|body|score|created_utc", ("a1", "ann", "A fine film.", "17", "1715445751.0")),
        [{"text": "A fine film.", "reviewed_at": "2024-05-11T16:42:31"}],
        "review_id",
    ),
    make_export(
        "Airline reviews",
        "csv",
        make_rows(
            "OverallRating|ReviewHeader|airline_name|Datetime|ReviewBody",
            ("1", "Never again", "one-air", "2025-02-22", "Lost my bag."),
            ("9", "Smooth", "one-air", "2025-02-23", "All went well."),
        ),
        [
            {"text": "Never again\n\nLost my bag.", "movie_id": "one-air", "reviewed_at": "2025-02-22", "given_rating": 1},
            {"text": "Smooth\n\nAll went well.", "movie_id": "one-air", "reviewed_at": "2025-02-23", "given_rating": 9},
        ],
    ),
    make_export(
        "A survey of the freshness of food",
        "csv",
        make_rows("Review|Freshness", ("Limp leaves.", "0"), ("Crisp leaves.", "1")),
        [{"text": "Limp leaves."}, {"text": "Crisp leaves."}],
        "given_label",
    ),
    make_export(
        "A model's scores are no ratings",
        "jsonl",
        make_rows("text|score|label", ("Poor.", 0.1, "neg"), ("Great.", 0.9, "pos")),
        [{"text": "Poor.", "given_label": "negative"}, {"text": "Great.", "given_label": "positive"}],
    ),
    make_export(
        "A title that may be the movie's",
        "csv",
        make_rows("title|review|rating", ("A Quiet Film", "Fine.", "8"), ("A Loud Film", "Poor.", "2")),
        [{"text": "Fine.", "given_rating": 8}, {"text": "Poor.", "given_rating": 2}],
        "text",
    ),
    make_export(
        "A shop with title and body",
        "csv",
        make_rows("id|title|body|rating", ("1", "Fine", "Holds tea.", "4/5"), ("2", "Poor", "Leaks.", "1/5")),
        [{"text": "Fine\n\nHolds tea.", "given_rating": 8}, {"text": "Poor\n\nLeaks.", "given_rating": 2}],
        "review_id",
    ),
]  # fmt: skip
