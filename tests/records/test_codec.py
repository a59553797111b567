"""Events to JSON and back, for any event there can be."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow import events as ev
from voicebot.flow.answers import Alternative, Word
from voicebot.flow.expectation import Expectation
from voicebot.flow.model import BargeIn
from voicebot.records.codec import (
    EVENTS,
    NAMES,
    Json,
    TraceError,
    decode_event,
    encode_action,
    encode_event,
)

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
texts = st.text(st.characters(exclude_categories=["Cs"]))
data = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)
words = st.builds(Word, texts, st.floats(0, 1))
spoken = st.lists(st.sampled_from(["two", "o'clock", "[unk]"])).map(tuple)
alternatives = st.builds(Alternative, spoken, st.floats(0, 1))
OF_FIELD: dict[str, st.SearchStrategy[object]] = {
    "at_s": st.floats(0, 1e5),
    "duration_s": st.floats(0, 1e5),
    "words": st.lists(words).map(tuple),
    "alternatives": st.lists(alternatives).map(tuple),
    "timer": st.sampled_from(ev.Timer),
    "status": st.integers(100, 599),
    "json": data,
    "path": st.none() | texts,
    "barge_in": st.none() | st.sampled_from(BargeIn),
}


def events_of(cls: type) -> st.SearchStrategy[object]:
    return st.builds(cls, **{f.name: OF_FIELD.get(f.name, texts) for f in fields(cls)})


events = st.one_of([events_of(cls) for cls in get_args(ev.Event)])


@given(events)
def test_an_event_comes_back_from_json_as_it_was(event: ev.Event) -> None:
    line = json.dumps(encode_event(event), ensure_ascii=False)
    assert decode_event(json.loads(line)) == event


def test_an_event_of_a_trace_from_before_there_were_alternatives() -> None:
    written: Json = {"event": "speech_heard", "at_s": 2.5, "words": [["two", 0.9]]}
    assert decode_event(written) == ev.SpeechHeard(2.5, (Word("two", 0.9),))


def test_every_event_and_action_has_a_name_of_its_own() -> None:
    assert len(set(NAMES.values())) == len(NAMES)
    assert len(EVENTS) == len(get_args(ev.Event))


@given(data | st.dictionaries(st.sampled_from(["event", "at_s", "words", "timer"]), data))
def test_what_is_no_event_is_told_in_one_line(written: Json) -> None:
    with pytest.raises(TraceError) as error:
        decode_event(written)
    assert "\n" not in str(error.value) or "\n" in repr(written)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"event": "knocked", "at_s": 1.0}, "knows no event 'knocked'"),
        ({"event": "answered"}, "at_s"),
        ({"event": "answered", "at_s": 0.0, "by": "me"}, "by"),
        ({"event": "timer_fired", "at_s": 0.0, "timer": "egg"}, "egg"),
        ({"event": "speech_heard", "at_s": 0.0, "words": [["one"]]}, "no word"),
    ],
)
def test_an_event_of_another_version_says_what_is_wrong(written: Json, said: str) -> None:
    with pytest.raises(TraceError, match=said):
        decode_event(written)


def test_a_question_is_told_by_its_node_and_its_place() -> None:
    ears = cast("Expectation", object())
    listen = ev.Listen("main", "en-US", ears, BargeIn.SPEECH, None, 30.0, secret=False)
    encoded = encode_action(listen, Path(), "4:7")
    expected = {"do": "listen", "node": "main", "barge_in": "speech", "question": "4:7"}
    assert expected.items() <= encoded.items()
    assert "expectation" not in encoded


def test_who_may_interrupt_a_prompt_is_there_where_it_says_so() -> None:
    """A trace that was written before prompts could say it is as good as one of today."""
    prompt = ev.Prompt("Hi.", "en-US", barge_in=BargeIn.NONE)
    for one, more in (prompt, {"barge_in": "none"}), (replace(prompt, barge_in=None), {}):
        assert encode_action(ev.Speak((one,)), Path())["prompts"] == [
            {"text": "Hi.", "language": "en-US", "file": None, "secret": False, **more}
        ]


def test_a_transfer_to_an_extension_is_written_as_it_was_before_there_were_others() -> None:
    transfer = ev.Transfer("400", None, 30.0, returns=True)
    old: dict[str, Json] = {
        "do": "transfer", "to": "400", "context": None, "wait_s": 30.0, "returns": True,
    }  # fmt: skip
    assert encode_action(transfer, Path()) == old
    queue = replace(transfer, kind=ev.TransferKind.QUEUE)
    assert encode_action(queue, Path()) == {**old, "kind": "queue"}
    told = replace(transfer, whisper=(ev.Prompt("A call.", "en-US"),))
    whisper = [{"text": "A call.", "language": "en-US", "file": None, "secret": False}]
    assert encode_action(told, Path()) == {**old, "whisper": whisper}


def test_a_sound_file_is_named_as_the_flow_names_it() -> None:
    folder = Path("/srv/flows")
    speak = ev.Speak((ev.Prompt("Hi.", "en-US", folder / "sounds" / "hi.wav"),))
    assert encode_action(speak, folder) == {
        "do": "speak",
        "prompts": [{"text": "Hi.", "language": "en-US", "file": "sounds/hi.wav", "secret": False}],
    }
