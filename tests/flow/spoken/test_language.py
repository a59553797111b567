"""Which language a tag means, and what every language has to have."""

from __future__ import annotations

import string

import pytest

from voicebot.flow.answers import phrases
from voicebot.flow.spoken import ENGLISH, GERMAN, SPANISH, Language, bare, language_of

LANGUAGES = pytest.mark.parametrize("language", [ENGLISH, GERMAN, SPANISH], ids=lambda one: one.tag)


@pytest.mark.parametrize(
    ("heard", "left"),
    [
        ("uh yes please", "yes"),
        ("i'd like tea", "tea"),
        ("i want", "i want"),
        ("[unk] tea [unk]", "tea"),
        ("um please", ""),
    ],
)
def test_bare(heard: str, left: str) -> None:
    assert " ".join(bare(heard.split(), ENGLISH)) == left


def test_language_of_a_tag() -> None:
    assert language_of("en-US") is language_of("EN") is ENGLISH
    assert language_of("de-DE") is language_of("de") is GERMAN
    assert language_of("es") is SPANISH
    assert language_of("fr-FR") is None


def test_a_language_is_shown_by_its_tag() -> None:
    assert repr(GERMAN) == "Language(de-DE)"


@pytest.mark.parametrize(
    ("tag", "currency"),
    [("en-US", "USD"), ("en-GB", "GBP"), ("de-AT", "EUR"), ("es-MX", "MXN"), ("en-ZZ", "USD")],
)
def test_a_region_has_its_money(tag: str, currency: str) -> None:
    language = language_of(tag)
    assert language is not None
    assert (language.tag, language.currency) == (tag, currency)
    assert language is language_of(tag)


@LANGUAGES
def test_yes_and_no_have_no_phrase_in_common(language: Language) -> None:
    yes = {phrase for template in language.yes for phrase in phrases(template, {})}
    no = {phrase for template in language.no for phrase in phrases(template, {})}
    assert yes
    assert not yes & no


@LANGUAGES
def test_the_longest_lead_in_and_correction_come_before_their_beginnings(
    language: Language,
) -> None:
    for openings in (language.lead_ins, language.corrections):
        for at, opening in enumerate(openings):
            for later in openings[at + 1 :]:
                assert later[: len(opening)] != opening, (opening, later)


@LANGUAGES
def test_every_name_is_there(language: Language) -> None:
    assert set(language.dates.weekdays) == set(range(1, 8))
    assert set(language.dates.months) == set(range(1, 13))
    assert set(language.dates.days) == set(range(1, 32))
    assert len(language.times.said) == 24
    assert set(language.digits.values()) == set(string.digits)
    assert set(language.letters.names) >= set(string.ascii_uppercase)
    assert all(language.letters.words[letter] for letter in string.ascii_uppercase)
    assert language.currency in language.money.currencies
