"""The voicebot behind a real Asterisk, called by a SIP phone: the whole loop with nothing made up.

Each test runs through AudioSocket(), which is 8 kHz, and through Dial(AudioSocket/…/c(slin16)).
"""

import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
import soxr

from tests.bot import Bot, running_bot, write_config

from .bed import Bed
from .phone import Phone, Report, bot_headers
from .rtp import Samples
from .speech import spoken

pytestmark = [pytest.mark.asterisk, pytest.mark.models]

FLOW = """
voicebot: 1
on:
  failed: {goto: bye}
  hangup: {do: [{log: "left at ${call.node}"}]}
nodes:
  main:
    - menu:
        say: "Welcome to the test. Say sales or support, or press one or two."
        choices:
          - {answers: [sales], keys: "1", do: [{say: "You have reached sales."}], then: {goto: digits}}
          - {answers: [support], keys: "2", goto: bye}
  digits:
    - ask: {to: code, type: digits, length: 3, say: "Your code, please."}
    - say: "Thank you."
    - goto: bye
  bye: [{say: "Goodbye."}, hangup]
"""

FORMS = ["app", "chan-slin16"]


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("bot")
    config = write_config(folder, "{address: '127.0.0.1:0', flow: main}")
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


@pytest.fixture(scope="module")
def words() -> dict[str, Samples]:
    """What the callers say, at 16 kHz."""
    return {text: spoken(text) for text in ("sales", "one two three")}


class Caller:
    """A phone in a call with the bot."""

    def __init__(self, bed: Bed, bot: Bot, form: str) -> None:
        self.uuid: UUID = uuid4()
        self._bed, self._bot = bed, bot
        self.phone = Phone("slin16" if form == "chan-slin16" else "ulaw")
        headers = bot_headers(bot.ports[0], self.uuid)
        self.phone.start_call(bed.sip, form, headers=headers)

    def say(self, samples: Samples) -> None:
        self.phone.say(soxr.resample(samples, 16000, self.phone.rate_hz))

    def done(self) -> Report:
        report = self.phone.join()
        self._bot.wait_for("call.ended", call=str(self.uuid))
        self._bed.ami.wait_step(self.uuid, "gone")
        return report

    def steps(self) -> list[str]:
        """How far the dialplan went."""
        return [step.name for step in self._bed.ami.steps(self.uuid)]

    def events(self, event: str) -> list[dict[str, str]]:
        return self._bot.events(event, call=str(self.uuid))

    def understood(self) -> list[tuple[str, str]]:
        return [(e["value"], e["by"]) for e in self.events("call.understood")]


@pytest.mark.parametrize("form", FORMS)
def test_a_caller_hears_speaks_and_presses_and_the_dialplan_goes_on(
    bed: Bed, bot: Bot, words: dict[str, Samples], form: str
) -> None:
    caller = Caller(bed, bot, form)
    caller.phone.listen()
    caller.say(words["sales"])
    caller.phone.listen()
    caller.phone.press("123")
    report = caller.done()

    assert not report.failed
    assert report.loud_s is not None
    assert report.loud_s[0] < 1.0  # the greeting, from the answer
    assert report.ahead_ms[1] < 100
    assert caller.understood() == [("sales", "speech"), ("123", "keys")]
    assert not report.ended_by_us
    assert caller.steps() == ["enter", "back", "gone"]


@pytest.mark.parametrize("form", FORMS)
def test_a_caller_presses_and_speaks(
    bed: Bed, bot: Bot, words: dict[str, Samples], form: str
) -> None:
    caller = Caller(bed, bot, form)
    caller.phone.press("1", at_s=1.0)  # into the prompt
    caller.phone.listen()
    caller.say(words["one two three"])
    report = caller.done()
    assert caller.understood() == [("sales", "keys"), ("123", "speech")]
    assert report.ahead_ms[1] < 100
    assert caller.steps() == ["enter", "back", "gone"]


@pytest.mark.parametrize("form", FORMS)
def test_a_caller_who_hangs_up_in_the_prompt_leaves_nothing_behind(
    bed: Bed, bot: Bot, form: str
) -> None:
    caller = Caller(bed, bot, form)
    time.sleep(1.5)
    caller.phone.hang_up()
    report = caller.done()
    assert report.ended_by_us
    assert caller.steps() == ["enter", "gone"]
    assert [e["text"] for e in caller.events("call.log")] == ["left at main"]
    assert caller.events("call.ended")[0]["reason"] in ("caller hung up", "peer reset")
    assert str(caller.uuid) not in bed.ami.command("core show channels verbose")


def test_a_caller_talks_over_the_prompt_and_is_understood(
    bed: Bed, bot: Bot, words: dict[str, Samples]
) -> None:
    caller = Caller(bed, bot, "app")
    caller.phone.say(soxr.resample(words["sales"], 16000, 8000), at_s=1.2)
    bot.wait_for("call.understood", call=str(caller.uuid))
    caller.phone.hang_up()
    caller.done()
    assert caller.understood() == [("sales", "speech")]
    assert caller.events("call.speech")[0]["barge_in"]


def test_a_bot_that_says_goodbye_is_heard_to_its_last_word(bed: Bed, bot: Bot) -> None:
    caller = Caller(bed, bot, "app")
    caller.phone.press("2", at_s=0.5)
    report = caller.done()
    assert report.loud_s is not None
    assert report.ended_s is not None
    assert report.ended_s - report.loud_s[1] > 0.15
    assert report.missing == 0
    assert caller.steps() == ["enter", "back", "gone"]
