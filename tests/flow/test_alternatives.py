"""Calls in which what the caller says may be heard in several ways."""

from __future__ import annotations

import pytest

from tests.flow.script import Starter

ASK = """\
  main:
    - ask: {to: n, type: number, min: 1, max: 99, say: "How many?", check: "n != 15", retry: "Not 15."}
    - say: "Fine ${n}."
    - hangup
"""

FORM = """\
  main:
    - form:
        slots:
          - {to: day, type: date, say: "Which day?"}
          - {to: n, type: number, min: 1, max: 20, say: "How many?", check: "n < 14", retry: "Too many."}
        confirm: {say: "${n} on ${day}?", retry: "Again.", attempts: 3, mode: by_confidence}
    - say: "Done ${n}."
    - hangup
"""

ONE = """\
  main:
    - form:
        slots: [{to: day, type: date, say: "Which day?"}]
        confirm: {say: "${day}?", retry: "Again.", attempts: 4}
    - say: "Done."
    - hangup
"""


def test_the_next_way_to_hear_it_is_taken_where_a_check_refuses_the_first(start: Starter) -> None:
    start(ASK).hears("How many?").may_say(fifteen=0.7, fifty=0.3).hears("Fine 50.").ends()


def test_what_a_check_refuses_in_every_way_is_told(start: Starter) -> None:
    call = start(ASK).hears("How many?").may_say(fifteen=0.98)
    call.hears("Not 15.", "How many?").says("ten").hears("Fine 10.").ends()


def test_speech_that_is_probably_no_answer_is_a_miss(start: Starter) -> None:
    call = start(ASK).hears("How many?")
    call.may_say(nine=0.6, x=0.4).hears("How many?").may_say(x_nine=0.9, x=0.1).hears("Fine 9.")


@pytest.mark.parametrize(("sure", "asked"), [(0.95, False), (0.6, True)])
def test_a_form_is_confirmed_where_a_value_was_less_probable(
    start: Starter, sure: float, asked: bool
) -> None:
    call = start(FORM).hears("Which day?").says("tomorrow").hears("How many?")
    call.may_say(four=sure, five=1 - sure)
    call.hears("4 on 2027-03-02?" if asked else "Done 4.")


def test_a_slot_of_a_form_takes_the_way_that_its_check_lets_pass(start: Starter) -> None:
    call = start(FORM).hears("Which day?").says("tomorrow").hears("How many?")
    call.may_say(nineteen=0.6, nine=0.4).hears("9 on 2027-03-02?")


def test_a_value_that_was_denied_is_not_offered_again(start: Starter) -> None:
    """As long as the same words may be heard otherwise."""
    call = start(ONE).hears("Which day?").may_say(thursday=0.7, tuesday=0.3)
    call.hears("2027-03-04?").says("no").hears("Again.", "Which day?")
    call.may_say(thursday=0.7, tuesday=0.3).hears("2027-03-02?").says("no")
    call.hears("Again.", "Which day?").may_say(thursday=0.97).hears("2027-03-04?").says("yes")
    call.hears("Done.").ends()


def test_of_two_values_that_were_denied_each_may_be_right(start: Starter) -> None:
    call = start(FORM.replace("mode: by_confidence", "mode: always")).hears("Which day?")
    call.may_say(tuesday_for_four=0.9, thursday_for_four=0.1).hears("4 on 2027-03-02?").says("no")
    call.hears("Again.", "Which day?").may_say(tuesday=0.9, thursday=0.1).hears("How many?")
    call.may_say(four=0.6, five=0.4).hears("5 on 2027-03-02?")
