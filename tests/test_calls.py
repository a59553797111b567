"""Which calls are taken, and by which flow; the calls themselves are in tests/call and test_daemon.py."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
import structlog

from voicebot.call.ending import Outcome
from voicebot.calls import Calls, Taken
from voicebot.config import Config, Route
from voicebot.pbx.introduction import Introduction

UUID_ = UUID(int=1)
FLOWS = {name: SimpleNamespace(flow=SimpleNamespace(name=name)) for name in ("company", "survey")}


def calls_of(limit: int = 200) -> Calls:
    config = Config(
        voicebot=1,
        routes=(Route(called="7001", flow="survey"), Route(flow="company")),
        limits=cast("Any", {"calls": limit}),
    )
    nothing = cast("Any", None)
    return Calls(config, cast("Any", SimpleNamespace(flows=FLOWS)), nothing, nothing)


def taker(calls: Calls, **known: str) -> str:
    answer = calls.answer(UUID_, Introduction(**cast("Any", known)), "127.0.0.1")
    return answer.served.flow.name if isinstance(answer, Taken) else answer.value


@pytest.mark.parametrize(
    ("known", "flow"),
    [
        ({"called": "7001"}, "survey"),
        ({"called": "7002"}, "company"),
        ({}, "company"),
        ({"called": "7001", "flow": "company"}, "company"),
        ({"flow": "compnay"}, "no_flow"),
    ],
)
def test_the_flow_by_name_or_else_by_the_first_route_that_fits(
    known: dict[str, str], flow: str
) -> None:
    assert taker(calls_of(), **known) == flow


def test_why_a_call_is_not_taken_is_one_line() -> None:
    with structlog.testing.capture_logs() as logs:
        taker(calls_of(), flow="compnay")
    assert logs[0]["reason"] == 'no flow is called "compnay"; did you mean "company"?'


def test_a_caller_whose_leg_is_still_to_come_has_his_place() -> None:
    calls = calls_of(limit=1)
    with calls.place():
        assert taker(calls) == Outcome.REFUSED
    assert taker(calls) == "company"


def test_whose_caller_talks_with_somebody_else_takes_no_place() -> None:
    calls = calls_of(limit=1)
    calls._calls[1] = None
    assert taker(calls) == Outcome.REFUSED
    with calls._is_elsewhere(1):
        assert taker(calls) == "company"
    assert taker(calls) == Outcome.REFUSED
