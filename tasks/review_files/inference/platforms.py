"""The platforms and data sets whose exports are recognised by the names of their columns.

A name alone says little: `score` may be the score of a model. The names of a whole export say who wrote it, and so what
its columns and their scales are. At least one of them must be a name that hardly anybody else gives: a diary of films
has `Name`, `Year`, `Rating`, `Review` and `Date` too, and its ratings may be of ten.

The files of their exports that hold no reviews are in `exports/other_files.py`.
"""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from functools import cache

from tasks.review_files.plans.normalized_names import normalize_name
from tasks.review_files.plans.ratings import FIVE, TEN
from tasks.review_files.plans.reading_plan import RatingScale

HELP_DESK = "a Zendesk file"
FIVE_WORDS = RatingScale(1, 5, words={"one": 1, "two": 2, "three": 3, "four": 4, "five": 5})


@dataclass(frozen=True)
class Platform:
    """A platform or data set, and the columns of its exports where they differ from the known names."""

    name: str
    marks: tuple[str, ...]
    """The names by which it is recognised; each may list alternatives, separated by `|`."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our column -> its names, separated by `|`; an empty name: it has none."""
    title: str | None = None
    """The column with the title of the review."""
    scale: RatingScale | None = None
    labels: Mapping[str, str | None] | None = None

    def matches(self, names: Set[str]) -> bool:
        """Return whether the normalised names of a file's columns have all marks."""
        return all(not names.isdisjoint(split_names(mark)) for mark in self.marks)


@cache
def split_names(listed: str) -> tuple[str, ...]:
    """Return the normalised names of a list separated by `|`."""
    return tuple(normalize_name(name) for name in listed.split("|"))


def find_platform(names: Collection[str]) -> Platform | None:
    """Return the platform whose export has these normalised column names; None if none is recognised."""
    found = set(names)
    return next((platform for platform in PLATFORMS if platform.matches(found)), None)


PLATFORMS = (
    Platform(
        "an Amazon Fine Foods file",
        ("ProductId", "HelpfulnessNumerator", "Score", "Text"),
        {"given_rating": "Score", "reviewed_at": "Time", "movie_id": "ProductId"},
        title="Summary",
        scale=FIVE,
    ),
    Platform(
        "an Amazon file of the old style",
        ("reviewText", "overall"),
        {"movie_id": "asin", "reviewed_at": "unixReviewTime|reviewTime", "given_rating": "overall"},
        title="summary",
        scale=FIVE,
    ),
    Platform(
        "an Amazon file",
        ("asin|parent_asin", "text", "rating", "helpful_vote|verified_purchase"),
        {"movie_id": "parent_asin|asin"},
        title="title",
        scale=FIVE,
    ),
    Platform(
        "an Amazon file",
        ("marketplace", "review_body", "star_rating"),
        {"movie_id": "product_id|product_parent", "text": "review_body"},
        title="review_headline",
        scale=FIVE,
    ),
    Platform("a Yelp file", ("business_id", "stars", "text"), scale=FIVE),
    Platform(
        "a Google Play file",
        ("content", "score", "at", "reviewId|thumbsUpCount"),
        {"given_rating": "score", "reviewed_at": "at", "movie_id": "appId|app_id|app"},
        scale=FIVE,
    ),
    Platform(
        "a Google Play Console file",
        ("Package Name", "Review Text", "Star Rating"),
        {
            "movie_id": "Package Name",
            "reviewed_at": "Review Submit Millis Since Epoch|Review Submit Date and Time",
            "review_id": "Review Link",
        },
        title="Review Title",
        scale=FIVE,
    ),
    Platform(
        "a Google Play reviews file with sentiments made by a program",
        ("Translated_Review", "Sentiment_Polarity"),
        {"text": "Translated_Review", "movie_id": "App", "given_label": ""},
    ),
    Platform(
        "an App Store file",
        ("title", "review|body|content", "rating", "developerResponse|storefront|app_store"),
        title="title",
        scale=FIVE,
    ),
    Platform(
        "an App Store file",
        ("title", "review", "rating", "isEdited", "userName"),
        title="title",
        scale=FIVE,
    ),
    Platform(
        "an App Store file",
        ("title", "review|body|content", "rating", "version|app_version", "territory"),
        title="title",
        scale=FIVE,
    ),
    Platform(
        "an Appbot file with sentiments made by a program",
        ("Subject", "Body", "Rating", "Translated Subject", "Translated Body"),
        {"text": "Body", "given_label": ""},
        title="Subject",
        scale=FIVE,
    ),
    Platform(
        "a Trustpilot file",
        ("Review Title", "Review Content", "Review Created|Review Created UTC", "Stars|Review Stars|Rating"),
        {
            "given_rating": "Stars|Review Stars|Rating",
            "reviewed_at": "Review Created|Review Created UTC",
            "text": "Review Content",
        },
        title="Review Title",
        scale=FIVE,
    ),
    Platform(
        "a Letterboxd file",
        ("Name", "Rating", "Review", "Letterboxd URI"),
        {"movie_id": "Name", "review_id": "Letterboxd URI"},
        scale=FIVE,
    ),
    Platform(
        "a Women's Clothing Reviews file",
        ("Clothing ID", "Review Text", "Rating", "Recommended IND"),
        {"movie_id": "Clothing ID"},
        title="Title",
        scale=FIVE,
    ),
    Platform(
        "an Amazon Alexa file",
        ("verified_reviews", "rating", "variation", "feedback"),
        {"text": "verified_reviews", "movie_id": "variation"},
        scale=FIVE,
    ),
    Platform(
        "a Steam file",
        ("recommendationid|steamid|author.steamid", "review", "voted_up"),
        {"given_label": "voted_up", "review_id": "recommendationid", "reviewed_at": "timestamp_created"},
        labels={"true": "positive", "1": "positive", "false": "negative", "0": "negative"},
    ),
    Platform(
        "a Steam file",
        ("app_id", "review_text", "review_score", "review_votes"),
        {"given_label": "review_score", "movie_id": "app_id"},
        labels={"1": "positive", "-1": "negative"},
    ),
    Platform(
        "a Steam file",
        ("review", "recommendation", "hour_played|is_early_access_review"),
        {"given_label": "recommendation", "movie_id": "title", "reviewed_at": "date_posted"},
        labels={"recommended": "positive", "not recommended": "negative"},
    ),
    Platform(
        "a Sentiment140 file",
        ("target|polarity", "text", "flag|query", "user"),
        {"given_label": "target|polarity", "review_id": ""},
        labels={"0": "negative", "2": None, "4": "positive"},
    ),
    Platform(
        "a Rotten Tomatoes file",
        ("review_content", "review_type", "rotten_tomatoes_link|critic_name"),
        {"given_label": "review_type", "given_rating": "review_score", "movie_id": "rotten_tomatoes_link"},
        labels={"fresh": "positive", "rotten": "negative"},
    ),
    Platform(
        "a Rotten Tomatoes file",
        ("reviewText", "reviewState"),
        {"given_label": "reviewState", "given_rating": "originalScore", "movie_id": "id"},
        labels={"fresh": "positive", "rotten": "negative"},
    ),
    Platform(
        "a Rotten Tomatoes file of phrases with sentiments from 0 to 4",
        ("PhraseId", "SentenceId", "Phrase"),
        {"text": "Phrase", "given_label": ""},
    ),
    Platform(
        "a Goodreads file",
        ("Book Id", "My Review", "My Rating"),
        {"movie_id": "Book Id", "given_rating": "My Rating", "text": "My Review", "reviewed_at": "Date Read"},
        scale=RatingScale(1, 5),
    ),
    Platform(
        "a Goodreads file",
        ("book_id", "review_text", "rating", "date_added", "n_votes"),
        {"movie_id": "book_id", "reviewed_at": "date_added"},
        scale=RatingScale(1, 5),
    ),
    Platform(
        "a StoryGraph file",
        ("Title", "Read Status", "Last Date Read", "Star Rating", "Review"),
        {"movie_id": "Title", "reviewed_at": "Last Date Read", "given_rating": "Star Rating", "text": "Review"},
        scale=FIVE,
    ),
    Platform(
        "a TripAdvisor file",
        ("text", "rating", "publishedDate", "tripType|publishedPlatform"),
        {"movie_id": "placeInfo.name|locationId", "reviewed_at": "publishedDate"},
        title="title",
        scale=FIVE,
    ),
    Platform(
        "an Untappd file",
        ("beer_name", "comment", "rating_score", "checkin_id"),
        {"movie_id": "bid|beer_name", "given_rating": "rating_score"},
        scale=FIVE,
    ),
    Platform(
        "a BoardGameGeek file",
        ("objectname", "objectid", "rating", "comment"),
        {"movie_id": "objectname"},
        scale=TEN,
    ),
    Platform(
        "a Zomato file",
        ("Restaurant", "Reviewer", "Review", "Rating", "Metadata"),
        {"movie_id": "Restaurant"},
        scale=FIVE,
    ),
    Platform(
        "a Datafiniti file",
        ("reviews.text", "reviews.rating"),
        {"movie_id": "asins|id|name", "review_id": "reviews.id"},
        title="reviews.title",
        scale=FIVE,
    ),
    Platform(
        "a Google Maps file",
        ("text", "stars", "publishedAtDate"),
        {"movie_id": "placeId|title", "reviewed_at": "publishedAtDate"},
        scale=FIVE,
    ),
    Platform("a Google Business file", ("starRating", "comment", "createTime"), scale=FIVE_WORDS),
    Platform(
        "a shop's review file",
        ("product_handle", "rating", "body"),
        {"movie_id": "product_id|product_handle"},
        title="title",
        scale=FIVE,
    ),
    Platform(
        "a Yotpo file",
        ("Review Title", "Review Content", "Review Score", "Review Creation Date|Review Type"),
        {"given_rating": "Review Score", "text": "Review Content", "reviewed_at": "Review Creation Date|Date"},
        title="Review Title",
        scale=FIVE,
    ),
    Platform("an Etsy file", ("star_rating", "message", "date_reviewed"), scale=FIVE),
    Platform(
        "an IMDb reviews file",
        ("review_text|review_detail", "rating", "review_summary", "is_spoiler|spoiler_tag"),
        title="review_summary",
        scale=TEN,
    ),
    Platform(
        "an App Store Connect file",
        ("attributes.body", "attributes.rating"),
        {
            "text": "attributes.body",
            "review_id": "id",
            "reviewed_at": "attributes.createdDate",
            "given_rating": "attributes.rating",
        },
        title="attributes.title",
        scale=FIVE,
    ),
    Platform(
        "a Bazaarvoice file",
        ("ReviewText", "SubmissionTime", "RatingRange"),
        {"review_id": "Id|ReviewId", "movie_id": "ProductId", "reviewed_at": "SubmissionTime"},
        title="Title",
        scale=FIVE,
    ),
    Platform(
        "a Google Takeout file",
        ("properties.five_star_rating_published", "properties.location.name"),
        {
            "text": "properties.review_text_published",
            "movie_id": "properties.location.name",
            "reviewed_at": "properties.date|properties.published",
            "given_rating": "properties.five_star_rating_published",
        },
        scale=FIVE,
    ),
    Platform(
        "a TMDB file",
        ("content", "author_details.rating"),
        {"review_id": "id", "given_rating": "author_details.rating", "reviewed_at": "created_at"},
        scale=TEN,
    ),
    Platform(
        "a Trakt file",
        ("comment.comment", "comment.id"),
        {
            "text": "comment.comment",
            "review_id": "comment.id",
            "movie_id": "movie.ids.imdb|movie.title",
            "reviewed_at": "comment.created_at",
            "given_rating": "comment.user_stats.rating",
        },
        scale=TEN,
    ),
    Platform(
        "an IMDb list",
        ("Position", "Const", "Description"),
        {"text": "Description", "movie_id": "Const", "reviewed_at": "Created", "given_rating": "Your Rating"},
        scale=TEN,
    ),
    Platform(
        HELP_DESK,
        ("ticket_id", "score", "comment"),
        {"review_id": "id", "given_label": "score", "reviewed_at": "created_at"},
        labels={"good": "positive", "bad": "negative", "offered": None, "unoffered": None},
    ),
    Platform(
        "a WooCommerce file",
        ("comment_post_ID", "comment_content"),
        {"review_id": "comment_ID", "movie_id": "comment_post_ID", "reviewed_at": "comment_date_gmt|comment_date"},
        scale=FIVE,
    ),
    Platform(
        "an Inside Airbnb file",
        ("listing_id", "reviewer_id", "comments"),
        {"review_id": "id", "movie_id": "listing_id"},
    ),
    Platform(
        "a Prodigy file",
        ("text", "answer", "_input_hash|_task_hash|_annotator_id|_session_id"),
        {"reviewed_at": ""},
    ),
    Platform("a Label Studio file", ("annotation_id", "lead_time", "annotator"), {"reviewed_at": ""}),
    Platform("an Airline Sentiment file", ("airline_sentiment", "text"), {"given_label": "airline_sentiment"}),
)  # fmt: skip
"""In order: the first that matches counts."""
POLARITY_NAMES = frozenset({"label", "title", "content"})
"""The names, no more and no less, of the Amazon Polarity set."""
POLARITY = Platform(
    "an Amazon Polarity file",
    ("label", "title", "content"),
    title="title",
    labels={"1": "negative", "2": "positive"},
)
