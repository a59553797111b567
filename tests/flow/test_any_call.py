"""Any call through any flow: never an exception, never a loop that does not listen, always the same.

The flows are drawn from the whole language, the events from everything that can happen to a call.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from voicebot.flow import events as ev
from voicebot.flow.answers import Word
from voicebot.flow.check import checked_flow
from voicebot.flow.dialog import CallInfo, Dialog, _State
from voicebot.flow.loader import load_flow
from voicebot.flow.masking import MASK, MASKED_KEY
from voicebot.flow.model import Flow
from voicebot.flow.yamlfile import Severity

NODES = ("a", "b", "c")
TEXTS = ["Hello.", "${x}", "${n + 1}", "${x | digits}", "", "${call.node}"]
SUB = """\
voicebot: 1
flow: sub
vars: {x: 1, got: null}
on: {failed: {then: return}, back: {answers: [back], then: return}}
nodes:
  ask: [{ask: {to: got, type: number, max: 40, say: "${x}?"}}, {return: "${got}"}]
"""


class Calendar:
    """Open in the first half of each minute, so that it changes within a call."""

    def open_at(self, moment: datetime) -> bool:
        return moment.second < 30


CALL = CallInfo(
    "a-call", datetime(2027, 3, 1, 10, tzinfo=UTC), "15551234", "7001", {"day": Calendar()},
    caller_name="Emma", args={"to": "SIP/a&SIP/b", "n": "3"},
)  # fmt: skip


# Flows -----------------------------------------------------------------------------------------

goto = st.sampled_from(NODES).map(lambda node: f"{{goto: {node}}}")
prompt = st.sampled_from(
    [f'"{text}"' for text in TEXTS[:4]] + ["{prompt: lib}", '{en-US: "Hi.", en-GB: "Na."}']
)
plain_step = st.one_of(
    prompt.map(lambda p: f"{{say: {p}}}"),
    st.just('{set: {n: "${n + 1}"}}'),
    st.just('{set: {x: "${1 / (n % 3)}"}}'),
    st.just('{log: "${x}"}'),
    st.just("{wait: 100ms}"),
    st.just('{if: "n % 2 == 0", then: [{say: "Even."}], else: [{say: "Odd."}]}'),
    st.just('{if: "hours(\'day\')", then: [{say: "Day."}]}'),
    st.just('{tag: {n: "${n}", x: 1}}'),
    st.sampled_from(["{language: en-GB}", "{language: en-US}"]),
    st.just("{call: leaf, to: x}"),
    st.just('{call: sub, with: {x: "${n}"}, to: x}'),
    st.just('{http: {get: "http://h/${n}", query: {q: "${n}"}, hold: "Wait.", to: r}}'),
    st.just(
        '{http: {post: "http://h/", json: {n: ["${n}"]}, to: r, failed: {do: [{say: "Down."}]}}}'
    ),
    st.just('{say: "${default(r, 0)}"}'),
    st.just('{record: {to: m, say: "Speak."}}'),
    st.sampled_from(
        [
            'to: "4${n}"',
            'to: "${x}", context: c',
            "to: 'SIP/${n}', whisper: [{prompt: lib}, '${x}']",
            "queue: support, wait: 9s, announce: Wait.",
            "voicemail: '${default(x, 400)}'",
            "to: '${call.args.to}', whisper: '${call.caller_name} ${call.args.none}'",
        ]
    ).map(
        lambda to: f'{{transfer: {{{to}, failed: {{do: [{{say: "Back: ${{call.transfer}}."}}]}}}}}}'
    ),
    st.just('{set: {x: "${call.args.n}"}}'),
)
way = st.one_of(
    goto.map(lambda g: g[1:-1]),
    plain_step.map(lambda s: f"do: [{s}]"),
    plain_step.map(lambda s: f"do: [{s}], then: repeat"),
    st.just("then: hangup"),
    st.just("then: return"),
    st.just("call: leaf, with: {n: 2}, to: x"),
    st.just("call: sub, to: x, then: repeat"),
)
WANTS = [
    "type: yes_no", "type: digits, length: 3", "type: digits, min: 2, max: 4", "type: text",
    "type: number, max: 30", "type: choice, choices: [red, '1', 'dark [red|blue]']",
    "type: digits, finish: '*'", "type: number, min: 5, max: 500, check: x != 7, retry: No.",
    "type: date", "type: time", "type: amount, currency: USD, delete: '*'", "type: phone",
    "type: spelling, min: 2", "type: digits, pattern: '[0-4]+', max: 4, delete: '*'",
]  # fmt: skip
settings_of_question = st.tuples(
    st.sampled_from(["speech", "keys", "none"]),
    st.integers(1, 4),
    st.sampled_from(["", ", no_match: [A., B.]", ", no_input: C.", ", inter_digit: 1s"]),
    st.one_of(st.just(""), prompt.map(lambda p: f", say: {p}")),
    st.one_of(st.just(""), way.map(lambda w: f", failed: {{{w}}}")),
).map(lambda s: f"barge_in: {s[0]}, attempts: {s[1]}{s[2]}{s[3]}{s[4]}")
ask = st.tuples(st.sampled_from(WANTS), settings_of_question).map(
    lambda q: f"{{ask: {{to: x, {q[0]}, {q[1]}}}}}"
)
secret_ask = settings_of_question.map(
    lambda q: (
        f"{{ask: {{to: pin, type: digits, length: 3, secret: true, check: \"pin != '111'\", {q}}}}}"
    )
)
form = (
    st.tuples(
        st.permutations(WANTS[1:]),
        st.sampled_from(["always", "by_confidence", "never"]),
        st.booleans(),
    )
    .map(
        lambda f: (
            f"{{form: {{slots: [{{to: s1, {f[0][0]}}}, {{to: s2, {f[0][1]}}}, {{to: s3, {f[0][2]}}}], "
            f'confirm: {{say: "${{s1}}?", mode: {f[1]}}}{", say: All." if f[2] else ""}, attempts: 2}}}}'
        )
    )
    .map(lambda text: text.replace("check: x != 7, retry: No.", "retry: No."))
)
KEYS = ["1", "2", "12", "123", "*", "*1"]
menu = st.tuples(
    st.lists(way, min_size=1, max_size=4), st.permutations(KEYS), settings_of_question
).map(
    lambda m: (
        "{menu: {choices: ["
        + ", ".join(
            f'{{answers: [{word}], keys: "{key}", {w}}}'
            for w, key, word in zip(m[0], m[1], ("red", "'[a] blue'", "two", "'*'"), strict=False)
        )
        + f"], {m[2]}}}}}"
    )
)
step = st.one_of(plain_step, plain_step, ask, menu, form)
secret_step = st.one_of(
    step,
    secret_ask,
    st.just("{if: \"pin == '123'\", then: [{say: Right.}], else: [{say: Wrong.}]}"),
    st.just('{set: {copy: "${pin}0"}}'),
    st.just('{http: {post: "http://h/", json: {pin: "${pin}"}, to: r}}'),
)


def steps_of(
    one: st.SearchStrategy[str], question: st.SearchStrategy[str]
) -> st.SearchStrategy[Any]:
    """A question in every node, so that no way goes round without one."""
    return st.tuples(st.lists(one, max_size=2), question, st.lists(one, max_size=2)).map(
        lambda parts: [*parts[0], parts[1], *parts[2]]
    )


def flow_text(nodes: Any, events: list[str], with_error: bool) -> str:
    return (
        "voicebot: 1\n"
        "vars: {x: null, n: 0, pin: null, copy: null, r: null, m: null, s1: null, s2: null, s3: null}\n"
        "prompts: {lib: [One., Two., '${n}']}\non:\n"
        f"  operator: {{answers: [operator], keys: '0', {events[0]}}}\n"
        f"  help: {{answers: [help], keys: '*9', {events[1]}}}\n  failed: {{goto: c}}\n"
        + ("  error: {goto: a}\n" if with_error else "")
        + "  hangup: {do: [{log: '${x}'}, {tag: {left: '${n}'}}]}\nnodes:\n"
        + "".join(
            f"  {name}: [{', '.join([*steps, end])}]\n"
            for name, (steps, end) in zip(NODES, nodes, strict=True)
        )
        + '  leaf: [{say: "Leaf."}, {ask: {to: x, type: yes_no}}, {return: "${n}"}]\n'
    )


def flows(one: st.SearchStrategy[str], question: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    nodes = st.tuples(*[st.tuples(steps_of(one, question), goto) for _ in NODES])
    return st.builds(flow_text, nodes, st.lists(way, min_size=2, max_size=2), st.booleans())


# Events ----------------------------------------------------------------------------------------

heard = st.lists(
    st.sampled_from(
        "yes no one two three double seven twenty red a blue help operator back tomorrow march "
        "monday ten thirty dollars bravo oscar i mean [unk] and".split()
    ),
    max_size=5,
).map(lambda words: tuple(Word(word, 0.4 if word == "and" else 0.95) for word in words))
event_makers = st.one_of(
    st.sampled_from("0123456789*#A").map(lambda key: lambda at: ev.KeyPressed(at, key)),
    heard.map(lambda words: lambda at: ev.SpeechHeard(at, words)),
    heard.map(lambda words: lambda at: ev.SpeechHeard(at, words)),
    st.sampled_from([ev.PromptsFinished, ev.SpeechStarted, ev.SpeechLost]),
    st.sampled_from([ev.CallerLeft, ev.Answered]),
    st.sampled_from(ev.Timer).map(lambda timer: lambda at: ev.TimerFired(at, timer)),
    st.just(lambda at: ev.SpeakingFailed(at, "no voice")),
    st.sampled_from([(200, {"a": [1]}), (404, None)]).map(
        lambda answer: lambda at: ev.HttpAnswered(at, *answer, "text")
    ),
    st.just(lambda at: ev.HttpFailed(at, "no connection")),
    st.sampled_from([None, "/m.wav"]).map(lambda path: lambda at: ev.Recorded(at, path, 1.5)),
    st.just(lambda at: ev.TransferFailed(at, "busy")),
)
event_lists = st.lists(st.tuples(event_makers, st.floats(0, 3)), max_size=40)


def events_of(makers: list[tuple[Any, float]]) -> list[ev.Event]:
    events: list[ev.Event] = [ev.Answered(0.0)]
    now_s = 0.0
    for make, later_s in makers:
        now_s += later_s
        events.append(make(now_s))
    return [*events, ev.CallerLeft(now_s)]


def parsed(text: str, folder: Path) -> Flow:
    (folder / "sub.yaml").write_text(SUB, encoding="utf-8")
    path = folder / "any.yaml"
    path.write_text(text, encoding="utf-8")
    flow, findings = load_flow(path)
    assert flow is not None, [str(finding) for finding in findings] + [text]
    return flow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return tmp_path_factory.mktemp("flows")  # type: ignore[return-value]


any_flow = flows(step, st.one_of(ask, menu, form))
secret_flow = flows(secret_step, secret_ask)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=any_flow, makers=event_lists, seed=st.integers(0, 3))
def test_any_call_is_taken_to_its_end_and_can_be_replayed(
    folder: Path, text: str, makers: list[tuple[Any, float]], seed: int
) -> None:
    flow = parsed(text, folder)
    one, other = Dialog(flow, CALL, seed), Dialog(flow, CALL, seed)
    events = events_of(makers)
    for event in events:
        assert one.handle(event) == other.handle(event)
    assert one.handle(ev.KeyPressed(events[-1].at_s, "1")) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=any_flow | secret_flow,
    makers=event_lists,
    guesses=st.lists(event_makers, min_size=1, max_size=5),
    seed=st.integers(0, 3),
)
def test_what_is_foreseen_changes_nothing_and_comes_true(
    folder: Path, text: str, makers: list[tuple[Any, float]], guesses: list[Any], seed: int
) -> None:
    flow = parsed(text, folder)
    one, other = Dialog(flow, CALL, seed), Dialog(flow, CALL, seed)
    for event, guess in zip(events_of(makers), itertools.cycle(guesses)):
        one.foresee(guess(event.at_s))
        foreseen = one.foresee(event)
        asking = is_asking(one)
        actions = one.handle(event)
        assert actions == other.handle(event)
        assert one.verdicts == other.verdicts
        assert (one.variables, one.tags, one.taken) == (other.variables, other.tags, other.taken)
        assert one.results() == other.results()
        assert one.secret_texts() == other.secret_texts()
        said = [p for action in actions if isinstance(action, ev.Speak) for p in action.prompts]
        assert list(foreseen) == (said if asking else [])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=any_flow, makers=event_lists)
def test_a_flow_that_is_clean_never_goes_round_without_listening(
    folder: Path, text: str, makers: list[tuple[Any, float]]
) -> None:
    parsed(text, folder)
    flow, findings = checked_flow(folder / "any.yaml")
    assume(not any(finding.severity is Severity.ERROR for finding in findings))
    assert flow is not None
    dialog = Dialog(flow, CALL, 1)
    for event in events_of(makers):
        for action in dialog.handle(event):
            assert not (
                isinstance(action, ev.Note) and "circle" in str(action.detail.get("reason"))
            )


# Secrets ---------------------------------------------------------------------------------------


def masked(event: ev.Event) -> ev.Event:
    """The event as a trace has it: nothing of a secret in it."""
    match event:
        case ev.KeyPressed(at_s, _):
            return ev.KeyPressed(at_s, MASKED_KEY)
        case ev.SpeechHeard(at_s, words):
            return ev.SpeechHeard(at_s, tuple(Word(MASK, word.confidence) for word in words))
        case _:
            return event


def without(secrets: frozenset[str], action: ev.Action) -> str:
    """What an action is, for comparing: a request's body may have a secret in it."""
    if isinstance(action, ev.Request) and action.secret:
        return f"{action.method} {action.url}"
    if isinstance(action, ev.Listen):
        return f"listen in {action.node}, {action.barge_in}, {action.secret}"
    return str(action)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=secret_flow, makers=event_lists, seed=st.integers(0, 3))
def test_a_call_is_replayed_without_its_secrets(
    folder: Path, text: str, makers: list[tuple[Any, float]], seed: int
) -> None:
    flow = parsed(text, folder)
    live = Dialog(flow, CALL, seed)
    told: list[tuple[ev.Event, list[str]]] = []
    verdicts: list[object] = []
    for event in events_of(makers):
        secret = is_listening_secretly(live)
        actions = [without(live.secret_texts(), action) for action in live.handle(event)]
        hide = secret or isinstance(event, ev.KeyPressed)
        told.append((masked(event) if hide else event, actions))
        verdicts += live.verdicts
        assert {"pin", "copy"}.isdisjoint(live.results())
        assert live.secret_texts().isdisjoint(live.results().values())
    again = Dialog(flow, CALL, seed, verdicts=verdicts)
    for event, actions in told:
        assert [without(frozenset(), action) for action in again.handle(event)] == actions


def is_asking(dialog: Dialog) -> bool:
    return dialog._state is _State.ASKING


def is_listening_secretly(dialog: Dialog) -> bool:
    """Whether what is said now may be a secret."""
    asked = dialog._asked
    return asked is not None and dialog._is_secret(asked)
