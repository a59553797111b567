"""What each release's reader makes of bytes, and of their coming in pieces. No socket, no clock."""

from collections.abc import Sequence

import pytest

from voicebot.line.audiosocket import FORK_ANSWER, HANGUP, Audio, encode

from .profiles import FORK, PROFILES, V20_14, V20_15, V20_17, V20_20, V2020, Profile
from .reader import (
    Closed,
    Control,
    Fault,
    Injected,
    No,
    Nothing,
    Outcome,
    Read,
    Reading,
    Voice,
    read_message,
)

FRAME = encode(Audio(8000, bytes(range(256)) + bytes(64)))
STRICT = [V20_14, V20_15, V20_17, V20_20]
OLD = [V2020, FORK]
RATES_KNOWN = [V20_17, V20_20]

Piece = bytes | float | No
"""Bytes that are there at once; seconds until the next come; or a connection that was reset."""


class Transcript:
    """What `read` and `poll` answer, out of what comes when."""

    def __init__(self, pieces: Sequence[Piece], *, end: bool) -> None:
        self._there = b""
        self._coming = list(pieces)
        self._end = end
        self.arrive()

    @property
    def over(self) -> bool:
        return not (self._there or self._coming)

    def arrive(self) -> None:
        """What is due is there."""
        while self._coming and isinstance(self._coming[0], bytes):
            self._there += self._coming.pop(0)  # type: ignore[operator]

    def later(self) -> None:
        """The next poll of Asterisk's own loop: the time has passed."""
        if not self._there and self._coming and isinstance(self._coming[0], float):
            self._coming.pop(0)
        self.arrive()

    def read(self, size: int) -> bytes | No:
        if self._there:
            data, self._there = self._there[:size], self._there[size:]
            return data
        if self._coming:
            return No.PEER if self._coming[0] is No.PEER else No.YET
        return b"" if self._end else No.YET

    def poll(self, limit_s: float | None) -> bool | None:
        """Whether something comes in time; None: it never does."""
        if not self._coming:
            return None if limit_s is None else False
        wait_s = self._coming[0]
        assert isinstance(wait_s, float)
        if limit_s is not None and wait_s > limit_s:
            return False
        self._coming.pop(0)
        self.arrive()
        return True


def read_all(profile: Profile, *pieces: Piece, end: bool = False) -> list[Outcome]:
    """Feed the reader until nothing is left; what became of every message."""
    transcript = Transcript(pieces, end=end)
    stack = bytearray(3)
    outcomes: list[Outcome] = []
    while not outcomes or not (transcript.over or isinstance(outcomes[-1], Closed | Fault)):
        outcome = _read_one(read_message(profile, stack), transcript)
        if outcome is None:
            break
        outcomes.append(outcome)
        transcript.later()
    return outcomes


def _read_one(reading: Reading, transcript: Transcript) -> Outcome | None:
    """None: it waits and waits."""
    ask = next(reading)
    while True:
        answer = (
            transcript.read(ask.size) if isinstance(ask, Read) else transcript.poll(ask.limit_s)
        )
        if answer is None:
            return None
        try:
            ask = reading.send(answer)
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome


def ends(outcomes: Sequence[Outcome]) -> type[Outcome]:
    return type(outcomes[-1])


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_audio_at_8_khz_is_voice_in_all(profile: Profile) -> None:
    (voice,) = read_all(profile, FRAME)
    assert voice == Voice(0x10, FRAME[3:])


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
@pytest.mark.parametrize("length", [1, 2, 319, 65535])
def test_any_length_but_none_is_voice(profile: Profile, length: int) -> None:
    (voice,) = read_all(profile, encode(Audio(8000, bytes(length))))
    assert voice == Voice(0x10, bytes(length))


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_empty_audio(profile: Profile) -> None:
    assert ends(read_all(profile, b"\x10\0\0")) is (Fault if profile.strict else Nothing)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
@pytest.mark.parametrize("kind", range(0x11, 0x19))
def test_higher_rates(profile: Profile, kind: int) -> None:
    (found,) = read_all(profile, bytes([kind, 0, 2, 1, 2]))
    if profile.rates:
        assert found == Voice(kind, b"\1\2")
    else:
        assert type(found) is (Fault if profile.strict else Nothing)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
@pytest.mark.parametrize("wire", [b"\1\0\x10" + bytes(16), b"\2\0\0", b"\3\0\x015", b"\xff\0\1\1",
                                  b"\x04\0\1a", b"\x19\0\2ab", b"\x20\0\1a", b"\x7f\0\1a"])  # fmt: skip
def test_any_other_kind(profile: Profile, wire: bytes) -> None:
    if profile.strict:
        assert ends(read_all(profile, wire)) is Fault
    else:
        # The 2020 reader skips it, and the next message is found.
        found = read_all(profile, wire + FRAME)
        assert type(found[0]) in {Nothing, Control}
        assert type(found[1]) is Voice


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
@pytest.mark.parametrize("wire", [HANGUP, b"\0", b"\0\0", b"\0\0\2xy"])
def test_hangup_whole_or_not(profile: Profile, wire: bytes) -> None:
    """One byte hangs up; 20.17 and later wait for all three."""
    found = read_all(profile, wire)
    if profile.waits_for_header and len(wire) < 3:
        assert found == []
    else:
        assert ends(found) is (Closed if profile.strict else Fault)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_end_and_reset(profile: Profile) -> None:
    (end,) = read_all(profile, end=True)
    assert end == (Closed("end") if profile.strict else Nothing("end"))
    assert ends(read_all(profile, No.PEER)) is Fault


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_nothing_there_after_all(profile: Profile) -> None:
    """A spurious wake-up: fine in 2020, fatal in 20.14 to 20.16, waited out from 20.17 on."""
    found = read_all(profile, 0.001, FRAME)
    if profile.waits_for_header:
        assert ends(found) is Voice
    else:
        assert type(found[0]) is (Fault if profile.strict else Nothing)


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_a_header_in_pieces(profile: Profile, at: int) -> None:
    found = read_all(profile, FRAME[:at], 0.1, FRAME[at:])
    assert type(found[0]) is (Voice if profile is V20_20 else Fault)


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_a_header_that_never_becomes_whole(profile: Profile, at: int) -> None:
    found = read_all(profile, FRAME[:at])
    if profile.waits_for_header:
        assert found == []
    else:
        assert ends(found) is Fault


@pytest.mark.parametrize("at", [3, 4, 100, 322])
@pytest.mark.parametrize("gap_s", [0.002, 0.020])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_a_payload_in_pieces(profile: Profile, gap_s: float, at: int) -> None:
    patient = profile.payload_patience_s >= gap_s
    found = read_all(profile, FRAME[:at], gap_s, FRAME[at:])
    assert type(found[0]) is (Voice if patient else Fault)


def test_5_ms_are_for_each_gap() -> None:
    pieces: list[Piece] = []
    for start in range(0, len(FRAME), 50):
        pieces += [FRAME[start : start + 50], 0.004]
    assert ends(read_all(V20_20, *pieces[:-1])) is Voice


def test_an_end_within_a_payload_is_no_clean_end() -> None:
    for profile in PROFILES.values():
        assert ends(read_all(profile, FRAME[:100], end=True)) is Fault


def test_the_fork_takes_keys_and_control_frames() -> None:
    assert read_all(FORK, b"\2\0\6\x005\x64\0\0\0") == [Injected("5")]
    assert type(read_all(FORK, b"\2\0\6\x015\0\0\0\0")[0]) is Nothing
    assert read_all(FORK, FORK_ANSWER) == [Control(4)]
    assert type(read_all(V2020, FORK_ANSWER)[0]) is Nothing
    assert [type(read_all(profile, FORK_ANSWER)[0]) for profile in STRICT] == [Fault] * 4
