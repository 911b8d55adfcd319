"""What is sent to `reviews serve` and what it answers, as its OpenAPI page describes them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

Share = Annotated[float, Field(ge=0, le=1)]
Stars = Annotated[float, Field(ge=1, le=10)]
Source = Annotated[
    StrictStr | None,
    Field(
        description="The source that it is of: where the model has learnt from its labels, they count.",
        max_length=255,
    ),
]


class AskedText(BaseModel):
    """A text to score."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "A wonderful film with a dull ending"}]}
    )

    text: Annotated[StrictStr, Field(description="The review.")]
    source: Source = None
    explain: Annotated[
        StrictBool,
        Field(description="Also say which words moved the score most; takes up to a second or so."),
    ] = False


class AskedTexts(BaseModel):
    """Several texts to score by one model."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"texts": ["A wonderful film", "Dull from start to end"]}]},
    )

    texts: Annotated[list[StrictStr], Field(min_length=1, description="The reviews.")]
    source: Source = None


class Score(BaseModel):
    """The score of a text: the numbers that `reviews score` would write."""

    score: Annotated[Share, Field(description="P(positive).")]
    sentiment: Annotated[str, Field(description="`positive` or `negative`.")]
    predicted_rating: Annotated[Stars, Field(description="The rating that its writer would give, in stars.")]
    rating_low: Annotated[
        Stars | None,
        Field(
            description="To rating_high, an interval that held nine in ten of held-out ratings; null if unknown."
        ),
    ]
    rating_high: Stars | None
    token_count: Annotated[int, Field(description="Words of the text.")]
    known_count: Annotated[int, Field(description="Those that the model knows.")]
    oov_rate: Annotated[Share, Field(description="Share of the words that it does not know.")]
    truncated: Annotated[
        bool, Field(description="Whether the text has more words than the model reads: the last.")
    ]
    model_id: str
    adapted_to: Annotated[
        str | None, Field(description="The source whose labels change the score; null if none do.")
    ]


class MovingWord(BaseModel):
    """A word that moves the score, as `reviews explain` lists it."""

    word: str
    times: int
    contribution: Annotated[
        float, Field(description="Of all its occurrences, in logits; above 0 it raises the score.")
    ]
    score_without: Annotated[Share, Field(description="The score without any of them.")]


class ScoreOfText(Score):
    """The score of a single text."""

    words: Annotated[
        list[MovingWord] | None,
        Field(description="The words that move it most, the strongest first, if asked for."),
    ]


class Refused(BaseModel):
    """A text without a score: `reviews score` would quarantine its row by this rule."""

    rule: Annotated[str, Field(description="A rule of docs/feeding.md, such as `text_blank`.")]
    detail: str


class ScoresOfTexts(BaseModel):
    """The scores of several texts, in their order, all of one model."""

    model_id: str
    results: list[Score | Refused]


class Trouble(BaseModel):
    """Why a request has no answer."""

    message: str
    rule: Annotated[str | None, Field(description="The rule that the text breaks, if that is why.")] = None


class Health(BaseModel):
    """Whether texts are scored, and by which model."""

    status: Annotated[str, Field(description="`ok`, or `stale` if the champion can't be loaded.")]
    model_id: str
    promoted_at: str
    message: Annotated[str | None, Field(description="What to do if the champion can't be loaded.")] = None
