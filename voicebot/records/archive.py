"""Everything that calls leave behind, as config.yaml's `records:` wants it.

Knows which files a call has and where they are, and hands each what happens in the call.  Must not
know what is in them.  Traces, recordings and wires lie in a folder for each day; calls.jsonl, with
a line for each call, lies above them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import Self

from voicebot.config import Records
from voicebot.flow import events as ev
from voicebot.flow.values import CallInfo
from voicebot.line.line import Ear, Source
from voicebot.records.call_record import CallRecord
from voicebot.records.recording import Mouth, Recording
from voicebot.records.trace import HoursKept, ServedFlow, Trace
from voicebot.records.wire import Wire
from voicebot.records.writer import Appended, Writer


class Archive:
    """The records of all calls.  A context manager: its end waits for the disk."""

    def __init__(self, settings: Records) -> None:
        self.settings = settings
        self._writer = Writer()
        self._calls = Appended(settings.folder / "calls.jsonl", shared=True)

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._writer.do(self._calls.close)
        self._writer.__exit__(*exc)

    def call(
        self, served: ServedFlow, info: CallInfo, seed: int, now: Callable[[], float]
    ) -> CallRecords:
        """Begin the records of a call.

        Args:
            now: the time since the call began, in seconds.
        """
        return CallRecords(
            self.settings, self._writer, self._calls, Beginning(served, info, seed, now)
        )


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known of a call when it begins."""

    served: ServedFlow
    info: CallInfo
    seed: int
    now: Callable[[], float]


class CallRecords:
    """What one call leaves: a `Witness` of the call, and taps for its line.

    `info` is to be given to the call in place of the one that came in: its calendars remember what
    they answered.
    """

    def __init__(
        self, settings: Records, writer: Writer, calls: Appended, beginning: Beginning
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._calls = calls
        self._beginning = beginning
        self.info = beginning.info
        self._trace: Trace | None = None
        self._recording: Recording | None = None
        self._wire: Wire | None = None
        self._secrets: frozenset[str] = frozenset()
        """Every one that the call has held, also those that it has forgotten since."""
        self._turns: list[Mapping[str, object]] = []
        if settings.traces:
            self._begin_trace()

    # Joined to the call and its line -----------------------------------------------------------

    def tapped(
        self, sock: socket.socket, source: Mouth, ear: Ear
    ) -> tuple[socket.socket, Source, Ear]:
        """What to join a leg of the call to in place of these three."""
        flow = self._beginning.served.flow
        if self._settings.wire and self._wire is None:
            self._wire = Wire(
                self._path("wire.jsonl"),
                flow,
                self._writer,
                now=self._beginning.now,
                saying_secret=lambda: source.secret,
            )
        if self._wire is not None:
            sock = self._wire.tapped(sock)
        if self._settings.calls and self._recording is None:
            self._recording = Recording(
                self._path("wav"), flow, self._writer, ear=ear, mouth=source
            )
        if self._recording is not None:
            return sock, self._recording, self._recording
        return sock, source, ear

    def told(
        self,
        event: ev.Event,
        actions: Sequence[ev.Action],
        verdicts: Sequence[object],
        secrets: frozenset[str],
    ) -> None:
        """As a witness: the dialogue has dealt with an event."""
        self._secrets |= secrets
        if self._trace is not None:
            self._trace.told(event, actions, verdicts, self._secrets)
        if self._recording is not None:
            self._recording.told(event, actions)
        if self._wire is not None:
            self._wire.told(event, actions)

    def fact(self, name: str, at_s: float, fields: Mapping[str, object]) -> None:
        """As a witness: the log says this, too."""
        if name == "turn":
            self._turns.append(fields)
        if self._trace is None:
            return
        if name == "turn":
            self._trace.turn(at_s, fields, self._secrets)
        else:
            self._trace.fact(name, at_s, fields, self._secrets)

    def end(self, reason: str, variables: Mapping[str, object], tags: Mapping[str, str]) -> None:
        """The call is over."""
        seconds = self._beginning.now()
        if self._trace is not None:
            self._trace.end(reason, seconds)
        for sound in (self._recording, self._wire):
            if sound is not None:
                sound.close()
        # Last: by now the writer knows under which names it has written the others.
        self._writer.do(partial(self._write_record, reason, seconds, dict(variables), dict(tags)))

    # Files -------------------------------------------------------------------------------------

    def _begin_trace(self) -> None:
        begun = self._beginning
        self._trace = trace = Trace(self._path("trace.jsonl"), begun.served, self._writer)
        hours = {
            name: HoursKept(name, calendar, trace.answers)
            for name, calendar in begun.info.hours.items()
        }
        self.info = replace(begun.info, hours=hours)
        trace.begin(begun.info, begun.seed)

    def _path(self, kind: str) -> Path:
        info = self._beginning.info
        return self._settings.folder / info.started.date().isoformat() / f"{info.id}.{kind}"

    def _write_record(
        self, reason: str, seconds: float, variables: dict[str, object], tags: dict[str, str]
    ) -> None:
        files = {"trace": self._trace, "recording": self._recording, "wire": self._wire}
        info = self._beginning.info
        record = CallRecord(
            call=info.id,
            flow=self._beginning.served.flow.name,
            caller=info.caller,
            called=info.called,
            started=info.started.isoformat(timespec="milliseconds"),
            seconds=round(seconds, 2),
            reason=reason,
            variables=variables,
            tags=tags,
            response_ms=_response_ms(self._turns),
            turns=tuple(self._turns),
            files={kind: one.file.path for kind, one in files.items() if one is not None},
        )
        self._calls.write(record.line(self._secrets))


def _response_ms(turns: Sequence[Mapping[str, object]]) -> dict[str, int]:
    waits = [ms for turn in turns if isinstance(ms := turn.get("response_ms"), int)]
    return {"p50": median_low(waits), "max": max(waits)} if waits else {}
