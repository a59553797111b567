"""Answer templates, and heard words held against them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow.answers import MOST_PHRASES, AnswerError, fit, phrases, spot, words

LIBRARY = {"yes": ["yes", "[oh] yeah"], "loop": ["<pool>"], "pool": ["<loop>"]}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("appointment", ["appointment"]),
        ("[an] appointment", ["an appointment", "appointment"]),
        ("(book|make) it", ["book it", "make it"]),
        ("tea|coffee", ["tea", "coffee"]),
        ("prescription[s]", ["prescriptions", "prescription"]),
        ("<yes> please", ["yes please", "oh yeah please", "yeah please"]),
        ("(a;b)", ["a b", "b a"]),
        ("[[very] good] day", ["very good day", "good day", "day"]),
        ("Press 12!", ["press one two"]),
        ("I’d like", ["i'd like"]),
        ("my name is *", ["my name is *"]),
        ("*", ["*"]),
        ("[please]", ["please"]),
    ],
)
def test_template_stands_for_phrases(template: str, said: list[str]) -> None:
    assert [" ".join(phrase) for phrase in phrases(template, LIBRARY)] == said


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "there is no answer here"),
        ("  ", "there is no answer here"),
        ("!", "needs a word"),
        ("#", "needs a word"),
        ("(a", '"(a" is not an answer: the "(" is never closed'),
        ("a)", '"a)" is not an answer: the ")" was never opened'),
        ("[a (b|c]", '"[a (b|c]" is not an answer: the "(" is closed by a "]"'),
        ("[a", 'the "[" is never closed'),
        ("<yes", 'the "<" is never closed'),
        ("a|b >", 'the ">" was never opened'),
        ("<nope>", "<nope> is not one of the flow's answers"),
        ("<yas>", "<yas> is not one of the flow's answers; did you mean <yes>?"),
        ("<loop>", "<loop> refers to itself"),
        ("{list}", "write (a|b)"),
        ("(a|b|c|d|e|f|g|h) " * 4, f"more than {MOST_PHRASES} phrases"),
        ("(a;b;c;d;e;f;g)", f"more than {MOST_PHRASES} phrases"),
    ],
)
def test_bad_template_says_why(template: str, why: str) -> None:
    with pytest.raises(AnswerError) as raised:
        phrases(template, LIBRARY)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("heard", "phrase", "whole", "goes_on"),
    [
        ("yes", "yes", True, False),
        ("that's", "that's right", False, True),
        ("right", "that's right", False, False),
        ("yes please", "yes", False, False),
        ("my name", "my name is *", False, True),
        ("my name is bob", "my name is *", True, True),
        ("bob", "*", True, True),
        ("x y please", "* please", True, True),
        ("please", "* please", False, True),
    ],
)
def test_fit(heard: str, phrase: str, whole: bool, goes_on: bool) -> None:
    assert fit(tuple(heard.split()), tuple(phrase.split())) == (whole, goes_on)


OPTIONS = {
    "book": "appointment",
    "hours": "opening hours",
    "no": "no",
    "not": "not now",
    "any": "*",
}


@pytest.mark.parametrize(
    ("heard", "option"),
    [
        ("appointment", "book"),
        ("an appointment", "book"),
        ("the opening hours", "hours"),
        ("no", "no"),
        ("not now", "not"),
        ("something else", "any"),
        ("well i had some other appointment", "any"),
        ("appointment no", "any"),
    ],
)
def test_spot(heard: str, option: str) -> None:
    options = [(tuple(phrase.split()), name) for name, phrase in OPTIONS.items()]
    assert spot(tuple(heard.split()), options) == option
    without_any = [(phrase, name) for phrase, name in options if name != "any"]
    assert spot(tuple(heard.split()), without_any) == (None if option == "any" else option)


def test_shorter_phrase_within_a_longer_one_is_no_doubt() -> None:
    options = [(("hours",), "a"), (("opening", "hours"), "b")]
    assert spot(("the", "opening", "hours"), options) == "b"


def test_first_of_two_equal_answers_is_meant() -> None:
    assert spot(("yes",), [(("yes",), "own"), (("yes",), "universal")]) == "own"


def test_plain_words_need_no_parser() -> None:
    """A large flow has thousands of answers, most of them plain words."""
    library: dict[str, list[str]] = {}
    began = time.process_time()
    for number in range(2000):
        phrases(f"answer {number % 7} of many x{'y' * number}", library)
    assert time.process_time() - began < 0.2


@given(st.text('ab ()[]{}<>|;*:\\"0', max_size=12))
def test_any_template_is_phrases_or_a_plain_sentence(template: str) -> None:
    try:
        assert phrases(template, LIBRARY)
    except AnswerError as error:
        told = str(error)
    else:
        return
    assert "\n" not in told


def test_words_are_as_the_recogniser_writes_them() -> None:
    assert words("What's 2-up, Bob?") == ("what's", "two", "up", "bob")
