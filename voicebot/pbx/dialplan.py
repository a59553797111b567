"""The lines of extensions.conf that fit a configuration.

Knows Asterisk's dialplan, and what the settings and the flows want of it.  Must not know files, the terminal or a
running Asterisk.  What it gives is loaded as it is: what a person has to decide is a line with an example, never a gap.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from voicebot.config import Address, Agi, Config, Listener
from voicebot.flow import model, walk
from voicebot.flow.channelnames import OF_THE_CALL, channel_variable
from voicebot.flow.events import TransferKind
from voicebot.flow.expressions import Template

AGI_PORT: Final = 4573
"""What `agi://host/` means without a port."""
FIRST_EXAMPLE: Final = 7001
PERSON: Final = "Dial(PJSIP/reception,30)"
CODEC_OF_RATE: Final = {
    8000: "slin", 12000: "slin12", 16000: "slin16", 24000: "slin24", 32000: "slin32", 44100: "slin44",
    48000: "slin48", 96000: "slin96", 192000: "slin192",
}  # fmt: skip
WHISPER: Final = "voicebot-whisper"
_INCLUDE: Final = "include => from-internal   ; transfers look for their extensions here"

_ALL_ADDRESSES: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nobody listens here
_EXTENSION: Final = re.compile(r"[A-Za-z0-9*#+][A-Za-z0-9*#+.-]*")
"""What may stand behind `exten =>` and means itself."""

_WIDTH: Final = 100
"""Of long comments."""

_DONE_AFTER_AGI: Final = (
    '"${AGISTATUS}" = "SUCCESS" & "${VOICEBOT_RESULT}" =~ "^(hangup|transfer|call_time)$"'
)
_DONE_AFTER_APP: Final = '"${TRYSTATUS}" = "SUCCESS"'
_DONE_AFTER_DIAL: Final = '"${DIALSTATUS}" = "ANSWER"'


class NoWayError(ValueError):
    """No dialplan leads to what is asked for; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a flow transfers to.  None: it is known only in the call, or not said."""

    kind: TransferKind
    to: str | None
    context: str | None


@dataclass(frozen=True, slots=True)
class Wants:
    """What a flow, with those that it calls, wants of the dialplan."""

    name: str
    results: tuple[str, ...] = ()
    """The channel variables that it may set, apart from VOICEBOT_RESULT."""
    goals: tuple[Goal, ...] = ()
    whispers: bool = False
    calls: frozenset[str] = frozenset()
    """The flows that it calls."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """How one flow is reached."""

    flow: str
    comments: tuple[str, ...]
    steps: tuple[str, ...]
    done: str
    """The condition under which nobody else has to take the call."""
    number: str | None = None
    """The number that a route gives it."""
    suffix: str = ""
    """Of the context's name, where a flow is reached in several ways."""


def wants_of(flow: model.Flow) -> Wants:
    """Read a flow for what the dialplan has to have."""
    surveys = walk.surveys(flow)
    steps = [step for survey in surveys for step in survey.steps]
    transfers = [step for step in steps if isinstance(step, model.Transfer)]
    names = {name for step in steps if isinstance(step, model.Tag) for name, _, _ in step.values}
    # Of the flow's own variables those that a question or `set` fills; of called flows only tags.
    for step in surveys[0].steps:
        if isinstance(step, model.Question | model.Set):
            names.update(walk.fills(step))
    told = {channel_variable(name) for name in names - flow.secrets}
    return Wants(
        name=flow.name,
        results=tuple(sorted(told - {channel_variable(name) for name in OF_THE_CALL})),
        goals=tuple(dict.fromkeys(map(_goal, transfers))),
        whispers=any(transfer.whisper for transfer in transfers),
        calls=frozenset(survey.flow.name for survey in surveys[1:]),
    )


def dialplan(
    config: Config, flows: Mapping[str, Wants], *, only: str | None = None, freepbx: bool = False
) -> str:
    """Write the lines for all flows, or for one.

    Args:
        only: one of `flows`.
        freepbx: for /etc/asterisk/extensions_custom.conf, reached by Custom Destinations.

    Raises:
        NoWayError: the settings leave no way for a call to that flow, or a port without a number.
    """
    agi = config.listen.agi
    entries = (
        list(_agi_entries(config, agi, flows, only))
        if agi is not None
        else list(_audiosocket_entries(config, flows, only))
    )
    if not entries:
        raise NoWayError(_no_way(config, only))
    reached = [flows[name] for name in dict.fromkeys(e.flow for e in entries) if name in flows]
    parts = [
        _head(config, freepbx=freepbx),
        *(_freepbx(entries, _at_large(config, reached)) if freepbx else _plain(entries)),
        *(() if freepbx else (_person(),)),
        *_transfers(config, reached, freepbx=freepbx),
        *((_whisper(),) if agi is not None and any(flow.whispers for flow in reached) else ()),
    ]
    return "\n".join("\n".join([*part, ""]) for part in parts)


# How a flow is reached ---------------------------------------------------------------------------


def _agi_entries(
    config: Config, agi: Agi, flows: Mapping[str, Wants], only: str | None
) -> Iterator[_Entry]:
    """Routes first, in their order; then the other flows, apart from those that only others call."""
    host = agi.audiosocket.host if agi.audiosocket is not None else agi.address.host
    address = _fixed(Address(host, agi.address.port), "listen.agi")
    routed = dict.fromkeys(route.flow for route in config.routes)
    called = frozenset().union(*(flow.calls for flow in flows.values()))
    unrouted = [name for name in sorted(flows) if name not in routed and name not in called]
    if only is not None and only in called and only not in routed:
        unrouted.append(only)
    ways = [(route.flow, route.called) for route in config.routes]
    ways += [(name, None) for name in unrouted]
    for name, number in ways:
        if only in {None, name}:
            comments = [*_results(flows.get(name)), *_elsewhere(agi.address, "listen.agi")]
            steps = ("Answer()", f"AGI({_url(address, name)})")
            yield _Entry(name, tuple(comments), steps, _DONE_AFTER_AGI, number)


def _url(address: Address, flow: str) -> str:
    port = "" if address.port == AGI_PORT else f":{address.port}"
    host = str(address).rpartition(":")[0]
    return f"agi://{host}{port}/{quote(flow, safe='')}"


def _results(flow: Wants | None) -> Iterator[str]:
    if flow is not None and flow.results:
        lines = textwrap.wrap(", ".join(flow.results), _WIDTH)
        yield from (f"tells {lines[0]}", *(f"  {line}" for line in lines[1:]))


def _audiosocket_entries(
    config: Config, flows: Mapping[str, Wants], only: str | None
) -> Iterator[_Entry]:
    for number, listener in enumerate(config.listen.audiosocket):
        place = f"listen.audiosocket, number {number + 1}"
        for name, called in _led_to(config, listener):
            if name in flows and only in {None, name}:
                yield from _audiosocket_forms(listener, place, name, called)


def _led_to(config: Config, listener: Listener) -> Iterator[tuple[str, str | None]]:
    """The flows that calls to this port may get, each with the number of its route."""
    if listener.flow is not None:
        yield listener.flow, None
        return
    told = config.ami is not None or config.listen.web is not None
    for route in config.routes:
        if told or route.called is None:
            yield route.flow, route.called


def _audiosocket_forms(
    listener: Listener, place: str, name: str, number: str | None
) -> Iterator[_Entry]:
    address = _fixed(listener.address, place)
    comments: tuple[str, ...] = (f"through {address}", *_elsewhere(listener.address, place))
    if listener.dialect != "asterisk":
        comments += ("this port speaks the fork's dialect: a released Asterisk ends the call",)
    if listener.rate_hz is None:
        steps = ("Answer()", f"TryExec(AudioSocket(${{UUID()}},{address}))")
        yield _Entry(name, (*comments, "8 kHz"), steps, _DONE_AFTER_APP, number)
    codec = CODEC_OF_RATE[listener.rate_hz or 16000]
    what = "as a channel: wide band, and not answered before the bot is there"
    if listener.rate_hz is not None:
        what = f"this port takes audio for {listener.rate_hz} Hz, so it must be c({codec})"
    dial = f"Dial(AudioSocket/{address}/${{UUID()}}/c({codec}),,g)"
    number = None if listener.rate_hz is None else number  # AudioSocket() has it already
    yield _Entry(name, (*comments, what), (dial,), _DONE_AFTER_DIAL, number, "-wide")


def _fixed(address: Address, place: str) -> Address:
    """Where Asterisk finds what listens there, as far as the settings tell."""
    if not address.port:
        raise NoWayError(f"port 0 is another one at each start: give {place} a port of its own")
    return Address(_ALL_ADDRESSES.get(address.host, address.host), address.port)


def _elsewhere(address: Address, place: str) -> Iterator[str]:
    if address.host in _ALL_ADDRESSES:
        yield f"{place} listens on all addresses: if Asterisk runs elsewhere, write this machine's"


def _no_way(config: Config, only: str | None) -> str:
    if only is None:
        return (
            "no route leads to a flow: add one to the settings, such as routes: [{flow: company}]"
        )
    port = max(one.address.port for one in config.listen.audiosocket) + 1
    return (
        f'without FastAGI no call comes to "{only}": set listen.agi: "127.0.0.1:{AGI_PORT}", or give it a '
        f'listener of its own under listen.audiosocket: {{address: "127.0.0.1:{port}", flow: {only}}}'
    )


# The parts of the file ---------------------------------------------------------------------------


def _head(config: Config, *, freepbx: bool) -> list[str]:
    lines = ["; The dialplan for voicebot, made by `voicebot dialplan`."]
    if freepbx:
        lines += [
            "; Append this to /etc/asterisk/extensions_custom.conf, then:  fwconsole reload",
        ]
    else:
        lines += [
            "; Into extensions.conf, or into a file of its own with  #include voicebot.conf  there, then:",
            ';   asterisk -rx "dialplan reload"',
            "; Phones reach these extensions when their context has the line  include => voicebot",
        ]
    if config.listen.agi is None:
        lines += [
            ";",
            "; No FastAGI in the settings (listen.agi): the bot knows neither who calls nor whom, and tells no result.",
            "; ${UUID()} needs Asterisk 20.12, 21.7 or 22.2; before:  ${SHELL(uuidgen | tr -d '\\n')}",
            "; Before 20.14, 21.9 and 22.4 use the form with Dial: to TryExec a bot that hangs up seems to be down.",
            "; Keys do not reach it there at all.",
            "; Never leave out c(...): the bot would hear the bytes of the caller's codec, which is noise.",
            "; Before 20.17, 21.12, 22.7 and 23.1 write c(slin): wider audio came without its rate.",
        ]
    return lines


def _plain(entries: Sequence[_Entry]) -> Iterator[list[str]]:
    yield ["[voicebot]"]
    for entry, number, why in _numbered(entries):
        first, *others = entry.steps
        yield [
            f"; {_comment(entry.flow)}: {why}",
            *(f"; {_comment(comment)}" for comment in entry.comments),
            f"exten => {number},1,{first}",
            *(f" same => n,{step}" for step in others),
            f" same => n,GotoIf($[{entry.done}]?done:voicebot-person,s,1)",
            " same => n(done),Hangup()",
        ]


def _person() -> list[str]:
    return [
        "; The bot is down or has failed: a person.  Behind AGI() ${AGISTATUS} is FAILURE when nobody was there, else",
        "; ${VOICEBOT_RESULT} says what happened (fault, refused, no_flow ...), or is empty when the bot died.",
        "[voicebot-person]",
        f"exten => s,1,{PERSON}                 ; an example: write who takes it",
        " same => n,Hangup()",
    ]


def _freepbx(entries: Sequence[_Entry], at_large: frozenset[str]) -> Iterator[list[str]]:
    """A context for each entry, which a Custom Destination calls; `at_large`: see `_at_large`."""
    dialled = ["; So that your own extensions can dial it, too.", "[from-internal-custom]"]
    for entry, number, why in _numbered(entries):
        context = _context(entry)
        first, *others = entry.steps
        yield [
            f"; {_comment(entry.flow)}.  In the GUI:",
            ";   Admin, Custom Destinations, Add:",
            f";     Target {context},s,1   Description {_comment(entry.flow)}   Return Yes",
            ";     Destination: who takes the call when the bot is down or has failed",
            ";   then choose it where calls come in: Inbound Routes, an IVR, a Time Condition.",
            *(f"; {_comment(comment)}" for comment in entry.comments),
            f"[{context}]",
            f"exten => s,1,{first}",
            *(f" same => n,{step}" for step in others),
            f" same => n,GotoIf($[{entry.done}]?done)",
            " same => n,Return()",
            " same => n(done),Hangup()",
            *([_INCLUDE] if entry.flow in at_large else []),
        ]
        dialled += [
            f"exten => {number},1,Gosub({context},s,1)   ; {_comment(entry.flow)}: {why}",
            " same => n,Hangup()",
        ]
    yield dialled


def _context(entry: _Entry) -> str:
    return f"voicebot-{re.sub(r'[^A-Za-z0-9_-]', '-', entry.flow)}{entry.suffix}"[:79]


def _numbered(entries: Sequence[_Entry]) -> Iterator[tuple[_Entry, str, str]]:
    """Each with an extension, and what is to be said of that."""
    taken = {entry.number for entry in entries}
    example = FIRST_EXAMPLE
    for entry in entries:
        number = entry.number
        if number is not None and _EXTENSION.fullmatch(number):
            yield entry, number, f"{number} is the number of its route"
            continue
        while str(example) in taken:
            example += 1
        yield entry, str(example), f"{example} is an example, take any number"
        example += 1


def _comment(text: str) -> str:
    """Text of a person's, on one line: a line break would begin a line of the dialplan."""
    return " ".join(text.split())


# Transfers ---------------------------------------------------------------------------------------


def _goal(transfer: model.Transfer) -> Goal:
    context = None if transfer.context is None else _known(transfer.context)
    return Goal(transfer.kind, _known(transfer.to), context)


def _known(template: Template) -> str | None:
    """A text that no variable changes."""
    if any(template.expressions()):
        return None
    return "".join(part for part in template.parts if isinstance(part, str))


def _at_large(config: Config, flows: Iterable[Wants]) -> frozenset[str]:
    """The flows that transfer to extensions in the context of the call, whichever that is."""
    if config.transfer.context is not None:
        return frozenset()
    return frozenset(
        flow.name
        for flow in flows
        if any(g.kind is TransferKind.EXTENSION and g.context is None for g in flow.goals)
    )


def _transfers(config: Config, flows: Sequence[Wants], *, freepbx: bool) -> Iterator[list[str]]:
    """What the flows' transfers need to be there."""
    if config.listen.agi is None and any(flow.goals for flow in flows):
        yield _transfers_without_agi(config)
        if config.ami is None:
            return
    default = config.transfer.context or ("from-internal" if freepbx else None)
    elsewhere: dict[str, None] = {}
    here: dict[str | None, None] = {}
    for goal in (goal for flow in flows for goal in flow.goals):
        context = goal.context or default
        if goal.kind is TransferKind.EXTENSION and context is None:
            here[goal.to] = None
        else:
            elsewhere[_named(goal, context)] = None
    if elsewhere:
        lines = ["; The flows transfer to these, which must be there:"]
        yield [*lines, *(f";   {_comment(one)}" for one in elsewhere)]
    if here:
        yield [
            "; The flows transfer to these extensions, in the context of the call since the settings name none",
            "; (transfer.context).  Examples: write who takes them, or take them out where your context has them.",
            "[voicebot]",
            *_examples(here),
        ]


def _transfers_without_agi(config: Config) -> list[str]:
    if config.ami is not None:
        return [
            "; The flows transfer.  Without FastAGI only extensions are reached (through `ami`), for good, and without",
            "; a word to the one who is called; channels, queues and mailboxes need listen.agi.",
        ]
    return [
        "; The flows transfer, which needs FastAGI (listen.agi): without it such a call ends as with a hangup.",
    ]


def _named(goal: Goal, context: str | None) -> str:
    """A goal in words."""
    match goal.kind:
        case TransferKind.EXTENSION:
            return f"{goal.to or 'extensions that are known only in the call,'} in [{context}]"
        case TransferKind.CHANNEL:
            return f"the channel {goal.to or 'that is known only in the call'}"
        case TransferKind.QUEUE:
            return f"the queue {goal.to or 'that is known only in the call'} (queues.conf)"
        case TransferKind.VOICEMAIL:
            return f"the mailbox {goal.to or 'that is known only in the call'} (voicemail.conf)"


def _examples(numbers: Iterable[str | None]) -> Iterator[str]:
    for number in numbers:
        if number is not None and _EXTENSION.fullmatch(number):
            yield f"exten => {number},1,Dial(PJSIP/{number},30)"
            yield " same => n,Hangup()"
        else:
            yield "; and others, which are known only in the call"


def _whisper() -> list[str]:
    return [
        "; What the one who is called hears before he is connected (`whisper`).",
        f"[{WHISPER}]",
        "exten => s,1,AudioSocket(${ARG1},${ARG2})",
        " same => n,Return()",
    ]
