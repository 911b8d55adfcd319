"""Tests of what `reviews serve` needs besides its app: batches, and addresses that need a token."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from data_contracts.errors import UsageError
from deployments.serving.batching import MANY, MOST_TOGETHER, Answers, start_batching
from deployments.serving.running import run_serve
from deployments.settings import load_settings


def echo_texts(texts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"text": text} for text in texts]


def test_what_waits_is_scored_together_and_each_request_gets_its_own_answers() -> None:
    batches: list[int] = []
    free = threading.Event()

    def score(texts: Sequence[str]) -> list[dict[str, Any]]:
        free.wait()
        batches.append(len(texts))
        return echo_texts(texts)

    batching = start_batching(score)
    asked = [[f"{number} {place}" for place in range(number % 3 + 1)] for number in range(MOST_TOGETHER)]
    futures = [batching.submit(texts) for texts in asked]
    free.set()
    assert [[each["text"] for each in future.result()] for future in futures] == asked
    batching.stop()
    assert sum(batches) == sum(map(len, asked))
    assert max(batches) <= MOST_TOGETHER
    assert len(batches) <= 5
    assert batching.count_waiting() == 0


def test_a_request_of_many_texts_is_scored_beside_another_batch() -> None:
    both = threading.Barrier(2, timeout=60)

    def score(texts: Sequence[str]) -> Answers:
        both.wait()
        return echo_texts(texts)

    batching = start_batching(score)
    for answers in [batching.submit(["text"] * MANY) for _ in range(2)]:
        assert len(answers.result(60)) == MANY
    batching.stop()


def test_an_error_reaches_every_request_and_the_next_ones_are_scored() -> None:
    def score(texts: Sequence[str]) -> list[dict[str, Any]]:
        if "bad" in texts:
            raise ValueError("bad")
        return echo_texts(texts)

    batching = start_batching(score)
    with pytest.raises(ValueError, match="bad"):
        batching.submit(["bad"]).result()
    assert batching.submit(["good"]).result() == [{"text": "good"}]
    batching.stop()


def test_a_request_that_was_given_up_is_not_scored() -> None:
    scored: list[str] = []
    begun, free = threading.Event(), threading.Event()

    def score(texts: Sequence[str]) -> list[dict[str, Any]]:
        begun.set()
        free.wait()
        scored.extend(texts)
        return echo_texts(texts)

    batching = start_batching(score)
    batching.submit(["first"])
    begun.wait()
    batching.submit(["given up"]).cancel()
    last = batching.submit(["last"])
    free.set()
    last.result()
    batching.stop()
    assert scored == ["first", "last"]


def test_other_machines_are_let_in_only_with_a_token() -> None:
    for values in (
        {"REVIEWS_SERVE_HOST": "192.0.2.7"},
        {"REVIEWS_SERVE_HOST": "0.0.0.0", "REVIEWS_ALLOWED_HOSTS": "a"},
    ):
        with pytest.raises(UsageError, match="REVIEWS_SERVE_TOKEN is not set"):
            run_serve(load_settings(values), print)
    with pytest.raises(UsageError, match="REVIEWS_ALLOWED_HOSTS is not set"):
        run_serve(load_settings({"REVIEWS_SERVE_HOST": "0.0.0.0"}), print)


@pytest.mark.parametrize("token", ["short", "sixteen chars, but spaces", "ünïcödé-ünïcödé-ünïcödé"])
def test_a_token_that_can_not_be_sent_or_is_guessed_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(UsageError, match="REVIEWS_SERVE_TOKEN: must have") as caught:
        load_settings({"REVIEWS_SERVE_TOKEN": token})
    assert token not in str(caught.value)
