"""The names that columns have in real exports."""

FOREIGN_COMMENTS = (
    "kommentar", "kommentare", "commentaire", "commentaires", "comentario", "comentarios", "commento", "commenti",
)  # fmt: skip
"""Names of texts, in German, French, Spanish and Italian, that may be a shop's remark beside an opinion."""
FOREIGN_TEXTS = (
    "rezension", "rezensionstext", "kundenrezension", "bewertungstext", "filmkritik", "texte", "texte_avis",
    "reseña", "resena", "opinión", "texto", "recensione", "opinione", "testo", "testo_recensione", *FOREIGN_COMMENTS,
    "avis", "critique", "crítica", "critica",
)  # fmt: skip
FOREIGN_OPINIONS = (
    "bewertung", "beurteilung", "évaluation", "valoración", "valoracion", "valutazione", "avis", "opinione", "opinión",
    "critique", "crítica", "critica",
)  # fmt: skip
"""Names of the opinion itself, as a text or as a rating: beside it, a comment may be a remark on it."""
COLUMN_NAMES = {
    "text": (
        "text", "review", "review_text", "review_body", "review_content", "content", "body", "comment", "comments",
        "comment_content", "message", "translated_review", "verified_reviews", "reviews.text", "user_review",
        "customer_review", "review_description", "review_details", "review_comment", "my_review",
        "open_ended_response", "verbatim", "sentence", "feedback",
    ),
    "review_id": (
        "review_id", "reviews.id", "response_id", "respondent_id", "submission_id",
    ),
    "movie_id": (
        "movie_id", "title_id", "movie", "tconst", "imdb_id", "film_id", "film", "movie_title", "movie_name",
        "film_title", "parent_asin", "asin", "product_id", "business_id", "item_id", "app_id", "product_name",
        "product_title", "product", "app_name", "app", "item_name", "book_title", "hotel_name", "place_name",
        "game_title", "game_name", "game", "course_id", "anime_uid", "place_info.name", "item_reviewed.name",
        "restaurant_name", "airline_name", "course_name", "drug_name", "book_id", "film_name",
    ),
    "reviewed_at": (
        "reviewed_at", "review_date", "date_reviewed", "unix_review_time", "review_time", "review_created",
        "reviews.date", "date", "created_at", "timestamp", "submitted_at", "submit_date", "date_submitted",
        "submission_date", "date_created", "created", "create_time", "creation_date", "posted_at", "date_posted",
        "date_published", "published_at", "published_at_date", "comment_date", "recorded_date", "end_date",
        "completion_time", "submission_time", "responded_at", "review_timestamp", "review_ts", "time",
        "created_date", "create_date", "created_time", "response_date", "responded", "review_posted", "time_created",
        "time_submitted", "submitdate. Date submitted", "created_utc", "post_date", "posted_on", "rated_at",
        "rating_date", "day_of_date", "datetime", "datum", "bewertungsdatum", "rezensionsdatum", "fecha", "date_avis",
        "reviewed_on",
    ),
    "given_label": (
        "given_label", "label", "sentiment", "review_sentiment", "sentiment_label", "recommendation_type",
        "recommendation", "freshness",
    ),
    "given_rating": (
        "given_rating", "your_rating", "my_rating", "your_stars", "my_stars", "your_score", "my_score",
        "review_rating", "review_stars", "reviews.rating", "rating",
        "stars", "star_rating", "overall", "user_rating", "user_score", "overall_rating", "star",
        "review_rating.rating_value", "survey_rating", "overall_satisfaction", "rate", "rating_out_of_5",
        "rating_out_of_10", "rating_out_of_100", "reviewer_score", "review_score", "rating_score", "reviewer_rating",
        "rating_given", "stars_given",
    ),
}  # fmt: skip
"""Our column -> its names in review files, in order of preference."""
RATINGS_OF_WRITERS = (
    "user_rating", "user_stars", "reviewer_rating", "reviewer_stars", "reviewer_score", "customer_rating",
    "customer_stars",
)  # fmt: skip
"""Names of ratings that writers gave. A `user_score` is often the mean of a platform's users."""
RATINGS_OF_MOVIES = (
    "rating",
    "stars",
    "star_rating",
    "star",
    "overall",
    "overall_rating",
    "rate",
    "rating_score",
)
"""Names of ratings that beside one of `RATINGS_OF_WRITERS` may be those of the movies."""
LABEL = "label"
"""The name of labels that says nothing of what they are of."""
OTHER_TARGET = "other_target"
"""Our key of a column that says what else labels may be of."""
OTHER_TARGETS = (
    "toxicity", "toxicity_score", "toxic", "is_toxic", "severe_toxic", "severe_toxicity", "obscene", "threat", "insult",
    "hate", "is_hate", "hate_speech", "offensive", "is_offensive", "spam", "is_spam", "fake", "is_fake", "deceptive",
    "is_deceptive", "sarcasm", "is_sarcastic",
)  # fmt: skip
"""Names of columns beside which a `label` of 0 and 1 may be of the same thing, not of the sentiment."""
LATER_NAMES = {
    "text": (
        "opinion", "review_detail", "review_full", "full_review", "written_review", "text_review", "review_comments",
        "review_message", "comment_text", "comment_body", "user_comment", "user_comments", "customer_comment",
        "customer_comments", "customer_feedback", "user_feedback", "feedback_text", *FOREIGN_TEXTS,
    ),
    "movie_id": (
        "filmtitel", "titre_du_film", "película", "pelicula", "titolo_del_film", "produkt", "produit", "producto",
        "prodotto",
    ),
    "given_rating": (
        "rating_review", "sterne", "sternebewertung", "gesamtbewertung", "étoiles", "etoiles", "calificación",
        "calificacion", "puntuación", "puntuacion", "estrellas", "voto", "punteggio", "stelle", "bewertung",
        "beurteilung", "évaluation", "valoración", "valoracion", "valutazione", "customer_rating", "user_stars",
        "reviewer_stars", "customer_stars",
    ),
}  # fmt: skip
"""Our column -> names that count only where no column has one of `COLUMN_NAMES`, or is the question of a survey."""
BESIDE_FOREIGN_TEXTS = {"given_rating": ("note", "nota"), "reviewed_at": ("data",)}
"""Our column -> names that are its own only beside a text of `FOREIGN_TEXTS`, since in English they are others."""
GERMAN_TEXTS = (
    "kommentar", "kommentare", "rezension", "rezensionstext", "kundenrezension", "bewertungstext", "filmkritik",
)  # fmt: skip
"""German names of texts, beside which a `Note` may be a mark, as at school."""
SCALE_COLUMNS = {
    "highest_rating": (
        "best_rating", "max_rating", "rating_max", "rating_best", "review_rating.best_rating", "rating.best_rating",
        "rating_range", "highest_rating",
    ),
    "lowest_rating": (
        "worst_rating", "min_rating", "rating_min", "rating_worst", "review_rating.worst_rating", "rating.worst_rating",
        "lowest_rating",
    ),
}  # fmt: skip
"""A bound of the ratings' scale -> the names of columns that state it. They are kept as further columns too."""
HOTELS, HOTEL_STARS = ("hotel_name",), ("star_rating", "stars", "star")
"""Names of a hotel, and of ratings that beside it may be the stars of the hotel."""
LABELS_IN_WORDS = ("recommendation_type", "recommendation", "freshness")
"""Names of labels only where these are known words: numbers there may be ratings, such as those of food."""
ANSWER = "answer"
"""The name of a column that says whether an annotator accepted the label beside it, as Prodigy writes it."""
OTHER_LABELS = "other_labels"
"""Our key of a second column of labels."""
SENTIMENTS = ("label", "sentiment", "review_sentiment", "sentiment_label")
"""Names of labels that say the same of a row, if it has several."""
_SPAM = ("spam", "trash")
_OF_CHANNELS = ("channel_join", "channel_leave", "bot_message")
AUTHOR_TYPES = ("author_type", "author_role", "commenter_type", "sender_type")
"""Names of columns that say who wrote a row: a shop's own is a reply, unless it has a rating, as of a car's owner."""
_OF_SHOPS = (
    *("shop", "store", "owner", "shop owner", "store owner"),
    *("merchant", "seller", "vendor", "retailer"),
)
_REPLIES = (
    *("reply", "owner reply", "owner_reply", "owner response", "owner_response"),
    *("management response", "management_response", "merchant_reply", "seller_reply", "shop_reply"),
)
ROW_TYPES = ("type", "row_type", "entry_type", "post_type", "record_type")
"""Names of columns that say what a row is, a reply too."""
OWNER_FLAGS = ("is_owner", "is_reply", "is_owner_reply", "is_owner_response", "is_seller", "is_merchant")
"""Names of columns that say by yes or no that a row is a shop's own."""
OF_RESPONSES = ("response_id", "response_date", "responded_at", "responded")
"""Names that are of a survey's answers, but of a shop's response beside one of `RESPONSE_TEXTS`."""
_RESPONDENTS = (
    "owner", "management", "manager", "merchant", "business", "company", "developer", "seller", "vendor", "shop",
    "store", "host", "hotel", "property", "restaurant", "brand", "provider",
)  # fmt: skip
RESPONSE_TEXTS = (
    *("response_text", "response_body", "response_content", "response_message", "response_comment"),
    *("reply", "reply_text", "reply_content", "reply_body", "reply_comment", "replies"),
    *("response_from_owner", "response_from_the_owner", "reply_from_owner", "reply_from_the_owner"),
    *(f"{who}_{what}" for who in _RESPONDENTS for what in ("response", "reply")),
)
PARENT, COMMENT_TYPE = "comment_parent", "comment_type"
"""WordPress: the number of the comment that is answered, 0 for none; and what a comment is, such as `review`."""
STATES = {
    "status": (*_SPAM, "survey preview", "survey test"),
    **dict.fromkeys(
        ("review_status", "moderation_status", "comment_status", "comment_approved", "curated"), _SPAM
    ),
    COMMENT_TYPE: ("order_note", "pingback", "trackback"),
    **dict.fromkeys(("subtype", "message_type"), _OF_CHANNELS),
    "distribution_channel": ("preview",),
    **dict.fromkeys(AUTHOR_TYPES, _OF_SHOPS),
    **dict.fromkeys(ROW_TYPES, _REPLIES),
    **dict.fromkeys(OWNER_FLAGS, ("true", "yes", "1")),
    PARENT: (),
}
"""The name of a column -> what it has, in lower case, in rows that are no reviews. A rejected one is a review."""


def name_state(name: str) -> str:
    """Return our key of a column that says whether a row is a review at all."""
    return f"state by {name}"


STATE_COLUMNS = {name_state(name): (name,) for name in STATES}
"""What says whether a row is a review at all -> the name of its column. They are kept as further columns too."""
FILE_IDS = ("id", "index", "row_id", "no", "nr", "#")
"""Names of columns that may number the rows of their file only."""
REVIEW_TITLES = (
    "review_title",
    "review_headline",
    "review_summary",
    "review_header",
    "headline",
    "reviews.title",
    "comment_title",
    "title_review",
    "rezensionstitel",
    "bewertungstitel",
    "titre_avis",
    "titolo_recensione",
)
"""Names of a column that is the title of a review, not of a movie or product."""
TITLES = (
    "title",
    "subject",
    "heading",
    "summary",
    "titel",
    "überschrift",
    "titre",
    "título",
    "titulo",
    "titolo",
)
"""Names of a column that may be the title of the review, or that of a movie, or a movie's plot."""
PLOTS = ("summary",)
"""Those of `TITLES` that are never taken as the title of a review without a platform."""
PRODUCT_NAMES = (
    "movie_title", "movie_name", "film_title", "product_name", "product_title", "item_name", "app_name", "hotel_name",
    "place_name", "book_title", "filmtitel", "titre_du_film", "titolo_del_film",
)  # fmt: skip
"""Names of a column that names what is reviewed: beside it, a title is that of the review."""
LABELS_BY_PROGRAMS = (
    "sentiment_polarity", "sentiment_subjectivity", "polarity", "subjectivity", "compound", "vader_compound",
    "sentiment_score", "sentiment_scores", "sentiment_score.positive", "sentiment_score.negative",
    "sentiment_magnitude", "sentiment_confidence", "sentiment_confidence_score", "sentiment_probability", "confidence",
    "confidence_score", "confidence_scores", "confidence_scores.positive", "confidence_scores.negative",
    "label_confidence", "probability", "probabilities",
)  # fmt: skip
"""Names of columns beside which a label was made by a program, not given by a writer."""
