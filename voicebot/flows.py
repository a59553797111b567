"""The flows of a configuration: read and proved, and all that they say ready to be played.

Knows the folder, the routes to it and the prompts of a flow.  Must not know calls, or when flows
are loaded (reload.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog
import trio
import trio.lowlevel

from voicebot.config import Config, check_paths
from voicebot.flow import walk
from voicebot.flow.check import checked_flow, constants
from voicebot.flow.expressions import ExpressionError, Surroundings, as_text, fill
from voicebot.flow.model import FilePrompt, Flow
from voicebot.flow.spoken import language_of
from voicebot.flow.spoken.say import say
from voicebot.flow.yamlfile import Finding, Severity, sort_findings
from voicebot.speaking.prompts import PromptError, PromptStore

log = structlog.get_logger()


class FlowErrors(Exception):
    """Flows or settings have errors; `findings` are what to print."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


# Reading ---------------------------------------------------------------------------------------


def load_flows(config: Config) -> tuple[dict[str, Flow], list[Finding]]:
    """All flows of the configuration's folder, by name, and everything found about them.

    An error in a flow, two flows of one name, or a route to none is a finding.
    """
    findings = check_paths(config)
    flows: dict[str, Flow] = {}
    proved = prover(config)
    for path in flow_files(config.flows):
        flow, found = proved(path)
        findings += found
        if flow is None:
            continue
        if flow.name in flows:
            findings.append(same_name(flow, flows[flow.name].path))
        flows[flow.name] = flow
    if not any(f.severity is Severity.ERROR for f in findings):
        findings += unknown_routes(config, flows)
    return flows, sort_findings(findings)


def flow_files(folder: Path) -> list[Path]:
    """The flow files of a folder, in order.  What an editor hides beside them (".#x.yaml") is none."""
    return sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("."))


def prover(config: Config) -> partial[tuple[Flow | None, list[Finding]]]:
    """`checked_flow` with all that the settings tell it."""
    return partial(
        checked_flow,
        vocabulary=vocabulary(config),
        calendars=frozenset(config.calendars),
        languages=languages(config),
    )


def vocabulary(config: Config) -> frozenset[str] | None:
    """The words the recogniser knows, where its model tells."""
    return words_of(vosk_models(config))


def vosk_models(config: Config) -> tuple[Path, ...]:
    return tuple(config.asr.models.values()) if config.asr.engine == "vosk" else ()


def words_of(models: Iterable[Path]) -> frozenset[str] | None:
    """The words that Vosk models know; None where one does not tell.  A large one takes a while."""
    words: set[str] = set()
    for path in models:
        table = path / "graph" / "words.txt"
        if not table.is_file():
            return None
        words.update(line.split()[0] for line in table.read_text("utf-8").splitlines() if line)
    return frozenset(words) or None


def languages(config: Config) -> frozenset[str] | None:
    """The tags that there are a voice and a model for; None: an engine elsewhere may know any."""
    if config.asr.engine != "vosk" or config.tts.engine != "piper":
        return None
    return frozenset(config.asr.models) & frozenset(config.tts.voices)


def same_name(flow: Flow, other: Path) -> Finding:
    message = f'the flow is called "{flow.name}", like the one in {other}: rename one'
    return Finding(flow.start_mark, Severity.ERROR, message)


# Routes ----------------------------------------------------------------------------------------


def routes_to(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every place of the settings that names a flow, and the name."""
    for n, route in enumerate(config.routes):
        yield ("routes", n, "flow"), route.flow
    for n, one in enumerate(config.listen.audiosocket):
        if one.flow is not None:
            yield ("listen", "audiosocket", n, "flow"), one.flow


def unknown_routes(config: Config, flows: Mapping[str, Flow]) -> Iterator[Finding]:
    for place, name in routes_to(config):
        if name not in flows:
            known = ", ".join(sorted(flows)) or "none"
            message = f'no flow is called "{name}"; in {config.flows} there is: {known}'
            yield Finding(config.mark(*place), Severity.ERROR, message)


# Prompts ---------------------------------------------------------------------------------------


def sounds_of(flow: Flow) -> dict[Path, FilePrompt]:
    """The sound files of a flow and of those it calls, each with a prompt that plays it."""
    return {
        words.path: words
        for one in walk.all_flows(flow)
        for words, _ in walk.spoken(one)
        if isinstance(words, FilePrompt)
    }


def static_texts(flow: Flow) -> Iterator[tuple[str, str]]:
    """What a call may say whose words are known before it, with the language they are said in."""
    fixed = constants(flow)
    for words, tag in walk.spoken(flow):
        if isinstance(words, FilePrompt) or not words.text.names <= fixed.keys():
            continue
        language = language_of(tag)
        around = Surroundings(
            variables=fixed,
            functions={},
            say=lambda kind, value, spoken=language: (  # type: ignore[misc]  # a default binds it
                "" if spoken is None else say(spoken, kind, value, flow.currency)
            ),
        )
        try:
            text = as_text(fill(words.text, around))
        except ExpressionError:
            continue  # it depends on the moment, or fails in the call, where it is told
        if text.strip():
            yield text, tag


async def render_prompts(prompts: PromptStore, flows: Iterable[Flow]) -> None:
    """Have every static prompt and sound file of the flows ready to play.

    Raises:
        FlowErrors: a sound file cannot be read.
        SynthesisError: a prompt cannot be spoken.
    """
    texts: list[tuple[str, str]] = []
    findings: list[Finding] = []
    for flow in flows:
        findings += await _load_sounds(prompts, flow)
        for one in walk.all_flows(flow):
            for text in static_texts(one):
                texts.append(text)
                await trio.lowlevel.checkpoint()  # calls may be under way
    if findings:
        raise FlowErrors(sort_findings(findings))

    def progress(done: int, total: int) -> None:
        if done == total or done % 20 == 0:
            log.info("prompts.rendered", done=done, total=total)

    await prompts.render(dict.fromkeys(texts), progress)


async def _load_sounds(prompts: PromptStore, flow: Flow) -> list[Finding]:
    findings: list[Finding] = []
    for path, prompt in sounds_of(flow).items():
        try:
            await trio.to_thread.run_sync(prompts.load_file, path)
        except PromptError as error:
            findings.append(Finding(prompt.mark, Severity.ERROR, str(error)))
    return findings


async def prepare_ears(flows: Iterable[Flow]) -> None:
    """Have every question of the flows ready to hear, a little at a time: calls may be under way."""
    for flow in flows:
        for one in walk.all_flows(flow):
            for expectation in one.expectations.values():
                expectation.prepare()
                await trio.lowlevel.checkpoint()
