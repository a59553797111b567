"""The recogniser's seam, kept by the shipped Vosk model in a real worker, in real time."""

import time

import pytest
import trio

from tests.speech.workers import DIGITS, FRAME, LANGUAGE, SPOKEN, spoken_pcm
from voicebot.hearing.recogniser import UNKNOWN_WORD, Transcript
from voicebot.speech.remote import RemoteRecogniser

pytestmark = pytest.mark.models


class Hearing:
    """What came of one utterance, with times in seconds from its first sample."""

    transcript: Transcript
    partials: list[tuple[float, str]]
    finish_s: float


async def hear(
    uri: str, pcm: bytes, phrases: list[str] | None, *, in_real_time: bool = False
) -> Hearing:
    hearing = Hearing()
    hearing.partials = []
    began_s = trio.current_time()

    def on_partial(text: str) -> None:
        hearing.partials.append((trio.current_time() - began_s, text))

    recogniser = RemoteRecogniser([uri])
    async with recogniser.listen(
        language=LANGUAGE, rate_hz=8000, phrases=phrases, on_partial=on_partial
    ) as utterance:
        for start in range(0, len(pcm), FRAME):
            if in_real_time:
                await trio.sleep_until(began_s + start / 16000 + 0.02)
            await utterance.feed(pcm[start : start + FRAME])
        asked_at = time.perf_counter()
        hearing.transcript = await utterance.finish()
        hearing.finish_s = time.perf_counter() - asked_at
    return hearing


async def test_digits_in_real_time(vosk_uri: str, digits_pcm: bytes) -> None:
    heard = await hear(vosk_uri, digits_pcm, DIGITS, in_real_time=True)
    assert heard.transcript.text == SPOKEN

    duration_s = len(digits_pcm) / 16000
    words = heard.transcript.words
    assert [word.text for word in words] == SPOKEN.split()
    for word in words:
        assert 0 <= word.confidence <= 1
        assert 0 <= word.start_s < word.end_s < duration_s + 0.3

    assert [text for _, text in heard.partials][:3] == ["seven", "seven four", "seven four two"]
    assert heard.partials[0][0] < duration_s / 2

    print(f"finish {heard.finish_s * 1000:.1f} ms, partials {heard.partials}")  # noqa: T201 - a figure for pytest -rP
    assert heard.finish_s < 0.1


async def test_a_partial_comes_right_after_the_piece_that_settled_it(
    vosk_uri: str, digits_pcm: bytes
) -> None:
    """Not with the next piece, and not held back by any buffer on the way."""
    heard = await hear(vosk_uri, digits_pcm, DIGITS, in_real_time=True)
    late_ms = sorted(at_s * 1000 % 20 for at_s, _ in heard.partials)
    print(f"after the piece: {[round(late, 1) for late in late_ms]} ms")  # noqa: T201 - a figure for pytest -rP
    assert late_ms[len(late_ms) // 2] < 15


@pytest.mark.parametrize(
    ("said", "phrases", "understood"),
    [
        ("yes", ["yes", "no"], "yes"),
        ("sales please", ["sales", "support", "sales please"], "sales please"),
        ("I would like a large pizza with mushrooms", ["yes", "no"], UNKNOWN_WORD),
        ("yes", ["yes", "zbigniew"], "yes"),
        ("I would like to speak to an operator", None, "i would like to speak to an operator"),
    ],
)
async def test_what_may_be_said_decides_what_is_heard(
    vosk_uri: str, said: str, phrases: list[str] | None, understood: str
) -> None:
    heard = await hear(vosk_uri, spoken_pcm(said), phrases)
    assert heard.transcript.text == understood


async def test_silence_is_no_words(vosk_uri: str) -> None:
    heard = await hear(vosk_uri, bytes(16000), DIGITS)
    assert heard.transcript == Transcript("", ())
    assert heard.partials == []


async def test_many_at_once_stay_apart(vosk_uri: str, digits_pcm: bytes) -> None:
    texts: dict[int, str] = {}

    async def one(number: int) -> None:
        pcm = digits_pcm if number % 2 else bytes(16000)
        texts[number] = (await hear(vosk_uri, pcm, DIGITS)).transcript.text

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(one, number)
    assert texts == {number: SPOKEN if number % 2 else "" for number in range(20)}
