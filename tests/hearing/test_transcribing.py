"""What an utterance that was over is taken for: an answer, a cough, or the scrap of one."""

import pytest

from voicebot.flow.answers import Word
from voicebot.hearing.transcribing import Hearing


@pytest.mark.parametrize(
    ("words", "endpoint", "voiced_s", "cough", "scrap"),
    [
        ("", "nothing", 0.2, True, True),
        ("[unk]", "outside", 0.2, True, False),
        ("[unk]", "outside", 0.8, False, False),
        ("to", "nothing", 0.2, False, True),  # an "uh", before it was known as a word
        ("to", "nothing", 0.8, False, False),
        ("to", "outside", 0.2, False, False),
    ],
)
def test_what_is_short_and_no_word_is_no_answer(
    words: str, endpoint: str, voiced_s: float, cough: bool, scrap: bool
) -> None:
    hearing = Hearing(words=tuple(map(Word, words.split())), endpoint=endpoint)
    assert (hearing.is_cough(voiced_s), hearing.is_scrap(voiced_s)) == (cough, scrap)
