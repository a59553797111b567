"""`voicebot demo`: the real daemon, a real caller, and on the screen what they say to each other.

Knows: the shipped flow that is shown, what its caller does, and which events of the daemon's log tell that the caller
was understood. Must not know: how the daemon hears and speaks, how a call is placed.

Both run in this process and meet at a TCP socket, on a free port. The daemon's log goes to the screen. The server
that the flow asks for appointments is a little one of this process, too; the flow is a copy that has its address.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from itertools import zip_longest
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NoReturn, TypeAlias
from uuid import UUID, uuid4

import structlog
import trio
from rich.console import Console
from rich.text import Text

from voicebot import daemon
from voicebot.config import Config, parse_address
from voicebot.demo_server import appointment_book
from voicebot.phone import (
    BotSpeaks,
    CallReport,
    End,
    Ended,
    PhoneEvent,
    Press,
    Say,
    Step,
    StepBegan,
    Wait,
    WaitForBot,
    place_call,
)
from voicebot.phone.voice import CallerVoice
from voicebot.shipped import shipped

FLOW: Final = "appointment"
CALLED: Final = ("callback",)
"""The flows that it calls."""
VOICE: Final = "models/voicebot-en_US-tiny.onnx"
RECOGNISER: Final = "models/vosk-tiny-en-8k"
SERVER: Final = "http://127.0.0.1:8080"
"""As the shipped flow has it."""

LAST_EVENT_S: Final = 2.0
"""When the caller has heard the hangup, the daemon still closes the line before it tells the end."""
INFO: Final = 20

LogEvent: TypeAlias = structlog.typing.EventDict


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that the caller does, and what the bot has to make of it."""

    does: Say | Press
    means: tuple[str, ...]
    """What the bot understands, one value after the other, as in file names: "20*" is any day."""
    before: tuple[Step, ...] = (WaitForBot(),)
    interrupts: bool = False

    @property
    def told(self) -> str:
        """What the caller does, in words."""
        match self.does:
            case Say(text):
                return f'says "{text}"'
            case Press(keys):
                return f"presses {keys}"

    @property
    def by(self) -> str:
        """As the daemon's log calls it."""
        return "speech" if isinstance(self.does, Say) else "keys"


TURNS: Final = (
    Turn(Say("an appointment"), ("an appointment",)),
    # The caller knows the list and does not wait for its end.
    Turn(Say("a cleaning"), ("cleaning",), (WaitForBot(quiet_s=0.0), Wait(2.2)), interrupts=True),
    Turn(Say("next wednesday at ten"), ("20*", "10:00")),
    Turn(Press("1"), ("yes",)),
    # That time is taken; the server has another one.
    Turn(Say("yes"), ("yes",)),
)


def settings() -> Config:
    """The daemon's settings: what is shipped, on a free port."""
    return Config.model_validate(
        {
            "voicebot": 1,
            "listen": {"audiosocket": "127.0.0.1:0"},
            "flows": shipped("flows"),
            "routes": [{"flow": FLOW}],
            "asr": {"models": {"en-US": shipped(RECOGNISER)}},
            "tts": {"voices": {"en-US": shipped(VOICE)}},
            "watch": False,
        }
    )


@contextmanager
def _with_server(config: Config, url: str) -> Iterator[Config]:
    """The settings with a copy of the flows that asks this server."""
    with TemporaryDirectory(prefix="voicebot-demo-") as folder:
        copies = Path(folder)
        for name in (FLOW, *CALLED):
            shutil.copy(config.flows / f"{name}.yaml", copies)
        flow = copies / f"{FLOW}.yaml"
        text = flow.read_text("utf-8")
        flow.write_text(text.replace(SERVER, url), "utf-8")
        records = config.records.model_copy(update={"folder": copies / "records"})
        yield config.model_copy(update={"flows": copies, "records": records})


# On the screen -----------------------------------------------------------------------------------

_STYLES: Final = {"bot": "bold cyan", "caller": "bold yellow", "": "dim"}


class Screen:
    """Coloured lines with a spinner on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._began_s = 0.0

    @contextmanager
    def progress(self) -> Iterator[None]:
        """While this lasts, `doing` shows what is under way."""
        if not self._console.is_terminal:
            yield
            return
        with self._status:
            yield

    def doing(self, what: str) -> None:
        """Tell what is under way."""
        if self._console.is_terminal:
            self._status.update(what)
        else:
            self.line(what)

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line as it is."""
        self._console.print(Text(text, style), soft_wrap=True)

    def call_began(self) -> None:
        """The times of the conversation count from here."""
        self._began_s = trio.current_time()

    def turn(self, who: str, text: str) -> None:
        """Print what `who` says or does now; a remark has no `who`."""
        at = f"{trio.current_time() - self._began_s:7.2f}" if who else " " * 7
        self.line(f"{at}  {who:<7} {text}", _STYLES[who])


class _Conversation:
    """Shows the call as it happens, from both of its ends, and keeps what the daemon logs of it."""

    def __init__(self, screen: Screen, uuid: UUID) -> None:
        self.events: list[LogEvent] = []
        self.ended = trio.Event()
        self.stopped: Callable[[], None] = lambda: None
        """Called when somebody stops the daemon, by Ctrl-C for one."""
        self._screen = screen
        self._uuid = str(uuid)
        self._show: dict[str, Callable[[LogEvent], None]] = {
            "worker.started": self._worker_started,
            "prompts.rendered": self._prompts_rendered,
            "call.started": lambda _: screen.call_began(),
            "call.said": lambda event: screen.turn("bot", f'says "{event["text"]}"'),
            "call.barge_in": self._barge_in,
            "call.resumed": self._resumed,
            "call.understood": self._understood,
            "call.missed": lambda _: screen.turn("", "not understood"),
            "call.ended": lambda _: self.ended.set(),
            "daemon.stopping": lambda _: self.stopped(),
        }

    def take_log_event(self, _logger: object, level: str, event: LogEvent) -> NoReturn:
        """Structlog's last processor: the daemon's log ends here."""
        if event.get("call") == self._uuid:
            self.events.append(dict(event))
        if level not in {"debug", "info"}:
            self._warn(event)
        if event["event"] in self._show:
            self._show[event["event"]](event)
        raise structlog.DropEvent

    def take_phone_event(self, event: PhoneEvent) -> None:
        """What the caller does, and hears."""
        match event:
            case StepBegan(_, Say(text)):
                self._screen.turn("caller", f'says "{text}"')
            case StepBegan(_, Press(keys)):
                self._screen.turn("caller", f"presses {keys}")
            case BotSpeaks(_, float(response_s)):
                self._screen.turn("", f"answered after {_ms(response_s)}")
            case Ended(_, end):
                self._screen.turn("", end.value)
            case _:
                pass

    def take_answer(self, asked: str, status: HTTPStatus, body: str) -> None:
        """What the server is asked, and answers; in a thread of its own."""
        told = f"{asked} → {status.value} {status.phrase}"
        self._screen.turn("", told if body == "{}" else f"{told} {body}")

    def _worker_started(self, event: LogEvent) -> None:
        self._screen.doing(f"{event['engine']} is loaded; the prompts are rendered …")

    def _prompts_rendered(self, event: LogEvent) -> None:
        self._screen.doing(f"prompts rendered: {event['done']} of {event['total']}")

    def _barge_in(self, event: LogEvent) -> None:
        self._screen.turn("", f"the bot is interrupted, {event['heard']:.0%} of it was heard")

    def _resumed(self, _event: LogEvent) -> None:
        self._screen.turn("", "it was nothing: the bot goes on")

    def _understood(self, event: LogEvent) -> None:
        by = "voice" if event["by"] == "speech" else "key"
        self._screen.turn("", f"understood by {by}: {event['value']}")

    def _warn(self, event: LogEvent) -> None:
        values = " ".join(f"{key}={value}" for key, value in event.items() if key != "event")
        self._screen.line(f"{event['event']} {values}", "red")


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"


# The call ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Outcome:
    """How the demonstration went. Without a report it was interrupted."""

    report: CallReport | None = None
    events: list[LogEvent] = field(default_factory=list)


async def demonstrate(config: Config, screen: Screen) -> Outcome:
    """Start the daemon, place the call, and stop the daemon.

    Raises:
        FlowErrors, StartError, EngineUnavailable, PhoneError, SynthesisError (maybe in a group): it cannot be
            shown on this machine.
    """
    uuid = uuid4()
    conversation = _Conversation(screen, uuid)
    outcome = Outcome(events=conversation.events)
    with (
        appointment_book(conversation.take_answer) as url,
        _with_server(config, url) as with_server,
        _log_to(conversation),
    ):
        async with trio.open_nursery() as nursery:
            conversation.stopped = nursery.cancel_scope.cancel
            with screen.progress():
                screen.doing("the recogniser and the voice are loaded …")
                voice = await trio.to_thread.run_sync(CallerVoice, shipped(VOICE))
                listening = await nursery.start(daemon.run, with_server)
            address = listening[0].address
            screen.line(
                f"the bot listens on {address}, the practice's book is on {url}, a caller dials in\n"
            )
            outcome.report = await place_call(
                *parse_address(address),
                [step for turn in TURNS for step in (*turn.before, turn.does)],
                uuid=uuid,
                voice=voice,
                on_event=conversation.take_phone_event,
            )
            with trio.move_on_after(LAST_EVENT_S):
                await conversation.ended.wait()
            nursery.cancel_scope.cancel()
    return outcome


@contextmanager
def _log_to(conversation: _Conversation) -> Iterator[None]:
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, conversation.take_log_event],
        wrapper_class=structlog.make_filtering_bound_logger(INFO),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.reset_defaults()


# Afterwards --------------------------------------------------------------------------------------


def complaint(
    report: CallReport, events: Sequence[LogEvent], turns: Sequence[Turn] = TURNS
) -> str | None:
    """What went wrong, in one line; None when the caller was understood in every turn."""
    reactions = [e for e in events if e["event"] in {"call.understood", "call.missed"}]
    meant = [(turn, value) for turn in turns for value in turn.means]
    for expected, reaction in zip_longest(meant, reactions):
        if expected is None:
            return "the bot understood more than the caller said"
        turn, value = expected
        wrong = _misunderstanding(turn, value, reaction)
        if wrong is not None:
            return wrong
    for turn, measured in zip(turns, report.turns, strict=True):
        if turn.interrupts and measured.stopped_s is None:
            return f"the caller {turn.told}, and the bot talked on"
    if report.ended is not End.BOT_HUNG_UP or not report.clean:
        return f"the call did not end well: {'; '.join([report.ended, *report.violations])}"
    return None


def _misunderstanding(turn: Turn, value: str, reaction: LogEvent | None) -> str | None:
    if reaction is None:
        return f"the caller {turn.told}, and the bot did not react"
    if reaction["event"] == "call.missed":
        return f"the caller {turn.told}, and the bot did not understand it ({reaction['why']})"
    if reaction["by"] != turn.by or not fnmatchcase(reaction["value"], value):
        return (
            f"the caller {turn.told}, and the bot understood "
            f'"{reaction["value"]}" by {reaction["by"]}, not "{value}" by {turn.by}'
        )
    return None


def show_times(screen: Screen, report: CallReport, turns: Sequence[Turn] = TURNS) -> None:
    """Print how fast the bot was, in each turn that the call came to."""
    screen.line("\nResponse times, as the caller measured them at the socket", "bold")
    screen.line(f"  {'the call connected':<36} {_ms(report.first_loud_s):>8}")
    for turn, measured in zip(turns, report.turns, strict=False):
        stopped = measured.stopped_s
        interrupted = f"   the bot fell silent after {_ms(stopped)}" if turn.interrupts else ""
        screen.line(f"  {turn.told:<36} {_ms(measured.response_s):>8}{interrupted}")
    for by, name in (("speech", "by voice"), ("keys", "by key")):
        times = [
            measured.response_s
            for turn, measured in zip(turns, report.turns, strict=False)
            if turn.by == by and measured.response_s is not None
        ]
        if times:
            screen.line(f"  {f'median {name}':<36} {_ms(median(times)):>8}", "bold")


def show_next_steps(screen: Screen, wav: Path) -> None:
    """Print where the recording is and what to do with all this."""
    flow = shipped("flows") / f"{FLOW}.yaml"
    screen.line("\nWhat next", "bold")
    for text in (
        f"  listen to the call           {wav} (the caller left, the bot right)",
        f"  write a flow of your own     copy {flow} under a name of its own",
        "                               into the folder flows, and name it in a route of config.yaml",
        "  have it proved               voicebot check",
        "  rehearse it                  voicebot talk FLOW, and voicebot test",
        "  take calls                   voicebot run -c config.yaml",
        "  let Asterisk call it, in extensions.conf (voicebot dialplan prints all lines):",
        "    exten => 7001,1,Answer()",
        "     same => n,AGI(agi://127.0.0.1/company)",
    ):
        screen.line(text)
