"""A SIP phone on loopback that calls through the bed: it speaks, presses keys, listens, and times every packet.

    phone = Phone(codec="slin16")
    phone.say("yes.wav", at_s=2.0)
    phone.press("12#", at_s=4.0)
    report = phone.call(bed.sip, "app", headers=bot_headers(port, uuid), hang_up_s=8.0)

or step by step, from any thread:

    phone.start_call(bed.sip, "app", headers=bot_headers(port, uuid))
    phone.listen()                      # until the other side has spoken and is quiet again
    phone.press("1")
    report = phone.join()

Knows sockets and the clock; the texts are in sip.py, the audio in rtp.py. Must not know the voicebot.
"""

import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import cast
from uuid import UUID

import numpy as np
import soundfile
import soxr

from .rtp import CODECS, LOUD, Incoming, Outgoing, Packet, Samples
from .sip import Address, Dialog, Message

ANSWER_LIMIT_S = 10.0
CALL_LIMIT_S = 120.0
"""The phone hangs up then, whatever happens."""


@dataclass(frozen=True, slots=True)
class Report:
    """One call as the caller had it. Times are seconds since the answer."""

    failed: str
    """Why there was no call, or ''."""
    answered_at_s: float | None
    """On time.monotonic(), which all processes of the machine share."""
    setup_s: float | None
    """INVITE to answer."""
    ended_by_us: bool
    ended_s: float | None
    bye_reason: str
    """The header Reason of the other side's BYE."""
    keys_sent: tuple[tuple[str, float], ...]
    """Each key and when it went down."""
    keys_heard: str
    rate_hz: int
    missing: int
    """Packets that never came, by their sequence numbers."""
    heard: Samples = field(repr=False)
    """What was heard, each packet at its timestamp's place; sample 0 is the moment of the answer."""
    packets: tuple[Packet, ...] = field(repr=False)

    @property
    def payload_bytes(self) -> dict[int, int]:
        """How many packets there were of each size."""
        return dict(Counter(len(packet.payload) for packet in self.packets))

    @property
    def gaps_ms(self) -> tuple[float, float]:
        """Time from packet to packet: median and greatest."""
        gaps = [1000 * (after.at_s - before.at_s) for before, after in pairwise(self.packets)]
        return (median(gaps), max(gaps)) if gaps else (0.0, 0.0)

    @property
    def ahead_ms(self) -> tuple[float, float]:
        """How far timestamps ran ahead of the clock, least and most: audio sent too fast shows here."""
        ahead = [1000 * (packet.play_s - packet.at_s) for packet in self.packets]
        return (min(ahead), max(ahead)) if ahead else (0.0, 0.0)

    @property
    def loud_s(self) -> tuple[float, float] | None:
        """From when to when there was something to hear."""
        loud = np.flatnonzero(np.abs(self.heard.astype(np.int32)) > LOUD)
        if not len(loud):
            return None
        return float(loud[0] / self.rate_hz), float(loud[-1] / self.rate_hz)

    def write_wav(self, path: Path) -> None:
        """Keep what was heard."""
        soundfile.write(path, self.heard, self.rate_hz)


def bot_headers(port: int, call: UUID) -> dict[str, str]:
    """What the bed's dialplan wants to know of a call to an AudioSocket server on loopback."""
    return {"X-Bed-Server": f"127.0.0.1:{port}", "X-Bed-UUID": str(call)}


def read_audio(path: Path | str, rate_hz: int) -> Samples:
    """The first channel of a sound file, at that rate."""
    samples, have_hz = soundfile.read(path, dtype="int16", always_2d=True)
    if have_hz == rate_hz:
        return cast("Samples", samples[:, 0])
    return cast("Samples", soxr.resample(samples[:, 0], have_hz, rate_hz))


class Phone:
    """A caller; good for one call."""

    def __init__(self, codec: str = "ulaw") -> None:
        self.rate_hz = CODECS[codec].rate_hz
        self._codec = CODECS[codec]
        self._outgoing = Outgoing(self._codec)
        self._incoming = Incoming(self._codec)
        self._answered_at_s: float | None = None
        self._setup_s: float | None = None
        self._ended_s: float | None = None
        self._ended_by_us = False
        self._failed = self._bye_reason = ""
        self._attended_s = float("-inf")  # what came before is no answer to what we said last
        self._hang_up_s = CALL_LIMIT_S
        self._thread: threading.Thread | None = None

    def call(
        self,
        server: Address,
        exten: str,
        *,
        hang_up_s: float = CALL_LIMIT_S,
        headers: Mapping[str, str] | None = None,
    ) -> Report:
        """Call and stay until somebody hangs up; we do so `hang_up_s` after the answer."""
        self.start_call(server, exten, hang_up_s=hang_up_s, headers=headers)
        return self.join()

    def start_call(
        self,
        server: Address,
        exten: str,
        *,
        hang_up_s: float = CALL_LIMIT_S,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Call and return once the call is answered, or has failed."""
        self._hang_up_s = hang_up_s
        answered = threading.Event()
        arguments = (server, exten, headers or {}, answered)
        self._thread = threading.Thread(target=self._run, args=arguments, name="phone", daemon=True)
        self._thread.start()
        answered.wait()

    def say(self, what: Path | str | Samples, at_s: float | None = None) -> float:
        """Say a sound file, or samples at our rate, at that time or now; returns when it begins."""
        samples = what if isinstance(what, np.ndarray) else read_audio(what, self.rate_hz)
        self._attended_s = self._now_s()
        return self._outgoing.say(samples, at_s)

    def press(self, keys: str, at_s: float | None = None) -> float:
        """Press keys, 100 ms each and 100 ms apart, from that time on or now; returns when the last goes down."""
        self._attended_s = self._now_s()
        return self._outgoing.press(keys, at_s)

    def listen(self, quiet_s: float = 0.7, limit_s: float = 30.0) -> float:
        """Wait until the other side has spoken, since we last spoke, pressed or listened, and is quiet again.

        Returns:
            When the last of it came, in seconds since the answer.

        Raises:
            TimeoutError: that did not happen within the limit, or before the call ended.
        """
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s and self._ended_s is None and not self._failed:
            last_s = self._incoming.last_loud_s
            if last_s > self._attended_s and self._now_s() - last_s >= quiet_s:
                self._attended_s = self._now_s()
                return last_s
            time.sleep(0.01)
        why = self._failed or ("too long" if self._ended_s is None else "the call is over")
        raise TimeoutError(f"the other side did not speak and fall silent: {why}")

    def hang_up(self) -> None:
        """End the call within 20 ms; `join` has the report."""
        self._hang_up_s = 0.0

    def join(self) -> Report:
        """The report, once the call is over."""
        assert self._thread is not None
        self._thread.join()
        return Report(
            failed=self._failed,
            answered_at_s=self._answered_at_s,
            setup_s=self._setup_s,
            ended_by_us=self._ended_by_us,
            ended_s=self._ended_s,
            bye_reason=self._bye_reason,
            keys_sent=tuple(self._outgoing.keys_sent),
            keys_heard=self._incoming.keys,
            rate_hz=self.rate_hz,
            missing=self._incoming.missing,
            heard=self._incoming.heard(),
            packets=tuple(self._incoming.packets),
        )

    def _now_s(self) -> float:
        return 0.0 if self._answered_at_s is None else time.monotonic() - self._answered_at_s

    # What follows runs in the phone's own thread.

    def _run(
        self, server: Address, exten: str, headers: Mapping[str, str], answered: threading.Event
    ) -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp,
        ):
            sip.bind(("127.0.0.1", 0))
            rtp.bind(("127.0.0.1", 0))
            sip.connect(server)
            dialog = Dialog(sip.getsockname(), server, exten, self._codec, rtp.getsockname()[1])
            try:
                media = self._invite(sip, dialog, headers)
                answered.set()
                self._talk(sip, rtp, dialog, media)
            except (OSError, ValueError) as error:  # no answer, a refusal, or nothing we can read
                self._failed = str(error)
            finally:
                answered.set()

    def _invite(self, sip: socket.socket, dialog: Dialog, headers: Mapping[str, str]) -> Address:
        """Call; returns where the other side wants our audio."""
        began_s = time.monotonic()
        sip.settimeout(ANSWER_LIMIT_S)
        sip.send(dialog.invite(headers).encode())
        while True:
            message = Message(sip.recv(65536).decode("utf-8", "replace"))
            if message.method == "INVITE" and (message.status or 0) >= 200:
                break
        answered_at_s = time.monotonic()
        sip.send(dialog.ack(message).encode())
        if message.status != 200:
            raise ValueError(message.first_line)
        self._setup_s = answered_at_s - began_s
        self._answered_at_s = answered_at_s
        return message.media_address()

    def _talk(self, sip: socket.socket, rtp: socket.socket, dialog: Dialog, media: Address) -> None:
        while self._ended_s is None:
            now_s = self._now_s()
            if now_s >= self._hang_up_s:
                sip.send(dialog.bye().encode())
                self._ended_s, self._ended_by_us = now_s, True
                sip.recv(65536)  # its answer, or else the call counts as failed
                return
            while self._outgoing.due_s <= now_s:
                for packet in self._outgoing.next_packets():
                    rtp.sendto(packet, media)
            wait_s = max(0.0, self._outgoing.due_s - self._now_s())
            ready, _, _ = select.select([sip, rtp], [], [], wait_s)
            if rtp in ready:
                self._incoming.take(rtp.recv(65536), self._now_s())
            if sip in ready:
                self._answer(sip, rtp, dialog)

    def _answer(self, sip: socket.socket, rtp: socket.socket, dialog: Dialog) -> None:
        """One message within the call."""
        message = Message(sip.recv(65536).decode("utf-8", "replace"))
        if message.status is not None:
            if message.method == "INVITE":  # our ACK was lost
                sip.send(dialog.ack(message).encode())
            return
        if message.method == "ACK":
            return
        if message.method == "BYE":
            self._bye_reason = message.header("Reason")
            while select.select([rtp], [], [], 0.05)[0]:  # what was sent before it
                self._incoming.take(rtp.recv(65536), self._now_s())
            self._ended_s = self._now_s()
        sip.send(dialog.ok(message).encode())
