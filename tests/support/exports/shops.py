"""Exports of shops, app stores and review collectors."""

# ruff: noqa: E501
# fmt: off

import csv
import gzip
from dataclasses import replace
from typing import Any

from tests.support.exports.files import bare, lines, table
from tests.support.exports.made_up import (
    Made,
    Review,
    day,
    export,
    key,
    label,
    movie,
    reviews,
    second,
    slug,
    spaced,
    stars,
    tens,
    truth,
)

QUOTED = (12, 20)
"""The reviews that begin with a quote which never ends."""


@export("amazon_reviews_us_Digital_Video_v1_00.tsv.gz")
def amazon_customer_reviews() -> Made:
    """Amazon's old public set: tabs, no quoting at all."""
    rows = reviews(40, flat=True)
    header = ["marketplace", "customer_id", "review_id", "product_id", "product_parent", "product_title", "product_category", "star_rating", "helpful_votes", "total_votes", "vine", "verified_purchase", "review_headline", "review_body", "review_date"]
    body = [["US", 1200000 + r.number, r.key, r.movie, 7000 + r.film, r.title, "Digital_Video_Download", r.stars, r.number % 3,
             r.number % 5, "N", "Y", r.headline, r.text if r.number not in QUOTED else '"' + r.text, day(r)] for r in rows]
    said = truth(rows, ids=key, movies=movie, dates=day, ratings=stars)
    texts = ['"' + text if text in {rows[each - 1].text for each in QUOTED} else text for text in said.texts]
    return gzip.compress(bare(header, body)), replace(said, texts=texts)


@export("Movies_and_TV_2023.jsonl")
def amazon_2023() -> Made:
    """The 2023 Amazon set: milliseconds, two product ids, no id of the review."""
    rows = reviews(30)
    made = lines({"rating": float(r.stars), "title": r.headline, "text": r.text, "images": [], "asin": r.movie, "parent_asin": r.movie,
                  "user_id": f"AE{r.number:09d}", "timestamp": int(r.when.timestamp()) * 1000, "helpful_vote": r.number % 4,
                  "verified_purchase": r.number % 2 == 0} for r in rows)
    return made, truth(rows, movies=movie, dates=second, ratings=stars)


@export("reviews_Movies_and_TV_5.json")
def amazon_2014() -> Made:
    """The 2014 Amazon set: JSON lines under .json, one date twice, as seconds and in words."""
    rows = reviews(24)
    made = lines({"reviewerID": f"A{r.number:07d}", "asin": r.movie, "reviewerName": r.author, "helpful": [r.number % 3, 3],
                  "reviewText": r.text, "overall": float(r.stars), "summary": r.headline,
                  "unixReviewTime": int(r.when.replace(hour=0, minute=0, second=0).timestamp()),
                  "reviewTime": r.when.strftime("%m %-d, %Y")} for r in rows)
    return made, truth(rows, movies=movie, dates=day, ratings=stars)


@export("amazon_scraper.csv")
def amazon_scraper() -> Made:
    """A scraper's file: the rating and the date are sentences."""
    rows = reviews(20)
    header = ["asin", "reviewId", "name", "rating", "title", "date", "verified", "content", "helpfulVotes"]
    body = [[r.movie, r.key, r.author, f"{r.stars}.0 out of 5 stars", r.headline,
             r.when.strftime("Reviewed in the United States on %B %-d, %Y"), "Verified Purchase", r.text, "2 people found this helpful"]
            for r in rows]
    return table(header, body, end="\r\n"), truth(rows, ids=key, movies=movie, dates=day, ratings=stars)


@export("reviews_com.example.app_202401.csv")
def google_play_console() -> Made:
    """The Play Console's report: UTF-16 with a mark, most ratings without a text."""
    rows = reviews(36)
    header = ["Package Name", "App Version Code", "App Version Name", "Reviewer Language", "Device", "Review Submit Date and Time",
              "Review Submit Millis Since Epoch", "Review Last Update Date and Time", "Review Last Update Millis Since Epoch",
              "Star Rating", "Review Title", "Review Text", "Developer Reply Date and Time", "Developer Reply Millis Since Epoch",
              "Developer Reply Text", "Review Link"]
    def line(r: Review, text: str) -> list[Any]:
        moment, millis = r.when.strftime("%Y-%m-%dT%H:%M:%SZ"), int(r.when.timestamp()) * 1000
        return ["com.example.app", 41, "4.1", "en", "oriole", moment, millis, moment, millis, r.stars, "", text, "", "", "",
                f"http://play.google.com/console/developers/app/reviews?reviewId={r.key}&corpus=PUBLIC_REVIEWS" if text else ""]
    body = [line(r, r.text) for r in rows] + [line(r, "") for r in rows[:9]]
    return table(header, body, encoding="utf-16"), truth(
        rows, movies=lambda r: "com.example.app", dates=second, ratings=stars, doubt=["ids"])


@export("google_play_scraper.csv")
def google_play_scraper() -> Made:
    """google_play_scraper through pandas: an index column, replies beside reviews."""
    rows = reviews(25)
    header = ["", "reviewId", "userName", "userImage", "content", "score", "thumbsUpCount", "reviewCreatedVersion", "at", "replyContent",
              "repliedAt", "appVersion"]
    body = [[n, r.key, r.author, f"https://play-lh.example/a/{n}", r.text, r.stars, n % 4, "4.1", spaced(r),
             "Thank you for your review of our app, we are sorry that it was slow for you." if n % 2 else "",
             "2024-06-01 10:00:00" if n % 2 else "", "4.1"] for n, r in enumerate(rows)]
    return table(header, body), truth(rows, ids=key, dates=second, ratings=stars)


@export("trustpilot_reviews.csv")
def trustpilot() -> Made:
    """Trustpilot's business export, with one review twice."""
    rows = reviews(30)
    header = ["Review Id", "Review Created (UTC)", "Review Consumer User Id", "Review Title", "Review Content", "Review Stars",
              "Source Of Review", "Review Language", "Domain Url", "Webshop Name", "Business Unit Id", "Tags", "Company Reply Date (UTC)",
              "Location Name", "Location Id"]
    body = [[r.key, spaced(r), f"u{r.number}", r.headline, r.text, r.stars, "Organic", "en", "www.example.com",
             "Example", "46d6a890000064000500e0c3", "", "", "", ""] for r in rows]
    return table(header, [*body, body[11]]), truth(rows, ids=key, dates=second, ratings=stars, doubt=["movies"])


@export("judgeme_reviews.csv")
def judgeme() -> Made:
    rows = reviews(22)
    header = ["title", "body", "rating", "review_date", "source", "curated", "reviewer_name", "reviewer_email", "product_id",
              "product_handle", "reply", "reply_date", "picture_urls", "ip_address", "location", "metaobject_handle"]
    body = [[r.headline, r.text, r.stars, r.when.strftime("%Y-%m-%d %H:%M:%S UTC"), "web", "ok", r.author, f"u{r.number}@example.com",
             700100 + r.film, slug(r), "", "", "", "192.0.2.1", "", ""] for r in rows]
    return table(header, body), truth(rows, movies=lambda r: str(700100 + r.film), dates=second, ratings=stars)


@export("shopify_product_reviews.csv")
def shopify() -> Made:
    rows = reviews(18)
    header = ["product_handle", "state", "rating", "title", "author", "email", "location", "body", "reply", "created_at", "replied_at"]
    body = [[slug(r), "published", r.stars, r.headline, r.author, f"u{r.number}@example.com", "", r.text,
             "Thanks for the kind words, come back soon" if r.good else "", r.when.strftime("%Y-%m-%d %H:%M:%S %z"), ""] for r in rows]
    return table(header, body), truth(rows, movies=slug, dates=second, ratings=stars)


@export("yotpo_reviews.csv")
def yotpo() -> Made:
    """Yotpo's export: each cell quoted, American dates."""
    rows = reviews(20)
    header = ["Review ID", "Review Status", "Review Type", "Review Creation Date", "Reviewer Display Name", "Reviewer Email", "Product ID",
              "Product Title", "Review Title", "Review Content", "Review Score", "Sentiment Score"]
    body = [[9000 + r.number, "Published", "Product Review", r.when.strftime("%m/%d/%Y"), r.author, f"u{r.number}@example.com", r.movie,
             r.title, r.headline, r.text, r.stars, 0.51] for r in rows]
    return table(header, body, quoting=csv.QUOTE_ALL), truth(
        rows, ids=lambda r: str(9000 + r.number), movies=movie, dates=day, ratings=stars)


@export("woocommerce_reviews.csv")
def woocommerce() -> Made:
    """WooCommerce: comments of WordPress with the rating beside."""
    rows = reviews(21)
    header = ["comment_ID", "comment_post_ID", "comment_author", "comment_author_email", "comment_author_IP", "comment_date",
              "comment_date_gmt", "comment_content", "comment_karma", "comment_approved", "comment_type", "comment_parent", "rating"]
    body = [[300 + r.number, 40 + r.film, r.author, "u@example.com", "192.0.2.1", spaced(r),
             spaced(r), r.text, 0, 1, "review", 0, r.stars] for r in rows]
    return table(header, body), truth(rows, ids=lambda r: str(300 + r.number), movies=lambda r: str(40 + r.film), dates=second,
                                      ratings=stars)


@export("steam_kaggle.csv")
def steam_kaggle() -> Made:
    """Steam's Kaggle set: a score of 1 or -1 is a thumb."""
    rows = reviews(28)
    body = [[10 + r.film, r.title, r.text, 1 if r.good else -1, r.number % 2] for r in rows]
    return table(["app_id", "app_name", "review_text", "review_score", "review_votes"], body), truth(
        rows, movies=lambda r: str(10 + r.film), labels=label)


@export("tripadvisor_hotel_reviews.csv")
def tripadvisor() -> Made:
    rows = reviews(15)
    return table(["Review", "Rating"], [[r.text, r.stars] for r in rows]), truth(rows, ratings=stars)


@export("Hotel_Reviews_515k.csv")
def booking() -> Made:
    """Booking's Kaggle set: one review in two columns, the liked and the disliked."""
    rows = reviews(20)
    header = ["Hotel_Address", "Review_Date", "Average_Score", "Hotel_Name", "Reviewer_Nationality", "Negative_Review",
              "Review_Total_Negative_Word_Counts", "Total_Number_of_Reviews", "Positive_Review", "Review_Total_Positive_Word_Counts",
              "Reviewer_Score", "Tags", "days_since_review"]
    body = [["1 Example Square", r.when.strftime("%-m/%-d/%Y"), 7.7, r.title, " Ireland ", r.text if not r.good else "No Negative", 9, 1403,
             r.text if r.good else "No Positive", 9, r.stars * 2, "[' Leisure trip ', ' Couple ']", "3 days"] for r in rows]
    return table(header, body), truth(rows, dates=day, ratings=tens, of=10, doubt=["texts", "movies"])


@export("airbnb_reviews.csv.gz")
def airbnb() -> Made:
    """Inside Airbnb: the id of the review stands second, after the listing's."""
    rows = reviews(26)
    body = [[500 + r.film, 88000 + r.number, day(r), 6000 + r.number, r.author, r.text.replace("\n", "\r<br/>")] for r in rows]
    return gzip.compress(table(["listing_id", "id", "date", "reviewer_id", "reviewer_name", "comments"], body)), truth(
        rows, ids=lambda r: str(88000 + r.number), movies=lambda r: str(500 + r.film), dates=day)


@export("goodreads_library_export.csv")
def goodreads() -> Made:
    """Goodreads: ids of books, formulas as ISBN, a rating of 0 for none, most books without a review."""
    rows = reviews(25)
    header = ["Book Id", "Title", "Author", "Author l-f", "Additional Authors", "ISBN", "ISBN13", "My Rating", "Average Rating", "Publisher",
              "Binding", "Number of Pages", "Year Published", "Original Publication Year", "Date Read", "Date Added", "Bookshelves",
              "Bookshelves with positions", "Exclusive Shelf", "My Review", "Spoiler", "Private Notes", "Read Count", "Owned Copies"]
    body = [[4400 + r.number, f"{r.title} #{r.number}", r.author, "K, Ann", "", '="0439023483"', '="9780439023481"',
             0 if r.number == 14 else r.stars, 3.9, "Press", "Paperback", 320, 2008, 2008, "", r.when.strftime("%Y/%m/%d"), "", "", "read",
             r.text.replace("\n", "<br/>"), "", "", 1, 0] for r in rows]
    return table(header, body), truth(rows, movies=lambda r: str(4400 + r.number), dates=day, doubt=["ids"],
                                      ratings=lambda r: None if r.number == 14 else float(r.stars))


@export("bazaarvoice_pipe.txt")
def pipes() -> Made:
    """A feed with pipes between the fields, as exchanged by SFTP."""
    rows = reviews(20)
    body = [[r.key, r.movie, r.stars, 5, r.headline, r.text, r.when.strftime("%Y-%m-%dT%H:%M:%S.000+00:00"), "APPROVED"] for r in rows]
    header = ["ReviewId", "ProductId", "Rating", "RatingRange", "Title", "ReviewText", "SubmissionTime", "ModerationStatus"]
    return table(header, body, sep="|"), truth(rows, ids=key, movies=movie, dates=second, ratings=stars)
