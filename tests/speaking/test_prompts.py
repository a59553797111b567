"""Prompts: the store with a counting synthesiser, and the shipped voice for what only a voice can show."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.speech.workers import LANGUAGE
from voicebot.line.audio import frame_bytes
from voicebot.line.audiosocket import RATES
from voicebot.speaking.prompts import (
    Clip,
    PromptError,
    PromptStore,
    clauses,
    pause_after_s,
    portions,
)
from voicebot.speaking.synthesiser import Speech, SynthesisError
from voicebot.speech.remote import RemoteSynthesiser

TONE_HZ = 440


def tone_pcm(seconds: float, rate_hz: int, amplitude: float = 0.3) -> bytes:
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (32767 * amplitude * np.sin(2 * np.pi * TONE_HZ * times)).astype("<i2").tobytes()


class ToneSynthesiser:
    """Says everything as a tone: half a second of silence, 0.1 s a character, half a second of silence."""

    def __init__(self, fingerprint: str = "tone 1") -> None:
        self.spoken: list[tuple[str, str]] = []
        self._fingerprint = fingerprint

    async def synthesise(self, text: str, language: str) -> Speech:
        self.spoken.append((text, language))
        if text == "unspeakable":
            raise SynthesisError("the engine refuses")
        if text == "...":
            return Speech(0, b"")
        silence = bytes(16000)
        return Speech(16000, silence + tone_pcm(0.1 * len(text), 16000) + silence)

    def fingerprint(self, language: str) -> str:
        return f"{self._fingerprint} {language}"


def samples(pcm: bytes) -> Any:
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32768


def pitch_hz(pcm: bytes, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples(pcm)))
    return float(np.argmax(spectrum)) * rate_hz / (len(pcm) // 2)


def active_dbfs(pcm: bytes, rate_hz: int) -> float:
    """Measure the level in another way than the code does: the frames within 15 dB of the 95th percentile."""
    blocks = samples(pcm)[: len(pcm) // 2 // (rate_hz // 50) * (rate_hz // 50)].reshape(
        -1, rate_hz // 50
    )
    power = np.square(blocks).mean(axis=1)
    return float(10 * np.log10(power[power > np.percentile(power, 95) * 10**-1.5].mean()))


# Clips


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_clip_at_every_rate_has_its_length_and_its_pitch(rate_hz: int) -> None:
    clip = Clip("beep", 16000, tone_pcm(0.73, 16000))
    assert not clip.has(rate_hz)
    pcm = clip.pcm(rate_hz)
    assert len(pcm) == 37 * frame_bytes(rate_hz)  # 0.73 s is 36.5 frames
    assert pitch_hz(pcm[: int(0.73 * rate_hz) * 2], rate_hz) == pytest.approx(TONE_HZ, abs=2)
    assert not any(pcm[-frame_bytes(rate_hz) // 2 + 4 :])
    assert clip.has(rate_hz)
    assert clip.pcm(rate_hz) is pcm
    assert clip.duration_s == pytest.approx(0.73)


def test_an_empty_clip() -> None:
    clip = Clip("", 16000, b"")
    assert (clip.pcm(8000), clip.duration_s) == (b"", 0)


# Rendering and the cache


async def test_rendered_once_then_from_disk_without_the_engine(tmp_path: Path) -> None:
    first = ToneSynthesiser()
    store = PromptStore(first, tmp_path / "cache", [8000, 16000])
    told: list[tuple[int, int]] = []
    texts = [("Hello.", "en"), ("Bye", "en"), (" Hello. ", "en"), ("Hello.", "de")]
    await store.render(texts, lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert first.spoken == [("Hello.", "en"), ("Bye", "en"), ("Hello.", "de")]
    clip = store.get("Hello.\n", "en")
    assert clip is not None
    assert clip.has(8000)
    assert clip.has(16000)
    assert store.get("Hello.", "fr") is None

    second = ToneSynthesiser()
    again = PromptStore(second, tmp_path / "cache", [44100])
    await again.render(texts)
    assert second.spoken == []
    same = again.get("Hello.", "en")
    assert same is not None
    assert same.pcm(16000) == clip.pcm(16000)
    assert same.has(44100)


async def test_another_voice_is_rendered_again(tmp_path: Path) -> None:
    await PromptStore(ToneSynthesiser("tone 1"), tmp_path, [8000]).render([("Hello", "en")])
    other = ToneSynthesiser("tone 2")
    await PromptStore(other, tmp_path, [8000]).render([("Hello", "en")])
    assert other.spoken == [("Hello", "en")]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "no comment"])
async def test_a_damaged_file_is_rendered_again(tmp_path: Path, damage: str) -> None:
    await PromptStore(ToneSynthesiser(), tmp_path, [8000]).render([("Hello", "en")])
    (path,) = list(tmp_path.iterdir())  # noqa: ASYNC240 - a test may wait
    good = path.read_bytes()
    spoilt = {
        "empty": b"",
        "cut": good[: len(good) // 2],
        "flipped": good[:5000] + bytes([good[5000] ^ 1]) + good[5001:],
        "text": b"this is no sound",
        "no comment": good,
    }
    path.write_bytes(spoilt[damage])
    if damage == "no comment":
        soundfile.write(path, np.zeros(100, np.int16), 16000)

    synthesiser = ToneSynthesiser()
    with structlog.testing.capture_logs():
        await PromptStore(synthesiser, tmp_path, [8000]).render([("Hello", "en")])
    assert synthesiser.spoken == [("Hello", "en")]
    assert path.read_bytes() == good
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]  # noqa: ASYNC240 - a test may wait


async def test_without_a_place_to_write_prompts_still_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = PromptStore(ToneSynthesiser(), tmp_path / "file/cache", [8000])
    with structlog.testing.capture_logs() as logs:
        await store.render([("Hello", "en")])
    assert store.get("Hello", "en") is not None
    assert [entry["event"] for entry in logs] == ["prompts.not_cached"]


async def test_what_cannot_be_spoken_says_so_and_keeps_the_rest(tmp_path: Path) -> None:
    store = PromptStore(ToneSynthesiser(), tmp_path, [8000])
    with pytest.raises(SynthesisError, match="refuses"):
        await store.render([("Hello", "en"), ("unspeakable", "en")])
    assert store.get("Hello", "en") is not None


async def test_levelled_and_trimmed(tmp_path: Path) -> None:
    clip = await PromptStore(ToneSynthesiser(), tmp_path, []).clip("Hello", "en")
    assert clip.duration_s == pytest.approx(0.002 + 0.5 + 0.060, abs=0.006)
    assert active_dbfs(clip.pcm(8000), 8000) == pytest.approx(-20, abs=0.5)


async def test_a_clause_of_a_call_is_not_kept(tmp_path: Path) -> None:
    synthesiser = ToneSynthesiser()
    store = PromptStore(synthesiser, tmp_path, [8000])
    await store.render([("Hello", "en")])
    files = len(list(tmp_path.iterdir()))  # noqa: ASYNC240 - a test may wait
    await store.clip("Hello", "en")
    await store.clip("Mr Smith", "en")
    await store.clip("Mr Smith", "en")
    assert [text for text, _ in synthesiser.spoken] == ["Hello", "Mr Smith", "Mr Smith"]
    assert store.get("Mr Smith", "en") is None
    assert len(list(tmp_path.iterdir())) == files  # noqa: ASYNC240 - a test may wait


async def test_nothing_to_say(tmp_path: Path) -> None:
    store = PromptStore(ToneSynthesiser(), tmp_path, [8000])
    await store.render([("...", "en")])
    clip = store.get("...", "en")
    assert clip is not None
    assert clip.pcm(8000) == b""


# Markup and figures


def silent_stretches_s(clip: Clip) -> list[float]:
    """How long nothing is heard, each time."""
    loud = np.flatnonzero(np.abs(samples(clip.master)) > 0.02)
    gaps = np.diff(loud) / clip.rate_hz
    return [round(float(gap), 2) for gap in gaps if gap > 0.05]


async def test_a_prompt_with_pauses_is_one_clip(tmp_path: Path) -> None:
    synthesiser = ToneSynthesiser()
    store = PromptStore(synthesiser, tmp_path, [8000])
    text = 'Hello <break time="500ms"/> you. <break time="1s"/>'
    await store.render([(text, "en-US")])
    assert synthesiser.spoken == [("Hello", "en-US"), ("you.", "en-US")]
    clip = store.get(text, "en-US")
    assert clip is not None
    assert silent_stretches_s(clip) == [pytest.approx(0.56, abs=0.02)]
    # Two words, each with 60 ms behind it, and both pauses.
    assert clip.duration_s == pytest.approx(0.5 + 0.4 + 2 * 0.062 + 1.5, abs=0.02)


async def test_a_pause_alone(tmp_path: Path) -> None:
    store = PromptStore(ToneSynthesiser(), tmp_path, [8000])
    await store.render([('<break time="2s"/>', "en-US")])
    clip = store.get('<break time="2s"/>', "en-US")
    assert clip is not None
    assert clip.duration_s == pytest.approx(2.0)
    assert not any(clip.master)


async def test_what_sounds_the_same_is_rendered_once(tmp_path: Path) -> None:
    synthesiser = ToneSynthesiser()
    store = PromptStore(synthesiser, tmp_path, [8000])
    texts = ["Room 12.", 'Room <sub alias="twelve">12</sub>.', "Room twelve."]
    await store.render([(text, "en-US") for text in texts])
    assert synthesiser.spoken == [("Room twelve.", "en-US")]
    assert len({id(store.get(text, "en-US")) for text in texts}) == 1
    assert len(list(tmp_path.iterdir())) == 1  # noqa: ASYNC240 - a test may wait

    again = ToneSynthesiser()
    await PromptStore(again, tmp_path, [8000]).render([(texts[1], "en-US")])
    assert again.spoken == []


async def test_a_clause_that_is_a_prompt_is_not_spoken_again(tmp_path: Path) -> None:
    synthesiser = ToneSynthesiser()
    store = PromptStore(synthesiser, tmp_path, [8000])
    await store.render([("Thank you.", "en-US")])
    assert await store.clip("Thank you.", "en-US") is store.get("Thank you.", "en-US")
    assert (await store.clip("", "en-US")).master == b""


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", []),
        ("Hello", [("Hello", 0.0)]),
        ("Hello. You there.", [("Hello.", 0.3), ("You there.", 0.0)]),
        ('Hello. You <break time="1s"/> there.', [("Hello.", 0.3), ("You", 1.0), ("there.", 0.0)]),
        ('<break time="1s"/>Hello', [("", 1.0), ("Hello", 0.0)]),
        ('Bye.<break time="1s"/><break time="1s"/>', [("Bye.", 2.0)]),
        ("Room 12.", [("Room twelve.", 0.0)]),
    ],
)
def test_a_text_in_clauses_with_their_pauses(text: str, cut: list[tuple[str, float]]) -> None:
    assert [(portion.text, portion.pause_s) for portion in portions(text, "en-US")] == cut


def test_a_language_without_words_of_its_own_is_spoken_as_it_is_written() -> None:
    cut = portions("Zimmer 12. <break/> <mark name='x'/> Danke.", "xx-XX")
    assert cut == [("Zimmer 12.", 0.3, ()), ("Danke.", 0.0, ())]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ('<mark name="a"/>Red.', [("Red.", 0.0, ("a",))]),
        ('Red.<mark name="a"/> Blue.', [("Red.", 0.3, ()), ("Blue.", 0.0, ("a",))]),
        ('Red, <mark name="a"/>blue', [("Red,", 0.12, ()), ("blue", 0.0, ("a",))]),
        ('Red <mark name="a"/>wine', [("Red", 0.0, ()), ("wine", 0.0, ("a",))]),
        ('<mark name="a"/><mark name="b"/>Red. Two.', [("Red.", 0.3, ("a", "b")), ("Two.", 0.0, ())]),
        ('Red. <mark name="a"/>', [("Red.", 0.3, ()), ("", 0.0, ("a",))]),
        ('Red. <break time="1s"/><mark name="a"/>Blue.', [("Red.", 1.0, ()), ("Blue.", 0.0, ("a",))]),
        ('Red. <mark name="a"/><break time="1s"/>Blue.', [("Red.", 0.3, ()), ("", 1.0, ("a",)), ("Blue.", 0.0, ())]),
    ],
)  # fmt: skip
def test_a_clause_has_the_marks_before_it(text: str, cut: list[tuple[object, ...]]) -> None:
    assert portions(text, "en-US") == cut


async def test_a_rendered_prompt_has_its_marks(tmp_path: Path) -> None:
    """Also when its sound comes from the cache, where the parts between its marks are prompts like others."""
    text = 'Red. <mark name="a"/>Blue.<mark name="b"/>'
    for spoken in [("Red.", "en-US"), ("Blue.", "en-US")], []:
        synthesiser = ToneSynthesiser()
        store = PromptStore(synthesiser, tmp_path, [8000, 16000])
        await store.render([(text, "en-US"), ("Red.", "en-US")])
        assert synthesiser.spoken == spoken
        clip, red = store.get(text, "en-US"), store.get("Red.", "en-US")
        assert clip is not None
        assert red is not None
        (at, a), (end, b) = clip.marks
        assert (a, b) == ("a", "b")
        assert at == int((red.duration_s + 0.3) * 50)
        for rate_hz in (8000, 16000):
            assert len(clip.frames(rate_hz)) - 1 <= end <= len(clip.frames(rate_hz))
            assert clip.marks_in(len(clip.frames(rate_hz)))[1][0] == len(clip.frames(rate_hz))


# Files


@pytest.mark.parametrize(
    ("name", "subtype", "rate_hz", "channels"),
    [
        ("a.wav", "PCM_16", 8000, 1),
        ("b.wav", "ULAW", 8000, 1),
        ("c.wav", "ALAW", 8000, 1),
        ("d.wav", "PCM_24", 48000, 2),
        ("e.wav", "FLOAT", 22050, 1),
        ("f.wav", "PCM_U8", 11025, 2),
        ("g.flac", "PCM_16", 44100, 2),
        ("h.ogg", "VORBIS", 32000, 1),
        ("i.aiff", "PCM_16", 96000, 1),
        ("j.wav", "GSM610", 8000, 1),
        ("k.mp3", "MPEG_LAYER_III", 16000, 1),
    ],
)
def test_any_sound_file(
    tmp_path: Path, name: str, subtype: str, rate_hz: int, channels: int
) -> None:
    path = tmp_path / name
    sound = np.repeat(samples(tone_pcm(1, rate_hz))[:, None], channels, axis=1)
    soundfile.write(path, sound, rate_hz, subtype=subtype)
    store = PromptStore(ToneSynthesiser(), tmp_path, [8000])
    assert store.file(path) is None
    clip = store.load_file(path)
    assert store.file(path) is clip
    assert clip.has(8000)
    assert clip.duration_s == pytest.approx(1, abs=0.1)
    for out_hz in (8000, 16000):
        pcm = clip.pcm(out_hz)
        assert pitch_hz(pcm, out_hz) == pytest.approx(TONE_HZ, abs=3)
        assert np.sqrt(np.square(samples(pcm)).mean()) == pytest.approx(0.3 / np.sqrt(2), abs=0.02)


def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "text.raw").write_text("no sound")
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    store = PromptStore(ToneSynthesiser(), tmp_path, [8000])
    for name, reason in {
        "none.wav": "there is no such file",
        "folder.wav": "there is no such file",
        "text.wav": "not a sound file that can be read",
        "text.raw": "not a sound file that can be read",
        "empty.wav": "the file holds no sound",
    }.items():
        with pytest.raises(PromptError) as caught:
            store.load_file(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: {reason}")
        assert "\n" not in str(caught.value)


# Clauses


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Hello", ["Hello"]),
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("He said “no.” Then he left.", ["He said “no.”", "Then he left."]),
        ("Wait... what?", ["Wait...", "what?"]),
        ("Mr. Smith and Dr. J. Jones, at 3.15 p.m.", ["Mr. Smith and Dr. J. Jones, at 3.15 p.m."]),
        ("One, two, three.", ["One, two, three."]),
        (
            "Your appointment with the practice in Berlin, on Monday, March the third, is at ten, thirty.",
            [
                "Your appointment with the practice in Berlin,",
                "on Monday, March the third, is at ten, thirty.",
            ],
        ),
        ("It costs 1,200 euros in all and that includes the tax.", None),
        ("你好。再见！", ["你好。", "再见！"]),  # noqa: RUF001 - full-width marks on purpose
    ],
)
def test_clauses(text: str, pieces: list[str] | None) -> None:
    assert clauses(text) == ([text] if pieces is None else pieces)


@pytest.mark.parametrize("text", ["Mr. " * 20_000, "A. B. " * 10_000, "." * 50_000 + "x"])
def test_a_long_text_is_cut_in_no_time(text: str) -> None:
    began_s = time.process_time()
    assert clauses(text) == [text.strip()]
    assert time.process_time() - began_s < 1  # it was minutes


@given(st.text(alphabet="ab .,;!?…“”\n1", max_size=200))
def test_clauses_joined_give_the_text(text: str) -> None:
    pieces = clauses(text)
    assert " ".join(pieces) == " ".join(text.split())
    assert all(pieces)


def test_pauses() -> None:
    assert pause_after_s("") == 0
    assert 0 < pause_after_s("first,") < pause_after_s("Then.") < 0.5


# The shipped voice


@pytest.mark.models
async def test_the_shipped_voice(tmp_path: Path, piper_uri: str) -> None:
    synthesiser = await RemoteSynthesiser.connect([piper_uri])
    store = PromptStore(synthesiser, tmp_path, [8000])
    texts = [
        "Welcome to the dental practice.",
        "For an appointment, press one or say appointment.",
        "Sorry, I did not catch that. Please say yes or no.",
        "Five",
        "Thank you. Goodbye!",
    ]
    await store.render((text, LANGUAGE) for text in texts)
    for text in texts:
        clip = store.get(text, LANGUAGE)
        assert clip is not None
        pcm = clip.pcm(8000)
        assert active_dbfs(pcm, 8000) == pytest.approx(-20, abs=1.5)
        # At the voice's own rate: most of an s lies above what an 8 kHz line carries.
        loud = np.flatnonzero(np.abs(samples(clip.master)) > 10 ** (-40 / 20)) / clip.rate_hz
        assert loud[0] < 0.03, f"{text} begins with silence"
        assert clip.duration_s - loud[-1] < 0.25
    assert "piper" in synthesiser.fingerprint(LANGUAGE)
