"""The dentist of the language's own page, called through a real Asterisk."""

from pathlib import Path

import pytest

from tests.bot import running_bot
from tests.practice import NUMBER, Practice, dentist_config, practice

from .bed import Bed
from .speech import spoken
from .test_calls import Caller

pytestmark = [pytest.mark.asterisk, pytest.mark.models, pytest.mark.slow]

__all__ = ["practice"]  # a fixture


SPOKEN = {
    "Appointment, prescription, or opening hours?": "an appointment",
    "Which day?": "next tuesday at ten",
    # Asked where a late packet has left the bot unsure of the "ten", as a busy machine can.
    "At what time?": "at ten",
    "Tuesday, November twenty fourth at ten A M. Is that right?": "yes",
}
PRESSED = {"Your nine digit number, please.": NUMBER}


def answer(caller: Caller) -> str:
    """Answer what the bot asks, as it is asked; returns the question."""
    caller.phone.listen()
    question = caller.events("call.said")[-1]["text"]
    if question in PRESSED:
        caller.phone.press(PRESSED[question])
    else:
        caller.say(spoken(SPOKEN[question]))
    return question


def test_the_dentist_books_by_voice_and_keys(bed: Bed, practice: Practice, tmp_path: Path) -> None:
    with running_bot(dentist_config(tmp_path, practice)) as bot:
        caller = Caller(bed, bot, "app")
        while not answer(caller).endswith("Is that right?"):
            pass
        caller.done()
        said = [record["text"] for record in caller.events("call.said")]
        assert said[-2:] == ["Booked.", "Goodbye."], bot.text()
        assert NUMBER not in bot.text()
    [booking] = practice.booked
    assert (booking["path"], booking["time"]) == ("/book", "10:00")
    assert caller.steps() == ["enter", "back", "gone"]
