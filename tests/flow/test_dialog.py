"""Calls through flows, as scripts: the semantics of the flow language."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.flow.script import Script, Starter
from voicebot.flow import events as ev
from voicebot.flow.answers import Word
from voicebot.flow.dialog import LEAST_INPUT_S, LONGER_KEYS_S, MORE_KEYS_S, CallInfo, Dialog
from voicebot.flow.keybuffer import MOST_KEYS
from voicebot.flow.loader import load_flow
from voicebot.flow.model import BargeIn

YES_NO = """\
  main:
    - ask: {to: sure, type: yes_no, say: "Sure?", no_match: ["Sorry?", "Yes or no."], no_input: ["Hello?", "Press 1 or 2."]}
    - say: "It is ${sure}."
    - hangup
"""
MENU = """\
  main:
    - say: "Hello."
    - menu:
        say: "Tea or coffee?"
        choices:
          - {answers: ["tea"], keys: "1", goto: tea}
          - {answers: ["coffee"], keys: "12", goto: coffee}
          - {answers: ["milk"], keys: "2", do: [{say: "No milk."}], then: repeat}
          - {answers: ["water"], keys: "3", do: [{say: "Water."}]}
    - say: "Behind."
    - hangup
  tea: [{say: "Tea."}, hangup]
  coffee: [{say: "Coffee."}, hangup]
"""
PIN = """\
  main:
    - ask: {to: pin, type: digits, length: 4, say: "Pin?"}
    - ask: {to: code, type: digits, min: 2, max: 4, say: "Code?"}
    - say: "${pin | digits}, ${code}."
    - hangup
"""
HELP = """\
on:
  operator: {answers: ["operator"], keys: "0", goto: operator}
  help: {answers: ["help"], keys: "*", do: [{say: "Helping."}]}
  failed: {goto: operator}
"""
OPERATOR = '  operator: [{say: "Operator."}, hangup]\n'

# Steps and prompts -----------------------------------------------------------------------------


def test_prompts_are_queued_and_steps_run_on_to_the_question(start: Starter) -> None:
    start(MENU).hears("Hello.", "Tea or coffee?").asks("main").says("tea").hears("Tea.").ends()


def test_say_list_is_said_in_order(start: Starter) -> None:
    start('  main: [{say: ["One.", "Two."]}, hangup]\n').hears("One.", "Two.").ends()


def test_variations_are_never_the_same_twice_running(start: Starter) -> None:
    say = ", ".join(["{say: {prompt: hello}}"] * 40)
    call = start(f"  main: [{say}, hangup]\n", "prompts: {hello: [A., B., C.]}\n")
    said = [line.removeprefix("bot: ") for line in call.exchange if line.startswith("bot")]
    assert set(said) == {"A.", "B.", "C."}
    assert all(one != next_one for one, next_one in itertools.pairwise(said))


def test_single_variation_is_said_each_time(start: Starter) -> None:
    top = "prompts: {hello: A.}\n"
    call = start("  main: [{say: {prompt: hello}}, {say: {prompt: hello}}, hangup]\n", top)
    call.hears("A.", "A.").ends()


def test_set_if_goto_and_log(start: Starter) -> None:
    call = start(
        "  main:\n    - set: {n: \"${n + 1}\", text: 'n is ${n}'}\n    - log: '${text}'\n"
        '    - if: "n < 3"\n      then: [{goto: next}]\n      else: [{say: "${text}"}, hangup]\n'
        "  next: [{set: {n: 5}}, {ask: {to: x, type: yes_no}}, {goto: main}]\n",
        "vars: {n: 0}\n",
    )
    call.says("yes").hears("n is 6").ends()
    assert call.logged == ["n is 1", "n is 6"]


def test_call_and_clock_are_known(start: Starter) -> None:
    text = "${call.caller} ${call.called} ${call.language} ${call.node} ${now()} ${today()}"
    call = start(f'  main: [{{say: "{text}"}}, hangup]\n')
    call.hears("15551234 7001 en-US main 2027-03-01T10:00 2027-03-01").ends()


def test_wait_begins_when_the_prompts_are_over(start: Starter) -> None:
    call = start('  main: [{say: "Wait."}, {wait: 2s}, {say: "Done."}, hangup]\n').hears("Wait.")
    call.waits(9).silence().listens().waits(1.9).silence().waits(0.2).hears("Done.").ends()


def test_wait_without_a_prompt_begins_at_once(start: Starter) -> None:
    start('  main: [{wait: 300ms}, {say: "Done."}, hangup]\n').waits(0.3).hears("Done.").ends()


def test_prompt_without_words_is_not_said(start: Starter) -> None:
    start('  main: [{say: "${x}"}, hangup]\n', "vars: {x: null}\n").ends()


# Attempts --------------------------------------------------------------------------------------


def test_no_match_and_no_input_are_counted_together(start: Starter) -> None:
    call = start(YES_NO).hears("Sure?").says("what").hears("Sorry?", "Sure?")
    call.stays_silent().hears("Press 1 or 2.", "Sure?").says("what").hears("Lost.").ends()
    assert [note["attempt"] for note in call.noted("missed")] == [1, 2, 3]


def test_last_prompt_stays(start: Starter) -> None:
    call = start(YES_NO, "defaults: {attempts: 5}\n").hears("Sure?").says("a").hears("Sorry?")
    call.hears("Sure?").says("b").hears("Yes or no.", "Sure?").says("c").hears("Yes or no.")


def test_single_prompt_is_for_every_miss(start: Starter) -> None:
    ask = '{ask: {to: x, type: yes_no, say: "Sure?", no_match: "Sorry?"}}'
    call = start(f"  main: [{ask}, hangup]\n").hears("Sure?")
    call.says("a").hears("Sorry?", "Sure?").says("b").hears("Sorry?", "Sure?")


def test_without_prompts_the_question_alone_is_repeated(start: Starter) -> None:
    start(PIN).hears("Pin?").says("what").hears("Pin?").silence()


def test_own_failed_comes_before_that_of_the_flow(start: Starter) -> None:
    ask = '{ask: {to: x, type: yes_no, attempts: 1, failed: {do: [{say: "Own."}], then: hangup}}}'
    start(f"  main: [{ask}, hangup]\n").says("what").hears("Own.").ends()


def test_failed_without_then_goes_on_behind_the_question(start: Starter) -> None:
    ask = '{ask: {to: x, type: yes_no, attempts: 1, failed: {do: [{say: "Own."}]}}}'
    call = start(f'  main: [{ask}, {{say: "Behind."}}, hangup]\n', "vars: {x: null}\n")
    call.says("what").hears("Own.", "Behind.").ends()


def test_attempts_begin_anew_when_the_question_is_asked_anew(start: Starter) -> None:
    call = start(MENU).hears("Hello.", "Tea or coffee?").says("a").says("b")
    call.hears("Tea or coffee?", "Tea or coffee?").says("milk").hears("No milk.", "Tea or coffee?")
    call.says("a").says("b").goes_on().says("c").hears("Tea or coffee?", "Tea or coffee?", "Lost.")


def test_no_input_counts_from_the_end_of_the_prompt(start: Starter) -> None:
    call = start(YES_NO).hears("Sure?").waits(60).silence()
    call.listens().timer(ev.Timer.NO_INPUT, 5.0).waits(4.9).silence().waits(0.1).hears("Hello?")


def test_timeout_of_question_and_of_defaults(start: Starter) -> None:
    nodes = "  main: [{ask: {to: x, type: yes_no}}, {ask: {to: y, type: yes_no, timeout: 8s}}, hangup]\n"
    call = start(nodes, "defaults: {no_input: 2s}\n").timer(ev.Timer.NO_INPUT, 2.0)
    call.says("yes").timer(ev.Timer.NO_INPUT, 8.0)


def test_cough_is_no_miss(start: Starter) -> None:
    call = start(YES_NO).hears("Sure?").listens().coughs().timer(ev.Timer.NO_INPUT, 5.0).silence()
    call.says("yes").hears("It is yes.").ends()


def test_no_input_does_not_strike_while_the_caller_speaks(start: Starter) -> None:
    call = start(YES_NO).hears("Sure?").listens()
    call.dialog.handle(ev.SpeechStarted(1.0))
    assert call.dialog.handle(ev.TimerFired(5.0, ev.Timer.NO_INPUT)) == []


# Ways on ---------------------------------------------------------------------------------------


def test_choice_without_then_goes_on_behind_the_question(start: Starter) -> None:
    start(MENU).says("water").hears("Hello.", "Tea or coffee?", "Water.", "Behind.").ends()


def test_universal_goes_its_way(start: Starter) -> None:
    start(YES_NO + OPERATOR, HELP).hears("Sure?").says("operator").hears("Operator.").ends()


def test_universal_without_then_comes_back_to_the_question(start: Starter) -> None:
    call = start(YES_NO + OPERATOR, HELP).hears("Sure?").says("help").hears("Helping.", "Sure?")
    call.asks("main").presses("*").hears("Helping.", "Sure?").says("no").hears("It is no.").ends()


def test_universal_is_no_miss_and_forgives_none(start: Starter) -> None:
    call = start(YES_NO + OPERATOR, HELP).hears("Sure?").says("a").says("help").says("b").says("c")
    call.hears("Sorry?", "Sure?", "Helping.", "Sure?", "Yes or no.", "Sure?", "Operator.").ends()


def test_own_answers_and_keys_come_before_universals(start: Starter) -> None:
    menu = '{menu: {choices: [{answers: ["help"], keys: "0", goto: own}]}}'
    nodes = f'  main: [{menu}]\n  own: [{{say: "Own."}}, hangup]\n{OPERATOR}'
    start(nodes, HELP).says("help").hears("Own.").ends()
    start(nodes, HELP).presses("0").hears("Own.").ends()


def test_question_within_a_universal_comes_back_to_the_one_it_interrupted(start: Starter) -> None:
    top = HELP.replace('{say: "Helping."}', '{ask: {to: more, type: yes_no, say: "More?"}}')
    call = start(YES_NO + OPERATOR, top).hears("Sure?").says("help").hears("More?").says("yes")
    call.hears("Sure?").says("no").hears("It is no.").ends()


def test_repeat_as_a_step_asks_the_last_question_again(start: Starter) -> None:
    menu = '{menu: {say: "Which?", choices: [{answers: ["one"], goto: info}]}}'
    call = start(f'  main: [{menu}]\n  info: [{{say: "Info."}}, repeat]\n').hears("Which?")
    call.says("one").hears("Info.", "Which?").asks("main").says("one").hears("Info.", "Which?")


# Asks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "said", "keys", "value"),
    [
        ("type: yes_no", "yes please", "1", True),
        ("type: yes_no", "that's wrong", "2", False),
        ("type: digits, length: 4", "one two oh four", "1204", "1204"),
        ("type: digits, length: 3", "triple seven", "777", "777"),
        ("type: digits, min: 2, max: 6", "double five", "55#", "55"),
        ("type: digits, finish: '*'", "one two", "12*", "12"),
        ("type: number, max: 99", "twenty five", "25", 25),
        ("type: number, min: 1, max: 10", "seven", "7", 7),
        ("type: choice, choices: [red, '2']", "red", "", "red"),
        ("type: choice, choices: [red, '2']", "two", "2", "2"),
        ("type: choice, choices: [{value: r, answers: [red], keys: '*'}]", "red", "*", "r"),
        ("type: text", "my name is bob", "", "my name is bob"),
    ],
)
def test_ask_by_voice_and_by_key(
    start: Starter, ask: str, said: str, keys: str, value: object
) -> None:
    nodes = f'  main: [{{ask: {{to: x, say: "X?", {ask}}}}}, {{say: "Thanks."}}, hangup]\n'
    start(nodes).says(said).knows(x=value).hears("X?", "Thanks.").ends()
    if keys:
        start(nodes).presses(keys).knows(x=value).hears("X?", "Thanks.").ends()


def test_check_and_retry(start: Starter) -> None:
    ask = '{ask: {to: n, type: number, max: 9, say: "N?", check: n > 5, retry: [Small., Still.]}}'
    call = start(f"  main: [{ask}, hangup]\n", "vars: {n: null}\n").hears("N?")
    call.says("three").knows(n=None).hears("Small.", "N?").presses("4").hears("Still.", "N?")
    call.says("seven").knows(n=7).ends()


def test_check_without_retry_says_no_match(start: Starter) -> None:
    ask = '{ask: {to: n, type: number, max: 9, say: "N?", no_match: "What?", check: n > 5}}'
    start(f"  main: [{ask}, hangup]\n").hears("N?").says("one").hears("What?", "N?")


def test_secret_is_masked(start: Starter) -> None:
    nodes = "  main: [{ask: {to: pin, type: digits, length: 4, secret: true}}, {set: {copy: 'x${pin}'}}, hangup]\n"
    call = start(nodes, "vars: {copy: null}\n").presses("1234").knows(pin="1234", copy="x1234")
    assert call.dialog.shown_variables() == {"copy": "***", "pin": "***"}
    assert "1234" not in str(call.notes)


# Keys ------------------------------------------------------------------------------------------


def test_key_silences_the_prompt_and_the_ears(start: Starter) -> None:
    start(PIN).hears("Pin?").speaking().asks("main").presses("1").silenced().deaf()


def test_speech_silences_the_prompt(start: Starter) -> None:
    start(YES_NO).speaking().says("yes").hears("Sure?", "It is yes.").ends()


@pytest.mark.parametrize(
    ("keys", "seconds"),
    [("1", LONGER_KEYS_S), ("13", None)],
    ids=["an answer and the beginning of another", "settled"],
)
def test_wait_for_the_next_key_in_a_menu(start: Starter, keys: str, seconds: float | None) -> None:
    start(MENU).presses(keys, apart_s=0).timer(ev.Timer.KEYS, seconds)


def test_wait_for_the_next_digit(start: Starter) -> None:
    call = start(PIN).presses("123", apart_s=0).timer(ev.Timer.KEYS, MORE_KEYS_S)
    call.presses("4", apart_s=0).timer(ev.Timer.KEYS, None).presses("1", apart_s=0)
    call.timer(ev.Timer.KEYS, MORE_KEYS_S).presses("2", apart_s=0)
    call.timer(ev.Timer.KEYS, LONGER_KEYS_S).waits(LONGER_KEYS_S).knows(code="12")


def test_inter_digit_replaces_the_computed_wait(start: Starter) -> None:
    call = start(PIN.replace("length: 4", "length: 4, inter_digit: 7s")).presses("1", apart_s=0)
    call.timer(ev.Timer.KEYS, 7.0)


def test_short_key_is_taken_after_the_wait(start: Starter) -> None:
    call = start(MENU).hears("Hello.", "Tea or coffee?").presses("1").silence()
    call.waits(LONGER_KEYS_S).hears("Tea.").ends()


def test_longer_key_is_taken_at_once(start: Starter) -> None:
    start(MENU).presses("12", apart_s=0).hears("Hello.", "Tea or coffee?", "Coffee.").ends()


def test_a_flood_of_keys_is_not_kept(start: Starter) -> None:
    call = start('  main: [{ask: {to: n, type: number, say: "Number?"}}, hangup]\n')
    call.presses("1" * 5000, apart_s=0.001).waits(10)
    assert len(str(call.dialog.variables["n"])) == MOST_KEYS


def test_finish_key_ends_the_wait(start: Starter) -> None:
    start(MENU).presses("1#", apart_s=0).hears("Hello.", "Tea or coffee?", "Tea.").ends()


def test_too_few_digits_are_no_match(start: Starter) -> None:
    start(PIN).hears("Pin?").presses("12").waits(MORE_KEYS_S).hears("Pin?").knows(pin=None)


def test_too_few_digits_with_finish_are_no_match(start: Starter) -> None:
    start(PIN).hears("Pin?").presses("12#", apart_s=0).hears("Pin?").silence()


def test_unknown_key_is_no_match(start: Starter) -> None:
    start(MENU).hears("Hello.", "Tea or coffee?").presses("9").hears("Tea or coffee?").silence()


def test_finish_key_after_a_full_entry_is_swallowed(start: Starter) -> None:
    call = start(PIN).hears("Pin?").presses("1234#").hears("Code?").silence().presses("56#")
    call.hears("one two three four, 56.").ends()


def test_finish_key_long_after_a_full_entry_is_for_the_next_question(start: Starter) -> None:
    call = start(PIN).hears("Pin?").presses("1234").waits(2.1).hears("Code?").presses("#")
    call.hears("Code?")
    assert len(call.noted("missed")) == 1


def test_finish_key_after_a_full_entry_typed_ahead_is_swallowed(start: Starter) -> None:
    nodes = "  main: [{wait: 5s}, {goto: pin}]\n" + PIN.replace("main:", "pin:")
    start(nodes).presses("1234#56#").waits(5).hears("one two three four, 56.").ends()


def test_digit_is_never_the_key_of_a_universal_in_digits(start: Starter) -> None:
    start(PIN + OPERATOR, HELP).presses("0000").knows(pin="0000")


def test_other_keys_of_universals_hold_in_digits(start: Starter) -> None:
    start(PIN + OPERATOR, HELP).hears("Pin?").presses("*").hears("Helping.", "Pin?").silence()


def test_longer_key_of_a_universal_holds_in_digits(start: Starter) -> None:
    top = HELP.replace('"*"', '"*9"')
    call = start(PIN + OPERATOR, top).hears("Pin?").presses("*").silence().presses("9")
    call.hears("Helping.", "Pin?").silence()


def test_text_ignores_keys_that_mean_nothing(start: Starter) -> None:
    call = start('  main: [{ask: {to: x, type: text, say: "Name?"}}, hangup]\n' + OPERATOR, HELP)
    call.hears("Name?").presses("5").speaking().asks("main").presses("0").hears("Operator.").ends()


def test_speech_after_the_first_key_does_not_count(start: Starter) -> None:
    call = start(PIN).hears("Pin?").presses("1")
    heard = ev.SpeechHeard(1.0, tuple(Word(w) for w in "one two three four".split()))
    assert call.dialog.handle(heard) == []


# Type-ahead ------------------------------------------------------------------------------------


def test_type_ahead_across_questions(start: Starter) -> None:
    start(PIN).presses("123456#").hears("Pin?", "Code?", "one two three four, 56.").ends()


def test_question_that_is_answered_ahead_is_not_asked(start: Starter) -> None:
    nodes = "  main: [{wait: 1s}, {goto: pin}]\n" + PIN.replace("main:", "pin:")
    start(nodes).presses("12345678").waits(1).hears("one two three four, 5678.").ends()


def test_longest_match_wins_and_the_rest_goes_to_the_next_question(start: Starter) -> None:
    choice = "{keys: '{0}', do: [{say: '{0}.'}]}"
    keys = ", ".join(choice.replace("{0}", key) for key in ("1", "123"))
    nodes = f"  main: [{{menu: {{choices: [{keys}]}}}}, {{ask: {{to: x, type: digits, length: 2}}}}, hangup]\n"
    start(nodes).presses("129").hears("1.").knows(x="29").ends()
    start(nodes).presses("123").hears("123.").presses("45").knows(x="45").ends()
    # What has waited in vain for the longer one is still the shorter one and the rest.
    start(nodes).presses("12").waits(MORE_KEYS_S).hears("1.").presses("9").knows(x="29").ends()


def test_begun_entry_of_the_next_question_is_waited_for(start: Starter) -> None:
    call = start(PIN).presses("1234", apart_s=0).presses("5", apart_s=0).waits(MORE_KEYS_S)
    call.hears("Pin?", "Code?", "Code?").presses("56#").hears("one two three four, 56.").ends()


def test_a_miss_forgets_what_was_typed_ahead(start: Starter) -> None:
    nodes = "  main: [{wait: 1s}, {goto: pin}]\n" + PIN.replace("main:", "pin:")
    start(nodes).presses("12*99").waits(1).hears("Pin?").silence().presses("1234").hears("Code?")


# Barge-in --------------------------------------------------------------------------------------


def test_barge_in_none_keeps_the_keys_until_the_prompt_is_over(start: Starter) -> None:
    call = start(PIN.replace("length: 4", "length: 4, barge_in: none")).hears("Pin?")
    call.presses("1234").speaking().silence().listens().knows(pin="1234").hears("Code?")


def test_barge_in_none_without_a_prompt_takes_keys_at_once(start: Starter) -> None:
    nodes = (
        "  main: [{wait: 1s}, {ask: {to: x, type: digits, length: 2, barge_in: none}}, hangup]\n"
    )
    start(nodes).presses("12").waits(1).knows(x="12").ends()


def test_barge_in_keys_lets_keys_interrupt(start: Starter) -> None:
    call = start(YES_NO, "defaults: {barge_in: keys}\n").hears("Sure?").speaking()
    with pytest.raises(AssertionError, match="may not be interrupted"):
        call.says("yes")
    call.presses("1").hears("It is yes.").ends()


def test_barge_in_keys_hears_speech_after_the_prompt(start: Starter) -> None:
    call = start(YES_NO, "defaults: {barge_in: keys}\n").hears("Sure?").listens()
    call.says("yes").hears("It is yes.").ends()


NOTICE = """\
  main:
    - say: ["Hello.", {text: "Recorded.", barge_in: none}]
    - ask: {to: pin, type: digits, length: 2, say: "Pin?", no_match: "Sorry?"}
    - ask: {to: more, type: digits, length: 1, say: "More?"}
    - hangup
"""


def test_a_prompt_that_nobody_may_interrupt_keeps_the_keys_until_it_is_over(start: Starter) -> None:
    """Also those that are pressed before it: what silences the first prompt forgets the second."""
    call = start(NOTICE).hears("Hello.", "Recorded.", "Pin?")
    call.presses("1").speaking().asks("main").presses("23").speaking()
    call.hears_on(None).knows(pin="12", more="3").ends()


def test_a_prompt_that_nobody_may_interrupt_is_said_to_who_typed_ahead(start: Starter) -> None:
    nodes = """\
  main: [{wait: 1s}, {goto: pin}]
  pin:
    - ask: {to: pin, type: digits, length: 2, say: [{prompt: notice, barge_in: none}, "Pin?"]}
    - say: "It is ${pin}."
    - hangup
"""
    call = start(nodes, "prompts: {notice: [Recorded., Taped.]}\n").presses("12").waits(1)
    call.hears_one_of("Recorded.", "Taped.").hears("Pin?").speaking().silence()
    call.hears_on(None).knows(pin="12").hears("It is 12.").ends()


def test_a_variation_says_itself_who_may_interrupt_it(start: Starter) -> None:
    library = "prompts: {notice: [{text: Recorded., barge_in: none}]}\n"
    nodes = NOTICE.replace('{text: "Recorded.", barge_in: none}', "{prompt: notice}")
    call = start(nodes, library).hears("Hello.", "Recorded.", "Pin?").presses("12").speaking()
    call.listens().knows(pin="12")


def test_a_prompt_may_be_interrupted_where_its_question_may_not(start: Starter) -> None:
    nodes = NOTICE.replace("barge_in: none", "barge_in: keys").replace(
        "length: 2", "length: 2, barge_in: none"
    )
    call = start(nodes).hears("Hello.", "Recorded.", "Pin?").presses("1").speaking()
    call.hears_on(BargeIn.KEYS).silenced().presses("2").hears("More?").knows(pin="12")


def test_a_key_does_not_cut_off_what_comes_before_a_recording(start: Starter) -> None:
    nodes = "  main: [{record: {to: m, say: {text: Taped., barge_in: BARGE}}}, hangup]\n"
    for barge_in, recording in ("none", False), ("keys", True):
        call = start(nodes.replace("BARGE", barge_in)).hears("Taped.").presses("1")
        assert (call.recording is not None) is recording


# How far a prompt was heard --------------------------------------------------------------------

FLOWERS = """\
  main:
    - menu:
        say: '<mark name="roses"/>Roses. <mark name="tulips"/>Tulips.'
        no_match: "Sorry?"
        choices:
          - answers: ["that one"]
            keys: "1"
            do: [{say: "${call.mark} after ${call.mark_time}."}, {goto: more}]
  more:
    - ask: {to: sure, type: yes_no, say: "Sure?"}
    - say: "${default(call.mark, 'no mark')}."
    - hangup
"""


def says_mark(call: Script) -> str:
    """What the bot says of it."""
    text = call.unheard[0]
    call.hears(text)
    return text


def test_the_last_mark_before_the_caller_speaks(start: Starter) -> None:
    call = start(FLOWERS)
    call.hears(call.unheard[0]).passes("roses").passes("tulips", 1.0).waits(0.4).says("that one")
    assert says_mark(call) == "tulips after 0.4."


def test_what_is_passed_while_the_caller_speaks_does_not_count(start: Starter) -> None:
    call = start(FLOWERS)
    call.hears(call.unheard[0]).passes("roses").waits(0.7).begins().passes("tulips", 0.1)
    call.waits(0.5)
    call._tell(ev.SpeechHeard(2.0, (Word("that"), Word("one"))))
    assert says_mark(call) == "roses after 0.7."


def test_the_last_mark_before_a_key(start: Starter) -> None:
    call = start(FLOWERS)
    call.hears(call.unheard[0]).passes("roses", 0.25).presses("1", apart_s=0)
    assert says_mark(call) == "roses after 0."


def test_a_mark_of_an_earlier_prompt_does_not_count(start: Starter) -> None:
    """Neither of the question before, nor of what was said before the miss."""
    call = start(FLOWERS)
    prompt = call.unheard[0]
    call.hears(prompt).passes("roses").says("hello").hears("Sorry?", prompt).says("that one")
    assert says_mark(call) == " after ."
    call.hears("Sure?").listens().says("yes").hears("no mark.").ends()


def test_a_mark_counts_after_the_prompt(start: Starter) -> None:
    call = start(FLOWERS)
    call.hears(call.unheard[0]).passes("tulips").listens().waits(2.0).says("that one")
    assert says_mark(call) == "tulips after 2."


# Errors and the end ----------------------------------------------------------------------------

BROKEN = "  main: [{say: 'Hi.'}, {set: {x: '${1 / n}'}}, {say: 'No.'}, hangup]\n"


def test_error_in_an_expression_ends_the_call(start: Starter) -> None:
    call = start(BROKEN, "vars: {n: 0}\n").hears("Hi.")
    call.ends()
    assert "division by zero" in str(call.noted("error"))


def test_error_in_an_expression_goes_to_the_error_event(start: Starter) -> None:
    top = "vars: {n: 0}\non: {failed: {goto: lost}, error: {goto: lost}}\n"
    start(BROKEN, top).hears("Hi.", "Lost.").ends()


def test_error_in_check_goes_to_the_error_event(start: Starter) -> None:
    ask = "{ask: {to: n, type: number, max: 9, check: n / z > 1}}"
    top = "vars: {z: 0}\non: {failed: {goto: lost}, error: {goto: lost}}\n"
    start(f"  main: [{ask}, hangup]\n", top).says("one").knows(n=None).hears("Lost.").ends()


def test_error_that_leads_to_itself_ends_the_call(start: Starter) -> None:
    ask = "{ask: {to: x, type: yes_no, say: 'A ${1 / n}'}}"
    top = "vars: {n: 0}\non: {failed: {goto: lost}, error: {goto: main}}\n"
    call = start(f"  main: [{ask}, hangup]\n", top)
    call.ends()
    assert len(call.noted("error")) == 2


def test_prompt_that_cannot_be_made_goes_to_the_error_event_once(start: Starter) -> None:
    top = "on: {failed: {goto: lost}, error: {goto: main}}\n"
    call = start(YES_NO, top).hears("Sure?").synthesis_fails().hears("Sure?").goes_on()
    call.synthesis_fails().ends()


def test_prompt_that_cannot_be_made_is_left_out_without_an_error_event(start: Starter) -> None:
    start(YES_NO).hears("Sure?").synthesis_fails().says("yes").hears("It is yes.").ends()


def test_hangup_runs_set_log_and_if_only(start: Starter) -> None:
    do = "[{say: Bye.}, {set: {x: 1}}, {if: x == 1, then: [{log: 'left ${call.node}'}]}, {goto: main}]"
    top = f"vars: {{x: 0}}\non: {{failed: {{goto: lost}}, hangup: {{do: {do}}}}}\n"
    call = start(YES_NO, top).hears("Sure?").leaves().silence().knows(x=1)
    assert call.logged == ["left main"]
    assert call.dialog.handle(ev.KeyPressed(9.0, "1")) == []


def test_circle_that_the_check_cannot_see_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("voicebot: 1\nnodes: {a: [{goto: b}], b: [{goto: a}]}\n")
    flow, _ = load_flow(path)
    assert flow is not None
    call = Script(flow)
    call.ends()


def test_mismatch_shows_the_whole_call(start: Starter) -> None:
    call = start(YES_NO).hears("Sure?").says("yes")
    with pytest.raises(AssertionError, match=r"next is \['It is yes.'\]\n(.*\n)*caller: yes"):
        call.hears("It is no.")


def test_a_noise_does_not_give_the_caller_his_time_anew(start: Starter) -> None:
    call = start(YES_NO).hears("Sure?").listens().waits(4).coughs()
    call.timer(ev.Timer.NO_INPUT, 1.0).waits(0.5).coughs().timer(ev.Timer.NO_INPUT, LEAST_INPUT_S)
    call.stays_silent().hears("Hello?", "Sure?").listens().timer(ev.Timer.NO_INPUT, 5.0)


# What would be said ----------------------------------------------------------------------------

FORM = """\
voicebot: 1
vars: {day: null, party: null}
on: {failed: {goto: bye}}
nodes:
  main:
    - form:
        slots:
          - {to: day, type: choice, choices: [monday, friday], say: "Which day?"}
          - {to: party, type: number, min: 1, max: 20, say: "How many?"}
        confirm: {say: "${day} for ${party}?", retry: "Again.", attempts: 2, mode: by_confidence}
    - say: "Booked."
    - hangup
  bye: [{say: "Goodbye."}, hangup]
"""


def heard(at_s: float, text: str, confidence: float = 1.0) -> ev.SpeechHeard:
    return ev.SpeechHeard(at_s, tuple(Word(word, confidence) for word in text.split()))


def test_a_form_can_be_foreseen_as_often_as_one_likes(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(FORM, encoding="utf-8")
    flow, findings = load_flow(path)
    assert flow is not None, findings
    dialog = Dialog(flow, CallInfo("1", datetime(2027, 3, 1, 10, tzinfo=UTC)), seed=1)
    dialog.handle(ev.Answered(0.0))
    said = [
        (heard(1.0, "friday"), "How many?"),
        (heard(2.0, "four", 0.8), "friday for 4?"),
        (heard(3.0, "no"), "Again."),
        (heard(4.0, "monday"), "How many?"),
        (heard(5.0, "five"), "Booked."),  # nothing of the doubtful answers is left
    ]
    guesses = [heard(0.0, text, 0.8) for text in ("no", "yes", "monday", "six", "friday four")]
    for event, answer in said:
        for guess in guesses * 3:
            dialog.foresee(guess)
        assert dialog.foresee(event)[0].text == answer
        spoken = [one for one in dialog.handle(event) if isinstance(one, ev.Speak)]
        assert spoken[0].prompts[0].text == answer


KEPT = """\
voicebot: 1
vars: {pin: null, copy: "none"}
nodes:
  main:
    - ask: {to: pin, type: digits, length: 2, secret: true, say: "Your code?"}
    - menu:
        say: "Shall I keep it?"
        choices:
          - {answers: [yes], do: [{call: keep, with: {copy: "${pin}"}}]}
          - {answers: [no]}
    - say: "Kept: ${copy}."
    - hangup
  keep: [return]
"""


def test_a_secret_that_was_only_foreseen_makes_nothing_secret(tmp_path: Path) -> None:
    """Nor is what was decided of it a verdict of the call's."""
    path = tmp_path / "flow.yaml"
    path.write_text(KEPT, encoding="utf-8")
    flow, findings = load_flow(path)
    assert flow is not None, findings
    dialog = Dialog(flow, CallInfo("1", datetime(2027, 3, 1, 10, tzinfo=UTC)), seed=1)
    dialog.handle(ev.Answered(0.0))
    assert dialog.foresee(heard(1.0, "one two"))
    assert dialog.verdicts == []
    dialog.handle(heard(1.0, "one two"))
    made = list(dialog.verdicts)
    (foreseen,) = dialog.foresee(heard(2.0, "yes"))
    assert (foreseen.text, foreseen.secret) == ("Kept: 12.", True)
    assert dialog.verdicts == made != []
    spoken = [one for one in dialog.handle(heard(2.0, "no")) if isinstance(one, ev.Speak)]
    assert spoken[0].prompts == (ev.Prompt("Kept: none.", flow.language),)
