"""Many callers at once in one thread: each calls through the bed, sends RTP all the time, may speak or press, and leaves.

Knows SIP and RTP of many calls over two sockets; who hears what is told apart by where it comes from. Keeps of each
call only how it went: for what a caller hears there is phone.py. Must not know the voicebot.

Against 200 of them a thread for each would measure Python, not the other side.
"""

import math
import random
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .rtp import CODECS, EVENTS_TYPE, KEY_PACKETS, KEYS, PACKET_S, Samples
from .sip import Address, Dialog, Message, media

CODEC = CODECS["ulaw"]
STEP = round(CODEC.rate_hz * PACKET_S)
AGAIN_S = 1.0
"""A request without an answer is sent again after this."""
GIVEN_UP_S = 15.0
"""Who has had no answer until then has failed."""
QUIET = b"\xff\x7f\xfe\x7e"
"""The codes of u-law that nobody hears."""

_HEADER = struct.Struct(">BBHII")  # as in rtp.py


@dataclass(frozen=True, slots=True)
class Plan:
    """What one caller does."""

    exten: str
    headers: Mapping[str, str]
    leaves_s: float = math.inf
    """So long after the answer it hangs up, unless the other side has."""
    key: str = ""
    key_s: float = 0.5
    """When it presses that key."""
    says: Samples = field(default_factory=lambda: np.zeros(0, np.int16))
    """At the codec's rate."""
    says_s: float = 0.5


@dataclass(slots=True)
class Visit:
    """How one call went."""

    plan: Plan
    failed: str = ""
    answered_s: float = 0.0
    """INVITE to answer; 0 while there is none."""
    lasted_s: float = 0.0
    ended_by_us: bool = False
    packets: int = 0
    """That came."""
    loud_packets: int = 0


class Crowd:
    """The callers of one bed."""

    def __init__(self, server: Address, limit_s: float = 60.0) -> None:
        """Nobody calls yet.

        Args:
            limit_s: Every call is over so long after its answer, or has failed.
        """
        self.peak = 0
        """The most calls that were answered and not over at one time."""
        self._server = server
        self._limit_s = limit_s

    def run(self, plans: Sequence[Plan], at_once: int, a_second: float) -> list[Visit]:
        """Make all these calls, no more than `at_once` at a time and so many new ones in a second."""
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp,
        ):
            for sock in (sip, rtp):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
                sock.bind(("127.0.0.1", 0))
                sock.setblocking(False)
            return self._run(_Ends(sip, rtp, self._server), plans, at_once, a_second)

    def _run(
        self, ends: "_Ends", plans: Sequence[Plan], at_once: int, a_second: float
    ) -> list[Visit]:
        waiting = deque(plans)
        done: list[Visit] = []
        began_s = beat_s = time.monotonic()
        while waiting or ends.callers:
            now_s = time.monotonic()
            while waiting and len(ends.callers) < at_once:
                if now_s < began_s + (len(plans) - len(waiting)) / a_second:
                    break
                ends.call(waiting.popleft(), now_s)
            ends.beat(now_s, self._limit_s)
            self.peak = max(self.peak, sum(caller.talks for caller in ends.callers))
            beat_s = max(beat_s + PACKET_S, now_s - PACKET_S)
            ends.take(beat_s)
            done += ends.gone()
        return done


class _Caller:
    """One call under way."""

    def __init__(self, plan: Plan, here: Address, sdp: str, server: Address, now_s: float) -> None:
        self.visit = Visit(plan)
        self.dialog = Dialog(here, server, plan.exten, sdp)
        self.media: Address | None = None
        self.talks = self.over = False
        self._began_s = self._sent_s = now_s
        self._last = ""
        self._payloads = _payloads(plan)
        self._tick = 0
        self._sequence, self._stamp = random.getrandbits(15), random.getrandbits(31)
        self._source = random.getrandbits(32)

    def request(self, text: str, now_s: float) -> bytes:
        """What goes out now, and again until it is answered."""
        self._last, self._sent_s = text, now_s
        return text.encode()

    def again(self, now_s: float, limit_s: float) -> bytes:
        """What has to be sent once more; nothing as long as there is time, or when all is said."""
        age_s = now_s - self._began_s
        if age_s > (limit_s if self.talks else GIVEN_UP_S):
            self._fail("no end" if self.talks else "no answer")
        if self.over or not self._last or now_s - self._sent_s < AGAIN_S:
            return b""
        self._sent_s = now_s
        return self._last.encode()

    def answered(self, message: Message, now_s: float) -> Address | None:
        """The INVITE has its final answer; returns where the other side's media are."""
        if message.status != 200:
            self._fail(message.first_line)
            return None
        self.media = message.media_address()
        self.talks, self._last = True, ""
        self.visit.answered_s, self._began_s = now_s - self._began_s, now_s
        return self.media

    def leaves(self, now_s: float) -> bool:
        """Whether it is time to hang up."""
        return self.talks and now_s - self._began_s >= self.visit.plan.leaves_s

    def left(self, now_s: float, *, by_us: bool) -> None:
        """One of the two has hung up."""
        self.talks = False
        self.visit.ended_by_us = by_us
        self.visit.lasted_s = now_s - self._began_s
        self.over = not by_us  # ours is to be answered yet
        self._began_s = now_s

    def said(self) -> None:
        """Our BYE is answered."""
        self.over = True

    def packets(self) -> Iterable[bytes]:
        """What the next 20 ms are: audio, or a key."""
        tick, self._tick = self._tick, self._tick + 1
        plan = self.visit.plan
        at = tick - round(plan.key_s / PACKET_S) if plan.key else -1
        if 0 <= at < KEY_PACKETS:
            end = at == KEY_PACKETS - 1
            length = (at + 1) * STEP
            event = struct.pack(">BBH", KEYS.index(plan.key), 0x80 * end | 10, length)
            for _ in range(3 if end else 1):
                yield self._rtp(EVENTS_TYPE | 0x80 * (at == 0), (tick - at) * STEP, event)
        else:
            payload = self._payloads[min(tick, len(self._payloads) - 1)]
            yield self._rtp(CODEC.payload_type, tick * STEP, payload)

    def _rtp(self, second: int, stamp: int, payload: bytes) -> bytes:
        self._sequence = self._sequence + 1 & 0xFFFF
        stamp = self._stamp + stamp & 0xFFFFFFFF
        return _HEADER.pack(0x80, second, self._sequence, stamp, self._source) + payload

    def _fail(self, why: str) -> None:
        self.visit.failed, self.over, self.talks = why, True, False


class _Ends:
    """The two sockets and the callers who share them."""

    def __init__(self, sip: socket.socket, rtp: socket.socket, server: Address) -> None:
        self._sip, self._rtp, self._server = sip, rtp, server
        self._here: Address = sip.getsockname()
        self._sdp = media(rtp.getsockname(), CODEC)
        self._by_id: dict[str, _Caller] = {}
        self._by_media: dict[Address, _Caller] = {}

    @property
    def callers(self) -> Sequence[_Caller]:
        """Whose call is not over."""
        return list(self._by_id.values())

    def call(self, plan: Plan, now_s: float) -> None:
        caller = _Caller(plan, self._here, self._sdp, self._server, now_s)
        self._by_id[caller.dialog.call_id] = caller
        self._send(caller.request(caller.dialog.invite(plan.headers), now_s))

    def beat(self, now_s: float, limit_s: float) -> None:
        """20 ms of everybody."""
        for caller in self.callers:
            if caller.leaves(now_s):
                caller.left(now_s, by_us=True)
                self._send(caller.request(caller.dialog.bye(), now_s))
            elif caller.talks and caller.media is not None:
                for packet in caller.packets():
                    self._rtp.sendto(packet, caller.media)
            if again := caller.again(now_s, limit_s):
                self._send(again)

    def take(self, until_s: float) -> None:
        """All that comes until then."""
        while (left_s := until_s - time.monotonic()) > 0:
            ready = select.select([self._sip, self._rtp], [], [], left_s)[0]
            if self._rtp in ready:
                self._take_rtp()
            if self._sip in ready:
                self._take_sip()

    def gone(self) -> list[Visit]:
        """Whose call is over since we were last asked."""
        over = [caller for caller in self._by_id.values() if caller.over]
        for caller in over:
            del self._by_id[caller.dialog.call_id]
            if caller.media is not None and self._by_media.get(caller.media) is caller:
                del self._by_media[caller.media]
        return [caller.visit for caller in over]

    def _send(self, data: bytes) -> None:
        self._sip.sendto(data, self._server)

    def _take_rtp(self) -> None:
        for _ in range(200):
            try:
                data, sender = self._rtp.recvfrom(2048)
            except BlockingIOError:
                return
            if caller := self._by_media.get(sender):
                caller.visit.packets += 1
                caller.visit.loud_packets += bool(data[_HEADER.size :].strip(QUIET))

    def _take_sip(self) -> None:
        now_s = time.monotonic()
        message = Message(self._sip.recv(65536).decode("utf-8", "replace"))
        caller = self._by_id.get(message.header("Call-ID"))
        if message.status is None:
            self._asked(message, caller, now_s)
        elif caller is not None and message.status >= 200:
            if message.method == "BYE":
                caller.said()
            elif message.method == "INVITE":
                self._send(caller.dialog.ack(message).encode())
                if caller.media is None and (there := caller.answered(message, now_s)):
                    self._by_media[there] = caller

    def _asked(self, message: Message, caller: _Caller | None, now_s: float) -> None:
        if message.method == "ACK":
            return
        if message.method == "BYE" and caller is not None and caller.talks:
            caller.left(now_s, by_us=False)
        # Also to a BYE that crosses ours, and to one that comes again.
        dialog = caller.dialog if caller else Dialog(self._here, self._server, "", self._sdp)
        self._send(dialog.ok(message).encode())


_SILENCE = [CODEC.encode(np.zeros(STEP, np.int16))]


def _payloads(plan: Plan) -> list[bytes]:
    """What is said, from the answer on, cut into packets; the last of them, silence, goes on."""
    if not len(plan.says):
        return _SILENCE
    lead = np.zeros(round(plan.says_s * CODEC.rate_hz), np.int16)
    said = np.concatenate([lead, plan.says, np.zeros(2 * STEP, np.int16)])
    return [CODEC.encode(said[at : at + STEP]) for at in range(0, len(said) - STEP, STEP)]
