"""What a question makes of words and keys."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.ears import (
    DATE,
    HELP,
    MONDAY,
    MONEY,
    NUMBER,
    PHONE,
    PIN,
    SSN,
    TEXT,
    TIME,
    UNIVERSALS,
    Form,
    choice,
    ears,
    english,
    heard,
    question,
    shown,
    yes_no,
)
from voicebot.flow import model
from voicebot.flow.answers import Claim, Still, Word
from voicebot.flow.expectation import Expectation, Filled, More, Settled, Value

MENU = model.Choices(
    (
        choice("appointment", "[an] appointment", keys=["1", "123"]),
        choice("yes", "yes", "yes it is", keys=["2"]),
        choice("tomorrow", "appointment tomorrow", keys=["31"]),
    )
)
ANYTHING = model.Choices((choice("tea", "tea"), choice("*", "*")))
CODE = model.Digits(2, 4, "*")
AGE = model.Number(18, 120, "#")
COUNT = model.Number(0, None, "#")


@pytest.mark.parametrize(
    ("wants", "partial", "still"),
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
        (MENU, "operator what", Still.ENOUGH),  # an answer stands out
        (PIN, "one two three", Still.PREFIX),
        (PIN, "one two three four", Still.COMPLETE),
        (PIN, "my code is one two three four", Still.COMPLETE),
        (PIN, "one two double", Still.PREFIX),
        (PIN, "one [unk] three", Still.PREFIX),  # one of the digits, not understood
        (PIN, "one [unk] three four", Still.OUTSIDE),
        (PIN, "[unk] [unk]", Still.OUTSIDE),
        (PIN, "operator", Still.COMPLETE),
        (PIN, "one two three four five", Still.OUTSIDE),
        (CODE, "one", Still.PREFIX),
        (CODE, "one two", Still.SERIES),
        (CODE, "one two three four", Still.COMPLETE),
        (AGE, "twenty", Still.EXTENDABLE),
        (AGE, "twenty five", Still.COMPLETE),
        (COUNT, "two", Still.EXTENDABLE),
        (DATE, "march", Still.PREFIX),
        (DATE, "march first", Still.EXTENDABLE),  # of which year?
        (DATE, "tomorrow", Still.COMPLETE),
        (DATE, "on", Still.PREFIX),
        (DATE, "no", Still.OUTSIDE),
        (DATE, "tomorrow no", Still.EXTENDABLE),
        (DATE, "tomorrow no tuesday", Still.EXTENDABLE),  # the second of March?
        (DATE, "tuesday no tomorrow", Still.COMPLETE),
        (PIN, "one two three four no", Still.EXTENDABLE),
        (PIN, "one two three four no one two", Still.PREFIX),
        (TIME, "ten", Still.EXTENDABLE),
        (TIME, "noon", Still.COMPLETE),
        (PHONE, "five five five one two", Still.PREFIX),
        (PHONE, "five five five one two three four", Still.EXTENDABLE),
        (PHONE, "five [unk] five one", Still.PREFIX),
        (MONEY, "ten dollars", Still.EXTENDABLE),
        (TEXT, "", Still.OPEN),
        (TEXT, "whatever", Still.OPEN),
        (TEXT, "operator", Still.COMPLETE),
        (ANYTHING, "something", Still.OPEN),
        (ANYTHING, "tea", Still.EXTENDABLE),
        (ANYTHING, "operator", Still.EXTENDABLE),
    ],
)
def test_still(wants: model.Wants, partial: str, still: Still) -> None:
    assert ears(wants).still(partial) is still


@pytest.mark.parametrize(
    ("wants", "words", "meaning"),
    [
        (MENU, "yes", "yes"),
        (MENU, "i'd like an appointment please", "appointment"),
        (MENU, "[unk] yes", "yes"),
        (MENU, "[unk] [unk] yes", None),
        (MENU, "help me", "help"),
        (MENU, "[unk]", None),
        (MENU, "", None),
        (PIN, "one two three four", "1234"),
        (PIN, "one two three", None),
        (PIN, "operator", "operator"),
        (PIN, "my code is one two three four thanks", "1234"),
        (PIN, "one two three four five", None),
        (PIN, "one two [unk] three four", None),  # a digit may be missing there
        (CODE, "one two [unk]", "12"),
        (CODE, "one [unk] two", None),
        (AGE, "twenty five", 25),
        (AGE, "seven", None),
        (NUMBER, "the number is five", 5),
        (NUMBER, "not five", None),
        (NUMBER, "what do i have to do", None),
        (DATE, "on tuesday please", "2027-03-02"),
        (DATE, "march [unk] first", None),
        (DATE, "tuesday or wednesday", None),
        (DATE, "tuesday no wednesday", "2027-03-03"),
        (DATE, "no tuesday", "2027-03-02"),
        (DATE, "tuesday no wait i said wednesday please", "2027-03-03"),
        (DATE, "tuesday sorry may fifth i mean may sixth", "2027-05-06"),
        (TIME, "ten no eleven o'clock", "11:00"),
        (MONEY, "a hundred dollars no make it one hundred ten dollars", 110),
        (NUMBER, "three uh actually four", 4),
        (PIN, "four five six seven sorry four five six eight", "4568"),
        (PIN, "four five six seven no eight", None),  # instead of which?
        (CODE, "one two three no four", None),
        (MENU, "appointment no yes", "yes"),
        (TIME, "it's at ten thirty", "10:30"),
        (TIME, "ten [unk] thirty", None),
        (MONEY, "five dollars", 5),
        (MONEY, "it's five euros", None),
        (PHONE, "my number is five five five one two three four", "5551234"),
        (TEXT, "bob [unk] miller", "bob miller"),
        (TEXT, "help me", "help"),
        (TEXT, "[unk]", None),
        (ANYTHING, "something else", "*"),
        (ANYTHING, "tea", "tea"),
        (ANYTHING, "operator", "operator"),
    ],
)
def test_understand(wants: model.Wants, words: str, meaning: object) -> None:
    assert shown(ears(wants).understand(heard(words), MONDAY)) == meaning


@pytest.mark.parametrize(
    ("tag", "wants", "words", "meaning"),
    [
        ("de-DE", DATE, "dienstag nein mittwoch", "2027-03-03"),
        ("de-DE", DATE, "am dienstag nein ich meine am mittwoch", "2027-03-03"),
        ("de-DE", DATE, "dienstag nicht mittwoch", "2027-03-02"),
        ("de-DE", NUMBER, "drei entschuldigung vier", 4),
        ("es-ES", DATE, "martes no miércoles", "2027-03-03"),
        ("es-ES", DATE, "el martes perdón el miércoles", "2027-03-03"),
        ("es-ES", NUMBER, "tres no mejor cuatro", 4),
    ],
)
def test_a_correction_in_other_languages(
    tag: str, wants: model.Wants, words: str, meaning: object
) -> None:
    assert shown(ears(wants, tag).understand(heard(words), MONDAY)) == meaning


def test_unsure_words_do_not_count() -> None:
    assert ears(MENU).understand([Word("yes", 0.4)], MONDAY) is None
    assert (
        ears(CODE).understand([Word("one"), Word("two", 0.4), Word("three"), Word("four")], MONDAY)
        is None
    )


def test_a_value_is_as_sure_as_its_least_sure_word() -> None:
    said = [Word("it's", 0.6), Word("march", 0.9), Word("first", 0.7), Word("please", 0.5)]
    assert ears(DATE).understand(said, MONDAY) == Value("2027-03-01", 0.7)
    assert ears(TEXT).understand([Word("bob", 0.6), Word("miller")], MONDAY) == Value(
        "bob miller", 0.6
    )
    filled = Form(day=DATE, time=TIME).at("day")
    said = [Word("tuesday", 0.8), Word("at"), Word("ten", 0.9)]
    assert filled.understand(said, MONDAY) == Filled(
        {"day": Value("2027-03-02", 0.8), "time": Value("10:00", 0.9)}
    )


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("next:1 tuesday:1 at:0.9 ten:0.4", {"day": "2027-03-09", "time": "10:00"}),
        ("next:1 tuesday:1 at:0.9 ten:0.2", {"day": "2027-03-09"}),
        ("tuesday:0.4 at:0.4 ten:0.9", None),  # most of it is doubtful
        ("tuesday:1 blue:0.4", {"day": "2027-03-02"}),
        ("one:1 two:1 three:1 four:1 five:1 six:1 seven:1 eight:1 nine:0.4", None),  # no digit is guessed
    ],
)  # fmt: skip
def test_a_doubtful_word_counts_in_a_form_where_all_makes_sense(words: str, values: object) -> None:
    said = [Word(word, float(sure)) for word, sure in (w.split(":") for w in words.split())]
    assert shown(VISIT.at("day").understand(said, MONDAY)) == values


# Forms -----------------------------------------------------------------------------------------

VISIT = Form(day=DATE, time=TIME, ssn=SSN)
TABLE = Form(people=NUMBER, day=DATE, time=TIME)
ORDER = Form(size=model.Choices((choice("small", "small"), choice("large", "large"))), day=DATE)
STAY = Form(arrival=DATE, departure=DATE, nights=NUMBER)
CODES = Form(pin=PIN, ssn=SSN)
NAME = Form(name=TEXT, day=DATE, child=yes_no())


@pytest.mark.parametrize(
    ("form", "asked", "words", "filled", "meaning"),
    [
        # Several at once, in any order.
        (VISIT, "day", "next tuesday at ten", "", {"day": "2027-03-09", "time": "10:00"}),
        (VISIT, "day", "at ten on tuesday", "", {"day": "2027-03-02", "time": "10:00"}),
        (VISIT, "day", "tuesday", "", {"day": "2027-03-02"}),
        (VISIT, "day", "ten thirty", "", {"time": "10:30"}),
        (VISIT, "day", "can i come next tuesday at half past ten", "", {"day": "2027-03-09", "time": "10:30"}),
        (VISIT, "day", "tuesday one two three four five six seven eight nine", "", {"day": "2027-03-02", "ssn": "123456789"}),
        (TABLE, "people", "a table for four on friday at seven", "", {"people": 4, "day": "2027-03-05", "time": "07:00"}),
        (TABLE, "people", "a table for two tomorrow", "", {"people": 2, "day": "2027-03-02"}),
        (TABLE, "people", "friday at seven for four", "", {"people": 4, "day": "2027-03-05", "time": "07:00"}),
        (TABLE, "people", "friday at seven", "", {"day": "2027-03-05", "time": "07:00"}),
        (TABLE, "people", "four", "", {"people": 4}),
        (TABLE, "time", "seven", "people day", {"time": "07:00"}),
        (ORDER, "size", "large", "", {"size": "large"}),
        (ORDER, "size", "a large one please", "", {"size": "large"}),
        (ORDER, "size", "large on tuesday", "", {"size": "large", "day": "2027-03-02"}),
        (ORDER, "day", "tuesday and large", "", {"size": "large", "day": "2027-03-02"}),
        # A correction at a later slot.
        (VISIT, "time", "no tuesday", "day", {"day": "2027-03-02"}),
        (VISIT, "time", "i mean tuesday", "day", {"day": "2027-03-02"}),
        (VISIT, "ssn", "no i said eleven", "day time", {"time": "11:00"}),
        (VISIT, "time", "not monday tuesday", "day", {"day": "2027-03-02"}),
        (VISIT, "time", "tuesday not monday", "day", {"day": "2027-03-02"}),
        (VISIT, "time", "tuesday", "day", {"day": "2027-03-02"}),
        (VISIT, "time", "not monday", "day", None),
        (VISIT, "time", "no", "day", None),
        (VISIT, "time", "eleven", "day", {"time": "11:00"}),
        (VISIT, "time", "ten [unk] thirty", "day", None),
        # Two of one type.
        (STAY, "arrival", "tuesday", "", {"arrival": "2027-03-02"}),
        (STAY, "arrival", "tuesday friday", "", {"arrival": "2027-03-02", "departure": "2027-03-05"}),
        (STAY, "departure", "tuesday", "arrival", {"departure": "2027-03-02"}),
        (STAY, "departure", "no tuesday", "arrival", {"arrival": "2027-03-02"}),
        (STAY, "nights", "no friday", "arrival departure", {"departure": "2027-03-05"}),
        (CODES, "pin", "one two three four five six seven eight nine", "", {"ssn": "123456789"}),
        (CODES, "ssn", "one two three four", "pin", {"pin": "1234"}),
        (CODES, "pin", "one two three four five", "", None),
        # Words that anybody says, and universals.
        (NAME, "name", "bob miller", "", {"name": "bob miller"}),
        (NAME, "name", "tuesday", "", {"day": "2027-03-02"}),
        (NAME, "name", "my wife ann tuesday", "", {"name": "my wife ann tuesday"}),
        (NAME, "name", "yes", "", {"name": "yes"}),
        (NAME, "child", "yes", "name day", {"child": True}),
        (NAME, "day", "bob", "", None),
        (NAME, "day", "help me", "", "help"),
        (VISIT, "day", "operator", "", "operator"),
    ],
)  # fmt: skip
def test_form(form: Form, asked: str, words: str, filled: str, meaning: object) -> None:
    assert shown(form.at(asked).understand(heard(words), MONDAY, filled.split())) == meaning


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("yes", True),
        ("yes please", True),
        ("no", False),
        ("no thanks", False),
        ("no tuesday", {"": False, "day": "2027-03-02"}),
        ("no i mean tuesday", {"": False, "day": "2027-03-02"}),
        ("i mean tuesday", {"day": "2027-03-02"}),
        ("no not monday tuesday", {"": False, "day": "2027-03-02"}),
        ("no i said eleven", {"": False, "time": "11:00"}),
        ("no tuesday no wednesday", {"": False, "day": "2027-03-03"}),
        ("yes no", None),
        ("yes no wait no", False),
        ("no sorry yes", True),
        ("yes but at eleven", {"": True, "time": "11:00"}),
        ("that's wrong it's on wednesday at nine", {"": False, "day": "2027-03-03", "time": "09:00"}),
        ("tuesday", {"day": "2027-03-02"}),
        ("at eleven", {"time": "11:00"}),
        ("half past three", {"time": "15:30"}),
        ("help me", "help"),
        ("blue", None),
        # What a noisy "yeah" is heard as.
        ("nine", None),
        ("eleven please", None),
        ("[unk] nine", None),
    ],
)  # fmt: skip
def test_confirmation(words: str, meaning: object) -> None:
    confirm = VISIT.at(None)
    assert shown(confirm.understand(heard(words), MONDAY, ("day", "time", "ssn"))) == meaning


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("tuesday:0.9", {"day": "2027-03-02"}),
        ("tuesday:0.6", None),
        ("no:1 tuesday:0.6", None),
        ("no:1 tuesday:0.4", None),  # and no plain "no", which would begin again
        ("no:0.6 one:0.6", None),
        ("yes:0.9 twentieth:0.6", None),
        ("tuesday:0.8 three:0.6", None),
        ("no:0.6 next:0.6 tuesday:0.6", {"": False, "day": "2027-03-09"}),
        ("yes:0.6", True),
        ("no:0.6", False),
    ],
)  # fmt: skip
def test_no_value_is_changed_at_a_confirmation_by_a_single_word_that_is_unsure(
    words: str, meaning: object
) -> None:
    said = [Word(text, float(sure)) for text, sure in (w.split(":") for w in words.split())]
    confirm = VISIT.at(None)
    assert shown(confirm.understand(said, MONDAY, ("day", "time", "ssn"))) == meaning


@pytest.mark.parametrize(
    ("asked", "partial", "still"),
    [
        ("day", "", Still.OUTSIDE),
        ("day", "the", Still.PREFIX),
        ("day", "tomorrow", Still.ENOUGH),  # at what time?
        ("day", "tomorrow at noon", Still.ENOUGH),
        ("day", "tuesday", Still.EXTENDABLE),  # the second of March?
        ("day", "noon", Still.EXTENDABLE),  # on which day?
        ("day", "tuesday at", Still.EXTENDABLE),
        ("day", "next", Still.PREFIX),
        ("day", "blue", Still.OUTSIDE),
        ("day", "operator", Still.COMPLETE),
        ("time", "noon", Still.ENOUGH),
        ("time", "no", Still.PREFIX),
        ("ssn", "one two three four five six seven eight", Still.PREFIX),
        ("ssn", "one two three four five six seven eight nine", Still.COMPLETE),
        (None, "", Still.NOTHING),
        (None, "yes", Still.COMPLETE),
        (None, "no", Still.EXTENDABLE),  # what is wrong?
        (None, "no tomorrow", Still.COMPLETE),
        (None, "no not", Still.PREFIX),
        (None, "nine", Still.PREFIX),  # thirty
    ],
)
def test_still_of_a_form(asked: str | None, partial: str, still: Still) -> None:
    assert VISIT.at(asked).still(partial) is still


def test_still_knows_what_is_filled_when_it_is_told() -> None:
    day = VISIT.at("day")
    assert day.still("tomorrow", filled=("time", "ssn")) is Still.COMPLETE
    assert day.still("tomorrow", filled=("time",)) is Still.ENOUGH


def test_a_weekday_with_its_date_depends_on_the_year() -> None:
    words = "monday march first twenty twenty seven"
    assert ears(DATE).still(words, now=MONDAY) is Still.COMPLETE


# Keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wants", "typed", "more", "meaning", "rest"),
    [
        (MENU, "2", False, "yes", ""),
        (MENU, "1", True, "appointment", ""),
        (MENU, "12", True, "appointment", "2"),
        (MENU, "123", False, "appointment", ""),
        (MENU, "14", False, "appointment", "4"),
        (MENU, "129", False, "appointment", "29"),
        (MENU, "1#", False, "appointment", ""),
        (MENU, "3", True, None, ""),
        (MENU, "32", False, None, ""),
        (MENU, "9", False, None, ""),
        (MENU, "*", True, None, ""),
        (MENU, "*9", False, "help", ""),
        (MENU, "0", False, "help", ""),
        (yes_no(), "1", False, True, ""),
        (yes_no(), "2", False, False, ""),
        (PIN, "*9", False, "help", ""),
        (PIN, "*", True, None, ""),
        (PIN, "0000", False, "0000", ""),
        (CODE, "#", False, "operator", ""),
        (TEXT, "0", False, "help", ""),
        (model.Spelling(1, None), "0", False, "help", ""),
    ],
)
def test_press(wants: model.Wants, typed: str, more: bool, meaning: object, rest: str) -> None:
    result = ears(wants).press(typed, MONDAY)
    assert isinstance(result, More if more else Settled)
    assert (shown(result.meaning), result.rest) == (meaning, rest)


@pytest.mark.parametrize("wants", [TEXT, model.Spelling(1, None)])
def test_key_that_an_open_question_has_no_use_for(wants: model.Wants) -> None:
    assert ears(wants).press("5", MONDAY) is None


def test_keys_of_a_form_answer_the_slot_that_is_asked() -> None:
    assert VISIT.at("time").press("1030", MONDAY) == Settled(Value("10:30"))
    result = VISIT.at(None).press("1", MONDAY)
    assert isinstance(result, Settled)
    assert shown(result.meaning) is True


def test_regions_write_the_day_before_the_month() -> None:
    british = Expectation(question(DATE), (), english("en-GB"))
    result = british.press("0503", MONDAY)
    assert result == More(Value("2027-03-05"))


# The recogniser's words ------------------------------------------------------------------------


def grammar(expectation: Expectation) -> set[str]:
    assert expectation.grammar is not None
    return set(expectation.grammar)


def test_grammar_holds_what_can_be_said() -> None:
    assert {"an appointment", "yes it is", "operator", "please", "i'd like"} <= grammar(ears(MENU))
    pin, count = grammar(ears(PIN)), " ".join(grammar(ears(COUNT))).split()
    assert {"seven", "oh", "double", "help me"} <= set(" ".join(pin).split()) | pin
    assert {"seven", "twenty", "hundred"} <= set(count)


def test_grammar_of_a_form_holds_that_of_its_slots_and_how_they_are_corrected() -> None:
    said = set(" ".join(grammar(VISIT.at("ssn"))).split())
    assert {"tuesday", "thirty", "seven", "no", "mean", "at", "not"} <= said
    assert {"small", "tuesday"} <= set(" ".join(grammar(ORDER.at("day"))).split())


@pytest.mark.parametrize("wants", [TEXT, ANYTHING])
def test_no_grammar_where_anything_may_be_said(wants: model.Wants) -> None:
    assert ears(wants).grammar is None


def test_what_leads_in_is_not_put_in_the_place_of_digits() -> None:
    said = set(" ".join(grammar(ears(PIN))).split())
    assert not said & {"for", "to", "too", "won"}


FIGURES = model.Choices(
    (choice("one", "one"), choice("two", "two"), choice("leave", "i'd like to leave"))
)


def test_a_word_that_sounds_like_an_answer_is_that_answer() -> None:
    expectation = ears(FIGURES)
    assert shown(expectation.understand([Word("to")], MONDAY)) == "two"
    assert expectation.still("to") is Still.COMPLETE
    # And no lead-in puts it into the recogniser's mouth.
    assert "i'd like to" not in grammar(expectation)


def test_a_please_that_comes_late_is_no_answer() -> None:
    expectation = ears(MENU)
    assert expectation.only_fillers([Word("please")])
    assert not expectation.only_fillers([Word("please"), Word("yes")])


def test_phrases_of_another_language_are_not_heard() -> None:
    said = {"de-DE": (("ja",),), "en-US": (("yes",),)}
    wants = model.Choices((model.Choice(said, (), "yes", (), HELP.mark),))
    expectation = Expectation(question(wants), (), english())
    assert shown(expectation.understand(heard("yes"), MONDAY)) == "yes"
    assert expectation.understand(heard("ja"), MONDAY) is None


# Whatever is said ------------------------------------------------------------------------------

ALL = [
    *(ears(w) for w in (MENU, PIN, CODE, AGE, COUNT, DATE, TIME, MONEY, PHONE, TEXT, ANYTHING)),
    ears(model.Spelling(2, 5)),
    ears(model.Digits(2, 4, "#", pattern="1.*")),
    *(form.at(asked) for form in (VISIT, TABLE, STAY, NAME) for asked in (None, form.slots[0].to)),
    VISIT.at("ssn"),
]
WORDS = st.sampled_from(
    "[unk] one two three four ten twenty thirty hundred and a oh double tuesday march first next "
    "at on for to no yes not i mean said tomorrow noon half past dollars cents operator help me "
    "please uh the it's b as in mike blue".split()
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ALL),
    st.lists(st.tuples(WORDS, st.sampled_from([1.0, 0.9, 0.3])), max_size=9),
    st.sets(st.sampled_from(["day", "time", "ssn", "people", "arrival"])),
)
def test_whatever_is_said_is_taken(
    expectation: Expectation, said: list[tuple[str, float]], filled: set[str]
) -> None:
    words = [Word(text, confidence) for text, confidence in said]
    expectation.understand(words, MONDAY, filled)
    expectation.still(" ".join(word.text for word in words))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.lists(WORDS, max_size=6))
def test_what_is_complete_is_an_answer(expectation: Expectation, said: list[str]) -> None:
    if expectation.still(" ".join(said), now=MONDAY) is Still.COMPLETE:
        assert expectation.understand(heard(" ".join(said)), MONDAY) is not None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ALL), st.text("0123456789*#ABCD²", max_size=12), st.datetimes())
def test_whatever_is_pressed_is_taken(expectation: Expectation, typed: str, now: datetime) -> None:
    result = expectation.press(typed, now)
    assert result is None or typed.endswith(result.rest)


def test_a_long_story_is_no_answer_and_takes_no_time() -> None:
    story = heard("one tuesday at ten for " * 100)
    assert VISIT.at("day").understand(story, MONDAY) is None


def test_each_partial_result_takes_less_than_a_millisecond() -> None:
    form = Form(day=DATE, time=TIME, ssn=SSN, people=NUMBER).at("day")
    said = "no i mean next tuesday at half past ten for two".split()
    partials = [" ".join(said[:n]) for n in range(1, len(said) + 1)]
    for partial in partials:
        form.still(partial)
    best_s = float("inf")
    for _ in range(5):
        began = time.process_time()
        for partial in partials:
            form.still(partial)
        best_s = min(best_s, time.process_time() - began)
    assert best_s / len(partials) < 0.001


def test_prepared_it_hears_the_same() -> None:
    prepared, other = VISIT.at("day"), VISIT.at("day")
    prepared.prepare()
    assert prepared.grammar == other.grammar


def test_a_large_flow_has_its_ears_at_once() -> None:
    began = time.process_time()
    for _ in range(1500):
        Expectation(VISIT.slots[0], UNIVERSALS, english(), others=VISIT.slots[1:])
    assert time.process_time() - began < 0.1


# Whom words are for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "claim"),
    [
        ("", Claim.NONE),
        ("[unk]", Claim.NONE),
        ("[unk] [unk]", Claim.NONE),
        ("elephants", Claim.NONE),  # an engine without a grammar
        ("uh", Claim.HESITATION),
        ("[unk] please", Claim.HESITATION),
        ("that's", Claim.ANSWER),
        ("yes", Claim.ANSWER),
        ("uh yes", Claim.ANSWER),
        ("[unk] yes", Claim.ANSWER),
        ("help", Claim.ANSWER),
        ("no yes", Claim.WORDS),
        ("no yes [unk]", Claim.WORDS),
        ("[unk] no yes [unk]", Claim.HESITATION),
        ("[unk] [unk] right", Claim.HESITATION),
    ],
)
def test_whom_words_are_for(said: str, claim: Claim) -> None:
    assert ears(yes_no()).claim(said) is claim


@pytest.mark.parametrize(
    ("said", "claim"),
    [("", Claim.NONE), ("the", Claim.HESITATION), ("call me", Claim.ANSWER), ("operator", Claim.ANSWER)],
)  # fmt: skip
def test_where_anything_may_be_said_two_words_are_an_answer(said: str, claim: Claim) -> None:
    assert ears(TEXT).claim(said) is claim


def test_the_beginning_of_a_number_is_for_the_bot() -> None:
    assert ears(PIN).claim("four two") is Claim.ANSWER
    assert ears(PIN).claim("four two one five six") is Claim.WORDS
