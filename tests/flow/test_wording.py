"""Phrases for the recogniser: which words may follow which."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from tests.flow.ears import (
    DATE,
    MONEY,
    NUMBER,
    PHONE,
    PIN,
    SSN,
    TIME,
    UNIVERSALS,
    Form,
    choice,
    ears,
    english,
    question,
    yes_no,
)
from voicebot.flow import model
from voicebot.flow.expectation import Expectation
from voicebot.flow.linking import linking

VISIT = Form(day=DATE, time=TIME)
COLOUR = model.Choices((choice("red", "red"), choice("blue", "[dark] blue")))


def pairs(expectation: Expectation) -> set[tuple[str, str]]:
    assert expectation.grammar is not None
    return {pair for phrase in expectation.grammar for pair in pairwise(phrase.split())}


def words(expectation: Expectation) -> set[str]:
    assert expectation.grammar is not None
    return {word for phrase in expectation.grammar for word in phrase.split()}


@pytest.mark.parametrize(
    "said",
    ["tuesday at ten", "at ten on tuesday", "no tuesday", "i mean tuesday", "not on monday"],
)
def test_in_a_form_a_value_may_follow_another(said: str) -> None:
    spoken = pairs(VISIT.at("day"))
    last = said.split()[-2:]
    assert (last[0], last[1]) in spoken or last[0] in {"no", "mean"}
    assert all(word in words(VISIT.at("day")) for word in said.split())


def test_a_number_among_other_values() -> None:
    table = Form(people=NUMBER, day=DATE, time=TIME).at("people")
    assert {("table", "for"), ("for", "two"), ("two", "people")} <= pairs(table)
    # Amid digits a "for" would be heard for a four.
    digits = Form(people=NUMBER, ssn=SSN).at("people")
    assert "people" not in words(digits)


@pytest.mark.parametrize("wants", [PIN, PHONE])
def test_no_small_words_among_digits(wants: model.Wants) -> None:
    assert not words(ears(wants)) & {"the", "for", "to", "a", "not", "it's"}


def test_a_choice_may_be_called_one() -> None:
    # Not the article, nor corrections: they made answers of what was none.
    assert ("red", "one") in pairs(ears(COLOUR))
    assert ("dark", "one") not in pairs(ears(COLOUR))
    assert not words(ears(COLOUR)) & {"the", "no", "sorry", "mean"}
    assert "one" not in words(ears(yes_no()))
    menu = Expectation(question(COLOUR, None), UNIVERSALS, english())
    assert "one" not in words(menu)
    numbered = model.Choices((choice("one", "one"), choice("two", "two")))
    assert ("two", "one") not in pairs(ears(numbered))


CONFIRMED = Form(day=DATE, time=TIME, people=NUMBER, code=PIN, colour=COLOUR).at(None)


def test_at_a_confirmation_values_come_behind_an_opening_only() -> None:
    assert CONFIRMED.grammar is not None
    first = {phrase.split()[0] for phrase in CONFIRMED.grammar}
    assert not first & {"tuesday", "nine", "eleven", "next", "half", "twenty", "red", "double"}
    assert {"yes", "no", "at", "on", "i", "operator", "my"} <= first
    said = pairs(CONFIRMED)
    assert {("no", "tuesday"), ("no", "red"), ("no", "at"), ("is", "nine"), ("no", "for")} <= said
    assert {("half", "past"), ("next", "tuesday"), ("friday", "at")} <= said


def test_at_a_confirmation_yes_and_no_weigh_most() -> None:
    times = Counter(CONFIRMED.grammar)
    answers = {"yes", "yeah", "no", "nope", "right", "that's right", "operator"}
    assert len({times[answer] for answer in answers}) == 1
    assert times["yes"] > 5 * max(times["uh yes"], times["no tuesday"], times["at ten"], 1)


@pytest.mark.parametrize("wants", [PIN, PHONE, NUMBER, MONEY, DATE, TIME, yes_no()])
def test_the_phrases_are_the_same_each_time(wants: model.Wants) -> None:
    grammar = ears(wants).grammar
    assert grammar is not None
    assert grammar == ears(wants).grammar
    assert len(set(grammar)) == len(grammar)


def test_a_language_that_is_not_known_here_has_no_small_words() -> None:
    assert not linking("xx-XX").leads
    assert "nicht" in linking("de-AT").denials
    assert "no" in linking("es").denials
