"""The seam to speech synthesis: what a prompt asks for and what it gets.

Knows: the message and the Protocol.
Must not know: which engine speaks, or where it runs (`voicebot/speech` has those).
"""

from dataclasses import dataclass
from typing import Protocol


class SynthesisError(Exception):
    """This text cannot be spoken: the engine died, refused or cannot be reached."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Synthesised sound as the engine made it: not levelled, not trimmed."""

    rate_hz: int
    pcm: bytes
    """16-bit little-endian mono; empty when there was nothing to say."""


class Synthesiser(Protocol):
    """Whatever turns text into speech."""

    async def synthesise(self, text: str, language: str) -> Speech:
        """Speak `text`, which is already in words (no markup, no money, no dates).

        Raises:
            SynthesisError: the engine is gone or refused.
        """

    def fingerprint(self, language: str) -> str:
        """Name the voice and the engine's version: the same fingerprint means that cached speech can be used."""
