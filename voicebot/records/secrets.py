"""What of a call must not be written down: texts, keys, words, and stretches of its sound.

Knows which events and actions open and close a secret.  Must not know files, formats or engines.

Words are secret where the question is, sounds likewise.  Keys are secret in the whole of a flow that
has a secret question anywhere, since they may be pressed long before the question that they answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from voicebot.flow import events as ev
from voicebot.flow import model
from voicebot.flow.answers import Word
from voicebot.flow.masking import MASK, MASKED_KEY, pattern_of
from voicebot.records.codec import Json, as_dict

RUN_UP_S: Final = 0.5
"""Who answers before the question is open is heard from 300 ms before it; a syllable may be longer."""
TONE_S: Final = 1.0
"""A key is told when it is released; its tone, where Asterisk leaves one in the audio, came before."""
TAIL_S: Final = 0.5
"""The answer may be understood before its last word has quite been spoken."""

_CLOSING_NOTES: Final = frozenset({"understood", "missed", "failed"})


# Text ------------------------------------------------------------------------------------------


def scrubbed(written: Json, secrets: Collection[str], *, numbers: bool = False) -> Json:
    """The same with every secret replaced, in keys and values at any depth.

    Args:
        numbers: whether figures may be secrets, as in the body of a request; a time is none.
    """
    found = pattern_of(secrets)
    return written if found is None else _scrubbed(written, found, numbers=numbers)


def _scrubbed(written: Json, secret: re.Pattern[str], *, numbers: bool) -> Json:
    match written:
        case str():
            return secret.sub(MASK, written)
        case None | bool():
            return written
        case int() | float():
            return MASK if numbers and secret.search(str(written)) else written
        case list():
            return [_scrubbed(one, secret, numbers=numbers) for one in written]
        case dict():
            return {
                secret.sub(MASK, key): _scrubbed(one, secret, numbers=numbers or key == "json")
                for key, one in written.items()
            }


# Events and actions ----------------------------------------------------------------------------


def masked_action(encoded: dict[str, Json]) -> dict[str, Json]:
    """An action without what is made of a secret, in whatever form it is there ("1 2 3")."""
    match encoded:
        case {"do": "request", "secret": True, "url": str(url)}:
            hidden = {key: _masked(encoded.get(key)) for key in ("headers", "json")}
            return {**encoded, **hidden, "url": url.partition("?")[0] + "?" * ("?" in url)}
        case {"do": "speak", "prompts": list(prompts)}:
            return {**encoded, "prompts": [_masked_prompt(prompt) for prompt in prompts]}
        case {"do": "transfer", "whisper": list(prompts)}:
            return {**encoded, "whisper": [_masked_prompt(prompt) for prompt in prompts]}
        case _:
            return encoded


def _masked_prompt(prompt: Json) -> Json:
    secret = isinstance(prompt, dict) and prompt.get("secret") is True
    return {**as_dict(prompt), "text": MASK} if secret else prompt


def _masked(written: Json) -> Json:
    """The shape of the data, without any of its values."""
    match written:
        case dict():
            return {key: _masked(one) for key, one in written.items()}
        case list():
            return [_masked(one) for one in written]
        case None:
            return None
        case _:
            return MASK


class EventMask:
    """Takes the secrets out of one call's events, in their order."""

    def __init__(self, flow: model.Flow) -> None:
        self._keys = flow.asks_secret
        self._secret_question = False

    def told(self, event: ev.Event, actions: Iterable[ev.Action]) -> ev.Event:
        """The event as it may be written down: before it led to these actions."""
        hidden = self._secret_question
        for action in actions:
            if isinstance(action, ev.Listen):
                self._secret_question = action.secret
        match event:
            case ev.KeyPressed() if self._keys:
                return replace(event, key=MASKED_KEY)
            case ev.SpeechHeard(words=words) if hidden:
                masked = tuple(Word(MASK, one.confidence) for one in words)
                return replace(event, words=masked, alternatives=())
            case _:
                return event


# Sound -----------------------------------------------------------------------------------------


class SoundMask:
    """Which channels of one call are secret now, as far as events tell.

    The caller's is from the question to its answer, however long that takes; the bot's only once
    there is an answer under way, so that a recording still says what was asked.  (Whether what the
    bot says is itself a secret, the playback knows to the frame.)
    """

    def __init__(self, flow: model.Flow) -> None:
        self._keys = flow.asks_secret
        self._asked = self._answering = self._recording = False

    @property
    def caller(self) -> bool:
        """Whether what the caller says is secret."""
        return self._asked or self._recording

    @property
    def bot(self) -> bool:
        """Whether the bot is not to be heard either."""
        return self._answering or self._recording

    def told(self, event: ev.Event, actions: Iterable[ev.Action]) -> float:
        """Take an event and what it led to.

        Returns:
            How many seconds of the caller's sound before now were secret, too.
        """
        was_secret = self.caller
        back_s = 0.0
        match event:
            case ev.KeyPressed():
                back_s = TONE_S if self._keys else 0.0
                self._answering = self._asked
            case ev.SpeechStarted():
                self._answering = self._asked
            case ev.Recorded():
                self._recording = False
            case ev.CallerLeft():
                self._asked = self._answering = False
            case _:
                pass
        for action in actions:
            self._take(action)
        return max(back_s, RUN_UP_S) if self.caller and not was_secret else back_s

    def _take(self, action: ev.Action) -> None:
        match action:
            case ev.Listen(secret=secret):
                self._asked = secret
                self._answering = False
            # Not StopListening: that comes with the first key already.
            case ev.Note(kind=kind) if kind in _CLOSING_NOTES:
                self._asked = self._answering = False
            case ev.Record(secret=True):
                self._recording = True
            case _:
                pass
