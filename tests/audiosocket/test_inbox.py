"""What was heard and is not read yet."""

import trio
import trio.testing

from tests.audiosocket.peer import frame
from voicebot.audiosocket.formats import Format
from voicebot.audiosocket.frames import Cutter, Frame
from voicebot.audiosocket.inbox import Heard, Inbox, Latest


async def test_the_oldest_goes_and_is_counted() -> None:
    queue: Latest[int] = Latest(3)
    for number in range(5):
        queue.put(number)
    assert queue.lost == 2
    assert [await queue.get() for _ in range(3)] == [2, 3, 4]


async def test_get_waits_and_ends() -> None:
    queue: Latest[int] = Latest(3)
    got: list[int | None] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def take() -> None:
            got.extend([await queue.get(), await queue.get(), await queue.get()])

        await trio.testing.wait_all_tasks_blocked()
        queue.put(1)
        await trio.testing.wait_all_tasks_blocked()
        assert got == []
        queue.put(2)
        queue.close()
    assert got == [1, 2, None]


async def test_gaps_are_silence_and_told_apart() -> None:
    inbox = Inbox(10, now=lambda: 7.0)
    inbox.hear(frame(1), 8000)
    inbox.hear(None, 16000)
    assert await inbox.audio.get() == Heard(frame(1), 8000, 7.0, gap=False)
    assert await inbox.audio.get() == Heard(bytes(640), 16000, 7.0, gap=True)
    assert (inbox.bytes_in, inbox.gap_frames) == (320, 1)


def test_a_frame_is_bytes_that_tell_more() -> None:
    heard = Frame(b"ab", gap=True, at_s=0.5, rate_hz=8000)
    assert heard == b"ab"
    assert (heard.gap, heard.at_s, heard.rate_hz) == (True, 0.5, 8000)
    assert not Frame()


def test_the_cutter_gives_whole_frames_and_the_rest_at_the_end() -> None:
    cutter = Cutter(Format(16000), began_s=100.0)
    frames = [
        piece
        for number in range(50)
        for piece in cutter.push(Heard(frame(500), 8000, 100.0 + number / 50, gap=number == 49))
    ]
    assert {len(piece) for piece in frames} == {640}
    rest = cutter.finish()
    assert sum(map(len, frames + rest)) == 50 * 640
    assert [piece.gap for piece in frames + rest].index(True) >= 47
    assert frames[0].at_s < 0.05
    assert {piece.rate_hz for piece in frames} == {16000}
    assert cutter.finish() == []


def test_the_cutter_follows_the_rate_of_the_line() -> None:
    cutter = Cutter(Format(), began_s=0.0)
    assert cutter.push(Heard(frame(1), 8000, 0.0, gap=False)) == [frame(1)]
    assert cutter.push(Heard(frame(2, 16000), 16000, 0.0, gap=False)) == [frame(2, 16000)]
