"""The bot's own voice in the caller's channel: real voices, a hybrid, G.711, a real detector."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.speech.workers import LANGUAGE, PIPER_VOICE
from voicebot.hearing import echo as module
from voicebot.hearing.ear import RUN_UP_FRAMES, CallerEar, Utterance
from voicebot.hearing.echo import REST_FRAMES, Echo
from voicebot.hearing.endpoint import Patience
from voicebot.hearing.recording import Recording
from voicebot.line.audio import frame_bytes, level_dbfs, resample, silence
from voicebot.rehearsal.engines import BOT, CALLER, RepeatableVoice
from voicebot.rehearsal.impairments import CallersLine, Codec, Sound
from voicebot.rehearsal.speech import framed
from voicebot.speaking.playback import LEFT_FRAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROMPT = "Thank you for calling. Do you want to make an appointment, or to cancel one?"
SECOND = "Please tell me your date of birth and the name of your doctor."
SAID = "I want to cancel"
BEFORE_S = 0.6
"""The detector is cold at first."""
OPENED_S = 0.4
INTO_S = 2.0
ONSET_S = 0.2
"""From the caller's first sound to the frame in which the ear tells of him."""
FAINT_DB = -15
AUDIBLE_DBFS = -45
ECHOES = [(-6, 0.02), (-6, 0.4), (-12, 0.12), (-18, 0.4), (-24, 0.12)]

Frames = Sequence[bytes | None]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("voices")


@pytest.fixture(scope="module")
def bot(cache: Path) -> Callable[..., Frames]:
    return _speaker(cache, BOT)


@pytest.fixture(scope="module")
def caller(cache: Path) -> Callable[..., Frames]:
    return _speaker(cache, CALLER)


def _speaker(cache: Path, pitch: float) -> Callable[..., Frames]:
    voice = RepeatableVoice({LANGUAGE: PIPER_VOICE}, cache, pitch)

    def says(text: str, rate_hz: int = 8000, *, after_s: float = 0.0) -> Frames:
        spoken = framed(voice.speak(text, LANGUAGE), rate_hz).frames
        return [None] * round(after_s * 50) + list(spoken)

    return says


class Channel:
    """An ear at one end of a line, and at the other a caller in whose channel the bot comes back."""

    def __init__(self, sound: Sound, *, knows_the_bot: bool = True) -> None:
        self.line = CallersLine(sound, "a test")
        self.rate_hz = sound.rate_hz
        self.left: deque[bytes | None] = deque(maxlen=LEFT_FRAMES)
        self.ear = CallerEar(self._began, self.left if knows_the_bot else ())
        self.heard: list[bytes] = []
        """What came, frame by frame."""
        self.onsets_s: list[float] = []
        self.utterance: Utterance | None = None
        self._to_come: bytes | None = None
        """What the bot said in the slot before is heard by the caller in this one."""

    def _began(self, utterance: Utterance) -> None:
        self.onsets_s.append(len(self.heard) / 50)
        self.utterance = utterance

    def goes_on(self, bot: Frames, caller: Frames = (), *, open_s: float = OPENED_S) -> None:
        for said, spoken in zip_longest(bot, caller):
            if len(self.heard) == round(open_s * 50):
                self.ear.open(Patience.of(5.0), 60)
            there = self._to_come
            there = there and resample(there, len(there) // 2 * 50, self.rate_hz)
            frame = self.line.carry(spoken, there)
            self.heard.append(frame or silence(self.rate_hz))
            if frame is not None:
                self.ear.hear(frame, self.rate_hz)
            self.left.append(said)
            self._to_come = said

    def taken(self) -> list[bytes]:
        """What the recogniser was given."""
        assert self.utterance is not None
        frames = []
        while True:
            try:
                frames.append(self.utterance.frames.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                return frames


def samples(frames: Sequence[bytes]) -> NDArray[np.float64]:
    return np.frombuffer(b"".join(frames), "<i2").astype(np.float64)


def db(energy: float, than: float) -> float:
    return float(10 * np.log10(energy / than))


# Nobody but the bot ------------------------------------------------------------------------------


@pytest.mark.models
@pytest.mark.parametrize("snr_db", [20.0, None])
@pytest.mark.parametrize(("echo_db", "delay_s"), ECHOES)
def test_the_bots_own_voice_is_no_caller(
    bot: Callable[..., Frames], echo_db: float, delay_s: float, snr_db: float | None
) -> None:
    sound = Sound(snr_db=snr_db, echo_db=echo_db, echo_delay_s=delay_s)
    prompts = [*bot(PROMPT, after_s=BEFORE_S), *[None] * 10, *bot(SECOND), *[None] * 50]
    channel = Channel(sound)
    channel.goes_on(prompts)
    assert channel.onsets_s == []
    deceived = Channel(sound, knows_the_bot=False)
    deceived.goes_on(prompts)
    assert deceived.onsets_s or (echo_db < FAINT_DB and snr_db), "a test of nothing"


@pytest.mark.models
@pytest.mark.parametrize(
    "sound",
    [
        Sound(echo_db=-12, codec=Codec.ALAW),
        Sound(echo_db=-12, loss=0.02),
        Sound(echo_db=-12, seed=3),
        Sound(echo_db=-12, codec=Codec.NONE, rate_hz=16000),
        Sound(echo_db=-12, codec=Codec.NONE, rate_hz=48000),
    ],
    ids=str,
)
def test_so_it_is_on_other_lines(bot: Callable[..., Frames], sound: Sound) -> None:
    channel = Channel(sound)
    channel.goes_on([*bot(PROMPT, sound.rate_hz, after_s=BEFORE_S), *[None] * 50])
    assert channel.onsets_s == []


@pytest.mark.models
def test_the_bot_may_speak_at_another_rate_than_it_hears(bot: Callable[..., Frames]) -> None:
    """So each call begins, until the caller's rate is known."""
    channel = Channel(Sound(echo_db=-12, codec=Codec.NONE, rate_hz=16000))
    prompts = [*bot(PROMPT, 8000, after_s=BEFORE_S), *bot(SECOND, 16000), *[None] * 50]
    channel.goes_on(prompts)
    assert channel.onsets_s == []


@pytest.mark.models
def test_a_path_may_change(bot: Callable[..., Frames]) -> None:
    """A jitter buffer at the caller's end grows by 40 ms between two words."""
    channel = Channel(Sound(echo_db=-12))
    channel.goes_on(bot(PROMPT, after_s=BEFORE_S))
    channel.line._echo._frames.extendleft([np.zeros(160, np.float32)] * 2)  # type: ignore[union-attr]
    channel.goes_on([*bot(SECOND), *[None] * 50])
    assert channel.onsets_s == []


# The caller --------------------------------------------------------------------------------------


@pytest.mark.models
@pytest.mark.parametrize(("echo_db", "delay_s"), ECHOES)
def test_who_speaks_into_a_prompt_is_heard_at_once_and_without_it(
    bot: Callable[..., Frames],
    caller: Callable[..., Frames],
    echo_db: float,
    delay_s: float,
) -> None:
    prompt = bot(PROMPT, after_s=BEFORE_S)
    says = caller(SAID, after_s=INTO_S)
    sound = Sound(echo_db=echo_db, echo_delay_s=delay_s)
    channel = Channel(sound)
    channel.goes_on(prompt, says)
    assert channel.onsets_s[0] == pytest.approx(INTO_S, abs=ONSET_S)
    alone = Channel(Sound())
    alone.goes_on([None] * len(prompt), says)
    begin = round(channel.onsets_s[0] * 50) - RUN_UP_FRAMES
    taken = channel.taken()[:40]
    without, with_ = (samples(one.heard[begin : begin + 40]) for one in (alone, channel))
    echo = float(np.square(with_ - without).sum())
    rest = float(np.square(samples(taken) - without).sum())
    print(f"{db(rest, echo):.1f} dB of the echo are left")  # noqa: T201 - a figure for pytest -rP
    # Fainter ones are hardly above the noise: the detector has not noticed any before he speaks.
    assert db(rest, echo) < (-8 if echo_db > FAINT_DB else 1)


@pytest.mark.models
def test_an_answer_right_behind_the_prompt_is_heard_while_its_end_comes_back(
    bot: Callable[..., Frames], caller: Callable[..., Frames]
) -> None:
    prompt = bot(PROMPT, after_s=BEFORE_S)
    end_s = len(prompt) / 50
    channel = Channel(Sound(echo_db=-6, echo_delay_s=0.4))
    channel.goes_on(prompt, caller(SAID, after_s=end_s + 0.1), open_s=end_s)
    assert channel.onsets_s[0] == pytest.approx(end_s + 0.1, abs=ONSET_S)


@pytest.mark.models
def test_without_an_echo_what_came_is_given_on_as_it_is(
    bot: Callable[..., Frames], caller: Callable[..., Frames]
) -> None:
    prompt = bot(PROMPT, after_s=BEFORE_S)
    channel = Channel(Sound())
    channel.goes_on(prompt, caller(SAID, after_s=INTO_S))
    taken = channel.taken()
    assert len(taken) > 50
    heard = iter(channel.heard)
    assert all(any(one is frame for one in heard) for frame in taken), "not the very frames"


@pytest.mark.models
def test_a_recording_is_what_came(
    bot: Callable[..., Frames], caller: Callable[..., Frames]
) -> None:
    channel = Channel(Sound(echo_db=-6))
    channel.goes_on(bot(PROMPT, after_s=BEFORE_S))
    recording = Recording(max_s=60, silence_s=60)
    channel.ear.record(recording)
    begin = len(channel.heard)
    channel.goes_on(bot(SECOND), caller(SAID, after_s=0.5))
    kept = recording.kept()
    assert kept is not None
    assert b"".join(channel.heard[begin:]).startswith(kept.pcm)


class Alone:
    """An `Echo` that hears the bot and nobody else, without an ear."""

    def __init__(self) -> None:
        self.left: deque[bytes | None] = deque(maxlen=LEFT_FRAMES)
        self.echo = Echo(self.left)
        self._line = CallersLine(Sound(snr_db=None, echo_db=-6), "a test")

    def comes_back(self, said: bytes | None, *, judged: bool = True) -> float:
        """One frame; give how much of it is left, in dB."""
        frame = self._line.carry(None, said) or b""
        self.echo.heard.append(frame)
        given = self.echo.clean(frame) if self.echo.known else frame
        if judged and all(level_dbfs(one) > AUDIBLE_DBFS for one in list(self.echo.heard)[-3:]):
            self.echo.is_caller(onset=True)
        return self.left_of([given], [frame])

    def knows(self, prompt: Frames) -> None:
        """Let it find the path."""
        for said in prompt:
            self.comes_back(said)
            self.left.append(said)
        assert self.echo.known

    @staticmethod
    def left_of(given: Sequence[bytes], came: Sequence[bytes]) -> float:
        return db(*(float(np.square(samples(one)).sum()) + 1 for one in (given, came)))


@pytest.mark.models
def test_what_came_before_its_path_was_known_is_cleaned_too(bot: Callable[..., Frames]) -> None:
    """It is the run-up of what the caller may say next."""
    alone = Alone()
    for said in bot(PROMPT, after_s=BEFORE_S):
        alone.comes_back(said)
        if alone.echo.known:
            break
        alone.left.append(said)
    heard = list(alone.echo.heard)
    assert alone.left_of(alone.echo.cleaned(15), heard) < -10
    assert alone.echo.cleaned(15)[:2] == heard[:2], "before the bot spoke there was no echo"


@pytest.mark.models
def test_a_frame_late_or_lost_moves_the_path(bot: Callable[..., Frames]) -> None:
    alone = Alone()
    alone.knows(bot(PROMPT, after_s=BEFORE_S))
    second = bot(SECOND)
    for move in (1, -1, 0):
        left = []
        for number, said in enumerate(second):
            if number == len(second) // 2 and move == 1:
                alone.left.append(said)  # one has left more than was heard: a packet is lost
            if number != len(second) // 2 or move != -1:
                alone.left.append(said)  # the packet was only late: two were heard of one beat
            left.append(alone.comes_back(said, judged=False))
        assert np.median(left[-40:]) < -10


@pytest.mark.models
def test_a_path_that_is_known_is_seldom_fitted(
    bot: Callable[..., Frames], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Alone()
    alone.knows(bot(PROMPT, after_s=BEFORE_S))
    fits = []
    fit = Echo._fits

    def counted(*args: Any) -> bool:
        fits.append(args)
        return fit(*args)

    monkeypatch.setattr(Echo, "_fits", counted)
    second = bot(SECOND)
    alone.knows(second)
    assert len(fits) < len(second) / REST_FRAMES


@pytest.mark.models
def test_who_has_coughed_does_not_make_an_echo_a_caller(
    bot: Callable[..., Frames], caller: Callable[..., Frames]
) -> None:
    prompt = bot(PROMPT)
    left: deque[bytes | None] = deque(maxlen=LEFT_FRAMES)
    echo = Echo(left)
    for said, came in zip(prompt, caller(SAID)[:20], strict=False):
        echo.heard.append(came or silence(8000))
        left.append(said)
    assert echo.is_caller(onset=True)
    line = CallersLine(Sound(snr_db=None, echo_db=-6, echo_delay_s=0.02), "a test")
    for said in prompt[20:40]:
        echo.heard.append(line.carry(None, said) or b"")
        left.append(said)
    assert echo.is_caller(onset=False)
    assert not echo.is_caller(onset=True)


@pytest.mark.models
def test_silence_is_no_echo(bot: Callable[..., Frames]) -> None:
    left: deque[bytes | None] = deque(maxlen=LEFT_FRAMES)
    echo = Echo(left)
    for said in bot(PROMPT)[:40]:
        echo.heard.append(silence(8000))
        assert echo.is_caller(onset=True)
        left.append(said)
    assert not echo.known


# Whatever comes ----------------------------------------------------------------------------------

PIECE = st.sampled_from(
    [
        None,
        bytes(320),
        np.full(160, 32767, "<i2").tobytes(),
        (np.sign(np.sin(np.arange(160) / 5)) * 32767).astype("<i2").tobytes(),
        (np.random.default_rng(0).standard_normal(160) * 3000).astype("<i2").tobytes(),
        (np.random.default_rng(1).standard_normal(320) * 3000).astype("<i2").tobytes(),
    ]
)


@given(st.lists(st.tuples(PIECE, PIECE), min_size=8, max_size=60), st.sampled_from([8000, 16000]))
def test_nothing_that_comes_or_leaves_disturbs_it(
    both: list[tuple[bytes | None, bytes | None]], rate_hz: int
) -> None:
    left: deque[bytes | None] = deque(maxlen=LEFT_FRAMES)
    echo = Echo(left)
    echo.reset(rate_hz)
    for said, came in both:
        frame = (came or bytes(320)).ljust(frame_bytes(rate_hz), b"\0")[: frame_bytes(rate_hz)]
        echo.heard.append(frame)
        given_on = echo.clean(frame) if echo.known else frame
        assert len(given_on) == len(frame)
        echo.is_caller(onset=True)
        left.append(said)
    assert all(len(frame) == frame_bytes(rate_hz) for frame in echo.cleaned(15))


# The sums ----------------------------------------------------------------------------------------


def test_the_matrix_of_the_normal_equations() -> None:
    said = np.random.default_rng(0).standard_normal(300 + 31).astype(np.float32)
    rows = np.lib.stride_tricks.sliding_window_view(said, 32)[:, ::-1].astype(np.float64)
    assert np.allclose(module._normal(said, 300, 32), rows.T @ rows)


@pytest.mark.parametrize("taps", [module.SINGLE_THREAD_TAPS, module.MOST_TAPS])
def test_a_filter_of_any_length_is_found(taps: int) -> None:
    rng = np.random.default_rng(0)
    said = rng.standard_normal(2560 + taps - 1).astype(np.float32)
    wanted = rng.standard_normal(taps)
    normal = module._normal(said, 2560, taps)
    assert np.allclose(module._solved(normal, normal @ wanted), wanted, atol=1e-3)


def test_the_lag_of_what_was_said_before() -> None:
    said = np.random.default_rng(0).standard_normal(6240).astype(np.float32)
    assert module._best_lag(said[-1280 - 777 : -777], said) == 777
