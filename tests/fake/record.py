"""What the server has sent, message by message, and what a test may demand of it.

Must not know sockets or how the messages were read. Times are seconds since the leg's identifier
was sent. The limits are those that a caller can hear, not what a machine can do.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from voicebot.line.audio import FRAME_S, SAMPLE_BYTES, frame_bytes
from voicebot.line.audiosocket import HEADER, RATE_OF_KIND, Kind

MAX_LEAD_S = 0.060
"""A mixing bridge throws its buffer away beyond 80 ms."""
MAX_GAP_S = 0.040
SENT_AGAIN = 2
"""The kernel sends a segment again, whole, when an acknowledgement is late on a busy machine; so it
may do a few times. A server that writes in pieces doubles them."""
MAX_SAMPLES = 8096
"""A translator's buffer: a longer message is lost whole, and the call goes on."""


class TooMuch(AssertionError):
    """The server did what no Asterisk is to be sent; the text names the first of it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message of the server's."""

    at_s: float
    kind: int
    payload: bytes = field(repr=False)

    @property
    def rate_hz(self) -> int | None:
        """What its kind says, for audio."""
        return RATE_OF_KIND.get(self.kind)

    @property
    def lost(self) -> bool:
        """Whether it is too long for a translator."""
        return len(self.payload) // SAMPLE_BYTES > MAX_SAMPLES

    @property
    def seconds(self) -> float:
        """How long it plays; 0.0 for what is no audio."""
        rate_hz = self.rate_hz
        return len(self.payload) / SAMPLE_BYTES / rate_hz if rate_hz else 0.0

    def demand_audio(self) -> None:
        """Whole samples, some, and no more than 20 ms of them."""
        what = f"kind 0x{self.kind:02x} with {len(self.payload)} bytes at {self.at_s:.3f} s"
        if self.rate_hz is None:
            raise TooMuch(f"no audio: {what}")
        if not self.payload or len(self.payload) % SAMPLE_BYTES:
            raise TooMuch(f"no whole samples: {what}")
        if len(self.payload) > frame_bytes(self.rate_hz):
            raise TooMuch(f"{self.seconds * 1000:.0f} ms in one message: {what}")


@dataclass(slots=True)
class Record:
    """Everything that came from the server."""

    arrivals: list[Arrival] = field(default_factory=list)
    segments: int = 0
    """TCP segments with data that were read."""
    unread: bytes = b""
    """What had come and was not read when the leg was closed."""
    split: int = 0
    """Messages of which the reader found only a part."""

    @property
    def audio(self) -> list[Arrival]:
        """The messages that carry sound."""
        return [one for one in self.arrivals if one.rate_hz]

    @property
    def kinds(self) -> Counter[int]:
        """How many messages of each kind."""
        return Counter(one.kind for one in self.arrivals)

    @property
    def pcm(self) -> bytes:
        """All that was said."""
        return b"".join(one.payload for one in self.audio)

    @property
    def gaps_s(self) -> list[float]:
        """From each audio message to the next."""
        return [after.at_s - before.at_s for before, after in pairwise(self.audio)]

    @property
    def lead_s(self) -> float:
        """How far the sound ran ahead of the clock, at most."""
        begin_s, played_s, lead_s = 0.0, 0.0, 0.0
        for one in self.audio:
            if not played_s or one.at_s > begin_s + played_s:
                begin_s, played_s = one.at_s, 0.0
            lead_s = max(lead_s, begin_s + played_s + one.seconds - one.at_s - FRAME_S)
            played_s += one.seconds
        return lead_s

    def demand_legal(self, *, answered_fork: bool = False) -> None:
        """Nothing but audio of whole samples and at most 20 ms, one 0x00, and nothing behind it."""
        arrivals = self.arrivals
        if answered_fork:
            first = arrivals[0] if arrivals else None
            if first is None or (first.kind, first.payload) != (Kind.KEY, b"\x04"):
                raise TooMuch(f"the fork was not answered first, but got {first}")
            arrivals = arrivals[1:]
        for one in arrivals[:-1]:
            one.demand_audio()
        if arrivals and arrivals[-1] != Arrival(arrivals[-1].at_s, Kind.HANGUP, b""):
            arrivals[-1].demand_audio()
        # The reader of 2020 reads one byte of a hangup; the other two are no fault.
        if Kind.HANGUP in self.kinds and self.unread not in {b"", bytes(HEADER.size - 1)}:
            raise TooMuch(f"{len(self.unread)} bytes behind the hangup")

    def demand_whole(self) -> None:
        """Each message came in one piece, in a segment of its own."""
        if self.split:
            raise TooMuch(f"{self.split} messages came in pieces")
        again = SENT_AGAIN + len(self.arrivals) // 20
        if self.segments - len(self.arrivals) > again:
            raise TooMuch(f"{len(self.arrivals)} messages in {self.segments} segments")

    def demand_paced(self, slack_s: float = 0.0) -> None:
        """As fast as it plays: no gap that is heard, and never far ahead."""
        if not self.audio:
            raise TooMuch("no audio came at all")
        if self.gaps_s and max(self.gaps_s) > MAX_GAP_S + slack_s:
            raise TooMuch(f"a gap of {max(self.gaps_s) * 1000:.0f} ms")
        if self.lead_s > MAX_LEAD_S + slack_s:
            raise TooMuch(f"{self.lead_s * 1000:.0f} ms ahead")
