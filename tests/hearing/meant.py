"""What the ears of a question make of the engine's transcript, as in a call."""

from __future__ import annotations

from collections.abc import Collection

from wyoming.event import Event

from tests.flow.ears import MONDAY, shown
from voicebot.flow.expectation import Expectation
from voicebot.hearing.transcribing import alternatives_of, words_of
from voicebot.speech.remote import transcript_of


def meant(ears: Expectation, final: Event, filled: Collection[str]) -> object:
    """The meaning, as a test writes it."""
    transcript = transcript_of(final.data)
    words, alternatives = words_of(transcript), alternatives_of(transcript)
    return shown(ears.understand(words, MONDAY, filled, alternatives))
