"""What the bench's callers say: the sentences, the halves, the sounds, and people's recordings."""

import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voicebot.bench.corpus import (
    RATE_HZ,
    Item,
    Kind,
    Sentence,
    generate,
    load,
    plain,
    ready,
    sentences,
)
from voicebot.bench.noises import LONGEST_S, noises
from voicebot.bench.people import people
from voicebot.bench.questions import QUESTIONS, value_of
from voicebot.bench.voices import FLITE, SPEAKERS, Half, Place, Program, Speaker, Style, Voice, find
from voicebot.flow.check import checked_flow
from voicebot.flow.circumstances import A_MONDAY, Circumstances
from voicebot.phone.script import PhoneError
from voicebot.phone.voice import SHIPPED
from voicebot.rehearsal.engines import RepeatableVoice
from voicebot.rehearsal.peers import Peers
from voicebot.rehearsal.stage import Stage
from voicebot.rehearsal.textcaller import TextCaller
from voicebot.speaking.synthesiser import Speech, SynthesisError

RECIPE = Path(__file__).parents[1] / "models" / "vosk-tiny-recipe" / "synth.py"
CLOSED = ("yes_no", "menu", "choice")
ASKED = (
    *CLOSED,
    *("digits4", "digits", "number", "amount", "date", "time", "phone", "spelling", "form", "text"),
)


USUAL = Style()


@dataclass(frozen=True)
class Pitched:
    """The voice that is always there, as one of several people: good enough for a test."""

    name: str
    half: Half
    piper: RepeatableVoice
    weight: int = 1
    signature: str = ""

    def speak(self, text: str, style: Style = USUAL) -> Speech:
        speech = self.piper.speak(f"{text}.", "en-US")
        return Speech(round(speech.rate_hz * style.rate), speech.pcm)


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> list[Pitched]:
    folder = tmp_path_factory.mktemp("piper")
    pitches = (("low", Half.FIT, 0.8), ("high", Half.HELD_OUT, 1.1))
    return [
        Pitched(name, half, RepeatableVoice({"en-US": SHIPPED}, folder / name, pitch))
        for name, half, pitch in pitches
    ]


@pytest.fixture(scope="module")
def few() -> list[Sentence]:
    """One sentence of each feature, in both halves."""
    chosen = {
        (one.feature, one.half): one for one in reversed(sentences()) if one.text.count(" ") < 9
    }
    return list(chosen.values())


@pytest.fixture(scope="module")
def made(
    voices: list[Pitched], few: list[Sentence], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Item, ...]:
    folder = tmp_path_factory.mktemp("corpus") / "made"
    generate(folder, few, voices)
    return load(folder)


# Sentences


def test_each_question_has_answers_in_both_halves() -> None:
    said = Counter[tuple[str, Half]]()
    for one in sentences():
        if one.kind is Kind.ANSWER:
            said[one.question, one.half] += one.takes
    assert {question for question, _ in said} == set(ASKED)
    for question in ASKED:
        fit, held_out = said[question, Half.FIT], said[question, Half.HELD_OUT]
        assert min(fit, held_out) >= 20
        assert abs(fit - held_out) <= 0.1 * (fit + held_out)


@pytest.mark.parametrize("question", CLOSED)
def test_false_accepts_of_closed_questions_can_be_counted(question: str) -> None:
    outside = [s for s in sentences() if s.question == question and s.kind is Kind.OUTSIDE]
    assert len({one.text for one in outside}) >= 150
    assert sum(one.takes for one in outside if one.half is Half.HELD_OUT) >= 100


def test_what_makes_answers_hard_is_there() -> None:
    features = defaultdict(set)
    for one in sentences():
        features[one.question].add(one.feature)
    for question in CLOSED:
        wanted = {"plain", "filler", "hesitation", "quiet", "fast", "slow", "near"}
        assert features[question] >= wanted
    for question in ("digits4", "digits", "number", "amount", "date", "time", "phone", "form"):
        assert {"plain", "pause"} <= features[question]
    for question in ("digits4", "number", "date", "time", "choice"):
        assert "correction" in features[question]
    pauses = [s.text for s in sentences() if s.question == "digits4" and "{1.2}" in s.text]
    assert len(pauses) >= 5


def test_no_text_is_in_both_halves_but_bare_answers_of_closed_questions() -> None:
    halves = defaultdict(set)
    for one in sentences():
        halves[plain(one.text)].add(one.half)
    shared = {text for text, those in halves.items() if len(those) > 1}
    assert {"yes", "red", "billing"} <= shared
    for one in sentences():
        if plain(one.text) in shared:
            assert (one.kind, one.question in CLOSED) == (Kind.ANSWER, True), one


VALUES = {
    "yes_no": r"True|False",
    "menu": r"appointment|prescription|opening hours|operator|billing",
    "choice": r"red|blue|green|yellow",
    "digits4": r"\d{4}",
    "digits": r"\d{3,12}",
    "phone": r"\d{7}|\d{10}",
    "number": r"\d{1,4}",
    "amount": r"\d{1,4}(\.\d{1,2})?",
    "date": r"202[78]-\d\d-\d\d",
    "time": r"\d\d:\d\d",
    "spelling": r"[A-Z]+",
    "form": r"{'day': '2027-\d\d-\d\d'(, 'time': '\d\d:\d\d')?(, 'party': \d+)?}",
    "text": r"[a-z' ]+",
}


def test_values_are_of_their_question() -> None:
    for one in sentences():
        wanted = VALUES[one.question] if one.kind is Kind.ANSWER else "None"
        assert re.fullmatch(wanted, str(one.expected)), one


def test_no_answer_is_understood_as_something_else_and_most_are_understood() -> None:
    """In text, without ears: a wrong value would be a slip of ours, or a flaw of the flow's."""
    flow, _ = checked_flow(QUESTIONS)
    assert flow is not None
    texts = {(s.question, plain(s.text)): s.expected for s in sentences() if s.kind is Kind.ANSWER}
    understood = Counter[bool]()
    for (question, text), expected in texts.items():
        if question == "text":
            continue
        call = Circumstances(
            caller="bench", caller_name="", called=question, channel="", channel_language="",
            args={}, at=A_MONDAY, http={}, hours={}, transfers={}, seed=1,
        )  # fmt: skip
        stage = Stage(flow, Peers(call, {}), 1)
        stage.begin()
        TextCaller(stage).says(text)
        value = value_of(question, stage.dialog.variables)
        assert value in (expected, None), f"{question}: {text}"
        understood[value is not None] += 1
    assert understood[True] > 0.9 * understood.total()


# Sounds


def test_the_same_voices_give_the_same_corpus_byte_for_byte(
    voices: list[Pitched], few: list[Sentence], made: tuple[Item, ...], tmp_path: Path
) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        generate(folder, few, voices)
    first, second = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert first == second
    assert load(folders[0]) == made
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["first", "second"]


def test_no_voice_is_in_both_halves(made: tuple[Item, ...]) -> None:
    voices = {half: {one.voice for one in made if one.half is half} - {""} for half in Half}
    assert voices == {Half.FIT: {"low"}, Half.HELD_OUT: {"high"}}
    speakers = {half: {s.name for s in SPEAKERS if s.half is half} for half in Half}
    assert not speakers[Half.FIT] & speakers[Half.HELD_OUT]


def test_pauses_are_silent_and_as_long_as_written(made: tuple[Item, ...]) -> None:
    paused = [one for one in made if one.pause_s]
    assert paused
    for one in paused:
        samples = np.frombuffer(one.sound.pcm, "<i2")
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (samples == 0).astype(int), [0]])))
        longest_s = float(np.max(edges[1::2] - edges[::2])) / RATE_HZ
        assert longest_s == pytest.approx(one.pause_s, abs=0.01)


def test_quiet_is_quiet_and_fast_is_shorter_than_slow(made: tuple[Item, ...]) -> None:
    for one in made:
        if one.kind is not Kind.NOISE:
            assert (one.level_db <= -12) == (one.feature == "quiet")
    seconds = {(one.feature, one.said): len(one.sound.pcm) for one in made}
    both = {said for feature, said in seconds if feature == "fast"}
    for said in both & {said for feature, said in seconds if feature == "slow"}:
        assert seconds["fast", said] < 0.8 * seconds["slow", said]


def test_a_corpus_that_is_there_is_left_alone(
    voices: list[Pitched], few: list[Sentence], tmp_path: Path
) -> None:
    there = tmp_path / "corpus"
    there.mkdir()
    generate(there, few[:1], voices)
    assert list(tmp_path.iterdir()) == [there]
    assert not list(there.iterdir())


def test_both_halves_need_a_voice(
    voices: list[Pitched], few: list[Sentence], tmp_path: Path
) -> None:
    with pytest.raises(SynthesisError, match="no voice for the held-out half"):
        generate(tmp_path / "corpus", few, voices[:1])
    assert not list(tmp_path.iterdir())


def test_noises_are_audible_short_and_always_the_same() -> None:
    rng = np.random.default_rng(1)
    talkers = [[(rng.standard_normal(4000) * 3000).astype(np.int16)] for _ in range(4)]
    made = noises(talkers, seed=0)
    assert len(made) >= 50
    kinds = {"cough", "breath", "click", "door", "hum", "crackle", "babble", "street"}
    assert kinds <= {one.kind for one in made}
    for one in made:
        assert 0.003 < len(one.samples) / RATE_HZ <= LONGEST_S
        assert np.abs(one.samples).max() > 10_000
    again = noises(talkers, seed=0)
    assert all((a.samples == b.samples).all() for a, b in zip(made, again, strict=True))
    other = noises(talkers, seed=1)
    assert not any(np.array_equal(a.samples, b.samples) for a, b in zip(made, other, strict=True))


# Voices


def test_no_speaker_is_one_that_the_shipped_recogniser_was_trained_on() -> None:
    recipe = RECIPE.read_text("utf-8")
    found = re.search(r"VAR = \((.*?)\)\.split", recipe, re.DOTALL)
    flite = re.search(r"^FLITE = \[(.*)\]$", recipe, re.MULTILINE)
    assert found
    assert flite
    variants = set(re.findall(r"[\w]+", found[1]))
    assert {"f1", "klatt"} <= variants
    for speaker in SPEAKERS:
        _, plus, variant = speaker.voice.partition("+")
        assert variant not in variants
        if speaker.program.name == "espeak-ng":
            assert plus or speaker.voice.startswith("mb-")
        if speaker.program is FLITE:
            assert speaker.voice not in flite[1]
        assert "slt" not in speaker.voice


def test_a_machine_without_voices_is_told_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find(tmp_path / "cache")
    assert not found.voices
    assert len(found.missing) == len(SPEAKERS)
    with pytest.raises(
        SynthesisError, match=r"no voices .*: this system has no (apt-get|keyring)"
    ) as raised:
        ready(tmp_path / "cache")
    assert "\n" not in str(raised.value)


def a_program(folder: Path, script: str) -> Place:
    folder.mkdir(exist_ok=True)
    program = folder / "says.py"
    program.write_text(script)
    return Place(folder, {"says": (sys.executable, str(program))}, {"WORDS": "from outside"})


def a_voice(place: Place) -> Voice:
    def arguments(voice: str, text: str, style: Style, wav: Path) -> list[str]:
        return [voice, text, str(style.rate), str(wav)]

    says = Program("says", ("says",), arguments, lambda _voice: "")
    return Voice(Speaker("one", Half.FIT, says, "deep", 1), place)


def test_a_voice_is_a_program_that_writes_a_wav(tmp_path: Path) -> None:
    place = a_program(
        tmp_path,
        "import os, sys, wave\n"
        "voice, text, rate, path = sys.argv[1:]\n"
        "assert (voice, text, rate) == ('deep', 'yes', '1.5') and os.environ['WORDS']\n"
        "with wave.open(path, 'wb') as wav:\n"
        "    wav.setparams((1, 2, 16000, 0, 'NONE', ''))\n"
        "    wav.writeframes(b'\\x01\\x02' * 100)\n",
    )
    assert a_voice(place).speak("yes", Style(rate=1.5)) == Speech(16000, b"\x01\x02" * 100)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('no such voice')", "no such voice"),
        ("pass", 'one said nothing to "yes"'),
    ],
)
def test_a_voice_that_fails_says_why(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(SynthesisError, match=message):
        a_voice(a_program(tmp_path, script)).speak("yes")


# People


def record(path: Path, seconds: float = 0.4, noise: float = 0.0) -> None:
    rng = np.random.default_rng(3)
    tone = np.sin(np.arange(int(16000 * seconds)) * 0.3) * 0.4
    sound = np.concatenate([np.zeros(8000), tone, np.zeros(8000)])
    soundfile.write(path, sound + noise * rng.standard_normal(len(sound)), 16000, "PCM_16")


def test_transcribed_recordings_go_to_the_questions_that_they_answer(tmp_path: Path) -> None:
    said = {
        "a1-anna-b": "yes",
        "a2-anna-b": "four zero oh one",
        "a3-ben-b": "march seven nineteen sixty seven",
        "a4-ben-b": "s m i t h",
        "a5-cleo-b": "two six eight four six nine four",
        "a6-cleo-b": "nineteen",
        "a7-cleo-b": "rubout three",
        "a8-cleo-b": "that is not right, and I need a person",
    }
    lines = [f"{name}\t{words}" for name, words in said.items()]
    (tmp_path / "transcripts.tsv").write_text("\n".join(lines) + "\n")
    for name in said:
        record(tmp_path / f"{name}.wav", noise=0.003)
    items = people(tmp_path)
    answers = {(one.question, one.said): one.expected for one in items if one.kind is Kind.ANSWER}
    assert answers == {
        ("yes_no", "yes"): True,
        ("digits4", "four zero oh one"): "4001",
        ("digits", "four zero oh one"): "4001",
        ("date", "march seven nineteen sixty seven"): "1967-03-07",
        ("spelling", "s m i t h"): "SMITH",
        ("digits", "two six eight four six nine four"): "2684694",
        ("phone", "two six eight four six nine four"): "2684694",
        ("number", "nineteen"): 19,
    }
    outside = Counter(one.question for one in items if one.kind is Kind.OUTSIDE)
    assert outside == {"yes_no": 6, "menu": 7}
    halves = {one.voice: one.half for one in items}
    assert halves == {"anna": Half.FIT, "ben": Half.HELD_OUT, "cleo": Half.FIT}
    # The silence around the words is cut, though the room is not silent.
    assert {round(len(one.sound.pcm) / 2 / RATE_HZ, 1) for one in items} == {0.4}


def test_single_digits_are_answers_and_make_strings_with_pauses(tmp_path: Path) -> None:
    for digit in range(10):
        for number in (0, 5, 10, 15):
            record(tmp_path / f"{digit}_theo_{number}.wav")
    items = people(tmp_path)
    single = [one for one in items if one.question == "digit"]
    assert {str(one.expected) for one in single} == set("0123456789")
    numbers = {half: {one.name[-2:] for one in single if one.half is half} for half in Half}
    assert numbers == {Half.FIT: {"_0", "10"}, Half.HELD_OUT: {"_5", "15"}}
    strings = [one for one in items if one.question == "digits4"]
    assert all(re.fullmatch(r"\d{4}", str(one.expected)) for one in strings)
    assert max(one.pause_s for one in strings) == 1.2
    assert {one.feature for one in strings} <= {"plain", "pause"}
    assert people(tmp_path) == items


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhoneError, match="no recordings"):
        people(tmp_path)
