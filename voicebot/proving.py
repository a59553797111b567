"""The flows of a folder read, proved and tested in a process of their own.

Knows what the daemon asks of that process and what it answers.  Must not know when flows are
reloaded or what becomes of them (reload.py).

A process, because reading and proving flows is seconds of Python in the worst case, and a thread
that runs Python holds up every frame of every call: measured, see reload.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trio
import trio.lowlevel

from voicebot.calendars import Calendar
from voicebot.config import Config
from voicebot.flow.check import checked_flow
from voicebot.flow.model import Flow
from voicebot.flow.yamlfile import Finding, Mark, Severity
from voicebot.flows import flow_files, languages, sounds_of, vosk_models, words_of
from voicebot.records.trace import FlowTexts
from voicebot.rehearsal.suite import rehearse

NICE = 10
"""Calls come first."""


class ProvingFailed(Exception):
    """The process ended without an answer; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be proved, and what is known already."""

    folder: Path
    models: tuple[Path, ...]
    """Of Vosk, which know which words there are."""
    languages: frozenset[str] | None
    calendars: Mapping[str, Calendar]
    known: Mapping[Path, str]
    """The digest of the flow that is served from a file: unchanged ones are not tested again."""

    @classmethod
    def by(cls, config: Config, known: Mapping[Path, str]) -> Wanted:
        return cls(
            config.flows, vosk_models(config), languages(config), dict(config.calendars), known
        )


@dataclass(frozen=True, slots=True)
class Proved:
    """What came of one file."""

    path: Path
    findings: tuple[Finding, ...] = ()
    """Of the proofs, and of the tests: each that fails is an error."""
    flow: Flow | None = field(default=None, repr=False)
    """None: it has errors, or is the one that is served already."""
    texts: FlowTexts | None = field(default=None, repr=False)
    digest: str = ""

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Of a flow that may be taken."""
        if self.flow is None:
            return ()
        return tuple(one for one in self.findings if one.severity is not Severity.ERROR)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity is Severity.ERROR)


async def prove(wanted: Wanted) -> tuple[Proved, ...]:
    """Have a folder proved by another process.

    Raises:
        ProvingFailed: it gave no answer.
    """
    # Not -m: what is pickled must not be of a module called __main__.
    command = [sys.executable, "-c", "from voicebot import proving; proving.main()"]
    done = await trio.run_process(
        command,
        stdin=pickle.dumps(wanted),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1] if said else f"it ended with {done.returncode}"
        raise ProvingFailed(f"the flows could not be proved: {reason}")
    answer, at = [], io.BytesIO(done.stdout)
    while at.tell() < len(done.stdout):
        one: Proved = pickle.load(at)  # noqa: S301 - our own process wrote it
        answer.append(one)
        await (
            trio.lowlevel.checkpoint()
        )  # a large flow takes ten milliseconds: not several of them at once
    return tuple(answer)


def proved(wanted: Wanted) -> tuple[Proved, ...]:
    """Read, prove and test every flow of the folder, here and now."""
    words = words_of(wanted.models)
    return tuple(_proved(path, wanted, words) for path in flow_files(wanted.folder))


def _proved(path: Path, wanted: Wanted, words: frozenset[str] | None) -> Proved:
    flow, findings = checked_flow(
        path,
        words,
        calendars=frozenset(wanted.calendars),
        languages=wanted.languages,
    )
    if flow is None:
        return Proved(path, tuple(findings))
    try:
        texts = FlowTexts.of(flow)
    except (OSError, UnicodeDecodeError) as error:
        message = f"the file was changed while it was read: {error}"
        return Proved(path, (Finding(Mark(str(path), 1, 1), Severity.ERROR, message),))
    now = digest(flow, texts)
    if now == wanted.known.get(path):
        return Proved(path, tuple(findings))
    findings += _failed_tests(flow, wanted.calendars)
    if any(one.severity is Severity.ERROR for one in findings):
        return Proved(path, tuple(findings))
    return Proved(path, tuple(findings), flow, texts, now)


def _failed_tests(flow: Flow, calendars: Mapping[str, Calendar]) -> Iterable[Finding]:
    outcomes, findings = rehearse(flow, calendars)
    for outcome in outcomes:
        if outcome.failure is not None:
            message = f'the test "{outcome.name}" fails: {outcome.failure.message}'
            findings.append(Finding(outcome.failure.mark, Severity.ERROR, message))
    return findings


def digest(flow: Flow, texts: FlowTexts) -> str:
    """Changes with the files of a flow, its sounds among them."""
    sounds = []
    for path in sorted(sounds_of(flow)):
        try:
            stat = path.stat()
        except OSError:
            continue  # a finding of the check
        sounds.append((str(path), stat.st_mtime_ns, stat.st_size))
    return hashlib.sha256(json.dumps([texts.digest, sounds]).encode()).hexdigest()


def main() -> None:
    """Answer the one question that comes on standard input."""
    os.nice(NICE)
    wanted = pickle.load(sys.stdin.buffer)  # noqa: S301 - the daemon wrote it
    for one in proved(wanted):
        pickle.dump(one, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
