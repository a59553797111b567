"""What was measured on Asterisk 22.10.1, done to the double and to the original: they must agree.

A deed is what a server does, right or wrong, a moment into a call; a row of the table is what the
server then sees and whether the dialplan goes on.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import median
from uuid import UUID, uuid4

import pytest
import trio

from tests.asterisk.bed import Bed
from tests.asterisk.conftest import bed  # noqa: F401 - a fixture
from tests.asterisk.phone import Phone, bot_headers
from voicebot.line.audiosocket import HANGUP, Audio, encode

from .asterisk import Delivery, Exit, Leg
from .badly import Fin, Pause, Reset, Server, Step
from .channel import Mute, Press, Redirect, Talk
from .profiles import FORK, PROFILES, V20_20, V2020, Form, Profile

FRAME = encode(Audio(8000, bytes(320)))
STAYS_S = 1.0
"""The caller stays for so long; the deed comes earlier."""
SOON_S = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """One deed and what came of it."""

    name: str
    deed: Sequence[Step]
    sees: str
    """"end" or "reset", soon after the deed; "gone": either, by who is quicker; "life": the call goes on;
    "" where it is we who are gone."""
    goes_on: tuple[bool, bool]
    """Whether the dialplan does, behind AudioSocket() and behind Dial(…,,g)."""


ROWS = [
    Row("hangup", [HANGUP], "end", (True, True)),
    Row("hangup with a payload", [b"\0\0\2xy"], "reset", (True, True)),
    Row("end of our direction", [Fin()], "end", (True, True)),
    Row("reset", [Reset()], "", (False, True)),
    Row("error", [b"\xff\0\1\1"], "reset", (False, True)),
    Row("key", [b"\3\0\x015"], "reset", (False, True)),
    Row("identifier", [b"\1\0\x10" + bytes(16)], "reset", (False, True)),
    Row("silence of other libraries", [b"\2\0\0"], "end", (False, True)),
    Row("unknown kind", [b"\x19\0\2ab"], "reset", (False, True)),
    Row("empty audio", [b"\x10\0\0"], "end", (False, True)),
    Row("half of a payload, 20 ms late", [FRAME[:160], Pause(0.02), FRAME[160:]], "gone", (False, True)),
    Row("a payload 50 ms behind its header", [FRAME[:3], Pause(0.05), FRAME[3:]], "gone", (False, True)),
    Row("half of a header, 100 ms late", [FRAME[:1], Pause(0.1), FRAME[1:]], "life", (False, False)),
    Row("odd length", [b"\x10\0\x03abc"], "life", (False, False)),
    Row("one byte", [b"\x10\0\x01a"], "life", (False, False)),
    Row("another rate", [encode(Audio(16000, bytes(640)))], "life", (False, False)),
    Row("the highest rate", [encode(Audio(192000, bytes(7680)))], "life", (False, False)),
    Row("2.5 ms at the highest rate", [encode(Audio(192000, bytes(960)))] * 8, "life", (False, False)),
    Row("a second in one message", [encode(Audio(8000, bytes(16000)))], "life", (False, False)),
    Row("the longest message", [b"\x10\xff\xff" + bytes(65535)], "life", (False, False)),
    Row("a burst, then a hangup", [FRAME * 50 + HANGUP], "end", (True, True)),
]  # fmt: skip


def judge(row: Row, server: Server, *, soon_s: float) -> None:
    """Whether the server saw what the row says."""
    if row.sees == "life":
        assert server.ended_s - server.done_s > (STAYS_S - server.after_s) / 2
    elif row.sees:
        late_s = sum(step.seconds for step in row.deed if isinstance(step, Pause))
        assert server.ended in ({"end", "reset"} if row.sees == "gone" else {row.sees})
        assert server.ended_s - server.done_s < soon_s + late_s


async def run_double(server: Server, leg: Leg) -> Exit:
    exits: list[Exit] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_one)
        exits.append(await leg.call("127.0.0.1", server.port))
        await trio.sleep(1.0)  # the server sees it, too
        nursery.cancel_scope.cancel()
    return exits[0]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_the_double(row: Row, form: Form, autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    server = Server(row.deed, speaks_on=row.sees == "life")
    exit_ = await run_double(server, Leg(V20_20, form, [Talk(STAYS_S)]))
    judge(row, server, soon_s=SOON_S)
    assert exit_.goes_on == row.goes_on[form is Form.CHAN]
    assert exit_.goes_on_within_try == (row.sees != "life")
    assert exit_.try_status == ("SUCCESS" if row.goes_on[0] else "FAILED")
    assert (exit_.dial_status, exit_.hangup_cause) == ("ANSWER", 16)


@dataclass(slots=True)
class Call:
    """A row done to the original."""

    row: Row
    form: Form
    server: Server
    uuid: UUID = field(default_factory=uuid4)
    failed: str = ""

    async def make(self, address: tuple[str, int]) -> None:
        exten = "app" if self.form is Form.APP else "chan-slin"
        headers = bot_headers(self.server.port, self.uuid)
        place = partial(Phone().call, address, exten, headers=headers, hang_up_s=STAYS_S)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.server.serve_one)
            self.failed = (await trio.to_thread.run_sync(place)).failed
            await trio.sleep(SOON_S)
            nursery.cancel_scope.cancel()


AT_ONCE = 20
"""So many calls share the machine with one another."""


@pytest.fixture(scope="module")
def originals(bed: Bed) -> dict[tuple[str, Form], Call]:  # noqa: F811 - the fixture
    """Each row in each form, done to the real Asterisk."""

    async def run(calls: Sequence[Call]) -> None:
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(call.make, bed.sip)

    found: dict[tuple[str, Form], Call] = {}
    keys = [(row, form) for row in ROWS for form in Form]
    for start in range(0, len(keys), AT_ONCE):
        calls = {(row.name, form): Call(row, form, Server(row.deed, speaks_on=row.sees == "life"))
                 for row, form in keys[start : start + AT_ONCE]}  # fmt: skip
        trio.run(run, list(calls.values()))
        found |= calls
    return found


@pytest.mark.asterisk
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_original(
    row: Row,
    form: Form,
    bed: Bed,  # noqa: F811 - the fixture
    originals: dict[tuple[str, Form], Call],
) -> None:
    call = originals[row.name, form]
    assert not call.failed
    judge(row, call.server, soon_s=0.5)
    bed.ami.wait_step(call.uuid, "gone")
    steps = [step.name for step in bed.ami.steps(call.uuid)]
    assert ("back" in steps) == row.goes_on[form is Form.CHAN]


# What takes the original too long to be shown here each time ---------------------------------


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
@pytest.mark.parametrize("form", Form)
async def test_two_seconds_without_a_word_from_either_side(
    profile: Profile, form: Form, autojump_clock: trio.testing.MockClock
) -> None:
    """Measured 2.00 s after the last frame; Dial has no such rule: 150 s, call stayed up."""
    del autojump_clock
    server = Server(speaks=False)
    leg = Leg(profile, form, [Talk(0.5), Mute(150.0)])
    exit_ = await run_double(server, leg)
    if form is Form.APP and profile.idle_s:
        assert "no activity" in exit_.why
        assert not exit_.goes_on
        assert leg.closed_s - leg.identified_s == pytest.approx(2.5)
    else:
        assert leg.closed_s - leg.identified_s == pytest.approx(150.5)


async def test_either_side_alone_keeps_the_app_alive(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Server silent for 143 s with caller RTP going on: fine. Caller mute, server speaking: fine."""
    del autojump_clock
    for server, acts in ((Server(speaks=False), [Talk(10.0)]), (Server(), [Mute(10.0)])):
        leg = Leg(acts=acts)
        await run_double(server, leg)
        assert leg.closed_s - leg.identified_s == pytest.approx(10.0)


async def test_a_key_held_is_activity(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    leg = Leg(acts=[Press("1", held_s=5.0), Talk(0.5)])
    server = Server(speaks=False)
    await run_double(server, leg)
    assert server.keys == "1"
    assert leg.closed_s - leg.identified_s == pytest.approx(5.6)


@pytest.mark.parametrize("form", Form)
async def test_a_server_that_does_not_read(
    form: Form, autojump_clock: trio.testing.MockClock
) -> None:
    """The app drops the call; Dial goes on, its stream cut off in the middle of a message."""
    del autojump_clock
    server = Server(reads=False)
    server.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    leg = Leg(V20_20, form, [Talk(20.0)], send_bytes=1 << 16)
    exit_ = await run_double(server, leg)
    lasted_s = leg.closed_s - leg.identified_s
    if form is Form.APP:
        assert "Failed to write" in exit_.why
        assert not exit_.goes_on
        assert lasted_s < 19
    else:
        assert lasted_s == pytest.approx(20.0)


@pytest.mark.parametrize("form", Form)
async def test_nobody_listens(form: Form, autojump_clock: trio.testing.MockClock) -> None:
    """Refused: the app is dropped; the same, chan: DIALSTATUS=CHANUNAVAIL, cause 38, goes on."""
    del autojump_clock
    server = Server()
    port = server.port
    server.listening.close()
    exit_ = await Leg(V20_20, form).call("127.0.0.1", port)
    assert exit_.goes_on == (form is Form.CHAN)
    assert (exit_.try_status, exit_.goes_on_within_try) == ("FAILED", True)
    assert (exit_.dial_status, exit_.hangup_cause) == ("CHANUNAVAIL", 38)


async def test_a_channel_that_is_not_answered(autojump_clock: trio.testing.MockClock) -> None:
    """App without Answer(): connect, EOF, no 0x01; dropped."""
    del autojump_clock
    server = Server(speaks=False)
    exit_ = await run_double(server, Leg(answered=False))
    assert (bytes(server.received), server.ended) == (b"", "end")
    assert not exit_.goes_on


async def test_a_caller_who_leaves_sends_no_message(autojump_clock: trio.testing.MockClock) -> None:
    """Plain EOF in 1-3 ms (no 0x00)."""
    del autojump_clock
    server = Server()
    exit_ = await run_double(server, Leg(acts=[Talk(0.5)]))
    assert server.ended == "end"
    assert not server.received.endswith(HANGUP)
    assert (exit_.goes_on, exit_.goes_on_within_try) == (False, False)
    exit_ = await run_double(Server(), Leg(acts=[Talk(0.5), Redirect()]))
    assert exit_.why == "redirected"


async def test_unread_audio_at_the_end_is_a_reset(autojump_clock: trio.testing.MockClock) -> None:
    """RST if it had sent unread bytes: here, one byte of a header has stopped the thread."""
    del autojump_clock
    server = Server([FRAME[:1], Pause(60.0)], speaks=False)
    leg = Leg(acts=[Talk(1.0)])
    with trio.move_on_after(30.0):
        await run_double(server, leg)
    # The caller has long left; it has not noticed, and has stopped sending his voice.
    assert leg.stuck
    assert server.audio_s[-1] - server.began_s < 0.25


async def test_what_arrives(autojump_clock: trio.testing.MockClock) -> None:
    """One message = one write: 19 bytes, then 323-byte segments, 20 ms apart."""
    del autojump_clock
    server = Server()
    leg = Leg(acts=[Talk(1.0)])
    await run_double(server, leg)
    assert server.received[:19] == b"\1\0\x10" + leg.uuid.bytes
    sizes = [count for _, count in server.at_s]
    assert sizes[0] == 19
    assert {after - before for before, after in pairwise(sizes)} == {323}
    assert median(after - before for before, after in pairwise(server.audio_s)) == pytest.approx(
        0.02
    )


@pytest.mark.parametrize(("rate_hz", "kind", "size"), [
    (8000, 0x10, 320), (12000, 0x11, 480), (16000, 0x12, 640), (24000, 0x13, 960),
    (32000, 0x14, 1280), (44100, 0x15, 1764), (48000, 0x16, 1920), (96000, 0x17, 3840),
    (192000, 0x18, 7680)])  # fmt: skip
async def test_chan_with_a_codec(
    rate_hz: int, kind: int, size: int, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    for profile in PROFILES.values():
        deed = [b"\3\0\1\4"] if profile is FORK else []
        server = Server(deed, after_s=0.0)
        await run_double(server, Leg(profile, Form.CHAN, [Talk(0.2)], rate_hz))
        labelled = kind if profile.rates else 0x10
        assert server.received[19:22] == bytes([labelled]) + size.to_bytes(2, "big")


async def test_a_2020_reader_never_notices_our_end(autojump_clock: trio.testing.MockClock) -> None:
    """App stops forwarding audio, Dial keeps sending; nothing until the caller hangs up."""
    del autojump_clock
    for form in Form:
        server = Server([Fin()])
        leg = Leg(V2020, form, [Talk(5.0, bytes(2 * 8000 * 5))])
        exit_ = await run_double(server, leg)
        assert not exit_.caller_there
        assert leg.closed_s - leg.identified_s == pytest.approx(5.0)
        forwarded_s = server.audio_s[-1] - server.began_s
        assert forwarded_s < 0.3 if form is Form.APP else forwarded_s > 4.9


async def test_a_2020_reader_resets_at_our_hangup(autojump_clock: trio.testing.MockClock) -> None:
    """RST; app -1: call ends, unless TryExec: TRYSTATUS=FAILED and goes on. Dial with g goes on."""
    del autojump_clock
    for form in Form:
        server = Server([HANGUP])
        exit_ = await run_double(server, Leg(V2020, form, [Talk(1.0)]))
        assert server.ended == "reset"
        assert exit_.goes_on == (form is Form.CHAN)
        assert (exit_.try_status, exit_.goes_on_within_try) == ("FAILED", True)


async def test_the_fork_rings_until_it_is_answered(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    server = Server([b"\3\0\1\4", b"\2\0\6\x007\x64\0\0\0"], after_s=1.0)
    leg = Leg(FORK, Form.CHAN, [Talk(2.0), Press("5"), Talk(0.1)])
    await run_double(server, leg)
    assert server.audio_s[0] - server.began_s == pytest.approx(1.02, abs=0.03)
    assert leg.injected == "7"
    keys = b"\2\0\6\x015\0\0\0\0", b"\2\0\6\x005\x64\0\0\0"
    assert [bytes(server.received).count(key) for key in keys] == [1, 1]


async def test_the_network_joins_and_cuts(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    whole = Server(speaks=False)
    await run_double(whole, Leg(acts=[Talk(1.0)], uuid=(uuid := uuid4())))
    for delivery in (Delivery(join=3), Delivery(cut=1, late_s=0.03), Delivery(cut=200, late_s=0.3)):
        server = Server(speaks=False)
        leg = Leg(acts=[Talk(1.0), Mute(1.0)], uuid=uuid, delivery=delivery)
        with trio.move_on_after(60.0):
            await run_double(server, leg)
        assert whole.received.startswith(server.received)
        assert len(server.received) > 3 * 323
        assert [count for _, count in server.at_s] != [count for _, count in whole.at_s]


async def test_a_late_identifier(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    server = Server()
    await run_double(server, Leg(form=Form.CHAN, uuid_late_s=1.5, acts=[Talk(0.2)]))
    assert server.at_s[0][0] - server.began_s == pytest.approx(1.5)
