"""What waits to be said, beat by beat."""

import threading

import pytest
import trio
import trio.testing

from tests.audiosocket.peer import frame, tone
from voicebot.audiosocket import Format
from voicebot.audiosocket.outbox import TAIL_BEATS, Outbox

PLAIN = Format()


def said(outbox: Outbox, beats: int) -> list[bytes | None]:
    entries = [outbox.next_frame() for _ in range(beats)]
    return [entry and entry[1] for entry in entries]


def test_pieces_become_whole_frames_in_order() -> None:
    outbox = Outbox(8000, 10)
    pcm = frame(1) + frame(2) + frame(3)
    for start in range(0, len(pcm), 100):
        outbox.put(pcm[start : start + 100], PLAIN, 8000)
    assert outbox.queued_s == pytest.approx(0.06)
    assert said(outbox, 4) == [frame(1), frame(2), frame(3), None]
    assert (outbox.frames_said, outbox.bytes_said) == (3, 960)


def test_the_end_of_a_phrase_is_padded_after_60_ms() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(frame(1) + frame(2)[:100], PLAIN, 8000)
    padded = frame(2)[:100] + bytes(220)
    assert said(outbox, 1) == [frame(1)]
    assert said(outbox, TAIL_BEATS + 1) == [None] * (TAIL_BEATS - 1) + [padded, None]


def test_a_piece_in_time_goes_on_where_the_last_one_stopped() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(frame(1)[:100], PLAIN, 8000)
    assert said(outbox, TAIL_BEATS - 1) == [None] * (TAIL_BEATS - 1)
    outbox.put(frame(1)[100:] + frame(2)[:2], PLAIN, 8000)
    assert said(outbox, TAIL_BEATS) == [frame(1)] + [None] * (TAIL_BEATS - 1)


def test_the_end_of_a_phrase_at_once() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(tone(440, 16000, 0.1), PLAIN, 16000)
    outbox.end_phrase()
    assert outbox.queued_s == pytest.approx(0.1)
    assert None not in said(outbox, 5)


def test_marks_are_reached_in_order() -> None:
    outbox = Outbox(8000, 10)
    first = outbox.mark()
    outbox.put(frame(1), PLAIN, 8000)
    second = outbox.mark()
    outbox.put(frame(2)[:50], PLAIN, 8000)
    third = outbox.mark()
    assert [first.played, second.played, third.played] == [True, None, None]
    said(outbox, 1)
    assert [second.played, third.played] == [True, None]
    said(outbox, TAIL_BEATS - 1)
    assert third.played is None
    said(outbox, 1)
    assert third.played is True


def test_a_mark_within_a_frame_is_reached_with_it() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(frame(1)[:50], PLAIN, 8000)
    mark = outbox.mark()
    outbox.put(frame(1)[50:], PLAIN, 8000)
    assert said(outbox, 1) == [frame(1)]
    assert mark.played is True


def test_a_mark_behind_a_filter_that_gives_nothing_more() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(frame(1), PLAIN, 8000)
    outbox.put(b"", Format(16000), 16000)
    mark = outbox.mark()
    outbox.end_phrase()
    said(outbox, 1)
    assert mark.played is True


async def test_flush_drops_all_and_tells_the_marks() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(frame(1) * 4 + frame(2)[:50], PLAIN, 8000)
    mark = outbox.mark()
    said(outbox, 1)
    assert outbox.flush() == pytest.approx(0.06)
    assert await mark.wait() is False
    assert said(outbox, 5) == [None] * 5
    # Neither the rest of a frame nor the filter remembers what was dropped.
    outbox.put(frame(7), PLAIN, 8000)
    assert said(outbox, 1) == [frame(7)]
    assert outbox.mark().played is True


def test_pause_keeps_what_waits() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(frame(1) + frame(2), PLAIN, 8000)
    said(outbox, 1)
    outbox.paused = True
    assert said(outbox, 9) == [None] * 9
    outbox.paused = False
    assert said(outbox, 1) == [frame(2)]


def test_what_waits_keeps_its_rate_when_the_line_goes_higher() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(frame(1) + frame(2)[:100], PLAIN, 8000)
    outbox.rate_hz = 16000
    outbox.put(frame(3, 16000), Format(16000), 16000)
    assert [outbox.next_frame() for _ in range(4)] == [
        (8000, frame(1)),
        (8000, frame(2)[:100] + bytes(220)),
        (16000, frame(3, 16000)),
        None,
    ]


def test_another_form_goes_on_in_the_same_frame() -> None:
    outbox = Outbox(8000, 10)
    outbox.put(frame(1)[:100], PLAIN, 8000)
    outbox.put(frame(1)[:220] * 2, Format(8000, 2), 8000)
    assert said(outbox, 1) == [frame(1)]


async def test_room_is_made_when_half_of_it_is_free() -> None:
    outbox = Outbox(8000, 4)
    with trio.fail_after(1):
        await outbox.room()
    outbox.put(frame(1) * 5, PLAIN, 8000)
    entered: list[int] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def enter() -> None:
            await outbox.room()
            entered.append(outbox.frames_said)

        for _ in range(3):
            await trio.testing.wait_all_tasks_blocked()
            assert entered == []
            said(outbox, 1)
    assert entered == [3]


def test_a_thread_that_puts_and_the_clock_take_turns() -> None:
    outbox = Outbox(8000, 10)
    with outbox._lock:
        putting = threading.Thread(target=outbox.put, args=(frame(1), PLAIN, 8000))
        putting.start()
        putting.join(0.05)
        assert putting.is_alive()
        assert said(outbox, 1) == [None]
    putting.join()
    assert said(outbox, 1) == [frame(1)]


async def test_closed_it_takes_nothing_and_keeps_nobody_waiting() -> None:
    outbox = Outbox(8000, 1)
    outbox.put(frame(1) * 3, PLAIN, 8000)
    mark = outbox.mark()
    outbox.close()
    with trio.fail_after(1):
        await outbox.room()
        assert await mark.wait() is False
        assert await outbox.mark().wait() is False
    outbox.put(frame(1), PLAIN, 8000)
    assert said(outbox, 1) == [None]
