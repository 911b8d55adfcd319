"""The ASGI app of `reviews serve`: what it answers under which path, and what it refuses.

Requests are refused, in this order, for their host or origin, their token, their size, their form, and because too
much waits. Every refusal is JSON with a `message`, which never repeats a text.
"""

import asyncio
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from deployments.guarded_server import guard
from deployments.serving.answering import Desk, TextOfSource, ask, ask_why, is_full
from deployments.serving.metrics import expose, measure_requests
from deployments.serving.request_limits import (
    STATIC_PATH,
    ServingLimits,
    bound_bodies,
    require_token,
)
from deployments.serving.schemas import (
    AskedText,
    AskedTexts,
    Health,
    Refused,
    Score,
    ScoreOfText,
    ScoresOfTexts,
    Trouble,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Trouble, "description": "The request is not JSON, or names another host."},
    401: {"model": Trouble, "description": "The token is missing or wrong."},
    403: {"model": Trouble, "description": "The request comes from a page of another origin."},
    408: {"model": Trouble, "description": "The request came too slowly."},
    413: {"model": Trouble, "description": "The request is too large."},
    422: {"model": Trouble, "description": "The request has another form, or its text has no score."},
    503: {"model": Trouble, "description": "Too many texts wait."},
}
NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""The metrics are Prometheus's; the framework's own measures would cost each request time."""
STALE = "The champion can't be loaded: {} goes on answering. Next: see what the server printed."
NOT_JSON = "The request is not JSON that can be read"
NOT_DECLARED = "The request is not declared as JSON. Next: send the header `Content-Type: application/json`."
NEXT = "Next: /docs shows each request and its form."
DESCRIPTION = """
Scores movie reviews by the champion: is a review positive, and what rating would its writer give? The numbers are those
that `reviews score` writes. Each request is answered by one model, whose id is in the answer.
"""


def make_app(
    desk: Desk, hosts: Sequence[str], token: str | None = None, limits: ServingLimits | None = None
) -> "ASGIApp":
    """Return the app that answers with a desk under the host names `hosts`, to whoever has the token, if any."""
    limits = limits or ServingLimits()
    app = bound_bodies(_make_api(desk, limits, bool(token)), limits)
    if token:
        app = require_token(app, token)
    return guard(measure_requests(app, desk.metrics), hosts)


def _make_api(desk: Desk, limits: ServingLimits, needs_token: bool) -> FastAPI:
    """Return the app without its guards; its page names the token if one is needed."""
    api = FastAPIOffline(
        title="Review ratings",
        version=version("review-ratings"),
        description=DESCRIPTION,
        redoc_url=None,
        static_url=STATIC_PATH,
        telemetry=NO_TELEMETRY,
        exception_handlers={
            RequestValidationError: _refuse_form,
            HTTPException: _refuse,
            Exception: _report_fault,
        },
        dependencies=[Depends(HTTPBearer(auto_error=False))] if needs_token else [],
    )
    _add_scores(api, desk, limits)
    _add_state(api, desk)
    return api


def _add_scores(api: FastAPI, desk: Desk, limits: ServingLimits) -> None:
    """Add the paths that score texts."""

    @api.post("/score", summary="Score one text", response_model=ScoreOfText, responses=REFUSALS)
    async def score(asked: AskedText) -> Any:
        _require_room(desk, 1, explain=asked.explain)
        text = TextOfSource(asked.text, asked.source)
        answers = ask_why(desk, text) if asked.explain else ask(desk, [text])
        [answer] = await asyncio.wrap_future(answers)
        if answer["rule"] is not None:
            return JSONResponse({"message": answer["detail"], "rule": answer["rule"]}, 422)
        return {"words": None, **answer}

    @api.post("/scores", summary="Score several texts", response_model=ScoresOfTexts, responses=REFUSALS)
    async def score_several(asked: AskedTexts) -> Any:
        if len(asked.texts) > limits.max_texts:
            raise HTTPException(
                413,
                f"The request has {len(asked.texts):,} texts, and may have {limits.max_texts:,}. Next: send "
                "fewer at a time.",
            )
        _require_room(desk, len(asked.texts))
        texts = [TextOfSource(text, asked.source) for text in asked.texts]
        answers = await asyncio.wrap_future(ask(desk, texts))
        return {"model_id": answers[0]["model_id"], "results": [_show(answer) for answer in answers]}


def _add_state(api: FastAPI, desk: Desk) -> None:
    """Add the paths that say how it goes."""

    @api.get("/health", summary="Which model answers", response_model=Health)
    async def health() -> Any:
        promoted, trouble = desk.champion.find().promoted, desk.champion.find_trouble()
        return {
            "status": "stale" if trouble else "ok",
            "model_id": promoted.model_id,
            "promoted_at": promoted.since.isoformat(),
            # The reason names files of this machine, and health is answered without a token.
            "message": STALE.format(promoted.model_id) if trouble else None,
        }

    @api.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    def metrics() -> Response:
        content = expose(desk.metrics, desk.champion, desk.batching.count_waiting())
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    @api.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("/docs")


def _show(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of one of several texts: its score, or the rule that it breaks."""
    if answer["rule"] is None:
        return {name: answer[name] for name in Score.model_fields}
    return {name: answer[name] for name in Refused.model_fields}


def _require_room(desk: Desk, texts: int, *, explain: bool = False) -> None:
    """Refuse a request if its answer would be late."""
    if is_full(desk, texts, explain=explain):
        raise HTTPException(
            503, "Too much waits to be scored. Next: ask again in a second.", {"Retry-After": "1"}
        )


async def _refuse(request: Request, error: HTTPException) -> Response:
    """Answer a request that was refused."""
    _let_go_of_body(error)
    # What the framework refuses has its words, without a next step; it has status 400 for what it can't parse.
    words = NOT_JSON if error.status_code == 400 else str(error.detail)
    message = words if "Next: " in words else f"{words}. {NEXT}"
    return JSONResponse({"message": message}, error.status_code, error.headers)


async def _refuse_form(request: Request, error: RequestValidationError) -> Response:
    """Answer a request that has not the form of its path, without repeating what it says."""
    _let_go_of_body(error)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return JSONResponse({"message": f"{NOT_JSON}. {NEXT}"}, 400)
    if first["loc"] == ("body",) and "json" not in request.headers.get("content-type", ""):
        return JSONResponse({"message": NOT_DECLARED}, 422)
    names = (
        first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
    )  # the last may be a text
    place = ".".join(map(str, names))
    return JSONResponse({"message": f"{place}: {first['msg']}. {NEXT}"}, 422)


def _let_go_of_body(error: BaseException | None) -> None:
    """Clear the frames of an error: they hold it and the body, in a circle, until memory is collected."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__


async def _report_fault(request: Request, error: Exception) -> Response:
    """Answer a request in which this program failed; the server writes the error on standard error."""
    return JSONResponse({"message": "The text could not be scored. Next: see what the server printed."}, 500)
