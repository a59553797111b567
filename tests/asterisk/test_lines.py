"""Callers on bad lines and with odd phones, over a real Asterisk: understood, and every key there, in order, once.

All of them call the whole voicebot at the same time; each test looks at one of the calls.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
import soxr

from tests.bot import Bot, eventually, running_bot, write_config

from .bed import Bed
from .phone import Phone, Report, bot_headers
from .rtp import Conditions, Samples
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
        say: "Say sales, or press one."
        choices:
          - {answers: [sales], keys: "1", goto: code}
        attempts: 4
        timeout: 8s
  code:
    - ask: {to: code, type: digits, length: 6, say: "Your code."}
    - goto: bye
  bye: [{say: "Goodbye."}, hangup]
"""
CODE = "335507"
TRIES = 3
"""So often a caller on a bad line says his word, as people do."""
MUTE_S = 3.0
"""AudioSocket() ends a call in which nobody has sent anything for 2 s."""


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("bot")
    config = write_config(folder, "{address: '127.0.0.1:0', flow: main}")
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


@pytest.fixture(scope="module")
def word() -> Samples:
    """What callers say, at 16 kHz."""
    return spoken("sales")


class Caller:
    """A phone in a call with the bot, and what the bot's log says of the call."""

    def __init__(self, bed: Bed, bot: Bot, number: str, conditions: Conditions) -> None:
        self.uuid: UUID = uuid4()
        self.phone = Phone("slin16" if number == "chan-slin16" else "ulaw", conditions)
        self._bed, self._bot = bed, bot
        headers = bot_headers(bot.ports[0], self.uuid)
        self.phone.start_call(bed.sip, number, headers=headers)

    def events(self, event: str) -> list[dict[str, str]]:
        return self._bot.events(event, call=str(self.uuid))

    def understood(self) -> list[tuple[str, str]]:
        return [(event["value"], event["by"]) for event in self.events("call.understood")]

    def say(self, word: Samples) -> None:
        """Say the word until it is understood, a few times."""
        for _ in range(TRIES):
            self.phone.listen()
            turns = self._turns()
            self.phone.say(soxr.resample(word, 16000, self.phone.rate_hz))
            eventually(lambda before=turns: self._turns() > before, 20)
            if self.understood():
                return

    def press(self, keys: str, **how: float) -> None:
        """Press them once the question is there."""
        self.phone.listen()
        self.phone.press(keys, **how)

    def done(self) -> Report:
        report = self.phone.join()
        self._bot.wait_for("call.ended", call=str(self.uuid))
        self._bed.ami.wait_step(self.uuid, "gone")
        return report

    def steps(self) -> list[str]:
        """How far the dialplan went."""
        return [step.name for step in self._bed.ami.steps(self.uuid)]

    def _turns(self) -> int:
        return len(self.events("call.understood")) + len(self.events("call.missed"))


def answers(caller: Caller, word: Samples) -> None:
    caller.say(word)
    caller.press(CODE)


def is_mute_then_answers(caller: Caller, word: Samples) -> None:
    caller.phone.listen()
    now_s = caller.phone.mute(MUTE_S)  # and the voicebot waits meanwhile
    caller.phone.say(soxr.resample(word, 16000, caller.phone.rate_hz), at_s=now_s + MUTE_S + 0.2)
    caller.press(CODE)


def presses(**how: float) -> Callable[[Caller, Samples], None]:
    def press(caller: Caller, word: Samples) -> None:
        caller.press("1")
        caller.press(CODE, **how)

    return press


def holds_a_key(caller: Caller, word: Samples) -> None:
    caller.press("1")
    caller.press(CODE[0], held_s=2.0)
    caller.phone.press(CODE[1:])


def hangs_up_with_a_key_down(caller: Caller, word: Samples) -> None:
    caller.press("1")
    caller.phone.listen()
    down_s = caller.phone.press("5", held_s=30.0)
    caller.phone.hang_up(at_s=down_s + 1.0)


Script = Callable[[Caller, Samples], None]

SPEAKERS: Mapping[str, tuple[str, Conditions]] = {
    "10 ms packets": ("app", Conditions(ptime_ms=10)),
    "30 ms packets": ("app", Conditions(ptime_ms=30)),
    "40 ms packets": ("app", Conditions(ptime_ms=40)),
    "60 ms packets": ("app", Conditions(ptime_ms=60)),
    "60 ms packets, wideband": ("chan-slin16", Conditions(ptime_ms=60)),
    "10 ms packets, wideband": ("chan-slin16", Conditions(ptime_ms=10)),
    "5 % loss": ("chan-slin16", Conditions(loss=0.05)),
    "60 ms packets and 5 % loss": ("app", Conditions(ptime_ms=60, loss=0.05)),
    "60 ms jitter": ("app", Conditions(jitter_s=0.06)),
    "60 ms jitter and 5 % loss, wideband": ("chan-slin16", Conditions(jitter_s=0.06, loss=0.05)),
    "silence suppressed": ("app", Conditions(suppresses_silence=True)),
}
KEYS: Mapping[str, Script] = {
    "keys of 40 ms": presses(held_s=0.04, gap_s=0.1),
    "keys of 60 ms, a run of six in 600 ms": presses(held_s=0.06, gap_s=0.02),
    "a key held for 2 s": holds_a_key,
}
MUTE = ("app", "chan-slin16")
HANGS_UP = "hangs up with a key down"


@pytest.fixture(scope="module")
def calls(bed: Bed, bot: Bot, word: Samples) -> Iterator[Mapping[str, "Future[Ended]"]]:
    """Every call, under way."""
    scripts: dict[str, tuple[str, Conditions, Script]] = {
        name: (number, conditions, answers) for name, (number, conditions) in SPEAKERS.items()
    }
    scripts |= {name: ("app", Conditions(), script) for name, script in KEYS.items()}
    scripts |= {number: (number, Conditions(), is_mute_then_answers) for number in MUTE}
    scripts |= {HANGS_UP: ("app", Conditions(), hangs_up_with_a_key_down)}

    def call(number: str, conditions: Conditions, script: Script) -> Ended:
        caller = Caller(bed, bot, number, conditions)
        try:
            script(caller, word)
        except BaseException:
            caller.phone.hang_up()
            raise
        return caller, caller.done()

    with ThreadPoolExecutor(len(scripts)) as pool:
        yield {name: pool.submit(call, *script) for name, script in scripts.items()}


Ended = tuple[Caller, Report]


@pytest.mark.parametrize("line", SPEAKERS)
def test_a_caller_is_understood_and_all_keys_arrive(
    calls: Mapping[str, "Future[Ended]"], line: str
) -> None:
    caller, report = calls[line].result()
    assert not report.failed
    assert caller.understood() == [("sales", "speech"), (CODE, "keys")]
    assert caller.steps() == ["enter", "back", "gone"]


@pytest.mark.parametrize("keys", KEYS)
def test_short_and_long_keys_all_arrive_in_order(
    calls: Mapping[str, "Future[Ended]"], keys: str
) -> None:
    caller, report = calls[keys].result()
    assert caller.understood() == [("sales", "keys"), (CODE, "keys")]
    assert "".join(key for key, _ in report.keys_sent) == "1" + CODE


@pytest.mark.parametrize("number", MUTE)
def test_a_caller_who_sends_nothing_for_a_while_stays_and_is_understood(
    calls: Mapping[str, "Future[Ended]"], number: str
) -> None:
    caller, report = calls[number].result()
    assert not report.failed
    assert caller.understood() == [("sales", "speech"), (CODE, "keys")]
    assert report.gaps_ms[1] < 500  # the voicebot sends all the time
    assert caller.steps() == ["enter", "back", "gone"]


def test_a_key_that_is_down_at_the_hangup_is_no_key(
    calls: Mapping[str, "Future[Ended]"],
) -> None:
    caller, report = calls[HANGS_UP].result()
    assert report.ended_by_us
    assert [key for key, _ in report.keys_sent] == ["1", "5"]
    assert [event["key"] for event in caller.events("call.key")] == ["1"]
    assert [event["text"] for event in caller.events("call.log")] == ["left at code"]
    assert caller.steps() == ["enter", "gone"]
