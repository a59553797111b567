"""Several ways to hear an utterance: the meaning that they have together."""

from __future__ import annotations

import pytest

from tests.flow.ears import DATE, MONDAY, NUMBER, PIN, TIME, Form, ears, shown, yes_no
from voicebot.flow.answers import Alternative, Word
from voicebot.flow.expectation import Expectation, Filled, Value
from voicebot.flow.meaning import Meaning

VISIT = Form(day=DATE, time=TIME)


def told(**ways: float) -> tuple[Alternative, ...]:
    """Ways to hear something: an underscore is a space, "x" speech outside the question."""
    return tuple(
        Alternative(tuple("[unk]" if w == "x" else w for w in way.split("_")), share)
        for way, share in ways.items()
    )


def meaning(
    expectation: Expectation, ways: tuple[Alternative, ...], **denied: object
) -> Meaning | None:
    heard = tuple(map(Word, ways[0].words))

    def chance(meant: Meaning) -> float:
        values = meant.values if isinstance(meant, Filled) else {"": meant}
        return float(all(getattr(v, "value", None) != denied.get(n) for n, v in values.items()))

    return expectation.understand(heard, MONDAY, (), ways, chance)


def confidence(meant: Meaning | None, slot: str = "") -> float:
    value = meant.values[slot] if isinstance(meant, Filled) else meant
    assert isinstance(value, Value)
    return round(value.confidence, 2)


def test_ways_that_mean_the_same_are_one_answer() -> None:
    ways = told(okay=0.35, ok=0.35, yes=0.25, no=0.05)
    assert shown(meaning(ears(yes_no()), ways)) is True


@pytest.mark.parametrize(
    "ways",
    [
        told(x=0.6, yes=0.4),
        told(yes=0.55, x=0.45),
        told(x_yes_x=0.9, yes=0.1),
        told(x=1.0),
    ],
)
def test_what_is_more_likely_something_else_is_no_answer(ways: tuple[Alternative, ...]) -> None:
    assert meaning(ears(yes_no()), ways) is None


def test_of_too_many_answers_none_is_meant() -> None:
    ways = told(one=0.28, two=0.26, three=0.24, four=0.22)
    assert meaning(ears(NUMBER), ways) is None


def test_words_of_the_question_that_make_no_sense_hardly_count() -> None:
    ways = told(four_seven_oh=0.6, four_seven_oh_oh=0.4)
    meant = meaning(ears(PIN), ways)
    assert shown(meant) == "4700"
    assert confidence(meant) > 0.9


def test_a_value_is_as_sure_as_it_is_probable() -> None:
    assert confidence(meaning(ears(NUMBER), told(two=0.7, ten=0.25, x=0.05))) == 0.7


def test_each_value_of_a_form_is_as_sure_as_all_ways_that_have_it() -> None:
    ways = told(tuesday_at_ten=0.5, tuesday_at_three=0.3, tuesday=0.2)
    meant = meaning(VISIT.at("day"), ways)
    assert shown(meant) == {"day": "2027-03-02", "time": "10:00"}
    assert confidence(meant, "day") == 1.0
    assert confidence(meant, "time") == 0.5


def test_a_value_that_is_improbable_is_left_out() -> None:
    ways = told(
        tuesday_at_ten=0.28, tuesday_at_three=0.26, tuesday_at_four=0.24, tuesday_at_two=0.22
    )
    assert shown(meaning(VISIT.at("day"), ways)) == {"day": "2027-03-02"}


def test_a_value_that_cannot_be_leaves_the_place_to_the_next() -> None:
    ways = told(thursday=0.8, tuesday=0.2)
    assert shown(meaning(VISIT.at("day"), ways)) == {"day": "2027-03-04"}
    meant = meaning(VISIT.at("day"), ways, day="2027-03-04")
    assert shown(meant) == {"day": "2027-03-02"}
    assert confidence(meant, "day") == 0.2


def test_a_value_that_cannot_be_is_taken_where_there_is_no_other() -> None:
    alone = told(thursday=0.97, x=0.03)
    assert shown(meaning(VISIT.at("day"), alone, day="2027-03-04")) == {"day": "2027-03-04"}


def test_a_correction_has_to_be_surer_than_an_answer() -> None:
    ways = told(no_at_three=0.6, no_at_ten=0.4)
    assert shown(meaning(VISIT.at("time"), told(at_three=0.6, at_ten=0.4))) == {"time": "15:00"}
    assert shown(meaning(VISIT.at(None), ways)) is False
