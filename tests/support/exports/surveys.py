"""Exports of survey tools and of forms."""

# ruff: noqa: E501
# fmt: off

import csv
import json

from tests.support.exports.files import table
from tests.support.exports.made_up import (
    Made,
    day,
    export,
    key,
    number,
    reviews,
    second,
    spaced,
    stars,
    tens,
    title,
    truth,
)
from tests.support.workbook_builders import write_xlsx

ASK_FILM, ASK_STARS, ASK_TEXT = "Which film did you see?", "How would you rate the film?", "What did you think of the film?"


@export("surveymonkey.csv")
def surveymonkey() -> Made:
    """SurveyMonkey: a second line of headers says what kind of answer each column holds."""
    rows = reviews(20)
    header = ["Respondent ID", "Collector ID", "Start Date", "End Date", "IP Address", "Email Address", "First Name", "Last Name",
              "Custom Data 1", ASK_FILM, ASK_STARS, ASK_TEXT]
    kinds = [""] * 9 + ["Response", "Response", "Open-Ended Response"]
    body = [[118000000 + r.number, 42, r.when.strftime("%m/%d/%Y %I:%M:%S %p"), r.when.strftime("%m/%d/%Y %I:%M:%S %p"), "192.0.2.1", "", "",
             "", "", r.title, r.stars, r.text] for r in rows]
    return table(header, [kinds, *body]), truth(rows, ids=lambda r: str(118000000 + r.number), movies=title, dates=second, ratings=stars)


@export("typeform_responses.csv")
def typeform() -> Made:
    """Typeform: # is the answer's id."""
    rows = reviews(20)
    header = ["#", ASK_FILM, ASK_TEXT, ASK_STARS, "Response Type", "Start Date (UTC)", "Stage Date (UTC)", "Submit Date (UTC)", "Network ID",
              "Tags"]
    body = [[f"{r.number * 7919:x}{r.key.lower()}", r.title, r.text, r.stars, "completed", spaced(r), "",
             spaced(r), f"n{r.number}", ""] for r in rows]
    return table(header, body), truth(rows, ids=lambda r: f"{r.number * 7919:x}{r.key.lower()}", movies=title, dates=second, ratings=stars)


@export("Film survey (Responses) - Form Responses 1.csv")
def google_forms() -> Made:
    """Google Forms: no id, the asked sentences as names, the American clock."""
    rows = reviews(24)
    body = [[r.when.strftime("%Y/%m/%d %-I:%M:%S %p GMT+1"), r.title, r.stars, r.text] for r in rows]
    return table(["Timestamp", "Which movie did you watch?", "How many stars would you give it?", "Write your review"], body,
                 quoting=csv.QUOTE_ALL, end="\r\n"), truth(rows, movies=title, dates=day, ratings=stars)


@export("qualtrics_survey.csv")
def qualtrics() -> Made:
    """Qualtrics: three lines of headers; the third is JSON."""
    rows = reviews(20)
    header = ["StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished", "RecordedDate", "ResponseId",
              "RecipientLastName", "RecipientFirstName", "RecipientEmail", "ExternalReference", "LocationLatitude", "LocationLongitude",
              "DistributionChannel", "UserLanguage", "Q1", "Q2", "Q3"]
    asked = ["Start Date", "End Date", "Response Type", "IP Address", "Progress", "Duration (in seconds)", "Finished", "Recorded Date",
             "Response ID", "Recipient Last Name", "Recipient First Name", "Recipient Email", "External Data Reference", "Location Latitude",
             "Location Longitude", "Distribution Channel", "User Language", ASK_FILM, ASK_STARS + " (1 to 5)", ASK_TEXT]
    ids = [json.dumps({"ImportId": name[0].lower() + name[1:]}) for name in header[:17]] + [json.dumps({"ImportId": f"QID{n}"}) for n in (1, 2, 3)]
    body = [[spaced(r), spaced(r), "IP Address", "192.0.2.1", 100, 61, "True", spaced(r), f"R_{r.key}", "", "", "", "", 53.3, -6.2, "anonymous",
             "EN", r.title, r.stars, r.text] for r in rows]
    return table(header, [asked, ids, *body]), truth(rows, ids=lambda r: f"R_{r.key}", movies=title, dates=second, ratings=stars)


@export("ms_forms.xlsx")
def microsoft_forms() -> Made:
    """Microsoft Forms: a workbook with dates as numbers."""
    rows = reviews(20)
    header = ["ID", "Start time", "Completion time", "Email", "Name", ASK_FILM, ASK_STARS, ASK_TEXT]
    body = [[r.number, r.when.replace(tzinfo=None), r.when.replace(tzinfo=None), "anonymous", "", r.title, r.stars, r.text] for r in rows]
    return write_xlsx({"Sheet1": [header, *body]}), truth(rows, ids=number, movies=title, dates=second, ratings=stars)


@export("delighted_nps.csv")
def nps() -> Made:
    """Delighted: a score from 0 to 10 with its kind in words."""
    rows = reviews(22)
    body = [[5000 + r.number, "", f"u{r.number}@example.com", r.stars * 2, "promoter" if r.stars == 5 else "passive" if r.stars == 4 else
             "detractor", r.text, r.when.strftime("%Y-%m-%d %H:%M:%S UTC"), "email"] for r in rows]
    return table(["ID", "Name", "Email", "Score", "Score Category", "Comment", "Responded At (UTC)", "Source"], body), truth(
        rows, ids=lambda r: str(5000 + r.number), dates=second, ratings=tens, of=10, doubt=["labels"])


@export("surveymonkey_points.xlsx")
def letters_only() -> Made:
    """A survey whose stars are words, in a workbook with a sheet of sums beside."""
    rows = reviews(18)
    words = ("Very poor", "Poor", "Fair", "Good", "Excellent")
    body = [[r.key, r.when.strftime("%d %b %Y"), r.title, words[r.stars - 1], r.text] for r in rows]
    return write_xlsx({"Summary": [["Answers", 18], ["Average", 3.4]], "Responses": [["Response ID", "Date", "Film", "Rating", "Comments"], *body]}), \
        truth(rows, ids=key, movies=title, dates=day, doubt=["ratings"])
