"""A dialogue in a terminal, the caller's part typed.

Knows what is typed and what is shown.  Must not know how a dialogue decides, or audio.

Time is the call's own: prompts take as long as they would, but nobody waits for them here.  What a
flow asks of a server is really asked, or of whoever sits at the terminal (`--mock`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import click
import trio

from voicebot.call.asker import Answer, HttpAsker, RequestFailed
from voicebot.flow import events as ev
from voicebot.flow.answers import words
from voicebot.flow.channelnames import channel_variable
from voicebot.flow.circumstances import SILENT
from voicebot.flow.dialled import named
from voicebot.flow.fields import KEYS
from voicebot.flow.model import Flow
from voicebot.flow.spoken.markup import plain
from voicebot.flow.values import CallInfo
from voicebot.rehearsal.peers import RING_S
from voicebot.rehearsal.stage import Stage
from voicebot.rehearsal.textcaller import Differs, TextCaller

MARGIN: Final = " " * 9
HOW_TO: Final = (
    "Type what the caller says; #12 presses 1 and 2; an empty line says nothing; Ctrl-D hangs up."
)


# The terminal ------------------------------------------------------------------------------------


class Terminal:
    """Lines in and out; typed, or from a file or a pipe."""

    def __init__(self) -> None:
        self._typed = sys.stdin.isatty()
        if self._typed:
            import readline  # noqa: F401, PLC0415 - gives `input` its arrow keys and its history

    def ask(self, prompt: str) -> str | None:
        """A line; None at its end, or the end of the file."""
        if self._typed:
            try:
                return input(prompt)
            except EOFError:
                click.echo()
                return None
        line = sys.stdin.readline()
        if not line:
            return None
        click.echo(f"{prompt}{line.rstrip()}")
        return line.rstrip("\n")

    def say(self, text: str) -> None:
        click.echo(text)

    def remark(self, text: str) -> None:
        """What the caller does not hear."""
        click.echo(click.style(f"{MARGIN}{text}", dim=True))


# Whom the call has to do with --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Others:
    """Servers, extensions and calendars of a call in the terminal."""

    info: CallInfo
    terminal: Terminal
    ask: Callable[[ev.Request], Answer]
    """Sends a request; raises RequestFailed where there is no answer."""
    mock: bool
    """Whoever sits at the terminal plays the extensions, too."""

    def call(self) -> CallInfo:
        return self.info

    def answer(self, request: ev.Request, at_s: float) -> ev.HttpAnswered | ev.HttpFailed:
        url = "***" if request.secret else request.url
        self.terminal.remark(f"asks {request.method} {url}")
        try:
            answer = self.ask(request)
        except RequestFailed as failure:
            self.terminal.remark(f"no answer: {failure}")
            return ev.HttpFailed(at_s, str(failure))
        self.terminal.remark(f"the server answers {answer.status} {_short(answer.text)}".rstrip())
        return ev.HttpAnswered(at_s, answer.status, answer.json, answer.text)

    def refusal(self, transfer: ev.Transfer, at_s: float) -> ev.TransferFailed | None:
        to = named(transfer.kind, transfer.to)
        to += f" in {transfer.context}" if transfer.context else ""
        self.terminal.remark(f"transfer to {to}: in a call, Asterisk connects the caller now")
        for prompt in transfer.whisper:
            self.terminal.remark(f"there is heard first: {plain(prompt.text)}")
        if not (transfer.returns and self.mock):
            return None
        reason = self.terminal.ask(f"{MARGIN}empty line: it is taken; or why not, such as busy> ")
        return ev.TransferFailed(at_s + RING_S, reason) if reason else None

    def recording(self) -> str:
        return "recording.wav"


def ask_server(request: ev.Request) -> Answer:
    """Really ask."""

    async def ask() -> Answer:
        async with HttpAsker() as asker:
            return await asker.ask(request)

    return trio.run(ask)


def ask_person(terminal: Terminal, request: ev.Request) -> Answer:
    """`--mock`: whoever sits at the terminal is the server."""
    if request.json is not None and not request.secret:
        terminal.remark(f"with {_short(json.dumps(request.json, ensure_ascii=False))}")
    url = "***" if request.secret else request.url
    while True:
        line = terminal.ask(f'{MARGIN}{request.method} {url} → status, such as 200 {{"a": 1}}> ')
        status, _, body = (line or SILENT).strip().partition(" ")
        if status == SILENT:
            raise RequestFailed(f"the server is {SILENT}")
        try:
            value = json.loads(body) if body.strip() else None
        except ValueError as error:
            terminal.remark(f"this is not JSON: {error}")
            continue
        if status.isdecimal() and 100 <= int(status) <= 599:  # noqa: PLR2004 - of HTTP
            return Answer(int(status), value, body)
        terminal.remark(f'write a status such as 200, with JSON behind it or not, or "{SILENT}"')


# The call ----------------------------------------------------------------------------------------


class Talk:
    """One call.

    Args:
        others: whom it has to do with.
        seed: of the call.
    """

    def __init__(self, flow: Flow, others: Others, terminal: Terminal, seed: int) -> None:
        self._terminal = terminal
        self._stage = Stage(flow, others, seed, self._show)
        self._caller = TextCaller(self._stage)
        self._shown: dict[str, object] = self._stage.dialog.shown_variables()

    def run(self) -> None:
        """Until one of the two hangs up."""
        stage, terminal = self._stage, self._terminal
        stage.begin()
        while True:
            try:
                self._caller.hears_out()
            except Differs as difference:
                terminal.remark(str(difference))
                return
            self._show_variables()
            if stage.end is not None:
                terminal.remark(f"{stage.end}, after {stage.now_s:.0f} s")
                self._show_results()
                return
            terminal.remark(self._waiting())
            line = terminal.ask("caller > ")
            if line is None:
                self._caller.hangs_up()
            else:
                self._take(line.strip())

    def _take(self, line: str) -> None:
        try:
            if not line:
                self._caller.waits(None)
            elif line.startswith("#"):
                self._press(line[1:].replace(" ", "").upper())
            elif words(line):
                self._caller.says(line)
            else:
                self._terminal.remark("there is no word in it")
        except Differs as difference:
            self._terminal.remark(str(difference))

    def _press(self, keys: str) -> None:
        if not keys or any(key not in KEYS for key in keys):
            self._terminal.remark("keys stand behind a #: #12 is 1 and 2, ## is the key # itself")
            return
        self._caller.presses(keys)

    def _waiting(self) -> str:
        """What the bot waits for, and which clock runs."""
        stage = self._stage
        clocks = [f"{timer} in {left_s:.1f} s" for timer, left_s in stage.timers().items()]
        if stage.recording is not None:
            silence_s = stage.recording.silence_s
            return (
                f"records: type what the caller says; an empty line is {silence_s:g} s of silence"
            )
        return f"{stage.state()}" + (f"  ({', '.join(clocks)})" if clocks else "")

    # What is shown -------------------------------------------------------------------------

    def _show(self, action: ev.Action) -> None:
        terminal = self._terminal
        match action:
            case ev.Speak(prompts):
                for prompt in prompts:
                    sound = click.style(f"  ({prompt.file.name})", dim=True) if prompt.file else ""
                    terminal.say(
                        f"{click.style('bot', bold=True)}      {plain(prompt.text)}{sound}"
                    )
            case ev.Note(kind, detail):
                terminal.remark(_note(kind, detail))
            case ev.Log(text):
                terminal.remark(f"log: {text}")
            case ev.Tag(name, value):
                terminal.remark(f"tag {name} = {value}")
            case ev.StartTimer(ev.Timer.WAIT, after_s):
                terminal.remark(f"waits {after_s:g} s")
            case ev.Record():
                terminal.remark("a recording begins" + (" with a beep" if action.beep else ""))
            case _:
                pass

    def _show_variables(self) -> None:
        """Those that have changed since they were last shown."""
        now = self._stage.dialog.shown_variables()
        for name, value in now.items():
            if name not in self._shown or self._shown[name] != value:
                self._terminal.remark(f"{name} = {json.dumps(value, ensure_ascii=False)}")
        self._shown = now

    def _show_results(self) -> None:
        """What the dialplan is told, under the names that it has there."""
        for name, value in self._stage.dialog.results().items():
            self._terminal.remark(f"{channel_variable(name)} = {value}")


def _note(kind: str, detail: Mapping[str, str | int]) -> str:
    match kind:
        case "node":
            return f"node {detail['node']}"
        case "understood":
            slot = f"{detail['slot']}: " if "slot" in detail else ""
            return f'understood {slot}"{detail["value"]}" by {detail["by"]}'
        case "missed":
            why = "nothing was said" if detail["why"] == "no_input" else "not understood"
            return f"{why}, attempt {detail['attempt']}"
        case _:
            return f"{kind}: " + ", ".join(str(value) for value in detail.values())


def _short(text: str, most: int = 120) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most]}…"
