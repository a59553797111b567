"""Choices and universals by their phrases and keys."""

from __future__ import annotations

import pytest

from tests.flow.ears import HELP, choice, english, yes_no
from voicebot.flow import model
from voicebot.flow.answers import Still
from voicebot.flow.meaning import More, Settled
from voicebot.flow.options import Options
from voicebot.flow.spoken import ENGLISH, GERMAN, SPANISH, Language, bare

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


def colours(language: Language) -> Options:
    """Red and blue as the language calls them, the number two, and an operator."""
    named = {"en": "red blue two", "de": "rot blau zwei", "es": "rojo azul dos"}[language.code]
    values = zip(("red", "blue", "two"), named.split(), strict=True)
    operator = choice("operator", "[an] operator", tag=language.tag)
    return Options([*(choice(v, name, tag=language.tag) for v, name in values), operator], language)


def meant(options: Options, said: str, language: Language = ENGLISH) -> object:
    option = options.spot(bare(said.split(), language))
    return option.value if isinstance(option, model.Choice) else None


@pytest.mark.parametrize(
    ("language", "said", "value"),
    [
        (ENGLISH, "the red one", "red"),
        (ENGLISH, "i'll take the red one", "red"),
        (ENGLISH, "i'd like the blue one thank you", "blue"),
        (ENGLISH, "it is the blue", "blue"),
        (ENGLISH, "hello can i have red", "red"),
        (ENGLISH, "number two then", "two"),
        (ENGLISH, "the one", None),
        (ENGLISH, "the big red one", None),
        (ENGLISH, "not red", None),
        (ENGLISH, "not the red one", None),
        (ENGLISH, "an operator", "operator"),
        (GERMAN, "ich nehme das rot bitte", "red"),
        (GERMAN, "hallo ich hätte gern blau", "blue"),
        (GERMAN, "dann rot vielen dank", "red"),
        (GERMAN, "nicht rot", None),
        (SPANISH, "el rojo por favor", "red"),
        (SPANISH, "hola quiero el azul gracias", "blue"),
        (SPANISH, "me quedo con el azul", "blue"),
        # A later value counts.
        (ENGLISH, "blue no red", "red"),
        (ENGLISH, "blue no wait the red one", "red"),
        (ENGLISH, "blue sorry i meant red", "red"),
        (ENGLISH, "the blue one i mean an operator", "operator"),
        (ENGLISH, "blue no red no two", "two"),
        (ENGLISH, "blue no yellow", None),
        (ENGLISH, "blue or red", None),
        (ENGLISH, "yellow no red", None),
        (GERMAN, "blau nein rot", "red"),
        (GERMAN, "blau nein ich meine das rot", "red"),
        (GERMAN, "blau entschuldigung rot", "red"),
        (SPANISH, "azul no rojo", "red"),
        (SPANISH, "el azul no perdón el rojo", "red"),
        (SPANISH, "azul mejor rojo", "red"),
    ],
)
def test_small_words_and_corrections_around_a_choice(
    language: Language, said: str, value: object
) -> None:
    options = colours(language)
    assert meant(options, said, language) == value
    if value is not None:
        assert options.still(bare(said.split(), language)) is Still.COMPLETE


@pytest.mark.parametrize(
    ("said", "still"),
    [
        ("the", Still.OUTSIDE),
        ("blue no", Still.EXTENDABLE),
        ("blue no the", Still.EXTENDABLE),
        ("blue sorry i", Still.EXTENDABLE),
        ("blue no an", Still.EXTENDABLE),
        ("blue no yellow", Still.OUTSIDE),
    ],
)
def test_a_correction_goes_on(said: str, still: Still) -> None:
    assert colours(ENGLISH).still(tuple(said.split())) is still


@pytest.mark.parametrize(
    ("language", "said", "value"),
    [
        (ENGLISH, "yes no wait no", False),
        (ENGLISH, "no sorry yes", True),
        (ENGLISH, "yes i mean no", False),
        (ENGLISH, "no no", False),
        (ENGLISH, "no sorry", False),
        (ENGLISH, "yes no", None),
        (ENGLISH, "it's on the right", None),  # a yes has no small words around
        (ENGLISH, "not sure", None),
        (GERMAN, "ja nein moment nein", False),
        (GERMAN, "nein entschuldigung ja", True),
        (SPANISH, "sí no perdón no", False),
        (SPANISH, "no perdón sí", True),
    ],
)
def test_yes_and_no_that_are_taken_back(language: Language, said: str, value: object) -> None:
    assert meant(Options(yes_no(language).choices, language), said, language) == value


def test_a_long_story_takes_no_time() -> None:
    assert meant(colours(ENGLISH), "blue no " * 500) is None


def test_keys_that_more_may_follow() -> None:
    assert OPTIONS.press("2") == More(TWO)
    assert OPTIONS.press("29") == Settled(TWO)
    assert OPTIONS.press("23") == Settled(TWO, "3")
    assert OPTIONS.press("7") == Settled(None)
    assert OPTIONS.begins("*")
    assert not OPTIONS.begins("7")
