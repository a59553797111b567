"""The two lines of the dialplan over a real Asterisk: who calls, transfers and the way back, results.

exten => 7001,1,Answer()
 same => n,AGI(agi://127.0.0.1/dentist)
"""

import json
import signal
import socket
from collections.abc import Iterator
from uuid import UUID, uuid4

import numpy as np
import pytest
import soundfile

from tests.bot import Bot, running_bot, write_config
from voicebot.cli import main
from voicebot.line.audiosocket import Identified, encode

from .bed import Bed
from .phone import Phone, Report
from .rtp import Samples

pytestmark = [pytest.mark.asterisk, pytest.mark.models]

FLOW = """
voicebot: 1
on:
  failed: {goto: bye}
  hangup: {do: [{log: "left at ${call.node}"}]}
vars: {note: null}
nodes:
  main:
    - log: "${call.caller} ${call.caller_name} calls ${call.called} on ${call.channel}, bed ${call.args.bed}"
    - tag: {topic: "${call.caller}"}
    - menu:
        say: "Welcome. Press a key."
        choices:
          - {answers: [code], keys: "1", goto: code}
          - {answers: [agent], keys: "2", goto: agent}
          - {answers: [blind], keys: "3", goto: blind}
          - {answers: [goodbye], keys: "4", goto: bye}
          - {answers: [desk], keys: "5", goto: desk}
          - {answers: [queue], keys: "6", goto: queue}
          - {answers: [queues], keys: "7", goto: queues}
          - {answers: [mailbox], keys: "8", goto: mailbox}
  code:
    - ask: {to: code, type: digits, length: 3, say: "Your code."}
    - goto: bye
  agent:
    - transfer: {to: "400", wait: 5s, whisper: "A caller.", failed: {do: [{say: "Nobody is there."}], then: {goto: again}}}
  again:
    - ask: {to: code, type: digits, length: 2, say: "Your number, please."}
    - goto: bye
  blind:
    - transfer: "400"
  desk:
    - transfer: {to: "${call.args.desk}", wait: 1s, failed: {do: [{say: "No answer."}], then: {goto: again}}}
  queue:
    - transfer: {queue: nobody, failed: {do: [{say: "Nobody is there."}], then: {goto: again}}}
  queues:
    - transfer: {queue: nobody, failed: {goto: desks}}
  desks:
    - transfer: {queue: desk, failed: {goto: bye}}
  mailbox:
    - transfer: {voicemail: "400@default", failed: {goto: bye}}
  bye: [{say: "Goodbye."}, hangup]
"""


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("agi")
    config = write_config(
        folder,
        "'127.0.0.1:0'",
        listen="agi: '127.0.0.1:0'",
        extra="routes: [{called: agi-unanswered, flow: main}]\n",
    )
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


class Caller:
    """A phone in a call that came by AGI()."""

    def __init__(
        self,
        bed: Bed,
        bot: Bot,
        exten: str = "agi",
        *,
        flow: str = "main",
        agent: str = "",
        codec: str = "ulaw",
    ) -> None:
        self.uuid: UUID = uuid4()
        self._bed, self._bot = bed, bot
        self.phone = Phone(codec)
        headers = {
            "X-Bed-UUID": str(self.uuid),
            "X-Bed-Agi": f"{bot.address_of('agi')}/{flow}",
            "X-Bed-Agent": agent,
        }
        self.phone.start_call(bed.sip, exten, headers=headers)

    def done(self) -> Report:
        report = self.phone.join()
        self._bed.ami.wait_step(self.uuid, "gone")
        return report

    @property
    def steps(self) -> list[str]:
        return [step.name for step in self._bed.ami.steps(self.uuid)]

    def told(self, step: str) -> dict[str, str]:
        """What the dialplan knew at that step."""
        return dict(self._bed.ami.wait_step(self.uuid, step).fields)


def test_the_caller_is_known_and_the_dialplan_gets_the_results(bed: Bed, bot: Bot) -> None:
    caller = Caller(bed, bot)
    caller.phone.press("1", at_s=0.5)
    caller.phone.listen()
    caller.phone.press("123")
    caller.done()
    logged = bot.wait_for("call.log")["text"]
    assert logged.startswith("1000 Test Caller calls agi on PJSIP/anonymous-")
    assert str(caller.uuid) in logged
    assert caller.steps == ["enter", "back", "gone"]
    told = caller.told("back")
    assert (told["AgiStatus"], told["Result"]) == ("SUCCESS", "hangup")
    assert (told["Code"], told["Topic"]) == ("123", "1000")


class Holding(str):
    """Equal to every text that it stands in: for looking a log line up."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str(self) in other

    __hash__ = str.__hash__


def tone(phone: Phone, frequency_hz: int, seconds: float = 1.0) -> Samples:
    at_s = np.arange(int(phone.rate_hz * seconds)) / phone.rate_hz
    return np.round(8000 * np.sin(2 * np.pi * frequency_hz * at_s)).astype(np.int16)


def last_tone_hz(report: Report) -> float:
    """The frequency that is strongest in the last loud second."""
    assert report.loud_s is not None
    begin = round((report.loud_s[1] - 1) * report.rate_hz)
    part = report.heard[begin : begin + report.rate_hz]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    return float(np.argmax(spectrum) * report.rate_hz / len(part))


def test_a_transfer_rings_a_second_phone_that_talks_both_ways(bed: Bed, bot: Bot) -> None:
    agent = Phone()
    host, port = agent.wait_for_call(ring_s=0.5)
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press("2", at_s=0.5)
    assert agent.wait_answered(15)
    agent.listen()
    caller.phone.say(tone(caller.phone, 500))
    agent.say(tone(agent, 1200))
    agent.listen()
    caller.phone.listen()
    agent.hang_up()
    at_agent = agent.join()
    at_caller = caller.done()
    assert not at_agent.failed
    assert abs(last_tone_hz(at_agent) - 500) < 20
    assert abs(last_tone_hz(at_caller) - 1200) < 20
    assert caller.steps == ["enter", "gone"]  # who has talked to a person is not sent to one again
    assert caller.told("gone")["Result"] == "transfer"


def test_a_caller_who_ends_his_talk_himself_was_transferred_nevertheless(
    bed: Bed, bot: Bot
) -> None:
    agent = Phone()
    host, port = agent.wait_for_call()
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press("2", at_s=0.5)
    assert agent.wait_answered(15)
    agent.listen()
    caller.phone.hang_up()
    agent.join()
    caller.done()
    assert caller.told("gone")["Result"] == "transfer"
    bot.wait_for("call.ended", reason="transferred to 400")


def test_who_hangs_up_while_the_other_is_told_something_leaves_nothing_behind(
    bed: Bed, bot: Bot
) -> None:
    agent = Phone()
    host, port = agent.wait_for_call()
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press("2", at_s=0.5)
    assert agent.wait_answered(15)
    caller.phone.hang_up()
    agent.join()
    caller.done()
    assert "0 active channels" in bed.ami.command("core show channels count")


def test_who_hangs_up_while_he_is_told_something_has_refused(bed: Bed, bot: Bot) -> None:
    agent = Phone()
    host, port = agent.wait_for_call()
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press("2", at_s=0.5)
    assert agent.wait_answered(15)
    agent.hang_up(at_s=0.2)
    agent.join()
    bot.wait_for("call.transfer_failed", to="400", reason="refused")
    caller.phone.listen()
    caller.phone.press("42")
    caller.done()
    assert caller.told("back")["Code"] == "42"


def test_a_daemon_that_stops_has_its_caller_back_nevertheless(
    bed: Bed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("stops")
    config = write_config(folder, "'127.0.0.1:0'", listen="agi: '127.0.0.1:0'")
    (folder / "flows" / "main.yaml").write_text(FLOW)
    agent = Phone()
    host, port = agent.wait_for_call(ring_s=60)
    with running_bot(config) as bot:
        caller = Caller(bed, bot, agent=f"{host}:{port}")
        caller.phone.press("5", at_s=0.5)
        bot.wait_for("call.transfer")
        bot.process.send_signal(signal.SIGTERM)
        bot.wait_for("call.transfer_failed", reason="no answer")
        with socket.create_connection(("127.0.0.1", bot.ports[0])) as stranger:
            stranger.sendall(encode(Identified(uuid4())))
            with pytest.raises(ConnectionResetError):
                stranger.recv(1)
        caller.phone.listen()
        caller.phone.press("42")
        caller.done()
        assert bot.process.wait(10) == 0
    assert caller.told("back")["Code"] == "42"
    agent.hang_up()


def test_the_caller_comes_back_into_the_flow_from_a_busy_phone(bed: Bed, bot: Bot) -> None:
    agent = Phone()
    host, port = agent.wait_for_call(refusal="486 Busy Here")
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press("2", at_s=0.5)
    bot.wait_for("call.transfer_failed", to="400", reason="busy")
    caller.phone.listen()
    caller.phone.press("42")
    caller.done()
    told = caller.told("back")
    assert (told["Result"], told["Code"]) == ("hangup", "42")
    assert agent.join().failed == "486 Busy Here"


def test_a_caller_who_is_sent_on_for_good_is_the_dialplans(bed: Bed, bot: Bot) -> None:
    agent = Phone()
    host, port = agent.wait_for_call()
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press("3", at_s=0.5)
    assert agent.wait_answered(15)
    caller.phone.hang_up()
    assert "1000" in agent.join().called_by
    caller.done()
    assert caller.steps == ["enter", "gone"]
    assert caller.told("gone")["Result"] == "transfer"


@pytest.mark.parametrize(("key", "reason"), [("5", "no answer"), ("6", "empty")])
def test_the_caller_comes_back_from_a_phone_and_from_a_queue(
    bed: Bed, bot: Bot, key: str, reason: str
) -> None:
    agent = Phone()
    host, port = agent.wait_for_call(ring_s=60)
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press(key, at_s=0.5)
    bot.wait_for("call.transfer_failed", reason=reason)
    caller.phone.listen()
    caller.phone.press("42")
    caller.done()
    assert caller.told("back")["Code"] == "42"
    agent.hang_up()


def test_who_was_served_by_the_second_queue_does_not_come_back(bed: Bed, bot: Bot) -> None:
    agent = Phone()
    host, port = agent.wait_for_call()
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press("7", at_s=0.5)
    assert agent.wait_answered(15)
    agent.say(tone(agent, 1200))
    caller.phone.listen()
    agent.hang_up()
    agent.join()
    caller.done()
    assert caller.steps == ["enter", "gone"]
    assert caller.told("gone")["Result"] == "transfer"


def test_a_mailbox_that_takes_no_message_gives_the_caller_back(bed: Bed, bot: Bot) -> None:
    caller = Caller(bed, bot)
    caller.phone.press("8", at_s=0.5)
    # The bed's Asterisk has no sounds, so not the greeting either.
    bot.wait_for("call.transfer_failed", to="voicemail 400@default", reason="unreachable")
    caller.done()
    assert caller.told("back")["Result"] == "hangup"


def test_who_hangs_up_while_it_rings_leaves_nothing_behind(bed: Bed, bot: Bot) -> None:
    agent = Phone()
    host, port = agent.wait_for_call(ring_s=60)
    caller = Caller(bed, bot, agent=f"{host}:{port}")
    caller.phone.press("2", at_s=0.5)
    uuid = bot.wait_for("call.log", text=Holding(str(caller.uuid)))["call"]
    bot.wait_for("call.transfer", call=uuid)
    assert agent.wait_ringing()
    caller.phone.hang_up()
    assert agent.join().failed == "given up"
    caller.done()
    assert bot.wait_for("call.ended", call=uuid)["reason"] == "caller hung up"
    assert bot.events("call.log", call=uuid, text="left at agent")
    assert caller.told("gone")["Result"] == "caller_hung_up"
    assert "0 active channels" in bed.ami.command("core show channels count")


def test_who_hangs_up_in_a_prompt_is_told_to_the_dialplan(bed: Bed, bot: Bot) -> None:
    caller = Caller(bed, bot)
    caller.phone.listen(quiet_s=0.0)
    caller.phone.hang_up()
    caller.done()
    assert caller.steps == ["enter", "gone"]
    told = caller.told("gone")
    assert (told["Result"], told["Topic"]) == ("caller_hung_up", "1000")


def test_a_channel_that_nobody_has_answered_is_answered_and_its_number_finds_the_flow(
    bed: Bed, bot: Bot
) -> None:
    caller = Caller(bed, bot, "agi-unanswered", flow="")
    caller.phone.press("4", at_s=0.5)
    caller.done()
    assert caller.told("back")["Result"] == "hangup"


def test_a_flow_that_there_is_not_leaves_the_call_to_the_dialplan(bed: Bed, bot: Bot) -> None:
    caller = Caller(bed, bot, flow="mian")
    caller.done()
    assert caller.told("back")["Result"] == "no_flow"
    assert "mian" in bot.wait_for("call.refused")["reason"]


def test_a_bot_that_dies_does_not_part_those_who_talk(
    bed: Bed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("dies")
    config = write_config(folder, "'127.0.0.1:0'", listen="agi: '127.0.0.1:0'")
    (folder / "flows" / "main.yaml").write_text(FLOW)
    agent = Phone()
    host, port = agent.wait_for_call()
    with running_bot(config) as bot:
        caller = Caller(bed, bot, agent=f"{host}:{port}")
        caller.phone.press("2", at_s=0.5)
        assert agent.wait_answered(15)
        agent.listen()
        bot.process.kill()
    caller.phone.say(tone(caller.phone, 500))  # what he has heard of the bot is over
    agent.say(tone(agent, 1200))
    caller.phone.listen()
    agent.hang_up()
    agent.join()
    assert abs(last_tone_hz(caller.done()) - 1200) < 20
    told = caller.told(
        "back"
    )  # there is nobody who could hang up: the dialplan knows why it goes on
    assert (told["AgiStatus"], told["Result"]) == ("SUCCESS", "transfer")


def test_a_call_over_two_wideband_legs_leaves_one_record(
    bed: Bed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("wide")
    config = write_config(
        folder,
        "'127.0.0.1:0'",
        listen="agi: {address: '127.0.0.1:0', audio: slin16}",
        extra="records: {traces: true, calls: true, wire: true}\n",
    )
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as bot:
        agent = Phone()
        host, port = agent.wait_for_call(refusal="486 Busy Here")
        caller = Caller(bed, bot, agent=f"{host}:{port}", codec="slin16")
        caller.phone.press("2", at_s=0.5)
        bot.wait_for("call.transfer_failed", to="400", reason="busy")
        caller.phone.listen()
        caller.phone.press("42")
        caller.done()
    [line] = (folder / "records" / "calls.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["caller"], record["called"], record["variables"]["code"]) == (
        "1000",
        "agi",
        "42",
    )
    recorded = soundfile.info(record["files"]["recording"])
    assert recorded.samplerate == 16000
    assert recorded.duration > 3
    assert main(["replay", record["files"]["trace"]]) == 0


@pytest.mark.parametrize(("codec", "wide"), [("slin16", True), ("ulaw", False)])
def test_who_has_a_wideband_codec_hears_wide_band_through_the_8_khz_leg(
    bed: Bed, bot: Bot, codec: str, wide: bool
) -> None:
    caller = Caller(bed, bot, codec=codec)
    caller.phone.listen()
    caller.phone.press("4")
    report = caller.done()
    spectrum = np.abs(np.fft.rfft(report.heard.astype(np.float64))) ** 2
    above = spectrum[round(len(spectrum) * 4500 / (report.rate_hz / 2)) :].sum()
    assert (above > 1e-4 * spectrum.sum()) == wide
