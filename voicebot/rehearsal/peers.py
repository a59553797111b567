"""Whom a call has to do with besides its caller, played as a test says: servers, calendars, extensions.

Knows `call:` of a test and the events that these peers bring.  Must not know the steps of the test,
or whether it is run in text or in audio.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from voicebot.flow import events as ev
from voicebot.flow.circumstances import Circumstances, Reply, request_key
from voicebot.flow.dialled import named
from voicebot.flow.values import CallInfo, Hours
from voicebot.flow.yamlfile import did_you_mean

ANSWER_S: Final = 0.1
"""How long a server takes that answers."""
RING_S: Final = 2.0
"""How long an extension rings before it is busy."""


class NoReply(Exception):
    """The test does not say how a server answers; the message says what to add."""


@dataclass(frozen=True, slots=True)
class Always:
    """A calendar that is open, or closed, as the test says."""

    is_open: bool

    def open_at(self, _moment: datetime) -> bool:
        return self.is_open


class Calendars(Mapping[str, Hours]):
    """Those of the test before those of the settings.

    Any other is open: what a flow does in office hours is what mostly is to be tried.
    """

    def __init__(self, told: Mapping[str, bool], known: Mapping[str, Hours]) -> None:
        self._known = {**known, **{name: Always(is_open) for name, is_open in told.items()}}

    def __getitem__(self, name: str) -> Hours:
        return self._known.get(name, Always(is_open=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class Peers:
    """Those of one call; a second call needs new ones.

    Args:
        circumstances: `call:` of the test.
        calendars: those of the settings, for `hours` that the test leaves open.
    """

    def __init__(
        self, circumstances: Circumstances, calendars: Mapping[str, Hours] | None = None
    ) -> None:
        self._told = circumstances
        self._calendars = calendars or {}
        self._asked: dict[str, int] = {}
        self._recorded = 0

    def call(self) -> CallInfo:
        """What the flow may read as `call.…`."""
        at = self._told.at
        return CallInfo(
            id="test",
            started=at if at.tzinfo is not None else at.astimezone(),
            caller=self._told.caller,
            called=self._told.called,
            hours=Calendars(self._told.hours, self._calendars),
            caller_name=self._told.caller_name,
            channel=self._told.channel,
            channel_language=self._told.channel_language,
            args=self._told.args,
        )

    def answer(self, request: ev.Request, at_s: float) -> ev.HttpAnswered | ev.HttpFailed:
        """What a server answers to this request, and when.

        Raises:
            NoReply: the test does not say.
        """
        key = request_key(request.method, request.url)
        replies = self._told.http.get(key)
        if not replies:
            near = did_you_mean(key, self._told.http)
            raise NoReply(
                f"the flow asks {key}, and the test does not say what the server answers{near}: "
                f'add to `call:` of the test  http: {{"{key}": {{status: 200, json: {{}}}}}}'
            )
        number = self._asked.get(key, 0)
        self._asked[key] = number + 1
        reply: Reply = replies[min(number, len(replies) - 1)]
        if not reply.status:
            return ev.HttpFailed(at_s + request.timeout_s, "no answer (so the test says)")
        return ev.HttpAnswered(at_s + ANSWER_S, reply.status, reply.json, reply.text)

    def refusal(self, transfer: ev.Transfer, at_s: float) -> ev.TransferFailed | None:
        """Why nobody takes the call there, and when the call is back; None: it is taken."""
        told = self._told.transfers
        reason = told.get(named(transfer.kind, transfer.to), told.get(transfer.to))
        if reason is None or not transfer.returns:
            return None
        return ev.TransferFailed(at_s + min(RING_S, transfer.wait_s), reason)

    def recording(self) -> str:
        """The path of the next recording; no such file is there."""
        self._recorded += 1
        return f"recording-{self._recorded}.wav"
