"""The shipped flows are worth copying: no findings, their tests pass in text and as telephone calls.

So does the dentist of the language's own page, also as a real call to the daemon, with a server that books.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.bot import running_bot
from tests.practice import DENTIST, NUMBER, Practice, dentist_config, practice
from voicebot.cli import main
from voicebot.config import Config, load_config
from voicebot.flow.check import checked_flow
from voicebot.flow.model import Flow
from voicebot.flows import vocabulary
from voicebot.phone import CallReport, End, Press, Say, WaitForBot, place_call
from voicebot.phone.voice import SHIPPED, CallerVoice
from voicebot.rehearsal.audio import AudioStage
from voicebot.rehearsal.coverage import coverage
from voicebot.rehearsal.impairments import Sound
from voicebot.rehearsal.outcome import Outcome
from voicebot.rehearsal.suite import Suite, rehearse, suite_of

ROOT = Path(__file__).parent.parent
FLOWS = sorted(path.stem for path in (ROOT / "flows").glob("*.yaml"))

__all__ = ["practice"]  # a fixture

LEAST_COVERED = 90
"""Percent of nodes, choices and events that the tests of a shipped flow come through."""
FEWEST_TESTS = 3
LONGEST = 165
"""Lines of a file that somebody is to read before he copies it."""
WIDEST = 120


@pytest.fixture(scope="module")
def settings() -> Config:
    config, findings = load_config(ROOT / "config.yaml")
    assert config is not None
    assert findings == []
    return config


def flow_of(settings: Config, name: str) -> Flow:
    path, words = settings.flows / f"{name}.yaml", vocabulary(settings)
    flow, findings = checked_flow(
        path, words, calendars=settings.calendars, languages=settings.tts.voices
    )
    assert findings == []
    assert flow is not None
    return flow


def told(outcome: Outcome) -> str:
    """A call that failed, as the assertion shows it."""
    lines = [f"{line.at_s:6.2f} {line.who}: {line.text} [{line.node}]" for line in outcome.exchange]
    return "\n".join([outcome.name, str(outcome.failure), *lines])


def test_these_flows_are_shipped() -> None:
    assert FLOWS == ["account", "appointment", "callback", "company", "survey", "voicemail"]


@pytest.mark.parametrize("name", FLOWS)
def test_text(settings: Config, name: str) -> None:
    """No findings, all tests pass, and they leave next to nothing of the flow out."""
    flow = flow_of(settings, name)
    outcomes, findings = rehearse(flow, settings.calendars)
    assert findings == []
    assert len(outcomes) >= FEWEST_TESTS
    for outcome in outcomes:
        assert outcome.passed, told(outcome)
    covered = coverage(flow, [outcome.taken for outcome in outcomes])
    assert covered.percent >= LEAST_COVERED, covered.missed


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_is_short_enough_to_be_read(settings: Config, name: str) -> None:
    lines = (settings.flows / f"{name}.yaml").read_text("utf-8").splitlines()
    assert len(lines) <= LONGEST
    assert max(map(len, lines)) <= WIDEST


# In audio ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage(settings: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AudioStage]:
    cache = tmp_path_factory.mktemp("cache")
    models, voices = settings.asr.models, settings.tts.voices
    with AudioStage(models, voices, cache, calendars=settings.calendars) as running:
        yield running


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("name", FLOWS)
def test_audio(settings: Config, stage: AudioStage, name: str) -> None:
    """At 20 dB through µ-law the same tests pass, and a second run is the first, to the millisecond."""
    suite: Suite = suite_of(flow_of(settings, name))[0]
    for test in suite.tests:
        first, again = (stage.run(suite.flow, test, Sound()) for _ in range(2))
        assert first.passed, told(first)
        assert first.exchange == again.exchange


# The dentist -------------------------------------------------------------------------------------

"""Secret, and not that of the flow's own test: a trace has the flow with it."""


@pytest.mark.models
def test_the_dentist_in_text_and_audio(capsys: pytest.CaptureFixture[str]) -> None:
    """`voicebot test` runs the flow of the language's own page."""
    flow, config = str(DENTIST / "dentist.yaml"), str(DENTIST / "config.yaml")
    code = main(["test", flow, "-c", config])
    out = capsys.readouterr().out
    assert code == 0, out
    assert [line.split()[:2] for line in out.splitlines() if " ok " in line] == [
        ["ok", "text"], ["ok", "audio"],
    ]  # fmt: skip


@pytest.mark.models
@pytest.mark.slow
def test_the_dentist_takes_a_real_call(practice: Practice, tmp_path: Path) -> None:
    """Over AudioSocket: by voice and by key, to the server and back; the secret is in no log."""
    config = dentist_config(tmp_path, practice)
    with running_bot(config) as bot:
        report = call(bot.ports[0])
        bot.wait_for("call.ended")
    assert (report.ended, report.clean) == (End.BOT_HUNG_UP, True), bot.text()
    [booking] = practice.booked
    assert (booking["path"], booking["time"]) == ("/book", "10:00")
    said = [record["text"] for record in bot.events("call.said")]
    assert said[-2:] == ["Booked.", "Goodbye."]
    assert NUMBER not in bot.text()
    kept = [path.read_bytes() for path in (tmp_path / "records").rglob("*") if path.is_file()]
    assert len(kept) == len(["calls.jsonl", "trace"])
    assert not any(NUMBER.encode() in content for content in kept)


def call(port: int) -> CallReport:
    script = [
        WaitForBot(), Say("an appointment"),
        WaitForBot(), Say("next tuesday at ten"),
        WaitForBot(), Press(NUMBER),
        WaitForBot(), Say("yes"),
    ]  # fmt: skip
    place = partial(place_call, voice=CallerVoice(SHIPPED))
    return trio.run(place, "127.0.0.1", port, script)
