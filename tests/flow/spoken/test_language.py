"""Which language a tag means, and what every language has to have."""

from __future__ import annotations

import string

import pytest

from tests.flow.ears import MONDAY, ears, shown, yes_no
from tests.speech.workers import VOSK_MODEL
from voicebot.flow.answers import Word, phrases, words
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


@pytest.mark.parametrize(
    ("language", "yes", "no"),
    [
        (
            ENGLISH,
            "yes;yep;absolutely;of course;yes I do;yes of course;yes thank you;yes please;"
            "that's right;yeah that's right;yes that's correct;exactly;okay",
            "no;nope;not really;not at all;no I don't;no thank you;that's not right;"
            "that is not right;no that's wrong;certainly not;I don't think so;it's not correct",
        ),
        (
            GERMAN,
            "ja;ja gerne;ja bitte;stimmt;genau;ja genau;das ist richtig;ja das stimmt;natürlich;"
            "na klar;auf jeden Fall;in Ordnung;sehr gerne;ja natürlich",
            "nein;nein danke;stimmt nicht;das stimmt nicht;nein das ist falsch;nicht richtig;"
            "auf keinen Fall;natürlich nicht;lieber nicht;nein leider nicht;ich glaube nicht",
        ),
        (
            SPANISH,
            "sí;sí por favor;sí claro;claro que sí;por supuesto;de acuerdo;exacto;así es;"
            "sí eso es;es correcto;desde luego;vale",
            "no;no gracias;no es correcto;eso no es correcto;claro que no;no quiero;para nada;"
            "de ninguna manera;está mal;no está bien;no no",
        ),
    ],
)
def test_how_people_say_yes_and_no(language: Language, yes: str, no: str) -> None:
    asked = ears(yes_no(language), language.tag)
    for said, value in ((yes, True), (no, False)):
        for text in said.split(";"):
            meaning = asked.understand([Word(word) for word in words(text)], MONDAY)
            assert shown(meaning) is value, text


def test_the_shipped_model_knows_all_words_for_yes_and_no() -> None:
    lines = (VOSK_MODEL / "graph" / "words.txt").read_text(encoding="utf-8").splitlines()
    known = {line.split()[0] for line in lines}
    said = {word for text in (*ENGLISH.yes, *ENGLISH.no) for p in phrases(text, {}) for word in p}
    assert said <= known


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
