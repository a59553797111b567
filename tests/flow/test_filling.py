"""How an utterance is cut into values."""

from __future__ import annotations

import pytest

from tests.flow.ears import DATE, MONDAY, NUMBER, SSN, TIME, english
from voicebot.flow import model
from voicebot.flow.filling import Cutter, Slot
from voicebot.flow.linking import linking
from voicebot.flow.typed import typed_of


def slot(name: str, wants: model.Wants, *content: str, shy: str = "") -> Slot:
    typed = typed_of(wants, english())
    assert typed is not None
    return Slot(name, type(wants), typed, frozenset(content), frozenset(shy.split()))


DAY = slot("day", DATE, "march", "tuesday", "wednesday", "first", shy="ten eleven on")
CLOCK = slot("time", TIME, "ten", "thirty", "half", "past")
MANY = slot("people", NUMBER, "two", "four", "ten", "eleven")
ID = slot("ssn", SSN)
CUTTER = Cutter(
    (DAY, CLOCK, MANY, ID), "day", linking("en-US"), english().corrections, frozenset({"for"})
)


def cut(words: str, filled: tuple[str, ...] = (), *, strict: bool = True) -> dict[str, object]:
    best = CUTTER.cut(tuple(words.split()), MONDAY, filled, strict=strict).best
    return {} if best is None else {name: span.value for name, span in best.filled.items()}


@pytest.mark.parametrize(
    ("words", "filled", "values"),
    [
        ("", (), {}),
        ("tuesday", (), {"day": "2027-03-02"}),
        ("tuesday at ten for two", (), {"day": "2027-03-02", "time": "10:00", "people": 2}),
        ("for ten at eleven", (), {"people": 10, "time": "11:00"}),
        ("the tenth at eleven", (), {"day": "2027-03-10", "time": "11:00"}),
        ("no ten", ("time",), {"time": "10:00"}),
        ("no ten", ("time", "people"), {"people": 10}),  # of the filled ones the last
        ("not tuesday wednesday", (), {"day": "2027-03-03"}),
        ("not tuesday", (), {}),
        ("tuesday wednesday", (), {}),
        # A later value takes the place of one that is taken back.
        ("tuesday no wednesday", (), {"day": "2027-03-03"}),
        ("tuesday at ten no on wednesday", (), {"day": "2027-03-03", "time": "10:00"}),
        ("tuesday at ten no eleven for two", (), {"day": "2027-03-02", "time": "11:00", "people": 2}),
        ("tuesday sorry i meant wednesday no thursday", (), {"day": "2027-03-04"}),
        ("tuesday no the wednesday at ten", ("day",), {"day": "2027-03-03", "time": "10:00"}),
        ("tuesday no", (), {"day": "2027-03-02"}),
        ("one two three four five six seven eight nine no one two three four five six seven eight oh", (), {"ssn": "123456780"}),
        ("blue tuesday", (), {}),
        ("the", (), {}),
    ],
)  # fmt: skip
def test_the_best_cut(words: str, filled: tuple[str, ...], values: dict[str, object]) -> None:
    assert cut(words, filled) == values


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("blue tuesday", {"day": "2027-03-02"}),
        ("tuesday or wednesday", {}),
        ("march [unk] first", {}),
        ("[unk] tuesday [unk]", {"day": "2027-03-02"}),
        ("is it not tuesday", {}),
        ("tuesday no blue wednesday", {}),  # which of them?
        ("what is it for", {}),  # a "for" is a four only where nothing else is
    ],
)
def test_amid_other_words(words: str, values: dict[str, object]) -> None:
    assert cut(words, strict=False) == values


@pytest.mark.parametrize(
    ("words", "goes_on"),
    [("next", True), ("the", True), ("no", True), ("tuesday not", True), ("blue", False)],
)
def test_what_may_go_on(words: str, goes_on: bool) -> None:
    assert CUTTER.cut(tuple(words.split()), None, (), strict=True).goes_on is goes_on
