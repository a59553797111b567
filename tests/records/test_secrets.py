"""What of a call must not be written down: texts, keys, words, sound."""

from typing import cast

import pytest

from voicebot.flow import events as ev
from voicebot.flow.answers import Alternative, Word
from voicebot.flow.expectation import Expectation
from voicebot.flow.model import BargeIn, Flow
from voicebot.records.codec import Json
from voicebot.records.secrets import (
    RUN_UP_S,
    TONE_S,
    EventMask,
    SoundMask,
    masked_action,
    scrubbed,
)


class Flows:
    """As much of a flow as the masks read."""

    def __init__(self, *, asks_secret: bool) -> None:
        self.asks_secret = asks_secret


SECRET = cast("Flow", Flows(asks_secret=True))
OPEN = cast("Flow", Flows(asks_secret=False))


def listen(*, secret: bool) -> ev.Listen:
    ears = cast("Expectation", None)
    return ev.Listen("n", "en-US", ears, BargeIn.SPEECH, None, 30.0, secret)


def understood() -> ev.Note:
    return ev.Note("understood", {"node": "n", "value": "***", "by": "keys"})


def secret_now(mask: SoundMask) -> tuple[bool, bool]:
    """Whether the caller's channel is secret, and the bot's."""
    return mask.caller, mask.bot


ANSWERED = ev.Answered(0.0)
KEY = ev.KeyPressed(1.0, "4")
WORDS = ev.SpeechHeard(
    1.0, (Word("four", 0.9), Word("two", 0.8)), (Alternative(("four", "two"), 0.8),)
)


@pytest.mark.parametrize(
    ("written", "secrets", "scrub"),
    [
        ("the pin is 4271.", {"4271"}, "the pin is ***."),
        ("account 94271", {"4271"}, "account 9***"),
        ("in 12 of 120", {"12"}, "in *** of 120"),
        ({"a 4271": ["4271", 4271, None, True]}, {"4271"}, {"a ***": ["***", 4271, None, True]}),
        ({"json": {"pin": 4271, "n": 4.5}}, {"4271"}, {"json": {"pin": "***", "n": 4.5}}),
        ({"at_s": 4271.0}, {"4271"}, {"at_s": 4271.0}),
        ("12 and 1234", {"12", "1234"}, "*** and ***"),
        ("nothing", set(), "nothing"),
        ("a.b", {"axxb", "..."}, "a.b"),
    ],
)
def test_a_secret_is_taken_out_wherever_it_stands(
    written: Json, secrets: set[str], scrub: Json
) -> None:
    assert scrubbed(written, secrets) == scrub


def test_what_is_made_of_a_secret_is_taken_out_in_whatever_form() -> None:
    speak: dict[str, Json] = {
        "do": "speak",
        "prompts": [{"text": "1 2 3", "secret": True}, {"text": "Hello.", "secret": False}],
    }
    assert masked_action(speak)["prompts"] == [
        {"text": "***", "secret": True},
        {"text": "Hello.", "secret": False},
    ]
    transfer = {**speak, "do": "transfer", "whisper": speak["prompts"]}
    assert masked_action(transfer)["whisper"] == masked_action(speak)["prompts"]
    request: dict[str, Json] = {
        "do": "request",
        "url": "http://bank/login?pin=MTIz",
        "headers": {"Authorization": "MTIz"},
        "json": {"pin": [1, 2, 3], "more": None},
        "secret": True,
    }
    assert masked_action(request) == {
        "do": "request",
        "url": "http://bank/login?",
        "headers": {"Authorization": "***"},
        "json": {"pin": ["***", "***", "***"], "more": None},
        "secret": True,
    }
    assert masked_action({**request, "secret": False}) == {**request, "secret": False}


def test_words_are_secret_where_the_question_is() -> None:
    mask = EventMask(OPEN)
    mask.told(ANSWERED, [listen(secret=True)])
    masked = mask.told(WORDS, [listen(secret=False)])
    assert masked == ev.SpeechHeard(1.0, (Word("***", 0.9), Word("***", 0.8)))
    assert mask.told(WORDS, []) == WORDS


def test_keys_are_secret_in_all_of_a_flow_that_asks_for_a_secret() -> None:
    assert EventMask(SECRET).told(KEY, []) == ev.KeyPressed(1.0, "•")
    assert EventMask(OPEN).told(KEY, []) == KEY


def test_sound_is_secret_from_the_question_to_its_answer() -> None:
    mask = SoundMask(SECRET)
    assert secret_now(mask) == (False, False)
    assert mask.told(ANSWERED, [listen(secret=True)]) == RUN_UP_S
    # A recording says what was asked.
    assert secret_now(mask) == (True, False)
    # The first key stops the listening, not the entry.
    assert mask.told(KEY, [ev.StopListening()]) == TONE_S
    assert secret_now(mask) == (True, True)
    mask.told(KEY, [understood()])
    assert secret_now(mask) == (False, False)


def test_the_bot_is_silent_in_a_recording_while_a_secret_is_said() -> None:
    mask = SoundMask(OPEN)
    mask.told(ANSWERED, [listen(secret=True)])
    assert mask.told(ev.SpeechStarted(2.0), []) == 0.0
    assert secret_now(mask) == (True, True)
    mask.told(WORDS, [ev.Note("missed", {}), listen(secret=True)])
    assert secret_now(mask) == (True, False)
    mask.told(ev.CallerLeft(3.0), [])
    assert secret_now(mask) == (False, False)


def test_a_secret_message_is_secret_to_its_end() -> None:
    mask = SoundMask(OPEN)
    mask.told(ANSWERED, [ev.Record(True, 60.0, 4.0, secret=True)])
    assert secret_now(mask) == (True, True)
    mask.told(ev.Recorded(5.0, "a.wav", 4.0), [])
    assert secret_now(mask) == (False, False)


def test_the_tone_of_a_key_is_secret_before_its_question_is_asked() -> None:
    assert SoundMask(SECRET).told(KEY, []) == TONE_S
    assert SoundMask(OPEN).told(KEY, []) == 0.0
