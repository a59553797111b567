"""What a call's log must not have in it, and what its witness gets besides."""

from collections.abc import Mapping, Sequence

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from voicebot.call.log import LONGEST_SHOWN, CallLog, scrubbed, shown_url
from voicebot.flow import events as ev


class Facts:
    def __init__(self) -> None:
        self.facts: list[tuple[str, float, Mapping[str, object]]] = []

    def told(
        self,
        event: ev.Event,
        actions: Sequence[ev.Action],
        verdicts: Sequence[object],
        secrets: frozenset[str],
    ) -> None:
        raise NotImplementedError

    def fact(self, name: str, at_s: float, fields: Mapping[str, object]) -> None:
        self.facts.append((name, at_s, fields))


def test_the_witness_is_told_what_is_logged_and_more() -> None:
    facts = Facts()
    log = CallLog(lambda: 1.5, lambda: {"4711"}, facts)
    with structlog.testing.capture_logs() as logs:
        log.info("call.heard", more={"partials": 3}, text="it is 4711", confidence=0.9)
        log.warning("call.http_failed", reason="no 4711")
        log.note("call.understood", {"value": "4711"})
    assert logs == [
        {"event": "call.heard", "log_level": "info", "text": "it is ***", "confidence": 0.9},
        {"event": "call.http_failed", "log_level": "warning", "reason": "no ***"},
        {"event": "call.understood", "log_level": "info", "value": "***"},
    ]
    assert facts.facts == [
        ("heard", 1.5, {"text": "it is ***", "confidence": 0.9, "partials": 3}),
        ("http_failed", 1.5, {"reason": "no ***"}),
    ]


def test_what_is_too_long_for_a_log_is_cut_behind_its_secrets() -> None:
    log = CallLog(lambda: 0.0, lambda: {"4711"}, None)
    with structlog.testing.capture_logs() as logs:
        log.info("call.said", text="x" * (LONGEST_SHOWN - 3) + " 4711 " + "y" * 100_000)
    (line,) = logs
    assert line["text"] == "x" * (LONGEST_SHOWN - 3) + " **… (102002 characters)"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("12", "***"),
        ("at 12, or 1234.", "at ***, or ***."),
        ("room 123 at 112", "room 123 at 112"),  # it is not a word of its own
        ("a+b", "***"),
        (12, 12),
        ("", ""),
    ],
)
def test_scrubbed(value: object, shown: object) -> None:
    assert scrubbed(value, {"12", "1234", "a+b"}) == shown


@given(st.text(max_size=20), st.sets(st.text(min_size=1, max_size=5), max_size=3))
def test_any_texts_can_be_secret(text: str, secrets: set[str]) -> None:
    shown = scrubbed(text, secrets)
    assert isinstance(shown, str)
    assert text not in secrets or shown == "***"


@pytest.mark.parametrize(
    ("url", "shown", "shown_secret"),
    [
        ("http://a.b:80/c/d?e=f#g", "http://a.b:80/c/d", "http://a.b:80"),
        ("https://me:word@a.b/c", "https://a.b/c", "https://a.b"),
        ("http://[::1]:8080/c", "http://[::1]:8080/c", "http://[::1]:8080"),
        ("http://[::1/c", "?", "?"),
        ("nothing", "://nothing", "://"),
    ],
)
def test_addresses(url: str, shown: str, shown_secret: str) -> None:
    assert shown_url(url, secret=False) == shown
    assert shown_url(url, secret=True) == shown_secret
