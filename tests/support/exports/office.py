"""Tables saved by hand from office programs."""

# ruff: noqa: E501
# fmt: off

from tests.support.exports.files import table
from tests.support.exports.made_up import (
    Made,
    day,
    export,
    halves,
    imdb,
    key,
    movie,
    reviews,
    second,
    stars,
    tens,
    title,
    truth,
    write_stars,
)
from tests.support.workbook_builders import Grid, write_ods, write_xlsx


@export("excel_german.csv")
def german_excel() -> Made:
    """Excel in German: cp1252, semicolons, decimal commas, days first; names in English."""
    rows = reviews(24, plain=True)
    body = [[r.key, r.title, r.when.strftime("%d.%m.%Y"), f"{halves(r)}".replace(".", ","), r.text] for r in rows]
    return table(["Review ID", "Movie", "Date", "Rating", "Review"], body, sep=";", encoding="cp1252", end="\r\n"), truth(
        rows, ids=key, movies=title, dates=day, ratings=halves)


@export("excel_deutsch.csv")
def german_names() -> Made:
    """The same with German names."""
    rows = reviews(24, plain=True)
    body = [[r.key, r.title, r.when.strftime("%d.%m.%Y"), f"{halves(r)}".replace(".", ","), r.text] for r in rows]
    return table(["Kennung", "Film", "Datum", "Bewertung", "Rezension"], body, sep=";", encoding="cp1252", end="\r\n"), truth(
        rows, doubt=["ids", "movies", "dates", "ratings"])


@export("excel_unicode.txt")
def unicode_text() -> Made:
    """Excel's Unicode Text: UTF-16, tabs."""
    rows = reviews(24)
    body = [[r.number, r.title, r.when.strftime("%-m/%-d/%Y"), r.stars, r.text] for r in rows]
    return table(["No", "Movie", "Date", "Stars", "Comment"], body, sep="\t", encoding="utf-16", end="\r\n"), truth(
        rows, movies=title, dates=day, ratings=stars, doubt=["ids"])


@export("excel_utf8_total.csv")
def utf8_total() -> Made:
    """Excel's CSV UTF-8 with a line of sums below and rows of commas."""
    rows = reviews(24)
    body = [[r.key, r.movie, day(r), r.stars, r.text] for r in rows]
    below: Grid = [["", "", "", "", ""], ["Total", "", "", sum(r.stars for r in rows), ""], ["", "", "", "", ""]]
    return table(["Review ID", "Movie ID", "Date", "Rating", "Comment"], [*body, *below], encoding="utf-8-sig", end="\r\n"), truth(
        rows, ids=key, movies=movie, dates=day, ratings=stars)


@export("excel_sep_line.csv")
def sep_line() -> Made:
    """A first line sep=; as written for Excel."""
    rows = reviews(20)
    body = [[r.key, r.movie, day(r), r.stars, r.text] for r in rows]
    made = table(["Review ID", "Movie ID", "Date", "Rating", "Comment"], body, sep=";", end="\r\n")
    return b"sep=;\r\n" + made, truth(rows, ids=key, movies=movie, dates=day, ratings=stars)


@export("report_with_title.csv")
def preamble() -> Made:
    """A report: title, day and an empty line above the names."""
    rows = reviews(20)
    body = [[r.key, r.title, r.when.strftime("%d %B %Y"), r.stars, r.text] for r in rows]
    made = table(["Review ID", "Film", "Review Date", "Star Rating", "Review Text"], body)
    return b"Customer review report,,,,\nGenerated: 1 March 2024,,,,\n\n" + made, truth(rows, ids=key, movies=title, dates=day, ratings=stars)


@export("report_title.xlsx")
def preamble_write_xlsx() -> Made:
    """A workbook with a title above the names and a sum below."""
    rows = reviews(20)
    body = [[r.key, r.title, r.when.replace(tzinfo=None), r.stars, r.text] for r in rows]
    head: Grid = [["Customer reviews, first quarter"], [], ["Review ID", "Film", "Date", "Stars (1-5)", "Review"]]
    return write_xlsx({"Export": [*head, *body, [], ["Total", None, None, 68]]}), truth(rows, ids=key, movies=title, dates=second, ratings=stars)


@export("libreoffice.ods")
def libreoffice() -> Made:
    """LibreOffice: repeated empty cells and dates as values."""
    rows = reviews(20)
    body = [[r.key, r.title, r.when.replace(tzinfo=None), r.stars, r.text] for r in rows]
    return write_ods({"Reviews": [["id", "movie", "date", "rating", "review"], *body]}), truth(rows, ids=key, movies=title, dates=second, ratings=stars)


@export("mac_excel.csv")
def mac_excel() -> Made:
    """Excel for Mac: Mac Roman and a carriage return alone at the end of each line."""
    rows = reviews(20, plain=True, flat=True)
    body = [[r.key, r.title, r.when.strftime("%m/%d/%y"), r.stars, r.text] for r in rows]
    return table(["Review ID", "Movie", "Date", "Rating", "Review"], body, encoding="mac_roman", end="\r"), truth(
        rows, ids=key, movies=title, dates=day, ratings=stars)


@export("stars_as_signs.csv")
def star_signs() -> Made:
    """Stars drawn, in UTF-16 without a mark of a sheet program; small days that could be months."""
    rows = reviews(20)
    body = [[r.key, r.title, "03/04/2024", write_stars(r), r.text] for r in rows]
    return table(["Review ID", "Movie", "Date", "Rating", "Review"], body, sep="\t", encoding="utf-16-le"), truth(
        rows, ids=key, movies=title, ratings=stars, doubt=["dates"])


@export("percent_and_label.csv")
def percents() -> Made:
    """Ratings in percent and a label of Yes or No for recommended."""
    rows = reviews(22)
    body = [[r.key, r.movie, r.when.strftime("%d-%b-%y"), f"{r.stars * 20}%", "Yes" if r.good else "No", r.text] for r in rows]
    return table(["review_id", "movie_id", "review_date", "rating", "recommended", "review"], body, encoding="utf-8"), truth(
        rows, ids=key, movies=movie, dates=day, ratings=lambda r: r.stars * 20.0, of=100, doubt=["labels"])


@export("tens_of_ten.csv")
def of_ten() -> Made:
    """Ratings written with their scale."""
    rows = reviews(22)
    body = [[r.imdb, r.when.strftime("%A, %B %-d, %Y"), f"{r.stars * 2}/10", r.text] for r in rows]
    return table(["imdb_id", "date", "rating", "review_text"], body), truth(rows, movies=imdb, dates=day, ratings=tens, of=10)
