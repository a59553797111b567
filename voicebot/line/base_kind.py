"""What comes as kind 0x10, and what can be heard of it.

The kind says slin at 8 kHz. Asterisk puts three more things under it: the caller's own codec, where
the dialplan's Dial() lacks `c(slin)`; before 20.17 slin of any rate, for `c(slin16)` and the like;
and slin in packets of another length than 20 ms. Lives here: telling them apart, by what
unlabelled.py says of the bytes and by how fast they come. Must not know: sockets, lines, logs.
"""

from typing import Final

from voicebot.line.audio import FRAME_S, SAMPLE_BYTES, alaw_to_pcm, frame_bytes, ulaw_to_pcm
from voicebot.line.audiosocket import RATES
from voicebot.line.unlabelled import Codec, Unlabelled

BASE_RATE_HZ: Final = RATES[0]
FRAME_BYTES: Final = frame_bytes(BASE_RATE_HZ)

# A beat takes in no more than this rate while it is taken for 8 kHz; nobody has a higher one.
_HIGHEST_HZ: Final = 48000
_RATE_OF_FRAME: Final = {frame_bytes(hz): hz for hz in RATES[1:] if hz <= _HIGHEST_HZ}
# Half a second: Asterisk's next packet length for as many bytes, 30 ms, is a quarter of one away.
_RATE_PACKETS: Final = 26
_PACE_OFF: Final = 0.2
# Short packets are slin if they come nearly as fast as slin plays.
_SLIN_BYTES_A_S: Final = 0.8 * BASE_RATE_HZ * SAMPLE_BYTES


class BaseKind:
    """Kind 0x10 on one line.

    `codec` and `rate_hz` are what it is taken for now; a codec of None is not judged yet. Until then
    whole frames are heard as slin, and shorter payloads if they are as fast as slin.
    """

    __slots__ = (
        "_bytes",
        "_judge",
        "_packet_bytes",
        "_packets",
        "_packets_since_s",
        "_rate_open",
        "_since_s",
        "codec",
        "rate_hz",
        "suspected",
    )

    def __init__(self, codec: Codec | None, rate_hz: int | None) -> None:
        """Know the codec or the rate beforehand, or find it out.

        Args:
            codec: None: judge it, unless the rate is given.
            rate_hz: None: 8000, or what the pace of the packets shows.
        """
        known = codec is not None or rate_hz is not None
        self.codec = codec
        self.rate_hz = rate_hz or BASE_RATE_HZ
        self.suspected = False
        self._judge = None if known else Unlabelled()
        self._rate_open = not known
        self._bytes = 0
        self._since_s = 0.0
        self._packet_bytes = self._packets = 0
        self._packets_since_s = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether a payload of one whole frame can be heard just as it is."""
        if self.codec is None:
            return not self.suspected or self._judge is None
        return self.codec is Codec.SLIN

    def suspect(self) -> None:
        """Judge whole frames, too: they come at half the pace."""
        self.suspected = True

    def learn(self, payload: bytes, now_s: float) -> Codec | int | None:
        """Look at the next payload.

        Returns:
            What is known now and was not before: the codec, or another rate.
        """
        size = len(payload)
        if size == FRAME_BYTES and not self.suspected:
            return None
        if self._rate_open and size in _RATE_OF_FRAME and self._pace_shows_rate(size, now_s):
            return self.rate_hz
        if self._judge is None:
            return None
        if not self._bytes:
            self._since_s = now_s
        self._bytes += size
        self.codec = self._judge.judge(payload, now_s)
        if self.codec is not None:
            self._judge = None
        return self.codec

    def pcm(self, payload: bytes, now_s: float) -> bytes | None:
        """Return what is heard of a payload; None: nothing, it is not known what it is."""
        match self.codec:
            case Codec.SLIN:
                return payload
            case Codec.ULAW:
                return ulaw_to_pcm(payload)
            case Codec.ALAW:
                return alaw_to_pcm(payload)
            case Codec.G722:
                return None
            case None:
                pass
        if self._judge is None or self._fast_enough(len(payload), now_s):
            return payload
        return None

    def _fast_enough(self, size: int, now_s: float) -> bool:
        """Whether it may be slin by its pace so far."""
        if size >= FRAME_BYTES:
            return True
        return self._bytes >= (now_s - self._since_s) * _SLIN_BYTES_A_S

    def _pace_shows_rate(self, size: int, now_s: float) -> bool:
        """Count packets of one length; say once that they are 20 ms at a higher rate."""
        if size != self._packet_bytes or not self._packets:
            self._packet_bytes, self._packets, self._packets_since_s = size, 0, now_s
        self._packets += 1
        if self._packets < _RATE_PACKETS:
            return False
        packet_s = (now_s - self._packets_since_s) / (self._packets - 1)
        self._packets = 0
        if abs(packet_s - FRAME_S) < _PACE_OFF * FRAME_S:
            self._rate_open = False
            self._judge = None
            self.rate_hz = _RATE_OF_FRAME[size]
            return True
        # As long as at 8 kHz: the caller's own packet length. Neither: there were pauses; again.
        as_base_s = size / (BASE_RATE_HZ * SAMPLE_BYTES)
        self._rate_open = abs(packet_s - as_base_s) >= _PACE_OFF * as_base_s
        return False
