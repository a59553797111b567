"""What a call does for its flow beside speaking and hearing: servers, messages, transfers."""

import socket
from collections.abc import Awaitable, Callable

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.call.bed import Beds, Exchange, Peer, a_call, leg_of, logged
from tests.hearing.test_ear import buzz
from voicebot.call.asker import Answer, RequestFailed
from voicebot.call.ending import Outcome
from voicebot.call.services import Back, CallerLeft, Connected, Switched
from voicebot.flow import events as ev
from voicebot.line.audio import silence

# Servers -------------------------------------------------------------------------------------

BOOKING = """
voicebot: 1
start: main
vars: {result: null}
on: {failed: {do: [hangup]}, hangup: {do: [{log: "left at ${call.node}"}]}}
nodes:
  main:
    - http: {post: "http://user:pass@127.0.0.1:8080/book", query: {name: "Smith"}, timeout: 4s,
             json: {day: "2027-03-01"}, hold: "One moment.", to: result, failed: {goto: broken}}
    - ask: {to: pin, type: digits, length: 1, say: "Your number."}
    - say: "Booked ${result.json.at} with status ${result.status}, key ${pin}."
    - hangup
  broken: [{say: "Sorry."}, hangup]
"""


async def test_a_server_is_asked_while_the_caller_is_told_to_hold(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(BOOKING)
    bed.server.answers = [Answer(201, {"at": "ten"}, "")]
    bed.server.wait_s = 3.0
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(2)
            assert peer.loud_between(bed.began_s, bed.began_s + 1.5) > 0
            peer.press("7")  # typed ahead of the question
            await trio.sleep(8)
    assert [(one.method, one.json) for one in bed.server.asked] == [("POST", {"day": "2027-03-01"})]
    url = "http://127.0.0.1:8080/book"
    assert logged(logs, "call.http") == [{"method": "POST", "url": url, "status": 201, "ms": 3000}]
    assert {"text": "Booked ten with status 201, key 7."} in logged(logs, "call.said")
    assert "Smith" not in str(logs)
    assert "pass" not in str(logs)
    assert ("http", {"method": "POST", "url": url, "status": 201, "ms": 3000}) in bed.notes.facts
    assert bed.ended == "bot hung up"


async def test_a_server_that_does_not_answer(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds(BOOKING)
    bed.server.answers = [RequestFailed("no answer within 4 s")]
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed):
            await trio.sleep(8)
    assert logged(logs, "call.http_failed")[0]["reason"] == "no answer within 4 s"
    assert {"text": "Sorry."} in logged(logs, "call.said")
    assert bed.ended == "bot hung up"


async def test_who_hangs_up_meanwhile_leaves_no_request_behind(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(BOOKING)
    bed.server.wait_s = 1000
    bed.server.answers = [Answer(200)]
    async with a_call(bed) as peer:
        await trio.sleep(2)
        peer.sock.close()
        await trio.sleep(1)
        assert bed.ended in ("caller hung up", "peer reset")
    assert [type(event) for event in bed.notes.events][-1] is ev.CallerLeft


# Messages ------------------------------------------------------------------------------------

MESSAGE = """
voicebot: 1
start: main
vars: {message: null}
on: {hangup: {do: [{log: "left with ${message}"}]}}
nodes:
  main:
    - record: {to: message, say: "Your number.", beep: true, finish: "#", max: 10s, silence: 2s}
    - say: "Got ${message}."
    - hangup
"""
TOLD_S, BEEP_S = 1.0, 0.4


def talk(seconds: float) -> list[bytes]:
    return buzz(8000, round(seconds * 50))


async def test_a_message_from_the_beep_to_the_silence(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(MESSAGE)
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(2)
            start = bed.began_s
            assert peer.loud_between(start, start + 1.6) == pytest.approx(70, abs=3)
            peer.say = [*talk(1), *[silence(8000)] * 50, *talk(2)]
            await trio.sleep(9)
            assert bed.ended == "bot hung up"
    (sound,) = bed.shelf.kept.values()
    assert sound.rate_hz == 8000
    # 0.5 s before the first word, 1 s, a pause, 2 s, and 0.3 s of the silence that ended it.
    assert sound.duration_s == pytest.approx(0.5 + 4 + 0.3, abs=0.25)
    (recorded,) = bed.notes.of(ev.Recorded)
    assert (recorded.path, recorded.caller_left) == ("/shelf/1-1.wav", False)
    assert recorded.duration_s == pytest.approx(sound.duration_s)
    assert recorded.at_s == pytest.approx(2 + 4 + 2 + 0.1, abs=0.25)
    assert {"text": "Got /shelf/1-1.wav."} in logged(logs, "call.said")


async def test_the_finish_key_ends_a_message(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds(MESSAGE)
    async with a_call(bed) as peer:
        await trio.sleep(2)
        peer.say = talk(20)
        await trio.sleep(1)
        peer.press("5")
        await trio.sleep(1)
        assert bed.notes.of(ev.Recorded) == []
        peer.press("#")
        await trio.sleep(1)
        (recorded,) = bed.notes.of(ev.Recorded)
        assert recorded.duration_s == pytest.approx(2.6, abs=0.1)
        assert [event.key for event in bed.notes.of(ev.KeyPressed)] == ["5", "#"]


async def test_the_longest_message(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds(MESSAGE)
    async with a_call(bed) as peer:
        peer.say = [*talk(1), *[silence(8000)] * 10] * 30  # a voice pauses, a noise does not
        await trio.sleep(14)
        (recorded,) = bed.notes.of(ev.Recorded)
        assert recorded.duration_s == pytest.approx(10)


async def test_nobody_says_anything(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds(MESSAGE)
    async with a_call(bed):
        await trio.sleep(8)
    (recorded,) = bed.notes.of(ev.Recorded)
    assert (recorded.path, recorded.duration_s) == (None, 0.0)
    assert bed.shelf.kept == {}
    assert bed.ended == "bot hung up"


async def test_the_finish_key_during_the_beep_is_no_message(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(MESSAGE)
    async with a_call(bed) as peer:
        await trio.sleep(TOLD_S + BEEP_S / 2)
        pressed = peer.press("#")
        await trio.sleep(1)
        assert [event.path for event in bed.notes.of(ev.Recorded)] == [None]
        # The beep is cut off; what is said next takes 30 ms to make.
        assert any(not loud for at, loud, _ in peer.got if pressed < at < pressed + 0.1)


@pytest.mark.parametrize("said_s", [0.0, 1.0])
async def test_who_hangs_up_leaves_his_message(
    beds: Beds, autojump_clock: MockClock, said_s: float
) -> None:
    bed = beds(MESSAGE)
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(2)
            peer.say = talk(said_s)
            await trio.sleep(1.1)
            peer.sock.close()
            await trio.sleep(1)
            assert bed.ended in ("caller hung up", "peer reset")
    assert [type(event) for event in bed.notes.events][-2:] == [ev.Recorded, ev.CallerLeft]
    (recorded,) = bed.notes.of(ev.Recorded)
    assert recorded.caller_left
    assert recorded.path == ("/shelf/1-1.wav" if said_s else None)
    assert logged(logs, "call.log") == [{"text": f"left with {recorded.path or ''}"}]


async def test_who_hangs_up_while_his_message_is_kept(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(MESSAGE)
    async with a_call(bed) as peer:
        await trio.sleep(2)
        peer.say = talk(1)
        await trio.sleep(1)
        peer.press("#")
        await trio.sleep(0.03)  # of the 0.1 s that keeping takes here
        peer.sock.close()
        await trio.sleep(1)
    assert [type(event) for event in bed.notes.events][-2:] == [ev.Recorded, ev.CallerLeft]
    assert len(bed.shelf.kept) == 1


async def test_no_place_for_a_message(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds(MESSAGE)
    bed.shelf.full = True
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(2)
            peer.say = talk(1)
            await trio.sleep(8)
    assert logged(logs, "call.record_failed") == [{"reason": "no space left"}]
    assert [event.path for event in bed.notes.of(ev.Recorded)] == [None]
    assert bed.ended == "bot hung up"


async def test_a_call_ended_from_outside_keeps_the_message(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(MESSAGE)
    async with a_call(bed) as peer:
        await trio.sleep(2)
        peer.say = talk(5)
        await trio.sleep(2)
        bed.call.end("limits.call_time is over")
        await trio.sleep(1)
    assert len(bed.shelf.kept) == 1
    assert bed.ended == "limits.call_time is over"


# Transfers -----------------------------------------------------------------------------------

TRANSFER = """
voicebot: 1
start: main
on: {hangup: {do: [{log: "left"}]}}
nodes:
  main:
    - tag: {topic: sales}
    - transfer: {to: "400", context: office, wait: 20s, announce: "Your number."}
"""
RETURNING = TRANSFER.replace("wait: 20s", "wait: 20s, failed: {goto: back}") + (
    '  back: [{say: "Sorry."}, hangup]\n'
)


async def test_a_transfer_ends_the_call_once_all_has_been_said(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(TRANSFER)
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(1.1)
            assert bed.switch.transfers == []
            await trio.sleep(4)
            assert bed.ended == "transferred to 400"
            assert peer.hung_up_at is not None
    assert bed.switch.transfers == [ev.Transfer("400", "office", 20.0, returns=False)]
    assert logged(logs, "call.transfer") == [{"to": "400", "context": "office"}]
    assert bed.call.tags == {"topic": "sales"}
    assert bed.notes.of(ev.CallerLeft) == []
    assert logged(logs, "call.log") == []


async def test_a_transfer_that_nobody_takes_comes_back(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(RETURNING)
    bed.switch.switched = Back("busy")
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed):
            await trio.sleep(6)
    assert logged(logs, "call.transfer_failed") == [{"to": "400", "reason": "busy"}]
    assert {"text": "Sorry."} in logged(logs, "call.said")
    assert bed.ended == "bot hung up"


async def test_a_transfer_that_nobody_takes_comes_back_on_another_leg(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(RETURNING)
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.setblocking(False)
    bed.switch.puts_down, bed.switch.switched = True, Back("busy", leg_of(ours))
    second = Peer(theirs, 8000)
    async with a_call(bed) as first, trio.open_nursery() as nursery:
        await trio.sleep(3)
        nursery.start_soon(second.run)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    theirs.close()
    assert first.hung_up_at is not None
    assert second.hung_up_at is not None
    assert second.hung_up_at - first.hung_up_at > 2
    assert bed.ended == "bot hung up"
    assert bed.call.stats.frames_out == sum(len(peer.got) for peer in (first, second))
    [ending] = bed.switch.endings
    assert ending.outcome is Outcome.HANGUP


async def test_the_switch_hears_of_the_end_before_the_leg_is_hung_up(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(TRANSFER)
    async with a_call(bed):
        await trio.sleep(8)
    [ending] = bed.switch.endings
    assert (ending.outcome, dict(ending.results)) == (Outcome.TRANSFER, {"topic": "sales"})
    assert ending.transfer == bed.switch.transfers[0]


@pytest.mark.parametrize(
    ("back", "outcome"), [(True, Outcome.CALL_TIME), (False, Outcome.TRANSFER)]
)
async def test_a_call_that_is_ended_the_moment_its_caller_is_back(
    beds: Beds, autojump_clock: MockClock, outcome: Outcome, *, back: bool
) -> None:
    bed = beds(RETURNING)
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.setblocking(False)
    over = trio.Event()

    class EndedMeanwhile(Exchange):
        async def transfer(
            self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
        ) -> Switched:
            await put_down()
            await trio.sleep(2)
            over.set()
            return Back("busy", leg_of(ours)) if back else Connected()

    bed.switch = EndedMeanwhile()
    async with a_call(bed):
        await over.wait()
        bed.call.end("limits.call_time is over", Outcome.CALL_TIME)
        await trio.sleep(8)
    theirs.close()
    assert ours.fileno() == -1 or not back
    ours.close()
    assert bed.switch.endings[0].outcome is outcome


async def test_who_hangs_up_while_nobody_serves_his_leg(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(RETURNING)
    bed.switch.puts_down, bed.switch.switched = True, CallerLeft()
    async with a_call(bed):
        await trio.sleep(6)
    assert bed.ended == "caller hung up"
    assert len(bed.notes.of(ev.CallerLeft)) == 1
    assert bed.switch.endings[0].outcome is Outcome.CALLER_HUNG_UP


async def test_who_hangs_up_while_he_is_being_connected(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(RETURNING)
    async with a_call(bed) as peer:
        await trio.sleep(2)
        assert bed.switch.transfers
        peer.sock.close()
        await trio.sleep(1)
    assert bed.ended in ("caller hung up", "peer reset")
    assert len(bed.notes.of(ev.CallerLeft)) == 1
