"""The grammar kit: templates into rules, and rules into phrases for a recogniser."""

from __future__ import annotations

import itertools

import pytest

from voicebot.flow.answers import words
from voicebot.flow.spoken import ENGLISH, Language, hear, language_of
from voicebot.flow.spoken.grammar import (
    Count,
    Links,
    Rule,
    Table,
    Unheard,
    Wish,
    covering,
    form,
    forms,
)

COLOURS = Table.of("colour", {1: ("red", "bright red"), 2: ("blue",), 3: ("bright red",)})


def readings(rule: Rule, text: str) -> tuple[list[dict[str, int]], bool]:
    heard, wish = words(text), Wish()
    whole = [dict(said) for end, said in rule.read(heard, 0, wish) if end == len(heard)]
    return whole, wish.more


@pytest.mark.parametrize(
    ("text", "whole", "more"),
    [
        ("red", [{"colour": 1}], False),
        ("bright", [], True),
        ("bright red", [{"colour": 1}], False),
        ("blue red", [], False),
        ("", [], True),
    ],
)
def test_a_table(text: str, whole: list[dict[str, int]], more: bool) -> None:
    assert readings(COLOURS, text) == (whole, more)


def test_templates() -> None:
    rule = forms({"[a] <colour> car": {"car": 1}, "(my|the) car": {}}, {"colour": COLOURS})
    assert readings(rule, "a red car") == ([{"colour": 1, "car": 1}], False)
    assert readings(rule, "blue car") == ([{"colour": 2, "car": 1}], False)
    assert readings(rule, "the car") == ([{}], False)
    assert readings(rule, "a bright") == ([], True)
    assert readings(rule, "a car") == ([], False)


def test_lists_are_no_part_of_a_table() -> None:
    with pytest.raises(TypeError, match="not for a table of words"):
        form("a {list}", {})


def test_count() -> None:
    rule = Count("count", ENGLISH)
    assert readings(rule, "twenty five")[0] == [{"count": 25}]
    assert readings(rule, "four two")[0] == [{"count": 42}]
    assert readings(rule, "four oh")[0] == []
    assert readings(rule, "a hundred and")[1]


def test_phrases_tell_every_pair_and_lead_to_an_end() -> None:
    rule = forms({"[a] <colour> (car|bike)": {}, "go": {}}, {"colour": COLOURS})
    phrases = [tuple(phrase.split()) for phrase in covering(rule.links)]
    told = {pair for phrase in phrases for pair in itertools.pairwise(phrase)}
    assert told == rule.links.pairs
    assert ("go",) in phrases
    # Behind "bright" only "red" can come, which is told once.
    assert {phrase[-1] for phrase in phrases} == {"car", "bike", "go", "bright"}


def test_the_recogniser_is_not_told_of_what_is_typed() -> None:
    assert Unheard(COLOURS).links == Links()
    assert readings(Unheard(COLOURS), "red") == ([{"colour": 1}], False)


@pytest.mark.parametrize("tag", ["en-US", "de-DE", "es-ES"])
@pytest.mark.parametrize(
    "kind", ["date", "time", "amount", "number", "digits", "phone", "spelling"]
)
def test_phrases_are_few_enough(tag: str, kind: str) -> None:
    language = language_of(tag)
    assert isinstance(language, Language)
    phrases = getattr(hear, kind)(language).phrases
    assert len(set(phrases)) == len(phrases) < 5000
    assert not any(language.seldom & set(phrase.split()) for phrase in phrases)
