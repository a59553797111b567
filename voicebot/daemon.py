"""What `voicebot run` is: all that calls share is put together, served, and ended in order.

Knows the configuration, the signals, and who is needed for a call.  Must not know connections, nor
what happens within a call.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import structlog
import trio

from voicebot.call.asker import HttpAsker
from voicebot.call.services import Services
from voicebot.calls import Calls
from voicebot.config import Agi, Config, Listener
from voicebot.engines import engines
from voicebot.flow.yamlfile import Severity
from voicebot.flows import FlowErrors, load_flows, prepare_ears, render_prompts
from voicebot.hearing.recording import RecordingFolder
from voicebot.hearing.vad import verifier
from voicebot.line.clock import MediaClock
from voicebot.listeners import Port, StartError, check_ports, open_ports
from voicebot.pbx.lookup import Lookup
from voicebot.pbx.switchboard import Switchboard
from voicebot.reception import Reception
from voicebot.records.archive import Archive
from voicebot.reload import Reloader, look_at, served_now
from voicebot.speaking.prompts import PromptStore
from voicebot.web.server import serve_web

__all__ = ["StartError", "run"]

log = structlog.get_logger()

LAST_WORDS_S: Final = 5.0
"""What `on: hangup` of the calls that are ended may still do, such as a request."""
RATES_IN_USE: Final = (8000, 16000)
"""What prompts are rendered at before any call; other rates are resampled when one comes."""


async def run(
    config: Config,
    *,
    task_status: trio.TaskStatus[Sequence[Port]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until SIGTERM or SIGINT, or until cancelled.

    `task_status.started` gives the ports where callers come in.

    Raises:
        FlowErrors, StartError, EngineUnavailable (maybe in a group): it cannot start.
    """
    # From the first moment on: SIGHUP would end the program, and SIGTERM end it without a word.
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            orders = _Orders(nursery)
            nursery.start_soon(orders.obey, signals)
            # A lambda: flake8-async looks for the call.
            await _serve(config, orders, lambda a: task_status.started(a))  # noqa: PLW0108
            nursery.cancel_scope.cancel()
    log.info("daemon.stopped")


async def _serve(config: Config, orders: _Orders, ready: Callable[[Sequence[Port]], None]) -> None:
    look = look_at(config.flows)
    flows, findings = load_flows(config)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise FlowErrors(findings)
    for finding in findings:
        log.warning("flow.warning", at=str(finding.mark), message=finding.message)
    served = {name: served_now(flow) for name, flow in flows.items()}
    await check_ports(config)  # who calls before we are ready is refused at once
    async with AsyncExitStack() as stack:
        recogniser, synthesiser = await stack.enter_async_context(engines(config))
        prompts = PromptStore(synthesiser, config.cache, RATES_IN_USE)
        await render_prompts(prompts, flows.values())
        await prepare_ears(flows.values())
        asker = await stack.enter_async_context(HttpAsker())
        archive = stack.enter_context(Archive(config.records))
        recordings = RecordingFolder(config.records.folder / "messages")
        services = Services(
            MediaClock(),
            recogniser,
            prompts,
            asker,
            recordings,
            verifier=verifier(config.hearing.vad),
        )
        reloader = Reloader(config, prompts, served, look)
        calls = Calls(config, reloader, services, archive)
        lookup = Lookup(config.ami) if config.ami is not None else None
        switchboard = Switchboard(lookup, config.transfer.context)
        ports = await open_ports(config)
        reception = Reception(ports, calls, switchboard)
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            async with trio.open_nursery() as nursery:
                web = await nursery.start(partial(serve_web, calls=calls.__len__), config,
                                          switchboard.expected, switchboard.finished,
                                          lambda: calls.flows)  # fmt: skip
                # What is loaded stays: the collector need not walk through it between two frames.
                gc.collect()
                gc.freeze()
                log.info("daemon.ready", **_addresses(ports, web), flows=", ".join(flows))
                ready(ports)
                nursery.start_soon(services.clock.run)
                nursery.start_soon(reloader.run)
                if lookup is not None:
                    nursery.start_soon(lookup.run)
                if config.watch:
                    nursery.start_soon(reloader.watch)
                orders.give(reception, reloader, config.limits.drain_s)
                nursery.start_soon(orders.obey, interrupts)
                await reception.serve()
                nursery.cancel_scope.cancel()


def _addresses(ports: Sequence[Port], web: Sequence[str]) -> dict[str, str]:
    """Where it listens, for the log."""
    audio = [port.address for port in ports if isinstance(port.settings, Listener)]
    agi = [port.address for port in ports if isinstance(port.settings, Agi)]
    told = {"listening": audio, "agi": agi, "web": web}
    return {name: ", ".join(addresses) for name, addresses in told.items() if addresses}


class _Orders:
    """What signals mean, before the daemon is ready and after.

    The first SIGTERM or SIGINT: no more calls, those under way may end.  The second: they are hung
    up, and leave what their callers have recorded.  The third: at once.  SIGHUP: look at the flows
    again.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        """Everything: cancelled, the program ends."""
        self._reception: Reception | None = None
        self._reloader: Reloader | None = None
        self._drain_s = 0.0
        self._reload_asked = False
        self._hanging_up = False
        """Nobody is waited for any more, but for what a caller has said into a recording."""

    def give(self, reception: Reception, reloader: Reloader, drain_s: float) -> None:
        """The daemon is ready."""
        self._reception, self._reloader, self._drain_s = reception, reloader, drain_s
        if self._reload_asked:
            reloader.ask("SIGHUP")

    async def obey(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number == signal.SIGHUP:
                self._reload()
            else:
                self._stop(signal.Signals(number).name)

    def _reload(self) -> None:
        self._reload_asked = True
        if self._reloader is not None:
            self._reloader.ask("SIGHUP")

    def _stop(self, name: str) -> None:
        reception = self._reception
        if reception is None:
            log.info("daemon.stopping", signal=name, calls=0, drain_s=0.0)
        elif not reception.stopping:
            log.info(
                "daemon.stopping", signal=name, calls=len(reception.calls), drain_s=self._drain_s
            )
            reception.stop()
            self._nursery.start_soon(self._drain, reception)
            return
        elif not self._hanging_up:
            self._nursery.start_soon(self._hang_up, reception)
            return
        self._nursery.cancel_scope.cancel()

    async def _drain(self, reception: Reception) -> None:
        await trio.sleep(self._drain_s)
        log.warning("daemon.drain_over", after_s=self._drain_s, calls=len(reception.calls))
        await self._hang_up(reception)

    async def _hang_up(self, reception: Reception) -> None:
        self._hanging_up = True
        reception.calls.end("the daemon was stopped")
        await trio.sleep(LAST_WORDS_S)
        self._nursery.cancel_scope.cancel()
