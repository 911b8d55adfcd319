"""Answers of the interfaces of platforms, saved as they come."""

# ruff: noqa: E501
# fmt: off

from typing import Any

from tests.support.exports.files import document, lines
from tests.support.exports.made_up import (
    Made,
    export,
    imdb,
    key,
    label,
    movie,
    reviews,
    second,
    spaced,
    stars,
    tens,
    title,
    truth,
)

ISO = "%Y-%m-%dT%H:%M:%S"


@export("yelp_academic_dataset_review.json")
def yelp() -> Made:
    """Yelp's academic set: JSON lines under .json; votes that are not ratings."""
    rows = reviews(30)
    made = lines({"review_id": r.key, "user_id": f"u{r.number}", "business_id": r.movie, "stars": float(r.stars), "useful": 3, "funny": 0,
                  "cool": 1, "text": r.text, "date": spaced(r)} for r in rows)
    return made, truth(rows, ids=key, movies=movie, dates=second, ratings=stars)


@export("app_store_connect_customerReviews.json")
def app_store() -> Made:
    """App Store Connect: an envelope, the fields under attributes."""
    rows = reviews(20)
    data = [{"type": "customerReviews", "id": f"00000040-{r.key}", "attributes": {
        "rating": r.stars, "title": r.headline, "body": r.text, "reviewerNickname": r.author,
        "createdDate": r.when.strftime(ISO) + "-00:00", "territory": "USA"}, "relationships": {"response": {"links": {}}},
        "links": {"self": f"https://api.example/v1/customerReviews/{r.number}"}} for r in rows]
    made = {"data": data, "links": {"self": "https://api.example/v1"}, "meta": {"paging": {"total": 20, "limit": 20}}}
    return document(made), truth(rows, ids=lambda r: f"00000040-{r.key}", dates=second, ratings=stars)


@export("bazaarvoice_reviews.json")
def bazaarvoice() -> Made:
    """Bazaarvoice: Results in an envelope."""
    rows = reviews(20)
    found: list[dict[str, Any]] = [{"Id": r.key, "CID": f"c{r.number}", "ProductId": r.movie, "AuthorId": f"a{r.number}", "UserNickname": r.author, "Rating": r.stars,
              "RatingRange": 5, "Title": r.headline, "ReviewText": r.text, "SubmissionTime": r.when.strftime(ISO) + ".000+00:00",
              "LastModificationTime": "2024-09-01T00:00:00.000+00:00", "IsRecommended": r.good, "Helpfulness": None, "Photos": [],
              "ContextDataValues": {}, "ModerationStatus": "APPROVED"} for r in rows]
    made = {"Limit": 100, "Offset": 0, "TotalResults": 20, "Locale": "en_US", "Results": found, "Includes": {}, "HasErrors": False, "Errors": []}
    return document(made, None), truth(rows, ids=key, movies=movie, dates=second, ratings=stars)


@export("zendesk_satisfaction_ratings.json")
def zendesk() -> Made:
    """Zendesk: good or bad as score; offered ones have no comment."""
    rows = reviews(24)
    found: list[dict[str, Any]] = [{"url": f"https://example.zendesk.com/api/v2/satisfaction_ratings/{r.number}.json", "id": 35000 + r.number, "assignee_id": 7,
              "group_id": 4, "requester_id": 900 + r.number, "ticket_id": 208 + r.number, "score": "good" if r.good else "bad",
              "created_at": r.when.strftime(ISO) + "Z", "updated_at": r.when.strftime(ISO) + "Z", "comment": r.text or None, "reason": None}
             for r in rows]
    return document({"satisfaction_ratings": found, "next_page": None, "previous_page": None, "count": 24}), truth(
        rows, ids=lambda r: str(35000 + r.number), dates=second, labels=label, doubt=["movies"])


@export("steam_appreviews.json")
def steam() -> Made:
    """Steam: a thumb as voted_up, seconds since 1970."""
    rows = reviews(25)
    found = [{"recommendationid": str(150000 + r.number), "author": {"steamid": f"7656{r.number}", "num_reviews": 3, "playtime_forever": 99},
              "language": "english", "review": r.text, "timestamp_created": int(r.when.timestamp()),
              "timestamp_updated": int(r.when.timestamp()), "voted_up": r.good, "votes_up": 4, "votes_funny": 0,
              "weighted_vote_score": "0.523", "comment_count": 0, "steam_purchase": True, "received_for_free": False} for r in rows]
    made = {"success": 1, "query_summary": {"num_reviews": 25, "review_score": 8, "total_reviews": 25}, "reviews": found, "cursor": "AoJ4"}
    return document(made, None), truth(rows, ids=lambda r: str(150000 + r.number), dates=second, labels=label)


@export("google_business_reviews.json")
def google_business() -> Made:
    """Google Business Profile: stars as words."""
    rows = reviews(20)
    words = ("ONE", "TWO", "THREE", "FOUR", "FIVE")
    found = [{"name": f"accounts/1/locations/2/reviews/{r.key}", "reviewId": r.key, "reviewer": {"displayName": r.author},
              "starRating": words[r.stars - 1], **({"comment": r.text} if r.text else {}), "createTime": r.when.strftime(ISO) + ".123Z",
              "updateTime": r.when.strftime(ISO) + ".123Z"} for r in rows]
    return document({"reviews": found, "averageRating": 3.4, "totalReviewCount": 20, "nextPageToken": "x"}), truth(
        rows, ids=key, dates=second, ratings=stars)


@export("takeout_reviews.json")
def takeout() -> Made:
    """Google Takeout: reviews of places as features of a map."""
    rows = reviews(20)
    found = [{"geometry": {"coordinates": [1.5, 2.5], "type": "Point"}, "properties": {
        "date": r.when.strftime(ISO) + ".5Z", "five_star_rating_published": r.stars,
        "google_maps_url": f"http://maps.example/?cid={r.number}", "location": {"address": "1 Example St", "country_code": "IE", "name": r.title},
        **({"review_text_published": r.text} if r.text else {})}, "type": "Feature"} for r in rows]
    return document({"type": "FeatureCollection", "features": found}), truth(rows, movies=title, dates=second, ratings=stars, doubt=["ids"])


@export("tmdb_reviews.json")
def tmdb() -> Made:
    """TMDB: the film's id is in the envelope only; a rating of 10 in the author's details."""
    rows = reviews(20, blanks=False)
    found = [{"author": r.author, "author_details": {"name": "", "username": r.author, "avatar_path": None, "rating": float(r.stars * 2)},
              "content": r.text, "created_at": r.when.strftime(ISO) + ".123Z", "id": f"5c{r.key}", "updated_at": "2024-09-01T00:00:00.000Z",
              "url": f"https://www.themoviedb.org/review/5c{r.key}"} for r in rows]
    return document({"id": 550, "page": 1, "results": found, "total_pages": 1, "total_results": 20}, None), truth(
        rows, ids=lambda r: f"5c{r.key}", dates=second, ratings=tens, of=10, doubt=["movies"])


@export("trakt_comments.json")
def trakt() -> Made:
    """Trakt: film and comment as two objects in each row."""
    rows = reviews(18, blanks=False)
    made = [{"type": "movie", "movie": {"title": r.title, "year": 2020, "ids": {"trakt": 30 + r.film, "slug": "x", "imdb": r.imdb, "tmdb": 5}},
             "comment": {"id": 800 + r.number, "parent_id": 0, "created_at": r.when.strftime(ISO) + ".000Z", "updated_at": r.when.strftime(ISO)
                         + ".000Z", "comment": r.text, "spoiler": False, "review": True, "replies": 0, "likes": 2,
                         "user_stats": {"rating": r.stars * 2, "play_count": 1}}} for r in rows]
    return document(made), truth(rows, ids=lambda r: str(800 + r.number), dates=second, ratings=tens, of=10, movies=imdb, doubt=["movies"])
