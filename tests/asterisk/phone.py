"""A SIP phone on loopback that calls through the bed, or is called: it speaks, presses keys, listens, and times every
packet.

    phone = Phone(codec="slin16")
    phone.say("yes.wav", at_s=2.0)
    phone.press("12#", at_s=4.0)
    report = phone.call(bed.sip, "app", headers=bot_headers(port, uuid), hang_up_s=8.0)

or step by step, from any thread:

    phone.start_call(bed.sip, "app", headers=bot_headers(port, uuid))
    phone.listen()                      # until the other side has spoken and is quiet again
    phone.press("1")
    report = phone.join()

and one that is called:

    agent = Phone()
    address = agent.wait_for_call(ring_s=0.5)       # for Dial(PJSIP/anonymous/sip:agent@HOST:PORT)
    agent.wait_answered()
    agent.say(samples)

Knows sockets and the clock; the texts are in sip.py, the audio in rtp.py. Must not know the voicebot.
"""

import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import cast
from uuid import UUID

import numpy as np
import soundfile
import soxr

from .rtp import (
    CODECS,
    GOOD,
    KEY_GAP_S,
    KEY_S,
    LOUD,
    PACKET_S,
    Conditions,
    Incoming,
    Network,
    Outgoing,
    Packet,
    Samples,
)
from .sip import Address, Dialog, Message, media

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
    called_by: str
    """The header From of the INVITE that came to us, or ''."""
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
    """Good for one call."""

    def __init__(self, codec: str = "ulaw", conditions: Conditions = GOOD) -> None:
        self.rate_hz = CODECS[codec].rate_hz
        self._codec = CODECS[codec]
        self._conditions = conditions
        self._outgoing = Outgoing(self._codec, conditions)
        self._network = Network(conditions)
        self._incoming = Incoming(self._codec)
        self._ringing, self._answered = threading.Event(), threading.Event()
        self._answered_at_s: float | None = None
        self._setup_s: float | None = None
        self._ended_s: float | None = None
        self._ended_by_us = False
        self._failed = self._bye_reason = self._called_by = ""
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

        def connect(sip: socket.socket, sdp: str) -> tuple[Dialog, Address]:
            sip.connect(server)
            dialog = Dialog(sip.getsockname(), server, exten, sdp)
            return dialog, self._invite(sip, dialog, headers or {})

        self._start(connect)
        self._answered.wait()

    def wait_for_call(
        self, *, ring_s: float = 0.0, refusal: str = "", hang_up_s: float = CALL_LIMIT_S
    ) -> Address:
        """Be called, once, within `CALL_LIMIT_S`; returns at once, with the address to call.

        Args:
            ring_s: Answer so long after the INVITE; one who gives up before is let go.
            refusal: Do not answer but refuse so, e.g. `486 Busy Here`.
            hang_up_s: Hang up so long after the answer.
        """
        self._hang_up_s = hang_up_s
        return self._start(lambda sip, sdp: self._await_invite(sip, sdp, ring_s, refusal))

    def wait_ringing(self, limit_s: float = 10.0) -> bool:
        """Wait until somebody calls us; False: nobody does within the limit."""
        return self._ringing.wait(limit_s)

    def wait_answered(self, limit_s: float = CALL_LIMIT_S) -> bool:
        """Wait until there is a call; False: it has failed, or there is none within the limit."""
        self._answered.wait(limit_s)
        return self._answered_at_s is not None

    def say(self, what: Path | str | Samples, at_s: float | None = None) -> float:
        """Say a sound file, or samples at our rate, at that time or now; returns when it begins."""
        samples = what if isinstance(what, np.ndarray) else read_audio(what, self.rate_hz)
        self._attended_s = self._now_s()
        return self._outgoing.say(samples, at_s)

    def press(
        self, keys: str, at_s: float | None = None, held_s: float = KEY_S, gap_s: float = KEY_GAP_S
    ) -> float:
        """Press keys one after the other, from that time on or now; returns when the last goes down."""
        self._attended_s = self._now_s()
        return self._outgoing.press(keys, at_s, held_s, gap_s)

    def mute(self, for_s: float, at_s: float | None = None) -> float:
        """Send no audio at all from that time on or from now, for so long; returns when it begins."""
        return self._outgoing.mute(at_s, for_s)

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

    def hang_up(self, at_s: float = 0.0) -> None:
        """End the call at that time, or now, or stop waiting for one; `join` has the report."""
        self._hang_up_s = at_s

    def join(self) -> Report:
        """The report, once the call is over."""
        assert self._thread is not None
        self._thread.join()
        return Report(
            failed=self._failed,
            answered_at_s=self._answered_at_s,
            setup_s=self._setup_s,
            called_by=self._called_by,
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

    def _start(
        self, connect: Callable[[socket.socket, str], tuple[Dialog, Address] | None]
    ) -> Address:
        sip, rtp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for sock in (sip, rtp):
            sock.bind(("127.0.0.1", 0))
        here: Address = sip.getsockname()
        arguments = (sip, rtp, connect)
        self._thread = threading.Thread(target=self._run, args=arguments, name="phone", daemon=True)
        self._thread.start()
        return here

    # What follows runs in the phone's own thread.

    def _run(
        self,
        sip: socket.socket,
        rtp: socket.socket,
        connect: Callable[[socket.socket, str], tuple[Dialog, Address] | None],
    ) -> None:
        with sip, rtp:
            sdp = media(rtp.getsockname(), self._codec, self._conditions.ptime_ms)
            try:
                if connected := connect(sip, sdp):
                    self._answered.set()
                    self._talk(sip, rtp, *connected)
            except (OSError, ValueError) as error:  # no answer, a refusal, or nothing we can read
                self._failed = str(error)
            finally:
                self._answered.set()

    def _invite(self, sip: socket.socket, dialog: Dialog, headers: Mapping[str, str]) -> Address:
        """Call; returns where the other side wants our audio."""
        began_s = time.monotonic()
        sip.settimeout(ANSWER_LIMIT_S)
        sip.send(dialog.invite(headers).encode())
        while True:
            message = _received(sip)
            if message.method == "INVITE" and (message.status or 0) >= 200:
                break
        answered_at_s = time.monotonic()
        sip.send(dialog.ack(message).encode())
        if message.status != 200:
            raise ValueError(message.first_line)
        self._setup_s = answered_at_s - began_s
        self._answered_at_s = answered_at_s
        return message.media_address()

    def _await_invite(
        self, sip: socket.socket, sdp: str, ring_s: float, refusal: str
    ) -> tuple[Dialog, Address] | None:
        """Be called; None if it came to no call."""
        self._wait_called(sip)
        data, peer = sip.recvfrom(65536)
        sip.connect(peer)
        invite = Message(data.decode("utf-8", "replace"))
        self._called_by = invite.header("From")
        dialog = Dialog.called(sip.getsockname(), invite, sdp)
        sip.send(dialog.reply(invite, "180 Ringing").encode())
        self._ringing.set()
        if self._given_up(sip, dialog, ring_s):
            self._failed = "given up"
            sip.send(dialog.reply(invite, "487 Request Terminated").encode())
            return None
        if refusal:
            self._failed = refusal
            sip.send(dialog.reply(invite, refusal).encode())
            return None
        self._answered_at_s = time.monotonic()
        sip.send(dialog.ok(invite).encode())
        return dialog, invite.media_address()

    def _wait_called(self, sip: socket.socket) -> None:
        end_s = time.monotonic() + CALL_LIMIT_S
        while not select.select([sip], [], [], PACKET_S)[0]:
            if not self._hang_up_s or time.monotonic() > end_s:
                raise ValueError("not called")

    def _given_up(self, sip: socket.socket, dialog: Dialog, ring_s: float) -> bool:
        """Ring; whether the caller gives up meanwhile."""
        end_s = time.monotonic() + ring_s
        while (left_s := end_s - time.monotonic()) > 0:
            if select.select([sip], [], [], left_s)[0]:
                message = _received(sip)
                if message.method == "CANCEL":
                    sip.send(dialog.ok(message).encode())
                    return True
        return False

    def _talk(self, sip: socket.socket, rtp: socket.socket, dialog: Dialog, there: Address) -> None:
        while self._ended_s is None:
            now_s = self._now_s()
            if now_s >= self._hang_up_s:
                sip.send(dialog.bye().encode())
                self._ended_s, self._ended_by_us = now_s, True
                sip.recv(65536)  # its answer, or else the call counts as failed
                return
            while self._outgoing.due_s <= now_s:
                for packet in self._outgoing.next_packets():
                    self._network.put(packet, now_s)
            for packet in self._network.arrived(now_s):
                rtp.sendto(packet, there)
            next_s = min(self._outgoing.due_s, self._network.next_s)
            ready, _, _ = select.select([sip, rtp], [], [], max(0.0, next_s - self._now_s()))
            if rtp in ready:
                self._incoming.take(rtp.recv(65536), self._now_s())
            if sip in ready:
                self._answer(sip, rtp, dialog)

    def _answer(self, sip: socket.socket, rtp: socket.socket, dialog: Dialog) -> None:
        """One message within the call."""
        message = _received(sip)
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


def _received(sip: socket.socket) -> Message:
    return Message(sip.recv(65536).decode("utf-8", "replace"))
