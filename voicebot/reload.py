"""New flows without a restart: what is served, and what takes its place when files change.

Knows which flows are served, what has to be true of one before a call may meet it, and when to look.
Must not know calls: a call keeps the flow that it began with, since nothing here changes a flow.

Each file stands for itself: one that has errors, or whose tests fail, keeps what is served from it,
and the others are taken nevertheless.  Flows that have a route are never dropped.

The proving is another process's: in a thread it would take the interpreter from the media clock.
Measured on two busy cores with 100 calls and a flow of 400 questions reloaded every three seconds:
in a thread 51 to 75 % more processor time of the daemon than without reloads, in a process 11 to
41 %; frames were up to 70 ms late in both, 18 to 30 ms at the 99th percentile.  What is left on the
clock's thread is to take the flow over, half a millisecond for one of ten questions, ten for one of 400.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import structlog
import trio

from voicebot.config import Config
from voicebot.flow.model import Flow
from voicebot.flow.yamlfile import Finding, Mark, Severity
from voicebot.flows import FlowErrors, prepare_ears, render_prompts, routes_to, same_name
from voicebot.proving import Proved, ProvingFailed, Wanted, digest, prove
from voicebot.records.trace import FlowTexts, ServedFlow
from voicebot.speaking.prompts import PromptStore
from voicebot.speaking.synthesiser import SynthesisError

log = structlog.get_logger()

WATCH_S: Final = 1.0
"""Between two looks at the folder; what has changed is reloaded once it has not changed for as long."""
PROVING_S: Final = 120.0
"""A proof that takes longer than this is given up."""
SHOWN: Final = 3
"""Findings of one file that the log has; `voicebot check` has them all."""
WATCHED: Final = frozenset({".yaml", ".wav", ".flac", ".ogg", ".mp3"})

Flows: TypeAlias = Mapping[str, ServedFlow]
"""What is served, by name.  Replaced as a whole, never changed."""

Look: TypeAlias = "dict[Path, tuple[int, int, int]]"
"""Time, size and number of each file that counts."""


def served_now(flow: Flow) -> ServedFlow:
    """A flow that was loaded a moment ago.

    Raises:
        OSError: one of its files is gone again.
    """
    return ServedFlow.of(flow, FlowTexts.of(flow))


@dataclass(frozen=True, slots=True)
class Refused:
    """A file whose flow is not taken."""

    path: Path
    errors: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to be served, if it can be spoken."""

    kept: dict[str, ServedFlow]
    fresh: dict[str, Proved]
    """By name: flows that are new, or others than before."""
    refused: tuple[Refused, ...]


def merged(config: Config, served: Flows, proved: Sequence[Proved]) -> Merged:
    """What to serve once these files have been proved."""
    routed = {name for _, name in routes_to(config)}
    names = {one.flow.path: name for name, one in served.items()}
    fresh, refused = _right_ones(proved, names, routed)
    replaced = {one.path for one in fresh.values()}
    there = {one.path for one in proved}
    kept: dict[str, ServedFlow] = {}
    for path, name in names.items():
        if path not in replaced and (path in there or name in routed):
            kept[name] = served[name]
        if path not in there and name in routed:
            refused.append(Refused(path, (_gone(path, name),)))
    for name in fresh.keys() & kept.keys():
        refused.append(_same_name(fresh.pop(name), kept[name].flow.path))
    return Merged(kept, fresh, tuple(refused))


def _right_ones(
    proved: Sequence[Proved], names: Mapping[Path, str], routed: set[str]
) -> tuple[dict[str, Proved], list[Refused]]:
    """The changed flows without errors by name, and the others; what is served already is neither."""
    fresh: dict[str, Proved] = {}
    refused: list[Refused] = []
    for one in proved:
        errors = one.errors or _renamed(one, names.get(one.path), routed)
        if errors:
            refused.append(Refused(one.path, errors))
        elif one.flow is not None and one.flow.name in fresh:
            refused.append(_same_name(one, fresh[one.flow.name].path))
        elif one.flow is not None:
            fresh[one.flow.name] = one
    return fresh, refused


def _same_name(one: Proved, other: Path) -> Refused:
    return Refused(one.path, (same_name(one.flow, other),) if one.flow is not None else ())


def _renamed(one: Proved, before: str | None, routed: set[str]) -> tuple[Finding, ...]:
    """A flow that has a route keeps its name."""
    if one.flow is None or before is None or before == one.flow.name or before not in routed:
        return ()
    message = (
        f'the flow was called "{before}", which a route of config.yaml names, and is "{one.flow.name}" '
        "now: correct the route and restart, or take back the name"
    )
    return (Finding(one.flow.start_mark, Severity.ERROR, message),)


def _gone(path: Path, name: str) -> Finding:
    message = (
        f'the file is gone, but a route of config.yaml leads to its flow "{name}", which is served '
        "on: remove the route and restart, or put the file back"
    )
    return Finding(Mark(str(path), 1, 1), Severity.ERROR, message)


class Reloader:
    """Keeps `flows` up to date with the folder.

    Args:
        flows: what was loaded at the start.
        look: at the folder, from before that: what has changed since is a change.
    """

    def __init__(self, config: Config, prompts: PromptStore, flows: Flows, look: Look) -> None:
        self.flows = flows
        """What is served.  A call takes its flow out of it when it begins."""
        self._config = config
        self._prompts = prompts
        self._look = look
        self._digests = {f.flow.path: digest(f.flow, f.texts) for f in flows.values()}
        """Of what is served, when it was loaded."""
        self._due = trio.Event()
        self._why = ""

    def ask(self, why: str) -> None:
        """Have the flows reloaded soon; asking again before it has begun changes nothing."""
        self._why = self._why or why
        self._due.set()

    async def run(self) -> None:
        """Reload whenever it is asked for, until cancelled."""
        while True:
            await self._due.wait()
            why, self._why, self._due = self._why, "", trio.Event()
            log.info("daemon.reloading", why=why)
            try:
                await self.reload()
            except Exception:
                # A fault of ours: what is served is still whole, and calls go on.
                log.exception("flow.reload_fault", kept=", ".join(self.flows))

    async def watch(self) -> None:
        """Ask for a reload whenever a file of the folder has changed, until cancelled."""
        async for path in _changes(self._config.flows, self._look):
            self.ask(f"{path} has changed")

    async def reload(self) -> None:
        """Prove, test, render, and then serve what is right; the log tells what is not."""
        try:
            with trio.fail_after(PROVING_S):
                proved = await prove(Wanted.by(self._config, self._digests))
        except (ProvingFailed, trio.TooSlowError, OSError) as error:
            reason = str(error) or f"proving them took more than {PROVING_S:g} s"
            log.error(  # noqa: TRY400 - the reason says it all
                "flow.reload_failed", reason=reason, kept=", ".join(self.flows)
            )
            return
        found = merged(self._config, self.flows, proved)
        await trio.lowlevel.checkpoint()
        refused = list(found.refused)
        flows, digests = dict(found.kept), dict(self._digests)
        for name, one in found.fresh.items():
            wrong = await self._unspeakable(one)
            if wrong is not None:
                refused.append(Refused(one.path, wrong))
                flows.update(self._served_instead_of(name, one.path))
            elif one.flow is not None and one.texts is not None:
                flows[name] = ServedFlow.of(one.flow, one.texts)
                digests[one.path] = one.digest
        before, self.flows = self.flows, dict(sorted(flows.items()))
        # Only of what is served: a file that went and comes back is a new one.
        self._digests = {f.flow.path: digests[f.flow.path] for f in flows.values()}
        self._tell(before, refused, [finding for one in proved for finding in one.warnings])

    async def _unspeakable(self, one: Proved) -> tuple[Finding, ...] | None:
        """Have what a flow says ready to play; what is wrong with it, or None."""
        if one.flow is None:
            return None
        try:
            await render_prompts(self._prompts, [one.flow])
            await prepare_ears([one.flow])
        except FlowErrors as error:
            return tuple(error.findings)
        except SynthesisError as error:
            return (Finding(one.flow.start_mark, Severity.ERROR, str(error)),)
        return None

    def _served_instead_of(self, name: str, path: Path) -> Flows:
        return {old: f for old, f in self.flows.items() if f.flow.path == path or old == name}

    def _tell(self, before: Flows, refused: Sequence[Refused], warnings: Sequence[Finding]) -> None:
        for warning in warnings:
            log.warning("flow.warning", at=str(warning.mark), message=warning.message)
        for one in refused:
            shown = "; ".join(str(error) for error in one.errors[:SHOWN])
            kept = [name for name, served in self.flows.items() if served.flow.path == one.path]
            log.error("flow.reload_failed", file=str(one.path), reason=shown,
                      findings=len(one.errors), kept=", ".join(kept))  # fmt: skip
        changed = [name for name, one in self.flows.items() if before.get(name) is not one]
        removed = [name for name in before if name not in self.flows]
        if changed or removed:
            log.info("flow.reloaded", flows=", ".join(changed), removed=", ".join(removed))
        elif not refused:
            log.info("flow.unchanged", flows=", ".join(self.flows))


# Watching --------------------------------------------------------------------------------------


def look_at(folder: Path) -> Look:
    """What lies there, so that a change of any of it can be told."""
    found: Look = {}
    for path in folder.rglob("*"):
        if path.suffix in WATCHED:
            try:
                stat = path.stat()
            except OSError:
                continue  # gone meanwhile
            found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


async def _changes(folder: Path, settled: Look) -> AsyncIterator[Path]:
    """A file that has changed, once the folder has not changed any more between two looks."""
    last = settled
    while True:
        await trio.sleep(WATCH_S)
        look = await trio.to_thread.run_sync(look_at, folder)
        if look == last and look != settled:
            yield next(iter(sorted(_unlike(settled, look))))
            settled = look
        last = look


def _unlike(one: Look, other: Look) -> list[Path]:
    return [path for path in {**one, **other} if one.get(path) != other.get(path)]
