"""The scripted caller, against a small AudioSocket server in the same event loop, at real time."""

import json
import math
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import click
import numpy as np
import pytest
import soundfile
import trio
import vosk
from click.testing import CliRunner

from voicebot import cli
from voicebot.commands import codes
from voicebot.line.audio import level_dbfs, resample, silence
from voicebot.line.audiosocket import (
    HANGUP,
    RATES,
    Audio,
    Decoder,
    Hangup,
    Identified,
    Key,
    Message,
    PeerError,
    Unknown,
    encode,
)
from voicebot.phone import (
    BotQuiet,
    BotSpeaks,
    CallReport,
    Connected,
    End,
    Ended,
    HangUp,
    Limits,
    NobodyAnswersError,
    PhoneError,
    PhoneEvent,
    Play,
    Press,
    Say,
    Step,
    StepBegan,
    Turn,
    Wait,
    WaitExpired,
    WaitForBot,
    place_call,
)
from voicebot.phone.command import ScriptCommand, event_line, script_options, summary_lines
from voicebot.phone.report import Action, BotChannel, Spurt, measure
from voicebot.phone.script import prepare, read_sound, voiced
from voicebot.speaking.synthesiser import Speech

FRAME_S = 0.02
# What is exact on an idle machine gets a frame of room: others use the cores too.
CLOSE_S = 0.02
UUID_1 = UUID("12345678-1234-1234-1234-123456789abc")
MODELS = Path(__file__).parents[1] / "models"


def tone(seconds: float, rate_hz: int = 8000, dbfs: float = -20.0) -> bytes:
    n = np.arange(round(seconds * rate_hz))
    peak = 32768 * 10 ** (dbfs / 20) * math.sqrt(2)
    return (np.sin(2 * np.pi * 440 * n / rate_hz) * peak).astype("<i2").tobytes()


def hush(seconds: float, rate_hz: int = 8000) -> bytes:
    return bytes(round(seconds * rate_hz) * 2)


# ---------------------------------------------------------------- a bot to call


@dataclass
class Bot:
    """One call at the server's end. Speaks tones when told, else silence, 20 ms at a time."""

    stream: trio.SocketStream
    rate_hz: int = 8000
    heard: list[tuple[float, Message]] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    ended: trio.Event = field(default_factory=trio.Event)
    on_message: Callable[["Bot", float, Message], None] = lambda *_: None
    speak_from_s: float = math.inf
    speak_until_s: float = -math.inf
    loud_s: list[float] = field(default_factory=list)
    quit: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def listen(self) -> None:
        decoder = Decoder()
        # A caller that closes with unread frames of ours resets the connection, as Asterisk does.
        with suppress(trio.BrokenResourceError):
            while data := await self.stream.receive_some(65536):
                now_s = trio.current_time()
                self.reads.append(len(data))
                for message in decoder.feed(data):
                    self.heard.append((now_s, message))
                    self.on_message(self, now_s, message)
        self.ended.set()
        self.quit.cancel()

    async def speak(self) -> None:
        frame = Audio(self.rate_hz, tone(FRAME_S, self.rate_hz))
        quiet = Audio(self.rate_hz, silence(self.rate_hz))
        due_s = trio.current_time()
        while True:
            now_s = trio.current_time()
            loud = self.speak_from_s <= now_s < self.speak_until_s
            if loud:
                self.loud_s.append(now_s)
            with suppress(trio.BrokenResourceError):
                await self.stream.send_all(encode(frame if loud else quiet))
            due_s += FRAME_S
            await trio.sleep_until(due_s)

    def say(self, from_s: float, for_s: float) -> None:
        self.speak_from_s, self.speak_until_s = from_s, from_s + for_s

    async def run(self) -> None:
        with self.quit:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.listen)
                nursery.start_soon(self.speak)


@asynccontextmanager
async def serving(answer: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[int]:
    """A port on which each connection is given to `answer`, then closed."""

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            await answer(stream)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, handle, 0)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def call_bot(
    steps: Sequence[Step],
    on_message: Callable[[Bot, float, Message], None] = lambda *_: None,
    *,
    rate_hz: int = 8000,
    on_event: Callable[[PhoneEvent], None] | None = None,
    limits: Limits | None = None,
) -> tuple[CallReport, Bot]:
    bots = []

    async def answer(stream: trio.SocketStream) -> None:
        bots.append(Bot(stream, rate_hz, on_message=on_message))
        await bots[0].run()

    async with serving(answer) as port:
        with trio.fail_after(10):
            report = await place_call(
                "127.0.0.1",
                port,
                steps,
                rate_hz=rate_hz,
                uuid=UUID_1,
                on_event=on_event,
                limits=limits,
            )
            await bots[0].ended.wait()
    return report, bots[0]


def answering(delay_s: float, for_s: float = 0.3) -> Callable[[Bot, float, Message], None]:
    """A bot that speaks a fixed time after the last loud frame, or after a key."""

    def on_message(bot: Bot, now_s: float, message: Message) -> None:
        loud = isinstance(message, Audio) and level_dbfs(message.pcm) > -45
        if loud or isinstance(message, Key):
            bot.say(now_s + delay_s, for_s)

    return on_message


def close(value: float | None, expected: float) -> bool:
    return value is not None and abs(value - expected) <= CLOSE_S


# ---------------------------------------------------------------- the wire


async def test_identifies_itself_then_sends_a_frame_every_20_ms() -> None:
    report, bot = await call_bot([Wait(0.5), HangUp()])
    assert bot.reads[0] == 19
    assert bot.heard[0][1] == Identified(UUID_1)
    frames = bot.heard[1:]
    assert len(frames) == 25
    assert {message for _, message in frames} == {Audio(8000, silence(8000))}
    gaps = np.diff([at_s for at_s, _ in bot.heard])
    assert np.all(np.abs(gaps - FRAME_S) < CLOSE_S)
    assert close(frames[-1][0] - bot.heard[0][0], 0.5)
    assert report.uuid == UUID_1
    assert report.ended is End.CALLER_HUNG_UP
    assert report.clean
    assert close(report.first_frame_s, 0.0)
    assert report.first_loud_s is None
    assert not any(isinstance(message, Hangup) for _, message in bot.heard)


async def test_speaks_all_nine_rates() -> None:
    reports: dict[int, tuple[CallReport, Bot]] = {}

    async def one(rate_hz: int) -> None:
        sound = Play(Speech(16000, tone(0.1, 16000)))
        reports[rate_hz] = await call_bot([sound, HangUp()], rate_hz=rate_hz)

    async with trio.open_nursery() as nursery:
        for rate_hz in RATES:
            nursery.start_soon(one, rate_hz)
    for rate_hz, (report, bot) in reports.items():
        frames = [message for _, message in bot.heard if isinstance(message, Audio)]
        assert {(frame.rate_hz, len(frame.pcm)) for frame in frames} == {
            (rate_hz, rate_hz // 50 * 2)
        }
        assert len(frames) == 5
        assert report.caller_pcm.startswith(b"".join(frame.pcm for frame in frames))
        assert report.rate_hz == rate_hz


async def test_presses_keys_with_the_audio_off_while_they_are_down() -> None:
    report, bot = await call_bot([Wait(0.1), Press("1#"), HangUp()], answering(0.06))
    keys = [(at_s, m.digit) for at_s, m in bot.heard if isinstance(m, Key)]
    assert [digit for _, digit in keys] == ["1", "#"]
    assert close(keys[1][0] - keys[0][0], 0.2)
    for key_s, _ in keys:
        before_s = max(at_s for at_s, m in bot.heard if isinstance(m, Audio) and at_s < key_s)
        assert close(key_s - before_s, 0.1)
    # The bot spoke after the first key and was cut short by the second.
    (turn,) = report.turns
    assert turn.what == "press 1#"
    assert close(turn.done_s - turn.onset_s, 0.2)
    assert len(report.caller_pcm) >= len(hush(0.1 + 0.2 + 0.2))


# ---------------------------------------------------------------- what is measured


@pytest.mark.parametrize("delay_s", [0.12, 0.3])
async def test_measures_the_response_to_speech_from_the_last_voiced_frame(delay_s: float) -> None:
    sound = Play(Speech(8000, hush(0.05) + tone(0.3) + hush(0.15)))
    report, bot = await call_bot([sound, WaitForBot(quiet_s=0.1), HangUp()], answering(delay_s))
    (turn,) = report.turns
    loud_s = [m_s for m_s, m in bot.heard if isinstance(m, Audio) and level_dbfs(m.pcm) > -45]
    began_s = bot.heard[0][0]
    assert close(turn.onset_s, loud_s[0] - began_s)
    assert close(turn.done_s, loud_s[-1] - began_s)
    assert close(turn.answer_s, bot.loud_s[0] - began_s)
    assert close(turn.response_s, bot.loud_s[0] - loud_s[-1])
    assert delay_s - CLOSE_S <= (turn.response_s or 0) <= delay_s + FRAME_S + CLOSE_S
    assert turn.stopped_s is None
    assert close(report.first_loud_s, turn.answer_s or 0)
    assert report.expired == ()


async def test_measures_the_response_to_a_key() -> None:
    steps: list[Step] = [Wait(0.1), Press("5"), WaitForBot(quiet_s=0.1), HangUp()]
    report, bot = await call_bot(steps, answering(0.1))
    (key_s,) = [at_s for at_s, m in bot.heard if isinstance(m, Key)]
    (turn,) = report.turns
    assert close(turn.response_s, bot.loud_s[0] - key_s)


async def test_measures_barge_in_to_silence() -> None:
    stopped: list[float] = []

    def on_message(bot: Bot, now_s: float, message: Message) -> None:
        if isinstance(message, Identified):
            bot.say(now_s, 5)
        elif isinstance(message, Audio) and any(message.pcm) and not stopped:
            stopped.append(now_s)
            bot.speak_until_s = now_s + 0.16

    steps: list[Step] = [WaitForBot(quiet_s=0), Wait(0.2), Play(Speech(8000, tone(0.5))), HangUp()]
    report, bot = await call_bot(steps, on_message)
    (turn,) = report.turns
    assert close(turn.stopped_s, bot.loud_s[-1] - stopped[0])
    assert turn.response_s is None


async def test_lays_both_channels_on_one_time_line(tmp_path: Path) -> None:
    steps: list[Step] = [
        Wait(0.2),
        Play(Speech(8000, tone(0.2))),
        WaitForBot(quiet_s=0.1),
        HangUp(),
    ]
    report, bot = await call_bot(steps, answering(0.2))
    path = tmp_path / "both.wav"
    report.write_stereo(path)
    samples, rate_hz = soundfile.read(path)
    assert rate_hz == 8000
    assert samples.shape == (len(report.caller_pcm) // 2, 2)
    caller, robot = (np.nonzero(np.abs(samples[:, side]) > 0.01)[0] / rate_hz for side in (0, 1))
    assert close(caller[0], 0.2)
    assert close(caller[-1], 0.4)
    assert close(robot[0], bot.loud_s[0] - bot.heard[0][0])
    assert close(robot[-1] - robot[0], len(bot.loud_s) * FRAME_S)
    with pytest.raises(OSError, match="nowhere"):
        report.write_stereo(tmp_path / "nowhere" / "both.wav")


async def test_resamples_what_the_bot_sends_at_another_rate() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        for _ in range(10):
            await stream.send_all(encode(Audio(16000, tone(FRAME_S, 16000))))
            await trio.sleep(FRAME_S)
        await stream.send_all(HANGUP)

    async with serving(answer) as port:
        report = await place_call("127.0.0.1", port, [])
    assert abs(len(report.bot_pcm) - len(hush(0.2))) <= len(hush(0.04))
    assert abs(level_dbfs(report.bot_pcm) + 20) < 2


async def test_tells_what_happens_as_it_happens() -> None:
    events: list[PhoneEvent] = []
    steps: list[Step] = [
        Wait(0.1),
        Press("1"),
        WaitForBot(quiet_s=0.7),
        WaitForBot(limit_s=0.1),
        HangUp(),
    ]
    report, _ = await call_bot(steps, answering(0.2), on_event=events.append)
    assert [type(event) for event in events] == [
        Connected,
        StepBegan,
        StepBegan,
        StepBegan,
        BotSpeaks,
        BotQuiet,
        StepBegan,
        WaitExpired,
        StepBegan,
        Ended,
    ]
    spoke = next(event for event in events if isinstance(event, BotSpeaks))
    assert spoke.response_s == report.turns[0].response_s
    assert report.expired == ("wait for the bot",)


# ---------------------------------------------------------------- ends


async def end_of(answer: Callable[[trio.SocketStream], Awaitable[None]]) -> CallReport:
    async with serving(answer) as port:
        with trio.fail_after(5):
            return await place_call("127.0.0.1", port, [Wait(3)])


async def greet(stream: trio.SocketStream) -> None:
    await stream.receive_some(19)
    await stream.send_all(encode(Audio(8000, tone(FRAME_S))))


async def test_the_bot_hangs_up() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await greet(stream)
        await stream.send_all(HANGUP)
        await stream.send_eof()
        while await stream.receive_some():
            pass

    report = await end_of(answer)
    assert report.ended is End.BOT_HUNG_UP
    assert not report.ended.by_caller
    assert report.duration_s < 0.2
    assert report.clean


async def test_the_bot_goes_away_without_a_word() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await greet(stream)
        await stream.send_eof()
        while await stream.receive_some():
            pass

    report = await end_of(answer)
    assert report.ended is End.BOT_CLOSED
    assert not report.clean


async def test_the_bot_resets_the_connection() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await greet(stream)
        linger = b"\1\0\0\0\0\0\0\0"
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    assert (await end_of(answer)).ended is End.BOT_RESET


async def test_a_bot_that_never_hangs_up_is_left() -> None:
    report, _ = await call_bot([], limits=Limits(stay_s=0.2))
    assert report.ended is End.LIMIT
    assert close(report.duration_s, 0.2)
    report, _ = await call_bot([Wait(10)], limits=Limits(call_s=0.2))
    assert report.ended is End.LIMIT


async def test_what_an_asterisk_would_drop_the_call_for_is_noted() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await greet(stream)
        await stream.send_all(encode(Key("1")) + b"\x42\0\1x" + encode(Audio(8000, b"abc")))
        await stream.send_all(encode(Audio(8000, b"")) + encode(PeerError(1)) + b"\x10\1")
        await trio.sleep(0.03)
        await stream.send_all(b"\x40" + bytes(320) + HANGUP + encode(Audio(8000, b"ab")))

    report = await end_of(answer)
    assert [violation.split(": ", 1)[1] for violation in report.violations] == [
        "Key from a server",
        "kind 0x42 with 1 bytes",
        "audio of 3 bytes: an odd number",
        "audio of no bytes",
        "PeerError from a server",
        "a message in pieces",
        "Audio after the hangup",
    ]
    assert report.ended is End.BOT_HUNG_UP
    assert not report.clean


async def test_what_is_not_audiosocket_ends_the_call() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.send_all(b"\1\0\5hello")
        await trio.sleep(1)

    assert (await end_of(answer)).ended is End.BOT_BABBLED


async def test_nobody_answers() -> None:
    with socket.socket() as sock:  # bound, but not listening
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(
            NobodyAnswersError, match=rf"127.0.0.1:{port} \(Connection refused\).*voicebot run"
        ):
            await place_call("127.0.0.1", port, [])


# ---------------------------------------------------------------- the script


async def test_a_script_that_cannot_be_carried_out_is_not_begun(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    cases: list[tuple[Step, str]] = [
        (Press("1x"), '"1x" cannot be pressed'),
        (Press(""), "cannot be pressed"),
        (Play(broken), "broken.wav: cannot be read as sound"),
        (Play(tmp_path / "none.wav"), "none.wav: cannot be read as sound"),
        (Say("hello"), "no voice"),
    ]
    for step, complaint in cases:
        with pytest.raises(PhoneError, match=complaint):
            await place_call("127.0.0.1", 1, [step])


async def test_sounds_of_any_rate_and_channels_are_made_into_frames(tmp_path: Path) -> None:
    path = tmp_path / "stereo.flac"
    left = np.frombuffer(hush(0.1, 22050) + tone(0.2, 22050) + hush(0.1, 22050), "<i2")
    soundfile.write(path, np.column_stack([left, left]), 22050)
    assert level_dbfs(read_sound(path).pcm) == pytest.approx(-23, abs=0.5)
    ((_, clip),) = await prepare([Play(path)], 16000, None)
    assert {len(frame) for frame in clip.frames} == {640}
    assert (len(clip.frames), clip.onset, clip.last) == (20, 5, 14)


@pytest.mark.parametrize(
    ("pcm", "span"),
    [
        (b"", None),
        (hush(1), None),
        (tone(0.1, dbfs=-50), None),
        (hush(0.05) + tone(0.1) + hush(0.1), (0.05, 0.15)),
        (tone(0.1, dbfs=-40) + hush(0.1), (0.0, 0.1)),
        # A murmur 40 dB under the voice is not voice.
        (tone(0.1, dbfs=-43) + tone(0.1, dbfs=-3), (0.1, 0.2)),
    ],
)
def test_voiced(pcm: bytes, span: tuple[float, float] | None) -> None:
    assert voiced(pcm, 8000) == (span and pytest.approx(span, abs=0.001))


# ---------------------------------------------------------------- the bot's channel, without a wire


def channel(*frames: tuple[float, bool]) -> BotChannel:
    bot = BotChannel()
    for at_s, loud in frames:
        bot.take(Audio(8000, tone(FRAME_S) if loud else silence(8000)), at_s)
    return bot


def test_gaps_and_leads() -> None:
    assert channel((0.0, True), (0.02, True), (0.055, True)).gaps == 0
    bot = channel((0.0, True), (0.02, True), (0.10, True))
    assert bot.gaps == 1
    assert len(bot.pcm(8000)) == len(hush(0.12))
    burst = channel(*((0.0, True) for _ in range(10)))
    assert burst.max_ahead_s == pytest.approx(0.18)
    assert len(burst.pcm(8000)) == len(hush(0.2))
    assert BotChannel().pcm(8000) == b""


def test_a_spurt_ends_with_200_ms_of_quiet() -> None:
    bot = channel((0.0, False), (0.02, True), (0.2, True), (0.38, False), (0.41, True))
    assert bot.spurts == [Spurt(0.02, 0.2, 0.02), Spurt(0.41, 0.41, 0.41)]


def test_a_spurt_may_begin_quietly() -> None:
    bot = channel((0.0, False))
    for at_s, dbfs in ((0.02, -60), (0.04, -50), (0.06, -20)):
        bot.take(Audio(8000, tone(FRAME_S, dbfs=dbfs)), at_s)
    assert bot.spurts == [Spurt(0.06, 0.06, 0.02)]
    (turn,) = measure([Action("press 1", 0.01, 0.01, by_key=True)], bot.spurts)
    assert turn.response_s == pytest.approx(0.05)
    assert turn.first_frame_s == pytest.approx(0.01)
    noisy = BotChannel()
    for n in range(20):
        noisy.take(Audio(8000, tone(FRAME_S, dbfs=-20 if n == 19 else -60)), n * FRAME_S)
    assert noisy.spurts == [Spurt(0.38, 0.38, 0.38)]


def spurt(start_s: float, end_s: float) -> Spurt:
    return Spurt(start_s, end_s, start_s)


SPOKE = Action("say yes", onset_s=5.0, done_s=5.5, by_key=False)
PRESSED = Action("press 1", onset_s=5.0, done_s=5.0, by_key=True)


@pytest.mark.parametrize(
    ("action", "spurts", "response_s", "stopped_s"),
    [
        (SPOKE, [spurt(0, 3), spurt(5.7, 8)], 0.2, None),
        (SPOKE, [spurt(0, 3)], None, None),
        # Stopped by the caller, answered after it.
        (SPOKE, [spurt(3, 5.2), spurt(5.8, 8)], 0.3, 0.2),
        # Began before the caller was done.
        (SPOKE, [spurt(0, 3), spurt(5.4, 8)], -0.1, None),
        # Began while the caller spoke, but gave way.
        (SPOKE, [spurt(5.1, 5.3), spurt(5.7, 8)], 0.2, None),
        # Talked on over the caller.
        (SPOKE, [spurt(3, 7), spurt(8, 9)], None, 2.0),
        (PRESSED, [spurt(3, 5.02), spurt(7, 9)], 2.0, 0.02),
        # A new prompt without a pause cannot be told from the old one.
        (PRESSED, [spurt(3, 9)], None, None),
    ],
)
def test_turns(
    action: Action, spurts: list[Spurt], response_s: float | None, stopped_s: float | None
) -> None:
    ((turn),) = measure([action], spurts)
    assert turn.response_s == (response_s and pytest.approx(response_s))
    assert turn.stopped_s == (stopped_s and pytest.approx(stopped_s))


def test_an_answer_belongs_to_the_last_action_before_it() -> None:
    again = Action("say yes", onset_s=8.0, done_s=8.4, by_key=False)
    turns: tuple[Turn, ...] = measure([SPOKE, again], [spurt(9.0, 10.0)])
    assert [turn.response_s for turn in turns] == [None, pytest.approx(0.6)]


def test_any_message_but_audio_and_hangup_is_a_violation() -> None:
    bot = BotChannel()
    for message in (Identified(UUID_1), Unknown(2, 0), PeerError(1), Key("1"), Hangup()):
        bot.take(message, 1.0)
    assert len(bot.violations) == 4
    assert bot.violations[1] == "1.000: kind 0x02 with 0 bytes"


# ---------------------------------------------------------------- the command line


@click.command(cls=ScriptCommand)
@click.argument("address")
@script_options
@click.option("--rate", type=int)
def command(address: str, rate: int, steps: list[Step]) -> None:
    click.echo([address, rate, *steps])


def test_the_order_of_the_options_is_the_order_of_the_steps() -> None:
    line = "--wait bot --say hello --keys 1# h:1 --say=again --rate 8000 --wait 0.5 --keys *a"
    result = CliRunner().invoke(command, [*line.split(), "--wav", __file__, "--hangup"])
    steps = [
        WaitForBot(),
        Say("hello"),
        Press("1#"),
        Say("again"),
        Wait(0.5),
        Press("*A"),
        Play(Path(__file__)),
        HangUp(),
    ]
    assert result.output == f"{['h:1', 8000, *steps]}\n"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--wait soon", 'write a number of seconds, or "bot", not "soon"'),
        ("--wait -1", 'not "-1"'),
        ("--keys 1x", '"1X" cannot be pressed'),
        ("--wav nowhere.wav", "'nowhere.wav' does not exist"),
        ("--hangup --say hello", "nothing can follow"),
    ],
)
def test_a_wrong_option_is_a_matter_of_usage(line: str, complaint: str) -> None:
    result = CliRunner().invoke(command, ["h:1", *line.split()])
    assert result.exit_code == 2
    assert complaint in result.output


def test_what_is_printed_of_a_call() -> None:
    assert [
        event_line(event)
        for event in (
            Connected(UUID_1),
            BotSpeaks(0.03, None),
            BotQuiet(2.5),
            StepBegan(3.1, Say("yes")),
            BotSpeaks(3.9, 0.2134),
            WaitExpired(33.1, WaitForBot()),
            Ended(34.0, End.BOT_HUNG_UP),
        )
    ] == [
        f"   0.00  connected, call {UUID_1}",
        "   0.03    the bot speaks",
        "   2.50    the bot is quiet",
        '   3.10  say "yes"',
        "   3.90    the bot speaks, 0.213 s after the caller",
        "  33.10  wait for the bot: it was not heard, going on",
        "  34.00  the bot hung up",
    ]


async def test_the_summary_of_a_call() -> None:
    report, _ = await call_bot([Press("5"), WaitForBot(quiet_s=0.1), HangUp()], answering(0.1))
    first, frames, turn = summary_lines(report)
    assert first == (
        f"first frame {report.first_frame_s:.3f} s, first speech {report.first_loud_s:.3f} s"
        " after the UUID"
    )
    assert frames.startswith(
        f"{report.frames_received} frames in {report.duration_s:.2f} s, 0 gaps"
    )
    response_s, first_frame_s = report.turns[0].response_s, report.turns[0].first_frame_s
    assert turn == (
        f"press 5: answered after {response_s:.3f} s, first frame after {first_frame_s:.3f} s"
    )


def one_call(listener: socket.socket, goodbye: bytes) -> None:
    """Answer one call with a frame and the given last words."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(19)
        connection.sendall(encode(Audio(8000, tone(FRAME_S))) + goodbye)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


@pytest.mark.parametrize(("goodbye", "code"), [(HANGUP, codes.FINE), (b"", codes.FINDINGS)])
def test_the_verb(
    goodbye: bytes, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "both.wav"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        answer = threading.Thread(target=one_call, args=(listener, goodbye))
        answer.start()
        args = ["call", address, "--wait", "5", "--out", str(out), "--rate", "16000"]
        assert cli.main([*args, "-c", str(tmp_path / "none.yaml")]) == code
        answer.join()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("   0.00  connected, call ")
    assert lines[-1] == f"written to {out}"
    assert soundfile.info(out).samplerate == 16000


def test_the_verb_calls_the_first_listener_of_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as sock:  # bound, but not listening
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        path = tmp_path / "config.yaml"
        path.write_text(
            f"voicebot: 1\nlisten: {{audiosocket: '0.0.0.0:{port}'}}\nroutes: [{{flow: a}}]\n"
        )
        assert cli.main(["call", "-c", str(path)]) == codes.ENVIRONMENT
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"voicebot: nobody listens at 127.0.0.1:{port} (Connection refused): ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["9092"], "write an address and a port"),
        (["--out", "call.xyz"], "does not end in a sound format"),
        (["--out", "nowhere/call.wav"], "there is no folder nowhere"),
        (["--rate", "11025"], "'11025' is not one of"),
    ],
)
def test_the_verbs_usage(
    args: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["call", *args]) == codes.USAGE
    assert complaint in capsys.readouterr().err


# ---------------------------------------------------------------- the caller's voice

ANSWERS = "appointment,opening hours,yes,no,one,two,three,four,five,six,seven,eight,nine".split(",")


# wyoming takes audioop where Python still has it, and Python warns of that.
@pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning")
@pytest.mark.models
async def test_the_callers_voice_is_lower_and_understood() -> None:
    from voicebot.phone.voice import SHIPPED, CallerVoice  # noqa: PLC0415 - it warns, see above

    vosk.SetLogLevel(-1)
    model = vosk.Model(str(MODELS / "vosk-tiny-en-8k"))
    voice = CallerVoice(SHIPPED)
    heard = []
    for answer in ANSWERS:
        speech = await voice(f"{answer.capitalize()}.")
        pcm = hush(0.3) + resample(speech.pcm, speech.rate_hz, 8000) + hush(0.3)
        recogniser = vosk.KaldiRecognizer(model, 8000, json.dumps([*ANSWERS, "[unk]"]))
        recogniser.AcceptWaveform(pcm)
        heard.append(json.loads(recogniser.FinalResult())["text"])
    assert heard == ANSWERS
