"""What a question makes of words and keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicebot.flow.answers import Still, Word
from voicebot.flow.expectation import Expectation, Meaning, More, Settled, Value
from voicebot.flow.loader import load_flow
from voicebot.flow.model import Choice, Universal

MENU = (
    "menu: {choices: [{answers: '[an] appointment', keys: ['1', '123']}, {answers: "
    "['yes', 'yes it is'], keys: '2'}, {answers: 'appointment tomorrow', keys: '31'}]}"
)
ANY = "menu: {choices: [{answers: tea}, {answers: '*'}]}"
PIN = "ask: {to: x, type: digits, length: 4}"
CODE = "ask: {to: x, type: digits, min: 2, max: 4, finish: '*'}"
AGE = "ask: {to: x, type: number, min: 18, max: 120}"
COUNT = "ask: {to: x, type: number}"
TEXT = "ask: {to: x, type: text}"


@pytest.fixture
def expects(tmp_path: Path) -> Asker:
    return Asker(tmp_path)


class Asker:
    """What a question expects that is heard together with the events help and operator."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "f.yaml"

    def __call__(self, question: str) -> Expectation:
        on = "{help: {answers: help me, keys: ['*9', '0']}, operator: {answers: operator, keys: '#'}}"
        self._path.write_text(f"voicebot: 1\non: {on}\nnodes: {{a: [{{{question}}}]}}\n")
        flow, findings = load_flow(self._path)
        assert flow is not None, findings
        (expectation,) = flow.expectations.values()
        return expectation


def shown(meaning: Meaning | None) -> object:
    match meaning:
        case Choice():
            return meaning.value
        case Universal():
            return meaning.name
        case Value():
            return meaning.value
        case None:
            return None


@pytest.mark.parametrize(
    ("question", "partial", "still"),
    [
        (MENU, "", Still.NOTHING),
        (MENU, "an", Still.PREFIX),
        (MENU, "an appointment", Still.COMPLETE),
        (MENU, "appointment", Still.EXTENDABLE),
        (MENU, "appointment tomorrow", Still.COMPLETE),
        (MENU, "yes", Still.COMPLETE),  # a longer way to say the same is not waited for
        (MENU, "uh yes", Still.COMPLETE),
        (MENU, "help", Still.PREFIX),
        (MENU, "help me", Still.COMPLETE),
        (MENU, "no", Still.OUTSIDE),
        (PIN, "one two three", Still.PREFIX),
        (PIN, "one two three four", Still.COMPLETE),
        (PIN, "one two double", Still.PREFIX),
        (PIN, "one two three four five", Still.OUTSIDE),
        (CODE, "one", Still.PREFIX),
        (CODE, "one two", Still.EXTENDABLE),
        (CODE, "one two three four", Still.COMPLETE),
        (AGE, "twenty", Still.EXTENDABLE),
        (AGE, "twenty five", Still.COMPLETE),
        (COUNT, "two", Still.EXTENDABLE),
        (TEXT, "", Still.OPEN),
        (TEXT, "whatever", Still.OPEN),
        (TEXT, "operator", Still.COMPLETE),
        (ANY, "something", Still.OPEN),
        (ANY, "tea", Still.EXTENDABLE),
        (ANY, "operator", Still.EXTENDABLE),
    ],
)
def test_still(expects: Asker, question: str, partial: str, still: Still) -> None:
    assert expects(question).still(partial) is still


@pytest.mark.parametrize(
    ("question", "heard", "meaning"),
    [
        (MENU, "yes", "yes"),
        (MENU, "i'd like an appointment please", "an appointment"),
        (MENU, "[unk] yes", "yes"),
        (MENU, "[unk] [unk] yes", None),
        (MENU, "help me", "help"),
        (MENU, "[unk]", None),
        (MENU, "", None),
        (PIN, "one two three four", "1234"),
        (PIN, "one two three", None),
        (PIN, "operator", "operator"),
        (CODE, "one two [unk]", "12"),
        (CODE, "one [unk] two", None),  # a digit may be missing there
        (AGE, "twenty five", 25),
        (AGE, "seven", None),
        (TEXT, "bob [unk] miller", "bob miller"),
        (TEXT, "help me", "help"),
        (TEXT, "[unk]", None),
        (ANY, "something else", "*"),
        (ANY, "tea", "tea"),
        (ANY, "operator", "operator"),
    ],
)
def test_understand(expects: Asker, question: str, heard: str, meaning: object) -> None:
    words = [Word(word) for word in heard.split()]
    assert shown(expects(question).understand(words)) == meaning


def test_unsure_words_do_not_count(expects: Asker) -> None:
    assert expects(MENU).understand([Word("yes", 0.4)]) is None
    assert expects(CODE).understand([Word("one"), Word("two", 0.4), Word("three")]) is None


@pytest.mark.parametrize(
    ("question", "typed", "more", "meaning", "rest"),
    [
        (MENU, "2", False, "yes", ""),
        (MENU, "1", True, "an appointment", ""),
        (MENU, "12", True, "an appointment", "2"),
        (MENU, "123", False, "an appointment", ""),
        (MENU, "14", False, "an appointment", "4"),
        (MENU, "129", False, "an appointment", "29"),
        (MENU, "1#", False, "an appointment", ""),
        (MENU, "3", True, None, ""),
        (MENU, "32", False, None, ""),
        (MENU, "9", False, None, ""),
        (MENU, "*", True, None, ""),
        (MENU, "*9", False, "help", ""),
        (MENU, "0", False, "help", ""),
        (PIN, "123", True, None, ""),
        (PIN, "0000", False, "0000", ""),
        (PIN, "12#", False, None, ""),
        (PIN, "#", False, None, ""),
        (PIN, "*", True, None, ""),
        (PIN, "*9", False, "help", ""),
        (PIN, "12A", False, None, ""),
        (CODE, "1", True, None, ""),
        (CODE, "12", True, "12", ""),
        (CODE, "12*", False, "12", ""),
        (CODE, "1234", False, "1234", ""),
        (CODE, "#", False, "operator", ""),
        (AGE, "1", True, None, ""),
        (AGE, "18", False, 18, ""),
        (AGE, "12", True, None, ""),
        (AGE, "120", False, 120, ""),
        (AGE, "2#", False, None, ""),
        (AGE, "99", False, 99, ""),
        (COUNT, "12", True, 12, ""),
        (COUNT, "12#", False, 12, ""),
        (TEXT, "0", False, "help", ""),
    ],
)
def test_press(
    expects: Asker, question: str, typed: str, more: bool, meaning: object, rest: str
) -> None:
    result = expects(question).press(typed)
    assert isinstance(result, More if more else Settled)
    assert (shown(result.meaning), result.rest) == (meaning, rest)


def test_key_that_an_open_question_has_no_use_for(expects: Asker) -> None:
    assert expects(TEXT).press("5") is None


def test_grammar_holds_what_can_be_said(expects: Asker) -> None:
    menu = expects(MENU).grammar
    assert menu is not None
    assert {"an appointment", "yes it is", "operator", "please", "i'd like"} <= set(menu)
    pin, count = expects(PIN).grammar, expects(COUNT).grammar
    assert pin is not None
    assert count is not None
    assert {"seven", "oh", "double", "help me"} <= set(pin)
    assert {"seven", "twenty", "hundred"} <= set(count)


@pytest.mark.parametrize("question", [TEXT, ANY])
def test_no_grammar_where_anything_may_be_said(expects: Asker, question: str) -> None:
    assert expects(question).grammar is None


FIGURES = "menu: {choices: [{answers: one}, {answers: two}, {answers: [i'd like to leave]}]}"


def test_a_word_that_sounds_like_an_answer_is_that_answer(expects: Asker) -> None:
    expectation = expects(FIGURES)
    assert shown(expectation.understand([Word("to")])) == "two"
    assert expectation.still("to") is Still.COMPLETE
    # And no lead-in puts it into the recogniser's mouth.
    assert expectation.grammar is not None
    assert "i'd like to" not in expectation.grammar


def test_a_please_that_comes_late_is_no_answer(expects: Asker) -> None:
    expectation = expects(MENU)
    assert expectation.only_fillers([Word("please")])
    assert not expectation.only_fillers([Word("please"), Word("yes")])
