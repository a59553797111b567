"""Onset and end of an utterance, counted in frames: no clock, no audio."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow.answers import Still
from voicebot.hearing.endpoint import FRAME_S, Endpointer, Patience, Turn

SPEECH = [True] * 20


def endpointer(max_speech_s: float = 10.0, end_silence_s: float | None = None) -> Endpointer:
    return Endpointer(Patience.of(end_silence_s), max_speech_s)


def turns(ends: Endpointer, frames: list[bool]) -> list[Turn]:
    return [ends.hear(voiced) for voiced in frames]


def test_silence_is_quiet() -> None:
    assert set(turns(endpointer(), [False] * 500)) == {Turn.QUIET}


def test_three_of_four_frames_are_an_onset() -> None:
    assert turns(endpointer(), [True, False, True, True]) == [Turn.QUIET] * 3 + [Turn.ONSET]


def test_a_click_is_none() -> None:
    assert Turn.ONSET not in turns(endpointer(), [False, True, True, False] * 20)


@pytest.mark.parametrize(
    ("still", "wait_s"),
    [
        (Still.COMPLETE, 0.14),
        (Still.ENOUGH, 0.3),
        (Still.EXTENDABLE, 0.5),
        (Still.SERIES, 0.8),
        (Still.PREFIX, 1.6),
        (Still.NOTHING, 0.2),
        (Still.OUTSIDE, 0.8),
        (Still.OPEN, 0.65),
    ],
)
def test_the_end_comes_after_the_wait_for_what_may_still_come(still: Still, wait_s: float) -> None:
    ends = endpointer()
    turns(ends, SPEECH)
    ends.said("", still)
    silence = turns(ends, [False] * 200)
    assert (silence.index(Turn.END) + 1) * FRAME_S == pytest.approx(wait_s, abs=FRAME_S)


def test_a_pause_of_1200_ms_within_digits_does_not_cut() -> None:
    ends = endpointer()
    ends.said("", Still.PREFIX)
    heard = turns(ends, SPEECH + [False] * 60 + SPEECH)
    assert Turn.END not in heard


def test_what_may_still_come_can_change_in_the_silence() -> None:
    ends = endpointer()
    turns(ends, SPEECH)
    ends.said("", Still.OUTSIDE)
    assert Turn.END not in turns(ends, [False] * 20)
    ends.said("", Still.COMPLETE)
    assert turns(ends, [False]) == [Turn.END]


def test_a_last_digit_that_comes_in_the_silence_has_to_last() -> None:
    ends = endpointer()
    turns(ends, SPEECH)
    ends.said("one two", Still.PREFIX)
    turns(ends, [False] * 8)
    ends.said("one two three", Still.COMPLETE)
    assert Turn.END not in turns(ends, [False] * 6)
    ends.said("one two", Still.PREFIX)  # there was none
    assert Turn.END not in turns(ends, [False] * 40)
    turns(ends, SPEECH)
    ends.said("one two three", Still.COMPLETE)
    assert turns(ends, [False] * 20).index(Turn.END) == 6


def test_where_one_wait_is_given_nothing_else_counts() -> None:
    ends = endpointer(end_silence_s=0.5)
    turns(ends, SPEECH)
    ends.said("one two", Still.PREFIX)
    turns(ends, [False] * 20)
    ends.said("one two three", Still.COMPLETE)
    assert [ends.hear(False, noisy=True) for _ in range(20)].index(Turn.END) == 4


def test_one_that_comes_long_after_the_voice_is_none() -> None:
    ends = endpointer()
    turns(ends, SPEECH)
    ends.said("one two", Still.PREFIX)
    turns(ends, [False] * 15)
    ends.said("one two three", Still.COMPLETE)
    assert Turn.END not in turns(ends, [False] * 60)


def test_words_that_cannot_have_been_said_in_the_time_are_waited_for() -> None:
    ends = endpointer()
    turns(ends, [True] * 10)
    ends.said("prescription", Still.COMPLETE)  # known by its first syllable
    assert Turn.END not in turns(ends, [False] * 12 + [True] * 25)
    assert turns(ends, [False] * 10).index(Turn.END) == 6


def test_that_wait_is_short() -> None:
    ends = endpointer()
    turns(ends, [True] * 10)
    ends.said("an appointment for the day after tomorrow", Still.COMPLETE)
    assert turns(ends, [False] * 30).index(Turn.END) == 14


@pytest.mark.parametrize(
    ("still", "later"), [(Still.COMPLETE, 3), (Still.NOTHING, 3), (Still.EXTENDABLE, 0)]
)
def test_in_noise_an_end_that_comes_soon_comes_a_little_later(still: Still, later: int) -> None:
    ends, noisy = endpointer(), endpointer()
    for one in (ends, noisy):
        turns(one, SPEECH)
        one.said("", still)
    in_noise = [noisy.hear(False, noisy=True) for _ in range(50)]
    assert in_noise.index(Turn.END) - turns(ends, [False] * 50).index(Turn.END) == later


def test_it_says_why_it_is_over() -> None:
    ends = endpointer(max_speech_s=2.0)
    turns(ends, SPEECH)
    ends.said("two", Still.EXTENDABLE)
    before = ends.reason
    turns(ends, [False] * 100)
    long = endpointer(max_speech_s=2.0)
    turns(long, [True] * 200)
    assert (before, ends.reason, long.reason) == ("", "extendable", "max length")


def test_the_flow_may_give_one_wait_for_all() -> None:
    ends = endpointer(end_silence_s=1.0)
    turns(ends, SPEECH)
    ends.said("", Still.COMPLETE)
    assert turns(ends, [False] * 60).index(Turn.END) == 49


def test_who_speaks_on_and_on_is_cut_at_max_speech() -> None:
    ends = endpointer(max_speech_s=2.0)
    heard = turns(ends, [True] * 200)
    assert heard.index(Turn.END) - heard.index(Turn.ONSET) == 100


def test_one_voiced_frame_amid_silence_ends_no_silence() -> None:
    ends = endpointer(end_silence_s=0.4)
    turns(ends, SPEECH)
    assert turns(ends, [False] * 10 + [True] + [False] * 9)[-1] is Turn.END


@given(st.lists(st.booleans(), max_size=400), st.sampled_from(Still))
def test_never_an_end_without_an_onset_and_nothing_after_it(
    frames: list[bool], still: Still
) -> None:
    ends = endpointer()
    ends.said("", still)
    heard = [turn for turn in turns(ends, frames) if turn is not Turn.QUIET]
    assert heard.count(Turn.ONSET) <= 1
    assert heard.count(Turn.END) <= 1
    if Turn.END in heard:
        assert heard[0] is Turn.ONSET
        assert heard[-1] is Turn.END


def test_a_voice_without_another_word_is_somebody_else() -> None:
    ends = endpointer()
    turns(ends, SPEECH)
    ends.said("red", Still.COMPLETE)
    heard = turns(ends, [True] * 200)
    assert (heard.index(Turn.END) + 1) * FRAME_S == pytest.approx(2.5, abs=FRAME_S)
    assert ends.reason == "no more words"


@pytest.mark.parametrize(
    ("words", "still", "end_silence_s"),
    [("", Still.OUTSIDE, None), ("so", Still.OPEN, None), ("red", Still.COMPLETE, 1.0)],
    ids=["no word yet", "dictation", "the author's silence"],
)
def test_otherwise_a_voice_may_go_on(words: str, still: Still, end_silence_s: float | None) -> None:
    ends = endpointer(end_silence_s=end_silence_s)
    turns(ends, SPEECH)
    ends.said(words, still)
    assert Turn.END not in turns(ends, [True] * 400)


def test_each_word_gives_time_for_another() -> None:
    ends = endpointer()
    turns(ends, SPEECH)
    for count in range(1, 5):
        ends.said("one " * count, Still.PREFIX)
        assert Turn.END not in turns(ends, [True] * 110)
