"""Choices and universals by their phrases and keys."""

from __future__ import annotations

from tests.flow.ears import HELP, choice, english
from voicebot.flow.answers import Still
from voicebot.flow.meaning import More, Settled
from voicebot.flow.options import Options

TWO = choice("two", "two", "two please sir", keys=["2", "29"])
TEA = choice("tea", "a tea", "help me", keys=["0"])
ANY = choice("any", "*")
OPTIONS = Options((TWO, TEA, HELP), english())


def test_the_earlier_of_two_that_are_alike_is_meant() -> None:
    assert OPTIONS.spot(("help", "me")) is TEA
    assert OPTIONS.exact(("help", "me")) is TEA
    assert OPTIONS.press("0") == Settled(TEA)
    assert OPTIONS.press("*9") == Settled(HELP)


def test_a_word_that_sounds_like_one_of_them() -> None:
    assert OPTIONS.spot(("to",)) is TWO
    assert OPTIONS.exact(("to",)) is None
    assert OPTIONS.still(("to",)) is Still.COMPLETE


def test_still() -> None:
    assert OPTIONS.still(("a",)) is Still.PREFIX
    assert OPTIONS.still(("blue",)) is Still.OUTSIDE
    assert Options((ANY,), english()).still(("blue",)) is Still.OPEN
    assert Options((ANY,), english()).open_ended
    assert not OPTIONS.open_ended


def test_keys_that_more_may_follow() -> None:
    assert OPTIONS.press("2") == More(TWO)
    assert OPTIONS.press("29") == Settled(TWO)
    assert OPTIONS.press("23") == Settled(TWO, "3")
    assert OPTIONS.press("7") == Settled(None)
    assert OPTIONS.begins("*")
    assert not OPTIONS.begins("7")
