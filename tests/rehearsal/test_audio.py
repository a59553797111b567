"""Tests in audio: a real caller's voice, line, ear and recogniser, in a time of their own."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
import pytest
import soundfile
import trio
import trio._core._run as trio_run
from click.testing import CliRunner

from tests.bot import MODELS
from voicebot.commands.sound_options import SoundOptions, sound_options
from voicebot.flow.check import checked_flow
from voicebot.flow.model import Flow
from voicebot.rehearsal import virtual
from voicebot.rehearsal.audio import AudioStage, wav_name
from voicebot.rehearsal.engines import BOT, CALLER, RepeatableVoice
from voicebot.rehearsal.impairments import Codec, Noise, Sound
from voicebot.rehearsal.outcome import Mode, Outcome, Who

VOSK = {"en-US": MODELS / "vosk-tiny-en-8k"}
PIPER = {"en-US": MODELS / "voicebot-en_US-tiny.onnx"}

FLOW = """
voicebot: 1
flow: shop
start: main
vars: {order: null, message: null}
on:
  operator: {answers: [operator], keys: "0", goto: operator}
  queue: {keys: "8", goto: queue}
  failed: {goto: bye}
  hangup: {do: [{log: "left in ${call.node}"}]}
nodes:
  main:
    - menu:
        say: "Sales or support?"
        choices:
          - {answers: [sales], keys: "1", goto: sales}
          - {answers: [support], keys: "2", goto: tape}
        no_input: "Nothing heard."
        no_match: "Sorry."
  sales:
    - ask: {to: order, type: digits, length: 3, say: "Your order?"}
    - http: {get: "http://shop.test/orders", hold: "One moment.", to: found}
    - say: "It has status ${found.status}."
    - goto: bye
  tape:
    - record: {to: message, say: "Please speak.", silence: 1s}
    - goto: bye
  operator: [{say: "I connect you."}, {transfer: {to: "400", whisper: "A call from sales.", failed: {goto: bye}}}]
  queue: [{transfer: {queue: sales, announce: "Please hold.", failed: {do: [{say: "It is ${call.transfer}."}, {goto: main}]}}}]
  bye: [{say: "Goodbye."}, hangup]
tests:
"""

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def stage(cache: Path) -> Iterator[AudioStage]:
    with AudioStage(VOSK, PIPER, cache) as stage:
        yield stage


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flows")


class Plays:
    """Plays tests that are written as YAML steps."""

    def __init__(self, stage: AudioStage, folder: Path) -> None:
        self.stage, self.folder, self.flow = stage, folder, self._load(folder, ["- bot: sales"])

    def __call__(self, *steps: str, call: str = "{}", sound: Sound | None = None) -> Outcome:
        # The flow that is there stays, and with it what is rendered of it.
        test = self._load(self.folder, steps, call).tests[0]
        return self.stage.run(self.flow, test, sound or Sound())

    @staticmethod
    def _load(folder: Path, steps: tuple[str, ...] | list[str], call: str = "{}") -> Flow:
        path = folder / "shop.yaml"
        lines = "".join(f"      {step}\n" for step in steps)
        path.write_text(f"{FLOW}  - name: a test\n    call: {call}\n    steps:\n{lines}")
        flow, findings = checked_flow(path)
        assert flow is not None, findings
        return flow


@pytest.fixture(scope="module")
def plays(stage: AudioStage, folder: Path) -> Plays:
    return Plays(stage, folder)


ORDER = (
    '- bot: "Sales or support"',
    "- caller: sales",
    "- {bot: Your order, within: 350ms}",
    "- caller: four two one",
    "- {bot: One moment, within: 350ms}",
    '- {bot: "status 200", within: 3s}',
    "- bot: Goodbye",
    '- ends: {by: bot, vars: {order: "421"}}',
)
SHOP = '{http: {"GET /orders": 200}}'


def passed(outcome: Outcome) -> Outcome:
    assert outcome.failure is None, f"{outcome.failure}\n" + "\n".join(map(str, outcome.exchange))
    return outcome


def test_a_spoken_test_is_heard_and_answered_in_time(plays: Plays) -> None:
    outcome = passed(plays(*ORDER, call=SHOP))
    assert outcome.mode is Mode.AUDIO
    answers = [line.response_ms for line in outcome.exchange if line.response_ms is not None]
    assert answers[0] <= 140  # from the beginning of the call; the s of "Sales" is not loud
    assert all(100 <= ms <= 350 for ms in answers[1:])
    assert outcome.call_s == pytest.approx(7, abs=1)
    assert outcome.taken


def test_ten_runs_are_the_same_to_the_millisecond(plays: Plays) -> None:
    sound = Sound(loss=0.02, echo_db=-30)
    runs = [plays(*ORDER, call=SHOP, sound=sound) for _ in range(10)]
    assert all(replace(run, seconds=0.0) == replace(runs[0], seconds=0.0) for run in runs)


def test_so_it_is_with_nothing_in_the_cache(plays: Plays, tmp_path: Path) -> None:
    first = plays(*ORDER, call=SHOP)
    with AudioStage(VOSK, PIPER, tmp_path) as stage:
        again = stage.run(plays.flow, first.conversation, Sound())
    assert again.exchange == first.exchange


def test_it_is_ten_times_as_quick_as_the_call(plays: Plays) -> None:
    began = time.process_time()  # a busy machine does not count
    outcome = plays(*ORDER, call=SHOP)
    assert outcome.call_s > 10 * (time.process_time() - began)


def test_an_answer_that_comes_too_late_fails_and_tells_why(plays: Plays) -> None:
    outcome = plays('- bot: "Sales"', "- caller: sales", "- {bot: Your order, within: 20ms}")
    assert outcome.failure is not None
    assert '"Your order" came after ' in outcome.failure.message
    assert "not within 20 ms (endpoint: complete" in outcome.failure.message
    assert outcome.failure.mark.line == len(FLOW.splitlines()) + 6


def test_what_was_heard_in_place_of_what_was_said_is_told(plays: Plays) -> None:
    outcome = plays('- bot: "Sales"', "- caller: support", "- bot: Your order")
    assert outcome.failure is not None
    assert 'it heard "support", it said "Please speak."' in outcome.failure.message


def test_keys_are_pressed_and_answered_at_once(plays: Plays) -> None:
    outcome = passed(
        plays(
            '- bot: "Sales"',
            '- caller: {keys: "1"}',
            "- {bot: Your order, within: 40ms}",
            '- caller: {keys: "421"}',
            "- {bot: One moment, within: 40ms}",
            '- ends: {vars: {order: "421"}}',
            call=SHOP,
        )
    )
    pressed = [line.at_s for line in outcome.exchange if line.text == "[421]"]
    answer = next(line for line in outcome.exchange if line.text == "One moment.")
    assert answer.at_s - pressed[0] == pytest.approx(0.26, abs=0.021)  # two gaps of 120 ms


def test_an_early_answer_stops_the_prompt(plays: Plays) -> None:
    outcome = passed(plays('- bot: "Sales"', "- {caller: sales, early: true}", "- bot: Your order"))
    bot, caller, _ = (line for line in outcome.exchange if line.who is not Who.CALL)
    assert caller.at_s - bot.at_s == pytest.approx(0.6, abs=0.03)


def test_a_silent_caller_is_asked_again_and_one_who_hangs_up_has_left(plays: Plays) -> None:
    passed(
        plays(
            '- bot: "Sales"',
            '- caller: ""',
            "- bot: Nothing heard",
            "- caller: {hangup: true}",
            "- ends: {by: caller, node: main, logged: left in main}",
        )
    )


def test_a_transfer_that_nobody_takes_comes_back(plays: Plays) -> None:
    steps = ('- bot: "Sales"', '- caller: {keys: "0"}', "- bot: I connect you")
    passed(plays(*steps, "- bot: Goodbye", "- ends: bot", call='{transfers: {"400": busy}}'))
    taken = plays(*steps, '- ends: {by: transfer, to: "400"}')
    passed(taken)
    assert "A call from sales." not in [line.text for line in taken.exchange]


def test_a_queue_without_agents_leads_back_and_the_caller_is_heard_as_before(plays: Plays) -> None:
    outcome = plays(
        '- bot: "Sales"',
        '- caller: {keys: "8"}',
        "- bot: Please hold",
        '- caller: {keys: "111", early: true}',
        "- bot: [It is empty, Sales or support]",
        "- caller: sales",
        "- {bot: Your order, within: 350ms}",
        "- caller: {hangup: true}",
        "- ends: {by: caller, node: sales}",
        call="{transfers: {queue sales: empty}}",
    )
    passed(outcome)


def test_a_message_is_recorded(plays: Plays) -> None:
    passed(
        plays(
            '- bot: "Sales"',
            '- caller: {keys: "2"}',
            "- bot: Please speak",
            "- caller: please call me back tomorrow",
            "- bot: Goodbye",
            "- ends: {by: bot, vars: {message: recording-1.wav}}",
        )
    )


def test_a_server_of_which_the_test_says_nothing_is_asked_for(plays: Plays) -> None:
    outcome = plays(*ORDER)
    assert outcome.failure is not None
    assert 'add to `call:` of the test  http: {"GET /orders"' in outcome.failure.message


def test_what_must_not_be_logged_is_looked_for_in_the_real_log(plays: Plays) -> None:
    outcome = plays(*ORDER[:-1], "- ends: {never_logged: complete}", call=SHOP)
    assert outcome.failure is not None
    assert '"complete" is not to be kept, but the log has it' in outcome.failure.message


def test_another_seed_is_another_noise(plays: Plays) -> None:
    steps = ('- bot: "Sales"', "- caller: sales", "- bot: Your order")
    outcomes = [plays(*steps, sound=Sound(loss=0.3, seed=seed)) for seed in range(3)]
    assert len({outcome.exchange for outcome in outcomes}) > 1


def test_a_recording_is_played_at_the_level_of_a_telephone(plays: Plays, cache: Path) -> None:
    speech = RepeatableVoice(PIPER, cache, CALLER).speak("sales", "en-US")
    samples = memoryview(speech.pcm).cast("h")
    path = plays.folder / "sales.wav"
    soundfile.write(path, [sample / 32768 / 50 for sample in samples], speech.rate_hz)
    passed(
        plays('- bot: "Sales"', '- caller: {wav: "sales.wav", text: sales}', "- bot: Your order")
    )


@pytest.mark.parametrize(
    "sound",
    [
        Sound(snr_db=None),
        Sound(codec=Codec.ALAW, noise=Noise.PINK),
        Sound(loss=0.02, seed=1),
        Sound(echo_db=-24, echo_delay_s=0.2),
        Sound(codec=Codec.NONE, rate_hz=16000, echo_db=-30),
    ],
    ids=str,
)
def test_a_call_stands_what_lines_are_like(plays: Plays, sound: Sound) -> None:
    passed(plays(*ORDER, call=SHOP, sound=sound))


ECHO = Sound(echo_db=-12, echo_delay_s=0.12)


def test_the_bots_echo_is_as_if_it_were_not_there(plays: Plays) -> None:
    """Not a millisecond's pause in a prompt, and nothing that answers for the caller."""
    steps = ('- bot: "Sales"', "- caller: {silence: true}", "- bot: Nothing heard", "- bot: Sales")
    plain, echoed = passed(plays(*steps)), passed(plays(*steps, sound=ECHO))
    assert echoed.exchange == plain.exchange


@pytest.mark.parametrize("echo_db", [-6.0, -12.0, -18.0])
@pytest.mark.parametrize("delay_s", [0.02, 0.12, 0.4])
def test_who_interrupts_is_heard_above_the_echo(
    plays: Plays, echo_db: float, delay_s: float
) -> None:
    sound = Sound(echo_db=echo_db, echo_delay_s=delay_s)
    early = ('- bot: "Sales"', "- {caller: support, early: true}", "- bot: Please speak")
    passed(plays(*early, sound=sound))


def test_each_call_can_be_listened_to(plays: Plays, cache: Path, tmp_path: Path) -> None:
    test = plays('- bot: "Sales"', "- caller: sales", "- bot: Your order").conversation
    with AudioStage(VOSK, PIPER, cache, wav_folder=tmp_path) as stage:
        outcome = stage.run(plays.flow, test, Sound())
    samples, rate_hz = soundfile.read(tmp_path / "shop-a-test.wav")
    assert (rate_hz, samples.shape[1]) == (8000, 2)
    assert len(samples) / rate_hz == pytest.approx(outcome.call_s, abs=0.05)


class StoppedByCtrlC:
    """A calendar that somebody presses Ctrl-C in."""

    def open_at(self, moment: datetime) -> bool:
        raise KeyboardInterrupt


def test_ctrl_c_ends_a_call_in_which_no_time_goes_on(cache: Path, folder: Path) -> None:
    path = folder / "open.yaml"
    path.write_text(
        "voicebot: 1\n"
        "nodes: {main: [{if: \"hours('shop')\", then: [{say: Hello.}]}, hangup]}\n"
        "tests: [{name: a test, steps: [{bot: hello}]}]\n"
    )
    flow, findings = checked_flow(path)
    assert flow is not None, findings
    calendars = {"shop": StoppedByCtrlC()}
    with (
        AudioStage(VOSK, PIPER, cache, calendars=calendars) as stopped,
        pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True),
    ):
        stopped.run(flow, flow.tests[0], Sound())


def test_a_wav_has_a_name_that_every_file_system_takes() -> None:
    assert wav_name("shop", "No, thanks: 1/2?") == "shop-no-thanks-1-2.wav"


def test_a_voice_says_a_text_alike_whatever_it_said_before(tmp_path: Path) -> None:
    one, two = (RepeatableVoice(PIPER, tmp_path / name, BOT) for name in ("one", "two"))
    two.speak("something else", "en-US")
    assert one.speak("sales", "en-US") == two.speak("sales", "en-US")
    assert RepeatableVoice(PIPER, tmp_path / "one", BOT).speak("sales", "en-US") == one.speak(
        "sales", "en-US"
    )
    assert RepeatableVoice(PIPER, tmp_path / "one", CALLER).speak("sales", "en-US") != one.speak(
        "sales", "en-US"
    )


def test_tasks_run_in_the_order_of_their_birth_and_trio_is_left_as_it_was() -> None:
    before = vars(trio_run).copy()
    order: list[int] = []

    async def note(number: int) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
            order.append(number)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(note, number)

    with virtual.in_order():
        trio.run(main)
    assert order == [*range(5)] * 3
    assert vars(trio_run)["_r"] is before["_r"]


def test_virtual_time_waits_for_threads() -> None:
    done: list[float] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:

            async def work() -> None:
                await trio.to_thread.run_sync(time.sleep, 0.05)
                done.append(trio.current_time())

            nursery.start_soon(work)
            await clock.go_on_to(1.0)
            await clock.go_on_to(2.0)

    clock = virtual.VirtualTime()
    trio.run(main, clock=clock.clock)
    assert done == [1.0]


# The options of the command ----------------------------------------------------------------------


def given(*arguments: str) -> SoundOptions | str:
    taken: list[SoundOptions] = []

    @click.command()
    @sound_options
    def command(sound: SoundOptions) -> None:
        taken.append(sound)

    result = CliRunner().invoke(command, arguments)
    return taken[0] if taken else result.output


def test_without_options_the_line_is_the_one_flows_are_tested_with() -> None:
    assert given() == SoundOptions(Sound(), None)


def test_options_say_what_the_line_is_like() -> None:
    assert given(
        "--snr", "none", "--loss", "1%", "--echo", "-24", "--echo-delay", "200ms",
        "--codec", "alaw", "--noise", "pink", "--seed", "7", "--wav", "heard",
    ) == SoundOptions(
        Sound(Codec.ALAW, None, Noise.PINK, 0.01, -24.0, 0.2, 7), Path("heard")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--snr", "loud"), '"loud" is no level: write decibels, such as 20, or none'),
        (("--loss", "120%"), '"120%" is no share of the packets: write 1%, or 0.01'),
        (("--echo", "6"), "an echo of 6 dB would be louder than the bot: 0 or less"),
        (("--echo-delay", "2s"), '"2s" is no delay of an echo: 20ms to 400ms'),
    ],
)
def test_a_wrong_option_says_what_is_right(arguments: tuple[str, str], message: str) -> None:
    output = given(*arguments)
    assert isinstance(output, str)
    assert message in output
