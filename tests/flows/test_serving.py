"""Tests of the app of `reviews serve`, in this process: its numbers, its models, its limits, and hostile requests."""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from data_contracts.errors import BundleError
from data_contracts.rules_and_limits import RowLimits
from data_contracts.storage.home import Home
from deployments.guarded_server import LOOPBACK_NAMES
from deployments.serving.answering import Desk, close_desk, open_desk
from deployments.serving.app import make_app
from deployments.serving.champion_following import FollowedChampion, follow_champion
from deployments.serving.metrics import SERVING
from deployments.serving.request_limits import ServingLimits
from tasks.warehouse.publishing import publish
from tests.support.asgi import ask_app, send_to
from tests.support.promoting import promote_model
from tests.support.scoring_runs import CSV, copy_scored_home
from tests.support.small_home import ask, write_small_bundle

LIMITS = RowLimits(max_text_chars=200)
TOKEN = "a-token-of-this-test"
TEXTS = ("good film", "bad plot", "the good the bad and the plot", "a film")


@contextmanager
def serve(champion: FollowedChampion) -> Iterator[Desk]:
    opened = open_desk(champion, LIMITS)
    try:
        yield opened
    finally:
        close_desk(opened)


@pytest.fixture(scope="module")
def served_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which the small model has scored two good rows and a bad one; tests only read it."""
    return copy_scored_home(Home(tmp_path_factory.mktemp("served") / "home"), {"a.csv": CSV})


@pytest.fixture(scope="module")
def desk(served_home: Home) -> Iterator[Desk]:
    with serve(follow_champion(served_home)) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(desk: Desk) -> Any:
    return make_app(desk, LOOPBACK_NAMES)


def add_champion(home: Home) -> Path:
    """Promote another model, as `reviews models promote` does: the published copy has it at once."""
    folder = write_small_bundle(home, seed=1)
    promote_model(home.warehouse, folder.name, "for a test")
    publish(home)
    return folder


def test_texts_get_the_numbers_that_the_batch_gave_their_rows(app: Any, served_home: Home) -> None:
    columns = "score, sentiment, predicted_rating, token_count, oov_rate, truncated, model_id"
    rows = ask(
        served_home.published,
        f"select text, {columns} from scored_reviews join source_reviews using (source_sha256, row_number)",
    )
    assert len(rows) == 2
    answers = ask_app(app, "/scores", {"texts": [text for text, *_ in rows]}).read_json()["results"]
    for (text, *expected), answer in zip(rows, answers, strict=True):
        assert [answer[name] for name in columns.split(", ")] == pytest.approx(expected, abs=1e-6)
        alone = ask_app(app, "/score", {"text": text}).read_json()
        assert alone == pytest.approx({**answer, "words": None}, abs=1e-6)


def test_a_text_that_the_batch_quarantines_gets_the_same_rule_and_no_score(
    app: Any, served_home: Home
) -> None:
    [(rule, detail)] = ask(served_home.published, "select rule, detail from quarantined_rows")
    answered = ask_app(app, "/score", {"text": "   "})
    assert (answered.status, answered.read_json()) == (422, {"message": detail, "rule": rule})
    [good, bad, unknown] = ask_app(app, "/scores", {"texts": ["a film", "   ", "nichts davon"]}).read_json()[
        "results"
    ]
    assert (good["known_count"], bad) == (2, {"rule": rule, "detail": detail})
    assert unknown["rule"] == "text_no_known_word"


@pytest.mark.slow
def test_another_champion_answers_without_a_lost_request_and_each_request_has_one_model(
    empty_home: Home,
) -> None:
    home = copy_scored_home(empty_home, {"a.csv": CSV})
    champion = follow_champion(home)
    before = champion.find().promoted.model_id

    async def ask_during_promotion(app: Any) -> list[Any]:
        body = json.dumps({"texts": TEXTS}).encode()
        asked = [asyncio.create_task(send_to(app, "/scores", body)) for _ in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(add_champion, home)
        looking = asyncio.create_task(asyncio.to_thread(champion.look))
        while not looking.done():
            asked.append(asyncio.create_task(send_to(app, "/scores", body)))
            await asyncio.sleep(0.001)
        asked += [asyncio.create_task(send_to(app, "/scores", body)) for _ in range(10)]
        return await asyncio.gather(*asked)

    with serve(champion) as desk:
        answers = asyncio.run(ask_during_promotion(make_app(desk, LOOPBACK_NAMES)))
    after = champion.find().promoted.model_id
    assert {answer.status for answer in answers} == {200}
    models = [{each["model_id"] for each in answer.read_json()["results"]} for answer in answers]
    assert {frozenset(each) for each in models} == {frozenset({before}), frozenset({after})}
    assert models[0] == {before}
    assert models[-1] == {after}


@pytest.mark.slow
def test_a_champion_that_was_altered_never_scores(empty_home: Home) -> None:
    home = copy_scored_home(empty_home, {"a.csv": CSV})
    clock = [0.0]
    champion = follow_champion(home, lambda: clock[0])
    before = champion.find().promoted.model_id
    folder = add_champion(home)
    vocabulary = folder / "vocabulary.json"
    content = vocabulary.read_bytes()
    vocabulary.write_bytes(content + b" ")
    champion.look()
    with serve(champion) as desk:
        app = make_app(desk, LOOPBACK_NAMES)
        health = ask_app(app, "/health").read_json()
        assert (health["status"], health["model_id"]) == ("stale", before)
        assert str(home.folder) not in health["message"]
        assert ask_app(app, "/score", {"text": "good film"}).read_json()["model_id"] == before
        with pytest.raises(BundleError, match="was altered"):
            follow_champion(home)
        vocabulary.write_bytes(content)
        champion.look()
        assert champion.find_trouble() is not None  # not tried again yet
        clock[0] += 60
        champion.look()
        assert ask_app(app, "/health").read_json()["model_id"] == folder.name


def test_without_a_champion_nothing_is_served(empty_home: Home) -> None:
    write_small_bundle(empty_home)
    publish(empty_home)
    with pytest.raises(BundleError, match="No model has been promoted yet"):
        follow_champion(empty_home)


@contextmanager
def stall(app: Any, begun: bytes, times: int, said: list[Any] | None = None) -> Iterator[None]:
    """Send the beginning of a body in several requests at once, and nothing more; cancel them at the end."""
    headers = [(b"host", b"127.0.0.1:8300"), (b"content-type", b"application/json")]
    path = {"path": "/score", "raw_path": b"/score", "query_string": b"", "root_path": ""}
    scope = {"type": "http", "method": "POST", "scheme": "http", "headers": headers, "client": None, **path}

    async def ask_half() -> None:
        upcoming = [{"type": "http.request", "body": begun, "more_body": True}]

        async def receive() -> Any:
            if not upcoming:
                await asyncio.Event().wait()
            return upcoming.pop()

        async def send(message: Any) -> None:
            if said is not None:
                said.append(message)

        await app(scope, receive, send)

    asked = [asyncio.ensure_future(ask_half()) for _ in range(times)]
    yield
    for each in asked:
        each.cancel()


def refuse(desk: Desk, asked: Any, path: str = "/scores", **limits: Any) -> tuple[int, str]:
    """Ask an app with limits; return the status and the message."""
    answered = ask_app(make_app(desk, LOOPBACK_NAMES, None, ServingLimits(**limits)), path, asked)
    return answered.status, answered.read_json()["message"]


def test_a_request_with_too_many_texts_is_refused(desk: Desk) -> None:
    status, message = refuse(desk, {"texts": ["good"] * 3}, max_texts=2)
    assert (status, "may have 2." in message) == (413, True)


@pytest.mark.parametrize("announced", [{"content_length": "2000"}, {}])
def test_a_request_with_too_many_bytes_is_refused_as_soon_as_that_is_known(
    desk: Desk, announced: dict[str, str]
) -> None:
    app = make_app(desk, LOOPBACK_NAMES, None, ServingLimits(max_bytes=1000))
    sent: list[int] = []

    def send_pieces() -> Iterator[bytes]:
        for number in range(4):
            sent.append(number)
            yield b'{"text": "' + b"x" * 500

    async def ask_in_pieces() -> Any:
        return await send_to(app, "/score", send_pieces(), **announced)

    answered = asyncio.run(ask_in_pieces())
    assert answered.status == 413
    assert "more than 1,000 bytes" in answered.read_json()["message"]
    assert len(sent) == (1 if announced else 3)


HOSTILE = {
    "numbers for texts": b'{"texts":[' + b"1," * 200_000 + b"1]}",
    "objects for texts": b'{"texts":[' + b"{}," * 130_000 + b"{}]}",
    "unknown names": b"{" + b",".join(b'"%d":1' % number for number in range(40_000)) + b"}",
    "the same name": b"{" + b'"text":1,' * 50_000 + b'"text":"good"}',
    "an escaped quote before numbers": b'{"source":"\\\\\\"","texts":[' + b"1," * 200_000 + b"1]}",
    "numbers in UTF-16": '{"source":"\u2241","texts":['.encode("utf-16-le")
    + "1,".encode("utf-16-le") * 90_000,
    "no JSON": b'"' * 400_000,
    "a number of too many digits": b'{"text":' + b"9" * 400_000 + b"}",
    "one long name": b'{"' + "ü".encode() * 200_000 + b'":1}',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_request_takes_the_memory_of_some_copies_of_it_and_leaves_none_without_a_collection(
    app: Any, what: str
) -> None:
    body = HOSTILE[what]
    gc.disable()
    try:
        for path in ("/score", "/scores"):
            tracemalloc.start()
            answered = ask_app(app, path, body)
            kept, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert answered.status in (400, 413, 422)
            assert len(answered.body) < 400
            assert peak < 8 * len(body)
            assert kept < len(body)
    finally:
        gc.enable()


def test_commas_and_quotes_within_texts_count_for_nothing(app: Any) -> None:
    texts = ['good, "film" \\ [{:' * 20_000, "\\", "a film"]
    assert ask_app(app, "/scores", {"texts": texts}).status == 200


def test_large_requests_are_refused_while_others_hold_too_much_and_small_ones_are_answered(
    desk: Desk,
) -> None:
    app = make_app(desk, LOOPBACK_NAMES, None, ServingLimits(max_bytes=100_000))
    large = json.dumps({"text": "x" * 90_000}).encode()

    async def ask_beside_stalled_ones() -> tuple[list[int], int]:
        with stall(app, large[:-1], 20):
            await asyncio.sleep(0.05)
            beside = [(await send_to(app, "/score", body)).status for body in (large, b'{"text": "good"}')]
        await asyncio.sleep(0.05)
        return beside, (await send_to(app, "/score", large)).status

    assert asyncio.run(ask_beside_stalled_ones()) == ([503, 200], 422)


def test_a_body_that_does_not_come_in_time_is_refused_and_its_connection_closed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.serving.request_limits.BODY_SECONDS", 0.01)
    said: list[Any] = []

    async def wait_for_it() -> None:
        with stall(make_app(desk, LOOPBACK_NAMES), b"{", 1, said):
            await asyncio.sleep(0.1)

    asyncio.run(wait_for_it())
    assert said[0]["status"] == 408
    assert (b"connection", b"close") in said[0]["headers"]


@pytest.mark.parametrize("more", [{}, {"explain": True}])
def test_a_request_is_refused_if_too_much_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, more: dict[str, bool]
) -> None:
    monkeypatch.setattr("deployments.serving.answering.MOST_EXPLAINING", 0)
    monkeypatch.setattr("deployments.serving.app.is_full", lambda *given, **named: True)
    assert refuse(desk, {"text": "good", **more}, "/score")[0] == 503


def test_without_the_token_only_health_and_the_page_are_answered(desk: Desk) -> None:
    app = make_app(desk, LOOPBACK_NAMES, TOKEN)
    for path in ("/health", "/docs", "/openapi.json"):
        assert ask_app(app, path).status == 200
    assert ask_app(app, "/metrics").status == 401
    for wrong in (
        {},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": TOKEN},
        {"authorization": "é"},
    ):
        assert ask_app(app, "/score", {"text": "good film"}, **wrong).status == 401
    assert ask_app(app, "/score", {"text": "good film"}, authorization=f"Bearer {TOKEN}").status == 200


TEXT = st.one_of(
    st.text(max_size=50),
    st.lists(
        st.sampled_from(["good", "bad", "film", "<br />", " ", "\x00", "\ud800", "Σ", "İ", "...", "x" * 300])
    ).map(" ".join),
    st.text(st.characters(codec=None), max_size=20),  # lone surrogates too
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ASKED = st.one_of(
    VALUES,
    st.fixed_dictionaries({"text": TEXT}, optional={"explain": VALUES, "more": VALUES}),
    st.fixed_dictionaries({"texts": st.lists(TEXT | VALUES, max_size=5)}, optional={"explain": VALUES}),
).map(lambda value: json.dumps(value).encode())


@given(path=st.sampled_from(["/score", "/scores"]), body=ASKED | st.binary(max_size=50))
@example(path="/score", body=b"[" * 100_000)
@example(path="/scores", body=b'{"texts":' * 50_000)
@example(path="/score", body=b'{"text": 1' + b"0" * 10_000 + b"}")
@example(path="/score", body=b"")
def test_any_request_gets_a_score_or_a_reason(app: Any, path: str, body: bytes) -> None:
    answered = ask_app(app, path, body)
    assert answered.status in (200, 400, 413, 422, 429)
    assert answered.status == 200 or answered.read_json()["message"]


def test_every_metric_is_served_and_counts(app: Any) -> None:
    assert ask_app(app, "/score", {"text": "good film"}).status == 200
    served = {
        sample.name: sample
        for family in text_string_to_metric_families(ask_app(app, "/metrics").body.decode())
        for sample in family.samples
    }
    for metric in SERVING:
        name = metric.name if metric.name in served else f"{metric.name}_count"
        assert {"home", *metric.labels} == set(served[name].labels)
    assert served["reviews_serve_champion_answers"].value == 1
    assert served["reviews_serve_batch_texts_count"].value >= 1
