"""Speakers for the bench's callers, none of them among those that the shipped recogniser was trained on.

Knows free speech programs, their voices and how Debian packages are had without being installed.
Must not know questions, sentences or calls.

The shipped Vosk model was trained on 77 variants of espeak-ng, on flite's kal16, awb and slt and on
festival's kal, ked and slt (`models/vosk-tiny-recipe`).  Here are other people: RHVoice's, the
diphones of MBROLA, flite's rms, SVOX's, and a few variants of espeak-ng that were left out.  Programs
on PATH are used.  What is missing comes from Debian's archive into the cache folder, where it runs
with its own libraries and needs nothing of the system.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import soundfile

from voicebot.speaking.synthesiser import Speech, SynthesisError

SUITE: Final = "bookworm"
"""One release for all machines: the same packages, the same voices, the same corpus."""
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FETCH_LIMIT_S: Final = 600.0
SPEAK_LIMIT_S: Final = 60.0
TRIAL: Final = "yes, at seven thirty"
"""What each voice has to say before it is counted on."""


class Half(StrEnum):
    """Thresholds are fitted on one half of the corpus and judged on the other."""

    FIT = "fit"
    HELD_OUT = "held-out"


@dataclass(frozen=True, slots=True)
class Style:
    """How something is said, against the voice's own way."""

    rate: float = 1.0
    """1.2: a fifth faster."""
    pitch: float = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where programs and their data are: the system, or a folder that packages were unpacked to."""

    root: Path
    programs: Mapping[str, tuple[str, ...]]
    """How each is called; one that is not here is missing."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """A speech program: how it is called and what it needs."""

    name: str
    packages: tuple[str, ...]
    arguments: Callable[[str, str, Style, Path], list[str]]
    """Of voice, text, style and the WAV to write."""
    data: Callable[[str], str]
    """The file or folder of a voice, beneath the root; empty: the program has it built in."""
    needs: tuple[str, ...] = ()
    """Other programs that this one calls."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice that a program has."""

    name: str
    half: Half
    program: Program
    voice: str
    """As the program calls it."""
    weight: int
    """How often it gets to speak: less, the less human it sounds."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker that can be had here."""

    speaker: Speaker
    place: Place
    signature: str = ""
    """A digest of how it sounds: another version of a program is another voice."""

    @property
    def name(self) -> str:
        """Name the speaker."""
        return self.speaker.name

    @property
    def half(self) -> Half:
        """Tell which half of the corpus it speaks in."""
        return self.speaker.half

    @property
    def weight(self) -> int:
        """Tell how often it speaks."""
        return self.speaker.weight

    def speak(self, text: str, style: Style = Style()) -> Speech:
        """Say a text: the same text in the same style gives the same sound.

        Raises:
            SynthesisError: the program failed.
        """
        program = self.speaker.program
        with tempfile.TemporaryDirectory(prefix="voicebot-voice-") as folder:
            wav = Path(folder) / "speech.wav"
            command = [
                *self.place.programs[program.name],
                *program.arguments(self.speaker.voice, text, style, wav),
            ]
            _run(command, SPEAK_LIMIT_S, self.place)
            try:
                samples, rate_hz = soundfile.read(wav, dtype="int16")
            except (OSError, RuntimeError) as error:
                raise SynthesisError(f'{self.name} said nothing to "{text}"') from error
        return Speech(rate_hz, samples.tobytes())


def _espeak(voice: str, text: str, style: Style, wav: Path) -> list[str]:
    # 50 is its usual pitch; an octave up is about 40 more.
    pitch = min(max(round(50 * style.pitch), 0), 99)
    speed = round(165 * style.rate)
    return ["-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(wav), "--", text]


def _flite(voice: str, text: str, style: Style, wav: Path) -> list[str]:
    stretch, shift = f"duration_stretch={1 / style.rate:.2f}", f"f0_shift={style.pitch:.2f}"
    return ["-voice", voice, "--setf", stretch, "--setf", shift, "-t", text, "-o", str(wav)]


def _rhvoice(voice: str, text: str, style: Style, wav: Path) -> list[str]:
    source = wav.with_suffix(".txt")
    source.write_text(text, "utf-8")
    rate, pitch = f"{style.rate * 100:.0f}", f"{style.pitch * 100:.0f}"
    return ["-p", voice, "-r", rate, "-t", pitch, "-o", str(wav), "-i", str(source)]


def _pico(voice: str, text: str, style: Style, wav: Path) -> list[str]:
    speed, pitch = f"{style.rate * 100:.0f}", f"{style.pitch * 100:.0f}"
    marked = f'<speed level="{speed}"><pitch level="{pitch}">{text}</pitch></speed>'
    return ["-l", voice, "-w", str(wav), marked]


ESPEAK: Final = Program("espeak-ng", ("espeak-ng",), _espeak, lambda _voice: "")
MBROLA: Final = Program(
    "espeak-ng",
    ("espeak-ng", "mbrola", "mbrola-us1", "mbrola-us2", "mbrola-us3", "mbrola-en1"),
    _espeak,
    lambda voice: "usr/share/mbrola/" + voice.removeprefix("mb-").split("-")[0],
    needs=("mbrola",),
)
FLITE: Final = Program("flite", ("flite",), _flite, lambda _voice: "")
PICO: Final = Program(
    "pico2wave",
    ("libttspico-utils",),
    _pico,
    lambda voice: f"usr/share/pico/lang/{voice}_ta.bin",
)
RHVOICE: Final = Program(
    "RHVoice-test",
    ("rhvoice", "rhvoice-english"),
    _rhvoice,
    lambda voice: f"usr/share/RHVoice/voices/{voice}",
)

SPEAKERS: Final = (
    Speaker("pico-en-GB", Half.FIT, PICO, "en-GB", 3),
    Speaker("rhvoice-alan", Half.FIT, RHVOICE, "alan", 3),
    Speaker("rhvoice-clb", Half.FIT, RHVOICE, "clb", 3),
    Speaker("rhvoice-evgeniy", Half.FIT, RHVOICE, "evgeniy-eng", 3),
    Speaker("mbrola-us1", Half.FIT, MBROLA, "mb-us1", 1),
    Speaker("mbrola-us2", Half.FIT, MBROLA, "mb-us2", 1),
    Speaker("espeak-f4", Half.FIT, ESPEAK, "en-us+f4", 1),
    Speaker("espeak-iven3", Half.FIT, ESPEAK, "en-gb-x-gbclan+iven3", 1),
    Speaker("pico-en-US", Half.HELD_OUT, PICO, "en-US", 3),
    Speaker("rhvoice-bdl", Half.HELD_OUT, RHVOICE, "bdl", 3),
    Speaker("rhvoice-lyubov", Half.HELD_OUT, RHVOICE, "lyubov", 3),
    Speaker("flite-rms", Half.HELD_OUT, FLITE, "rms", 3),
    Speaker("mbrola-us3", Half.HELD_OUT, MBROLA, "mb-us3", 1),
    Speaker("mbrola-en1", Half.HELD_OUT, MBROLA, "mb-en1", 1),
    Speaker("espeak-Andrea", Half.HELD_OUT, ESPEAK, "en-us+Andrea", 1),
    Speaker("espeak-m7", Half.HELD_OUT, ESPEAK, "en-gb-x-gbcwmd+m7", 1),
)


@dataclass(frozen=True, slots=True)
class Found:
    """The voices of this machine."""

    voices: tuple[Voice, ...]
    missing: tuple[str, ...]
    """The speakers that are not to be had, by name."""
    reason: str = ""
    """Why they are not."""


def find(cache: Path, *, fetch: bool = True) -> Found:
    """Find the speakers on this machine, and fetch those that are not, once.

    Args:
        fetch: whether Debian may be asked for what is missing.
    """
    system, programs = _system(), list(dict.fromkeys(s.program.packages for s in SPEAKERS))
    # Another list of packages is another folder: what was fetched for fewer is not enough.
    named = hashlib.sha256(repr((SUITE, programs)).encode()).hexdigest()[:8]
    unpacked = cache.absolute() / "voices" / f"{SUITE}-{named}"
    here = {speaker: system for speaker in SPEAKERS if _has(system, speaker)}
    reason = ""
    if len(here) < len(SPEAKERS) and fetch and not unpacked.is_dir():
        try:
            reason = _fetch(programs, unpacked)
        except SynthesisError as error:
            reason = str(error)
    if unpacked.is_dir():
        place = _unpacked(unpacked)
        here = {s: place for s in SPEAKERS if _has(place, s)} | here
    voices: list[Voice] = []
    for speaker in (speaker for speaker in SPEAKERS if speaker in here):
        voice = Voice(speaker, here[speaker])
        try:
            signature = hashlib.sha256(voice.speak(TRIAL).pcm).hexdigest()
        except SynthesisError as error:
            reason = str(error)
        else:
            voices.append(replace(voice, signature=signature))
    names = {voice.name for voice in voices}
    missing = tuple(speaker.name for speaker in SPEAKERS if speaker.name not in names)
    return Found(tuple(voices), missing, reason)


def _has(place: Place, speaker: Speaker) -> bool:
    program = speaker.program
    if not all(name in place.programs for name in (program.name, *program.needs)):
        return False
    return (place.root / program.data(speaker.voice)).exists()


def _system() -> Place:
    names = {name for s in SPEAKERS for name in (s.program.name, *s.program.needs)}
    return Place(Path("/"), {name: (path,) for name in names if (path := shutil.which(name))})


def _unpacked(root: Path) -> Place:
    """Programs of another release run with that release's loader and libraries, the libc too."""
    loader = next(root.glob("lib/*/ld-linux-*.so.*"))
    triplet = loader.parent.name
    libraries = [root / "lib" / triplet, root / "usr/lib" / triplet]
    libraries.append(libraries[1] / "pulseaudio")
    start = (str(loader), "--library-path", ":".join(map(str, libraries)))
    binaries = root / "usr/bin"
    names = {name for s in SPEAKERS for name in (s.program.name, *s.program.needs)}
    programs = {
        name: (*start, str(binaries / name)) for name in names if (binaries / name).exists()
    }
    return Place(
        root,
        programs,
        {
            "ESPEAK_DATA_PATH": str(libraries[1]),
            "RHVOICE_DATA_PATH": str(root / "usr/share/RHVoice"),
            "RHVOICE_CONFIG_PATH": str(root / "etc/RHVoice"),
            "PATH": f"{binaries}:{os.environ.get('PATH', os.defpath)}",
        },
    )


def _fetch(programs: Sequence[Sequence[str]], to: Path) -> str:
    """Unpack programs and all they need; beside the place first, so that it is whole or not there.

    Args:
        programs: the packages of each.

    Returns:
        Why one could not be had; empty: all could.

    Raises:
        SynthesisError: there is no apt, or no archive; the text says it in one line.
    """
    if not KEYRING.exists():
        raise SynthesisError("this system has no keyring of Debian's archive to fetch them with")
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=to.parent) as folder:
        apt, reason = _apt(Path(folder)), ""
        _run(["apt-get", "update"], FETCH_LIMIT_S, apt)
        if not list((apt.root / "lists").glob("*_Packages*")):  # which is no failure to apt
            raise SynthesisError(f"{_mirror()} cannot be reached")
        for packages in programs:
            try:
                _run(["apt-get", "install", "--download-only", "-y", *packages], FETCH_LIMIT_S, apt)
            except SynthesisError as error:
                reason = str(error)
        fetched = sorted((apt.root / "cache/archives").glob("*.deb"))
        if not fetched:
            raise SynthesisError(reason)
        for package in fetched:
            _run(["dpkg-deb", "-x", str(package), str(apt.root / "root")], FETCH_LIMIT_S, apt)
        _settle(apt.root / "root")
        if not to.exists():  # else another process was faster
            (apt.root / "root").rename(to)
    return reason


def _apt(folder: Path) -> Place:
    """An apt of its own, which knows nothing of what the system has installed and from where."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SynthesisError(f"this system has no {tool} to fetch them with")
    for name in ("lists/partial", "cache/archives/partial", "etc", "root"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(
        f"deb [signed-by={KEYRING}] {_mirror()} {SUITE} main contrib non-free\n"
    )
    (folder / "apt.conf").write_text(
        f'Dir::Etc "{folder}/etc";\nDir::Etc::sourcelist "{folder}/sources.list";\n'
        f'Dir::State "{folder}";\nDir::State::status "{folder}/status";\n'
        f'Dir::Cache "{folder}/cache";\nAPT::Install-Recommends "false";\n'
        'APT::Sandbox::User "";\nAcquire::Languages "none";\n'
        'Acquire::Check-Valid-Until "false";\n'
    )
    return Place(folder, {}, {"APT_CONFIG": str(folder / "apt.conf")})


def _settle(root: Path) -> None:
    """Let programs find their voices away from home, where no setting does it.

    espeak-ng looks for those of MBROLA among its own data.  The path of pico2wave's is in the program:
    without its first slash it is one in the folder where the program is started, the root.
    """
    for data in root.glob("usr/lib/*/espeak-ng-data"):
        (data / "mbrola").mkdir()
        for voice in root.glob("usr/share/mbrola/*"):
            shutil.copy(voice / voice.name, data / "mbrola" / voice.name)
    pico = root / "usr/bin/pico2wave"
    if pico.exists():
        path = b"/usr/share/pico/lang/\0"
        pico.write_bytes(pico.read_bytes().replace(path, path[1:] + b"\0"))


def _mirror() -> str:
    """Debian's archive that this machine's apt uses.

    Raises:
        SynthesisError: it uses none.
    """
    lists = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(path.read_text("utf-8") for path in lists if path.is_file())
    found = re.search(r"^[^#\n]*?(https?://\S*/debian)/?(?=\s)", text, re.MULTILINE)
    if found is None:
        raise SynthesisError("this system's apt names no archive of Debian to fetch them from")
    return found[1]


def _run(command: Sequence[str], limit_s: float, place: Place) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=place.root,
            env=os.environ | {"LC_ALL": "C.UTF-8"} | dict(place.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SynthesisError(f"{command[0]}: {error}") from error
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines() or ["no output"]
        raise SynthesisError(f"{' '.join(command[:2])} failed: {said[-1]}")
