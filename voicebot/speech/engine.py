"""What the worker and the engines in it agree on.

Knows: the Protocol and how an engine refuses. Must not know: sockets, processes, a particular engine.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from wyoming.event import Event
from wyoming.info import Info


class Refused(Exception):
    """The engine cannot do what this client asks for; the text is for the client."""


class Engine(Protocol):
    """What `voicebot.speech.vosk` and `voicebot.speech.piper` make of their models."""

    def converse(self, events: Iterable[Event]) -> Iterator[Event]:
        """Answer the events of one connection, in order; called in the connection's own thread.

        Raises:
            Refused: the request cannot be met.
        """

    @property
    def info(self) -> Info:
        """What the engine and its models are."""
