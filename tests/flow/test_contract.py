"""The page that fixes the flow language, sentence by sentence.

Each test quotes in its docstring what it holds the language to; the sentences on the check are in
test_check*.py and test_mistakes.py, those on spoken forms in spoken/.  CONTRACT.md has them all.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.flow.script import CALL, Script, Starter, flow_of
from voicebot.flow import events as ev
from voicebot.flow.check import checked_flow
from voicebot.flow.dialog import LONGER_KEYS_S, MORE_KEYS_S, CallInfo
from voicebot.flow.model import BargeIn

DENTIST = Path(__file__).parent / "dentist" / "dentist.yaml"


class Open:
    """A calendar that is always as it says."""

    def __init__(self, is_open: bool) -> None:
        self._is_open = is_open

    def open_at(self, moment: datetime) -> bool:
        assert moment.tzinfo is not None
        return self._is_open


def caller(
    *, is_open: bool = True, at: datetime = datetime(2027, 3, 1, 10, tzinfo=UTC)
) -> CallInfo:
    return CallInfo("a-call", at, "15551234", "7001", {"practice": Open(is_open)})


# The dentist -------------------------------------------------------------------------------------


def dentist(*, is_open: bool = True, seed: int = 1) -> Script:
    flow, findings = checked_flow(DENTIST, calendars=("practice",))
    assert flow is not None
    assert findings == []
    call = Script(flow, call=caller(is_open=is_open), seed=seed)
    return call.hears_one_of("Dental practice Miller.")


def test_the_dentist_books_by_voice_and_keys() -> None:
    call = dentist().hears("Appointment, prescription, or opening hours?")
    call.says("an appointment please").hears("Which day?").says("next tuesday at ten")
    call.hears("Your nine digit number, please.").listens().presses("123456789")
    call.hears("Tuesday, March ninth at ten A M. Is that right?").says("yeah")
    call.hears("One moment.")
    assert call.asked[0].json == {"day": "2027-03-09", "time": "10:00"}
    call.answers(200).hears("Booked.", "Goodbye.").knows(day="2027-03-09", time="10:00").ends()


def test_the_dentist_asks_again_where_the_time_is_taken() -> None:
    call = dentist().hears("Appointment, prescription, or opening hours?").presses("1")
    call.hears("Which day?").says("tomorrow").hears("At what time?").says("half past nine")
    call.hears("Your nine digit number, please.").presses("123456789")
    call.hears("Tuesday, March second at nine thirty A M. Is that right?").presses("1")
    call.hears("One moment.").answers(409).hears("That time is taken.", "Which day?")
    call.knows(day=None, time=None, ssn=None)


def test_the_dentist_hears_a_correction_at_the_confirmation() -> None:
    call = dentist().hears("Appointment, prescription, or opening hours?").presses("1")
    call.hears("Which day?").says("next tuesday at ten").hears("Your nine digit number, please.")
    call.presses("123456789").hears("Tuesday, March ninth at ten A M. Is that right?")
    call.says("no next wednesday").hears("Wednesday, March tenth at ten A M. Is that right?")
    call.says("no at eleven").hears("Wednesday, March tenth at eleven A M. Is that right?")
    call.says("yes").hears("One moment.").goes_on()


def test_the_dentist_refuses_a_day_that_is_over() -> None:
    call = dentist().hears("Appointment, prescription, or opening hours?").presses("1")
    call.hears("Which day?").says("yesterday").hears("That day is over.", "Which day?")


def test_the_dentist_calls_the_prescription_and_comes_back() -> None:
    call = dentist().hears("Appointment, prescription, or opening hours?").says("prescriptions")
    call.hears("Which one do you need, tablets, drops, or a cream?").says("drops")
    call.hears("We have it ready tomorrow.", "Goodbye.").ends()
    assert call.logged == ["prescription of drops for 15551234"]


def test_the_dentist_is_closed() -> None:
    dentist(is_open=False).hears("We are closed.").ends()


def test_the_dentist_transfers_to_the_operator_and_says_goodbye_when_nobody_answers() -> None:
    call = dentist().hears("Appointment, prescription, or opening hours?").says("an operator")
    call.hears("I connect you.")
    assert call.transferred == ev.Transfer("400", None, 30.0, True)
    call.is_not_taken().hears("Goodbye.").ends()


def test_the_dentist_goes_to_the_operator_where_the_server_is_down() -> None:
    call = dentist().hears("Appointment, prescription, or opening hours?").presses("1")
    call.hears("Which day?").says("tomorrow at ten").hears("Your nine digit number, please.")
    call.presses("123456789").hears("Tuesday, March second at ten A M. Is that right?")
    call.says("yes").hears("One moment.").is_down().hears("I connect you.")


# Shape -------------------------------------------------------------------------------------------


def test_a_node_is_a_list_of_steps_and_one_may_stand_alone(start: Starter) -> None:
    """A node is a list of steps (a single step may stand alone)."""
    start("  main: {goto: next}\n  next: [{say: Hi}, hangup]\n").hears("Hi").ends()


def test_variables_of_the_call_are_built_in(start: Starter) -> None:
    """built in, read-only: call.id call.caller call.called call.started call.language"""
    text = "${call.id} ${call.caller} ${call.called} ${call.started} ${call.language} ${call.node}"
    call = start(f'  main: [{{say: "{text}"}}, hangup]\n')
    call.hears("a-call 15551234 7001 2027-03-01T10:00:00 en-US main").ends()


def test_a_list_in_the_library_is_variations_never_the_same_twice_running(start: Starter) -> None:
    """a library; a list is variations (never the same twice running)"""
    nodes = "  main: [{say: [{prompt: p}, {prompt: p}, {prompt: p}, {prompt: p}]}, hangup]\n"
    for seed in range(20):
        call = start(nodes, top="prompts: {p: [a, b, c]}\n", seed=seed)
        said = call.unheard
        assert set(said) <= {"a", "b", "c"}
        assert all(one != next_one for one, next_one in pairwise(said))


def test_say_takes_a_list(start: Starter, tmp_path: Path) -> None:
    """A prompt is text, {prompt: name}, or {file: path, text: words}; `say` takes one or a list."""
    (tmp_path / "a.wav").write_bytes(b"")
    call = start(
        '  main: [{say: ["One.", {prompt: two}, {file: a.wav, text: "Three."}]}, hangup]\n',
        top="prompts: {two: Two.}\n",
    )
    call.hears("One.", "Two.", "Three.").ends()


def test_no_match_and_no_input_are_by_attempt_then_the_question_again(start: Starter) -> None:
    """no_input and no_match (prompts by attempt, then the question again); the last one stays"""
    call = start(
        "  main:\n"
        "    - ask: {to: x, type: yes_no, say: Q, attempts: 9, no_match: [m1, m2], no_input: [i1, i2]}\n"
        "    - hangup\n"
    )
    call.hears("Q").says("blah").hears("m1", "Q").stays_silent().hears("i2", "Q")
    call.says("blah").hears("m2", "Q").stays_silent().hears("i2", "Q")


def test_attempts_then_failed(start: Starter) -> None:
    """attempts, failed: a question's attempts are used up"""
    call = start(
        "  main:\n    - ask: {to: x, type: yes_no, say: Q, attempts: 2, failed: {goto: end}}\n"
        "    - hangup\n  end: [{say: E}, hangup]\n"
    )
    call.hears("Q").stays_silent().hears("Q").says("blah").hears("E").ends()


def test_timeout_is_for_the_first_word(start: Starter) -> None:
    """timeout for the first word (no_input: 5s in defaults)"""
    top = "on: {failed: {goto: lost}}\ndefaults: {no_input: 7s}\n"
    call = start("  main: [{ask: {to: x, type: yes_no, say: Q}}, hangup]\n", top=top)
    call.hears("Q").listens().timer(ev.Timer.NO_INPUT, 7.0)
    call = start("  main: [{ask: {to: x, type: yes_no, say: Q, timeout: 2s}}, hangup]\n", top=top)
    call.hears("Q").listens().timer(ev.Timer.NO_INPUT, 2.0)


@pytest.mark.parametrize("mode", list(BargeIn))
def test_barge_in_end_silence_and_max_speech_reach_the_ear(start: Starter, mode: BargeIn) -> None:
    """barge_in (speech | keys | none), end_silence (an override of turns.md), max_speech"""
    call = start(
        "  main: [{ask: {to: x, type: yes_no, say: Q, barge_in: "
        + mode
        + ", end_silence: 750ms, max_speech: 9s}}, hangup]\n"
    )
    listening = call.listening
    assert listening is not None
    assert (listening.barge_in, listening.end_silence_s, listening.max_speech_s) == (
        mode,
        0.75,
        9.0,
    )


WAYS = """\
  main:
    - menu:
        say: Q
        choices:
          - {answers: [go], goto: there}
          - {answers: [again], do: [{say: D}], then: repeat}
          - {answers: [on], do: [{say: D}], then: {goto: there}}
          - {answers: [past], do: [{say: D}]}
          - {answers: [call], call: sub, with: {n: "7"}, to: got, then: {goto: result}}
          - {answers: [leave], do: [{say: D}], then: return}
    - say: P
    - hangup
  there: [{say: T}, hangup]
  sub: [{say: "n ${n}"}, {return: "r${n}"}]
  result: [{say: "got ${got}"}, hangup]
"""


@pytest.mark.parametrize(
    ("answer", "heard"),
    [("go", ["T"]), ("again", ["D", "Q"]), ("on", ["D", "T"]), ("past", ["D", "P"]),
     ("call", ["n 7", "got r7"]), ("leave", ["D"])],
)  # fmt: skip
def test_ways_on(start: Starter, answer: str, heard: list[str]) -> None:
    """goto, or do steps with then (repeat, return, or a way), or call with with, to, then"""
    call = start(WAYS, top='vars: {n: "", got: ""}\non: {failed: {goto: lost}}\n')
    call.hears("Q").says(answer).hears(*heard).silence()


# Types -------------------------------------------------------------------------------------------

TYPES: list[tuple[str, str, str, object, str]] = [
    # type and its keys, what is said, what is pressed, the value, what is read back
    ("yes_no", "that's right", "1", True, "yes"),
    ("yes_no", "nope", "2", False, "no"),
    ("digits, length: 4", "oh seven double one", "0711", "0711", "0711"),
    ("digits, min: 2, max: 6", "four two", "42#", "42", "42"),
    ("digits, pattern: '[12]\\d*', finish: '*'", "one nine", "19*", "19", "19"),
    ("digits, length: 16, checksum: luhn",
     "four one one one one one one one one one one one one one one one", "4111111111111111",
     "4111111111111111", "4111111111111111"),
    ("number, min: 1, max: 50", "twenty five", "25", 25, "25"),
    ("amount, currency: USD", "forty two dollars and fifty cents", "42*50#", 42.5, "42.5"),
    ("amount, currency: EUR", "a hundred euros", "100#", 100, "100"),
    ("date", "march fifteenth", "0315#", "2027-03-15", "2027-03-15"),
    ("date, past: true", "the first of march nineteen eighty four", "03011984", "1984-03-01", "1984-03-01"),
    ("time", "half past ten", "1030", "10:30", "10:30"),
    ("phone", "five five five one two three four", "5551234#", "5551234", "5551234"),
    ("spelling, min: 2", "bravo oscar bravo", "", "BOB", "BOB"),
    ("choice, choices: [red, {value: G, answers: [green], keys: '2'}]", "green", "2", "G", "G"),
    ("text", "whatever comes to mind", "", "whatever comes to mind", "whatever comes to mind"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "said", "keys", "value", "shown"), TYPES, ids=lambda x: str(x)[:20]
)
def test_each_type_takes_speech(
    start: Starter, kind: str, said: str, keys: str, value: object, shown: str
) -> None:
    """Types of ask …; Values: digits, phone, spelling, text and choice give strings …"""
    call = start(
        f'  main: [{{ask: {{to: x, say: Q, type: {kind}}}}}, {{say: "got ${{x}}"}}, hangup]\n'
    )
    call.hears("Q").says(said).hears(f"got {shown}").knows(x=value).ends()
    assert type(call.dialog.variables["x"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "said", "keys", "value", "shown"), TYPES, ids=lambda x: str(x)[:20]
)
def test_each_type_takes_keys_where_they_make_sense(
    start: Starter, kind: str, said: str, keys: str, value: object, shown: str
) -> None:
    """Each takes speech and keys where keys make sense"""
    call = start(
        f'  main: [{{ask: {{to: x, say: Q, type: {kind}}}}}, {{say: "got ${{x}}"}}, hangup]\n'
    )
    call.hears("Q")
    if keys:
        call.presses(keys).waits(LONGER_KEYS_S).hears(f"got {shown}").knows(x=value).ends()
    else:
        call.presses("5").silence().speaking()


@pytest.mark.parametrize(
    ("kind", "keys"),
    [("digits, length: 16, checksum: luhn", "4111111111111112"),
     ("digits, length: 4, pattern: '0.*'", "1234"), ("digits, min: 3, max: 5", "12#"),
     ("number, min: 5, max: 50", "3#"), ("amount, max: 20", "21#"), ("date", "1341#"),
     ("date, past: true", "01012099"), ("time", "2460"), ("phone", "123#")],
)  # fmt: skip
def test_what_is_no_such_value_is_a_miss(start: Starter, kind: str, keys: str) -> None:
    call = start(f"  main: [{{ask: {{to: x, say: Q, no_match: M, type: {kind}}}}}, hangup]\n")
    call.hears("Q").presses(keys).hears("M", "Q")


def test_delete_takes_back_the_last_digit(start: Starter) -> None:
    """digits with pattern, checksum, finish and delete keys"""
    kind = "digits, length: 3, delete: '*'"
    call = start(
        f'  main: [{{ask: {{to: x, say: Q, type: {kind}}}}}, {{say: "got ${{x}}"}}, hangup]\n'
    )
    call.hears("Q").presses("13*23").hears("got 123").ends()


@pytest.mark.parametrize(
    ("written", "said"),
    [("${d | date}", "Monday, March first"), ("${t | time}", "ten thirty A M"),
     ("${n | digits}", "one two three"), ("${w | spell}", "B, O, B"),
     ("${m | money}", "forty-two dollars and fifty cents|forty two dollars and fifty cents"),
     ("${w | upper}", "BOB")],
)  # fmt: skip
def test_filters_say_a_value_as_people_do(start: Starter, written: str, said: str) -> None:
    """says back what it understood (${x | date}); filters date time digits spell money upper"""
    top = 'vars: {d: "2027-03-01", t: "10:30", n: "123", m: 42.5, w: bob}\n'
    call = start(f'  main: [{{say: "{written}"}}, hangup]\n', top="on: {}\n" + top)
    assert call.unheard[0] in said.split("|")


def test_dates_and_times_compare_as_they_should(start: Starter) -> None:
    """date and time ISO strings (2027-03-01, 10:00), which compare as they should"""
    call = start(
        '  main: [{ask: {to: d, type: date, say: Q, check: "d >= today()", retry: R}}, {say: "${d}"}, hangup]\n'
    )
    call.hears("Q").says("yesterday").hears("R", "Q").says("tomorrow").hears("2027-03-02").ends()


# Keys --------------------------------------------------------------------------------------------

KEYS = """\
  main:
    - say: Hello
    - menu:
        say: Q
        choices:
          - {answers: [one], keys: ["1", "*9"], goto: one}
          - {answers: [twelve], keys: "12", goto: twelve}
          - {answers: ["3"], goto: three}
  one: [{ask: {to: n, type: digits, length: 2, say: N}}, {say: "one ${n}"}, hangup]
  twelve: [{say: "twelve"}, hangup]
  three: [{say: "three"}, hangup]
"""


def test_type_ahead_across_questions(start: Starter) -> None:
    """Type-ahead across questions"""
    start(KEYS).hears("Hello", "Q").presses("*942", apart_s=0).hears("N", "one 42").ends()


def test_the_first_key_silences_the_prompt_and_the_ears(start: Starter) -> None:
    """the first key silences the prompt and the ears"""
    start(KEYS).hears("Hello", "Q").speaking().presses("1", apart_s=0).silenced().deaf()


def test_the_wait_for_the_next_key_is_computed(start: Starter) -> None:
    """the wait for the next key is computed from what can still match (1 against 12)"""
    start(KEYS).presses("1", apart_s=0).timer(ev.Timer.KEYS, LONGER_KEYS_S)
    start(KEYS).presses("*", apart_s=0).timer(ev.Timer.KEYS, MORE_KEYS_S)
    start(KEYS).hears("Hello", "Q").presses("12", apart_s=0).hears("twelve").ends()


def test_keys_may_be_several(start: Starter) -> None:
    """keys may be several ("1", "12", "*9")"""
    start(KEYS).hears("Hello", "Q").presses("*9").hears("N").goes_on()


def test_a_choice_that_reads_like_a_digit_is_a_key(start: Starter) -> None:
    """A string choice that reads like a digit is a key."""
    start(KEYS).hears("Hello", "Q").presses("3").hears("three").ends()


# Answers and texts -------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["right", "that's correct", "yes please", "well of course it is"])
def test_answers_are_templates(start: Starter, said: str) -> None:
    """Answers are hassil templates: (a|b) [optional] <name>; * stands for any words."""
    call = start(
        '  main: [{menu: {say: Q, choices: [{answers: ["[that\'s] (right|correct)", "<yes>", "* of course *"], goto: end}]}}]\n'
        "  end: [{say: E}, hangup]\n",
        top='answers: {"yes": ["yes"]}\non: {failed: {goto: lost}}\n',
    )
    call.hears("Q").says(said).hears("E").ends()


EXPRESSIONS: list[tuple[str, Any]] = [
    ("1 + 2 * 3", 7), ("7 // 2 - 1", 2), ("5 % 3", 2), ("n < 4 and not n == 2 or false", True),
    ("'a' in s", False), ("'x' if n > 2 else 'y'", "x"), ("call.caller", "15551234"),
    ("len(s)", 3), ("int('4') + 1", 5), ("default(nothing, 'd')", "d"),
    ("now()", "2027-03-01T10:00"), ("today()", "2027-03-01"), ("r.json.a[0].b", 5), ("r.status", 200),
]  # fmt: skip


@pytest.mark.parametrize(("source", "value"), EXPRESSIONS)
def test_expressions(start: Starter, source: str, value: object) -> None:
    """Expressions: literals, arithmetic, comparison, and or not in, x if c else y, call.*,
    variables, members of http results, and functions now() today() hours(name) len() int() default()"""
    call = start(
        '  main: [{http: {get: "http://h/", to: r}}, {set: {x: "${'
        + source
        + '}"}}, {say: S}, hangup]\n',
        top="vars: {n: 3, s: bob, nothing: null}\n",
    )
    call.answers(200, {"a": [{"b": 5}]}).hears("S").knows(x=value).ends()


def test_hours_asks_the_calendar(tmp_path: Path) -> None:
    """hours(name)"""
    flow = flow_of(
        "voicebot: 1\nnodes: {main: [{if: \"hours('practice')\", then: [{say: open}], else: [{say: shut}]}, hangup]}\n",
        tmp_path,
    )
    Script(flow, call=caller(is_open=True)).hears("open").ends()
    Script(flow, call=caller(is_open=False)).hears("shut").ends()


def test_a_scalar_without_braces_is_itself(start: Starter) -> None:
    """A scalar without ${} is itself, as a string or number"""
    call = start(
        '  main: [{set: {a: 1, b: 1.5, c: n, d: "10", e: 10:00, f: 0800, g: no}}, {say: S}, hangup]\n'
    )
    call.knows(a=1, b=1.5, c="n", d="10", e="10:00", f="0800", g="no")


# Forms -------------------------------------------------------------------------------------------

FORM = """\
  main:
    - form:
        slots:
          - {to: day, type: date, say: "Which day?"}
          - {to: time, type: time, say: "At what time?"}
          - {to: people, type: number, min: 1, max: 20, say: "How many?", check: "people < 10", retry: "Too many."}
        confirm: {say: "${people} on ${day} at ${time}?", mode: MODE, retry: "Then again."}
    - say: "Done ${people}."
    - hangup
"""


def form(start: Starter, mode: str = "always") -> Script:
    return start(FORM.replace("MODE", mode))


def test_a_form_fills_in_any_order_and_one_utterance_may_fill_several(start: Starter) -> None:
    """fills in any order; one utterance may fill several"""
    call = form(start).hears("Which day?").says("at ten")
    call.knows(time="10:00", day=None).hears("Which day?").says("tomorrow for four")
    call.hears("4 on 2027-03-02 at 10:00?").says("yes").hears("Done 4.").ends()


def test_a_slot_is_corrected_later(start: Starter) -> None:
    call = form(start).hears("Which day?").says("tomorrow").hears("At what time?")
    call.says("no wednesday").knows(day="2027-03-03").hears("At what time?").says("ten")
    call.hears("How many?").presses("3#").hears("3 on 2027-03-03 at 10:00?")
    call.says("no thursday").hears("3 on 2027-03-04 at 10:00?").presses("1").hears("Done 3.").ends()


def test_no_at_the_confirmation_begins_again_and_counts(start: Starter) -> None:
    call = form(start)
    for again in ("Then again.", "Then again."):
        call.hears("Which day?").says("tomorrow at ten").hears("How many?").says("four")
        call.hears("4 on 2027-03-02 at 10:00?").says("no").hears(again)
    call.hears("Which day?").says("tomorrow at ten").hears("How many?").says("four")
    call.hears("4 on 2027-03-02 at 10:00?").says("no").hears("Lost.").ends()


def test_confirm_never(start: Starter) -> None:
    """always | by_confidence | never"""
    form(start, "never").says("tomorrow at ten").presses("4#").hears(
        "Which day?", "How many?", "Done 4."
    ).ends()


@pytest.mark.parametrize(("confidence", "asked"), [(0.95, False), (0.6, True)])
def test_confirm_by_confidence(start: Starter, confidence: float, asked: bool) -> None:
    call = form(start, "by_confidence").hears("Which day?").says("tomorrow at ten", confidence)
    call.hears("How many?").presses("4#")
    call.hears("4 on 2027-03-02 at 10:00?" if asked else "Done 4.")


def test_a_slot_has_its_check_and_retry(start: Starter) -> None:
    call = form(start).hears("Which day?").says("tomorrow at ten").hears("How many?")
    call.says("twelve").hears("Too many.", "How many?").says("nine").hears(
        "9 on 2027-03-02 at 10:00?"
    )


STAY = """\
  main:
    - form:
        attempts: 2
        slots:
          - {to: out, type: date, say: "From?", check: "out >= today()", retry: "Over."}
          - {to: back, type: date, say: "To?", check: "back > out", retry: "Not before."}
          - {to: n, type: number, min: 1, max: 9, say: "How many?", check: "n < 9 or back != out"}
    - say: "Fine ${n}."
    - hangup
"""


def test_what_is_said_beside_a_refused_value_is_kept(start: Starter) -> None:
    """one utterance may fill several"""
    call = start(STAY).hears("From?").says("yesterday for four people").hears("Over.", "From?")
    call.knows(out=None, n=4).says("tomorrow").hears("To?").presses("0305#").hears("Fine 4.").ends()


def test_a_check_that_reads_another_slot_waits_for_it(start: Starter) -> None:
    """fills in any order"""
    call = start(STAY).hears("From?").says("nine people").knows(n=9).hears("From?")
    call.says("tomorrow").hears("To?").says("today").hears("Not before.", "To?")
    call.says("march tenth").hears("Fine 9.").ends()


def test_a_correction_that_contradicts_another_slot_asks_for_that_one(start: Starter) -> None:
    slots = (
        '{to: day, type: date, say: "Day?"}, {to: ok, type: yes_no, say: "Sure?"}, '
        '{to: n, type: number, min: 1, max: 20, say: "How many?", retry: "Too many.", '
        "check: \"n < 5 or day > '2027-03-05'\"}"
    )
    confirm = '{say: "${n} on ${day}?", mode: always}'
    call = start(f"  main: [{{form: {{slots: [{slots}], confirm: {confirm}}}}}, hangup]\n")
    call.hears("Day?").says("march seventh").hears("Sure?").says("yes").hears("How many?")
    call.presses("12").hears("12 on 2027-03-07?").says("no march second")
    call.hears("Too many.", "How many?").knows(day="2027-03-02", n=None).presses("4#")
    call.hears("4 on 2027-03-02?").says("yes").ends()


def test_a_refused_slot_has_its_own_attempts(start: Starter) -> None:
    call = start(STAY).hears("From?").presses("0302#").hears("To?").presses("0305#")
    call.hears("How many?").says("blah").hears("How many?").says("four yesterday")
    call.hears("Over.", "From?").says("tomorrow").hears("Fine 4.").ends()


# Calls, http, transfer, record, tag, language ---------------------------------------------------


def test_a_called_node_shares_variables_and_returns_a_result(start: Starter) -> None:
    """call … return"""
    call = start(
        "  main: [{call: add, with: {n: 2}, to: sum}, {say: '${sum} ${n}'}, hangup]\n"
        "  add: [{set: {n: '${n + 3}'}}, {return: '${n * 2}'}]\n",
        top="vars: {n: 0}\n",
    )
    call.hears("10 5").ends()


SUB = """\
voicebot: 1
flow: colours
vars: {first: red}
on: {failed: {then: return}, skip: {answers: [skip], then: return}}
nodes:
  ask:
    - ask: {to: colour, type: choice, say: "${first} or blue?", choices: [red, blue]}
    - return: {name: "${colour}", length: "${len(colour)}"}
"""


def with_sub(start: Starter, tmp_path: Path) -> Script:
    (tmp_path / "sub.yaml").write_text(SUB)
    return start(
        '  main: [{call: colours, with: {first: green}, to: got}, {say: "got ${got.name} ${got.length}"}, hangup]\n'
        "  operator: [{say: Operator}, hangup]\n",
        top="on: {failed: {goto: lost}, operator: {answers: [operator], goto: operator}}\n",
    )


def test_a_called_flow_has_its_own_variables_and_a_result(start: Starter, tmp_path: Path) -> None:
    call = with_sub(start, tmp_path).hears("green or blue?").says("blue").hears("got blue 4")
    assert "colour" not in call.dialog.variables
    call.ends()


def test_a_called_flow_hears_the_events_of_its_caller(start: Starter, tmp_path: Path) -> None:
    """heard anywhere, in every question"""
    with_sub(start, tmp_path).hears("green or blue?").says("operator").hears("Operator").ends()


def test_http_sends_json_and_gives_status_and_members(start: Starter) -> None:
    call = start(
        '  main:\n    - http: {post: "http://h/${n}", query: {q: "a b"}, headers: {X: "${n}"}, json: {n: "${n}", l: [1, {m: "no ${n}"}]}, timeout: 4s, hold: Wait, to: r}\n'
        '    - say: "${r.status} ${r.json.name} ${r.text}"\n    - hangup\n',
        top="vars: {n: 3}\n",
    )
    call.hears("Wait")
    assert call.asked == [
        ev.Request(
            "POST", "http://h/3?q=a+b", {"X": "3"}, {"n": 3, "l": [1, {"m": "no 3"}]}, 4.0, False
        )
    ]
    call.answers(404, {"name": "Bob"}).hears("404 Bob {'name': 'Bob'}").ends()


def test_errors_go_to_the_nearest_handler(start: Starter) -> None:
    """http, transfer or an engine failed and nothing nearer handles it"""
    top = "on: {error: {goto: far}, failed: {goto: lost}}\n"
    far = "  far: [{say: far}, hangup]\n  near: [{say: near}, hangup]\n"
    start('  main: [{http: {get: "http://h/"}}, hangup]\n' + far, top).is_down().hears("far").ends()
    start(
        '  main: [{http: {get: "http://h/", failed: {goto: near}}}, hangup]\n' + far, top
    ).is_down().hears("near").ends()
    start(
        '  main: [{transfer: {to: "4", failed: {goto: near}}}]\n' + far, top
    ).is_not_taken().hears("near").ends()


def test_without_failed_a_transfer_has_left(start: Starter) -> None:
    """without it the call has left"""
    call = start(
        '  main: [{transfer: {to: "4${n}", context: c, wait: 9s, announce: A}}]\n',
        top="vars: {n: 2}\n",
    )
    call.hears("A")
    assert call.transferred == ev.Transfer("42", "c", 9.0, False)


def test_record_gives_the_path(start: Starter) -> None:
    nodes = "  main: [{record: {to: m, say: Speak, max: 9s, silence: 2s}}, {say: \"${default(m, 'nothing')}\"}, hangup]\n"
    assert start(nodes).hears("Speak").recording is None
    call = start(nodes).hears("Speak").listens()
    assert call.recording == ev.Record(True, 9.0, 2.0, False)
    call.leaves_message("/x.wav").hears("/x.wav").ends()
    start(nodes).hears("Speak").listens().leaves_message(None).hears("nothing").ends()


def test_a_caller_who_hangs_up_leaves_his_message(start: Starter) -> None:
    call = start(
        '  main: [{record: {to: m, beep: false}}, {say: "Thanks"}, hangup]\n',
        top='vars: {m: null}\non: {hangup: {do: [{if: m, then: [{log: "message ${m}"}, {tag: {message: "${m}"}}]}]}}\n',
    )
    call.leaves_message("/x.wav", hangs_up=True).leaves().silence()
    assert call.logged == ["message /x.wav"]
    assert call.dialog.tags == {"message": "/x.wav"}


def test_tag_goes_into_the_record(start: Starter) -> None:
    """Tag {name: value} goes into the call record"""
    call = start('  main: [{tag: {topic: "a ${n}", n: 3}}, hangup]\n', top="vars: {n: 1}\n")
    assert call.dialog.tags == {"topic": "a 1", "n": "3"}


def test_language_switches_prompts_and_answers(start: Starter) -> None:
    call = start(
        '  main: [{language: de-DE}, {ask: {to: x, type: yes_no, say: {en-US: "Sure?", de-DE: "Sicher?"}}}, '
        '{say: "${d | date}"}, hangup]\n',
        top='vars: {d: "2027-03-01"}\n',
    )
    call.hears("Sicher?").says("ja").hears("Montag, der erste März")
    assert set(call.languages) == {"de-DE"}
    call.knows(x=True).ends()


def test_repeat_in_a_called_node_asks_the_last_question_there(start: Starter) -> None:
    """`repeat` asks the last question again"""
    sure = '[{ask: {to: ok, type: yes_no, say: "Sure?"}}, {if: "not ok", then: repeat}, return]'
    menu = '{answers: order, call: sure, then: repeat}, {answers: "done", do: [hangup]}'
    call = start(f'  main: [{{menu: {{say: "Main?", choices: [{menu}]}}}}]\n  sure: {sure}\n')
    call.hears("Main?").says("order").hears("Sure?").says("no").hears("Sure?").says("yes")
    call.hears("Main?").says("done").ends()


def test_a_question_that_failed_leaves_null(start: Starter) -> None:
    call = start(
        '  main: [{ask: {to: x, type: number, say: "X?", attempts: 1, failed: {do: [{log: no}]}}}, '
        "{if: x == null, then: [{say: None.}]}, hangup]\n"
    )
    call.hears("X?").says("blah").hears("None.").ends()


def test_a_request_that_failed_leaves_null_and_not_an_earlier_answer(start: Starter) -> None:
    ask = '{http: {get: "http://x/y", to: r, failed: {do: [{say: Down.}]}}}'
    call = start(f"  main: [{ask}, {ask}, {{if: r == null, then: [{{say: None.}}]}}, hangup]\n")
    call.answers(200).is_down().hears("Down.", "None.").ends()


def test_a_called_flow_speaks_a_language_that_it_knows(start: Starter, tmp_path: Path) -> None:
    (tmp_path / "english.yaml").write_text(
        'voicebot: 1\nnodes: {a: [{say: "It is ${day | date}."}, return]}\nvars: {day: "2027-03-02"}\n'
    )
    call = start("  main: [{language: de-DE}, {call: english}, {say: {de-DE: Ja}}, hangup]\n")
    call.hears("It is Tuesday, March second.", "Ja").ends()
    assert call.languages == ["en-US", "de-DE"]


def test_a_question_of_an_outer_flow_fails_as_that_flow_says(
    start: Starter, tmp_path: Path
) -> None:
    """a question's attempts are used up"""
    (tmp_path / "sub.yaml").write_text(SUB)
    help_ = '{answers: [help], do: [{ask: {to: y, type: yes_no, say: "More?", attempts: 1}}]}'
    call = start(
        '  main: [{call: colours, to: got}, {say: "Back."}, hangup]\n',
        top=f"vars: {{got: null, y: null}}\non: {{failed: {{goto: lost}}, help: {help_}}}\n",
    )
    call.hears("red or blue?").says("help").hears("More?").says("blah").hears("Lost.").ends()


# Secrets -----------------------------------------------------------------------------------------


def test_a_secret_is_masked_wherever_it_could_be_seen(start: Starter) -> None:
    """Secret values never appear in log, trace, record, transcript or recording"""
    call = start(
        "  main:\n    - ask: {to: pin, type: digits, length: 4, say: PIN, secret: true, no_match: M}\n"
        '    - set: {copy: "x${pin}"}\n    - http: {post: "http://h/", json: {pin: "${pin}"}, to: r}\n'
        "    - say: S\n    - hangup\n"
    )
    assert call.listening is not None
    assert call.listening.secret
    call.hears("PIN").presses("4711")
    assert call.asked[0].secret
    call.answers(200).hears("S")
    assert call.dialog.shown_variables() == {"pin": "***", "copy": "***", "r": "status 200"}
    assert call.dialog.secret_texts() == {"4711", "x4711"}
    assert "4711" not in str(call.notes)


def test_a_secret_in_what_a_called_flow_returns_is_known(start: Starter, tmp_path: Path) -> None:
    """Secret values never appear in log"""
    pin = '{ask: {to: pin, type: digits, length: 4, say: "PIN?", secret: true}}'
    (tmp_path / "ask_pin.yaml").write_text(
        "voicebot: 1\non: {failed: {then: return}}\n"
        f'nodes: {{a: [{pin}, {{return: {{all: ["${{pin}}"], kind: pin}}}}]}}\n'
    )
    menu = '{menu: {say: "Done?", choices: [{answers: "done", do: [hangup]}]}}'
    call = start(f"  main: [{{call: ask_pin, to: got}}, {menu}]\n", top="vars: {got: null}\n")
    call.hears("PIN?").presses("4711").hears("Done?")
    assert "4711" in call.dialog.secret_texts()


def test_a_secret_yes_does_not_make_every_yes_a_secret(start: Starter) -> None:
    ill = '{ask: {to: ill, type: yes_no, say: "Ill?", secret: true}}'
    call = start(f'  main: [{ill}, {{ask: {{to: sure, type: yes_no, say: "Sure?"}}}}, hangup]\n')
    call.hears("Ill?").says("yes").hears("Sure?")
    assert call.dialog.secret_texts() == frozenset()
    assert call.dialog.shown_variables()["ill"] == "***"


# YAML --------------------------------------------------------------------------------------------


def test_yaml_as_people_mean_it(start: Starter) -> None:
    """on:, yes:, no: are strings, 10:00 and 0800 too; durations 5s, 300ms, 2m"""
    call = start(
        "  main: [{set: {a: yes, b: 10:00, c: 0800}}, {wait: 2m}, {say: '${a} ${b} ${c}'}, hangup]\n"
    )
    call.timer(ev.Timer.WAIT, 120.0).waits(120).hears("yes 10:00 0800").ends()


def test_the_same_call_gives_the_same_actions() -> None:
    assert dentist(seed=7).exchange == dentist(seed=7).exchange
    assert CALL.id == "a-call"


def test_what_is_not_translated_is_said_in_the_language_that_it_is_in(start: Starter) -> None:
    call = start(
        '  main: [{language: de-DE}, {say: {en-GB: "Hi"}}, {say: {en-US: "Ho"}}, hangup]\n'
    )
    call.hears("Hi", "Ho")
    assert call.languages == ["en-GB", "en-US"]


def test_a_called_flow_is_heard_in_a_language_that_it_knows(start: Starter, tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").write_text(SUB)
    call = start(
        "  main: [{language: de-DE}, {call: colours, to: got}, hangup]\n", top="vars: {got: null}\n"
    )
    assert call.listening is not None
    assert call.listening.language == "en-US"
    assert "blue" in (call.listening.expectation.grammar or ())


def test_who_leaves_in_a_called_flow_left_there(start: Starter, tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").write_text(SUB)
    call = start(
        "  main: [{call: colours, to: got}, hangup]\n",
        top='vars: {got: before}\non: {failed: {goto: lost}, hangup: {do: [{log: "${call.node} ${got}"}]}}\n',
    )
    call.leaves()
    assert call.logged == ["ask before"]


def test_a_variable_that_has_not_been_set_is_null(start: Starter) -> None:
    call = start(
        "  main:\n    - menu:\n        say: Q\n        choices:\n"
        "          - {answers: [one], do: [{set: {x: 1}}], then: {goto: next}}\n"
        "          - {answers: [two], goto: next}\n"
        "  next: [{say: \"${default(x, 'none')}\"}, hangup]\n"
    )
    call.hears("Q").says("two").hears("none").ends()


# The table ---------------------------------------------------------------------------------------


def test_every_test_of_the_table_exists() -> None:
    """CONTRACT.md: each claim of the page and the test that holds it."""
    here = Path(__file__).parent
    named = re.findall(r"([\w/]+\.py)::(\w+)", (here / "CONTRACT.md").read_text("utf-8"))
    assert len(named) > 150
    sources = {file: (here.parent / file).read_text("utf-8") for file, _ in named}
    lost = [f"{file}::{name}" for file, name in named if f"def {name}(" not in sources[file]]
    assert lost == []
