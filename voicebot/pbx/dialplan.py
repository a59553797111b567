"""The lines of extensions.conf that fit a configuration.

Knows Asterisk's dialplan, and what the settings and the flows want of it.  Must not know files, the terminal or a
running Asterisk.  What it gives is loaded as it is: what a person has to decide is a line with an example, never a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from voicebot.config import Config
from voicebot.flow.events import TransferKind
from voicebot.pbx.wants import WHISPER, Goal, Wants
from voicebot.pbx.ways import Entry, entries

FIRST_EXAMPLE: Final = 7001
PERSON: Final = "Dial(PJSIP/reception,30)"
_INCLUDE: Final = "include => from-internal   ; transfers look for their extensions here"
_WITHOUT_AGI: Final = "; No FastAGI in the settings (listen.agi): the bot does not know who calls, and tells no result."
_WITH_AMI: Final = (
    "; Who calls, and results, come through the manager interface (ami); only AGI() (listen.agi)\n"
    "; brings callers back."
)
_WITH_WEB: Final = (
    "; Needs the modules func_curl, func_uri and res_curl; AGI() (listen.agi) would be shorter."
)
_EXTENSION: Final = re.compile(r"[A-Za-z0-9*#+][A-Za-z0-9*#+.-]*")
"""What may stand behind `exten =>` and means itself."""


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
    ways = entries(config, flows, only=only, freepbx=freepbx)
    reached = [flows[name] for name in dict.fromkeys(way.flow for way in ways) if name in flows]
    parts = [
        _head(config, freepbx=freepbx),
        *(_freepbx(ways, _at_large(config, reached)) if freepbx else _plain(ways)),
        *(() if freepbx else (_person(config),)),
        *_transfers(config, reached, freepbx=freepbx),
        *(
            (_whisper(),)
            if config.listen.agi is not None and any(flow.whispers for flow in reached)
            else ()
        ),
    ]
    return "\n".join("\n".join([*part, ""]) for part in parts)


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
        without = _WITHOUT_AGI if config.ami is None else _WITH_AMI
        lines += [
            ";",
            _WITH_WEB if config.listen.web is not None else without,
            "; ${UUID()} needs Asterisk 20.12, 21.7 or 22.2; before:  ${SHELL(uuidgen | tr -d '\\n')}",
            "; Before 20.14, 21.9 and 22.4 use the form with Dial: to TryExec a bot that hangs up seems to be down.",
            "; Keys do not reach it there at all.",
            "; Never leave out c(...): the bot would hear the bytes of the caller's codec, which is noise.",
            "; Before 20.17, 21.12, 22.7 and 23.1 write c(slin): wider audio came without its rate.",
        ]
    return lines


def _plain(ways: Sequence[Entry]) -> Iterator[list[str]]:
    yield ["[voicebot]"]
    for entry, number, why in _numbered(ways):
        first, *others = entry.steps
        yield [
            f"; {_comment(entry.flow)}: {why}",
            *(f"; {_comment(comment)}" for comment in entry.comments),
            f"exten => {number},1,{first}",
            *(f" same => n,{step}" for step in others),
            *_behind(entry, "Goto(voicebot-person,s,1)"),
        ]


def _behind(entry: Entry, otherwise: str) -> Iterator[str]:
    """What comes behind the bot; `otherwise`: it was not there, or could not help."""
    yield f" same => n,GotoIf($[{entry.done}]?done)"
    if entry.transfer:
        yield ' same => n,GotoIf($["${VOICEBOT_RESULT}" = "transfer"]?transfer)'
    yield f" same => n,{otherwise}"
    if entry.transfer:
        yield f" same => n(transfer),Goto({entry.transfer},1)"
    yield " same => n(done),Hangup()"


def _person(config: Config) -> list[str]:
    lines = ["; The bot is down or has failed: a person."]
    if config.listen.agi is not None:
        lines += [
            "; ${AGISTATUS} is FAILURE when nobody was there; else ${VOICEBOT_RESULT} says what happened (fault,",
            "; refused, no_flow, transfer_failed ...), also when the bot died: fault.",
        ]
    return [
        *lines,
        "[voicebot-person]",
        f"exten => s,1,{PERSON}                 ; an example: write who takes it",
        " same => n,Hangup()",
    ]


def _freepbx(ways: Sequence[Entry], at_large: frozenset[str]) -> Iterator[list[str]]:
    """A context for each entry, which a Custom Destination calls; `at_large`: see `_at_large`."""
    dialled = ["; So that your own extensions can dial it, too.", "[from-internal-custom]"]
    for entry, number, why in _numbered(ways):
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
            *_behind(entry, "Return()"),
            *([_INCLUDE] if entry.flow in at_large else []),
        ]
        dialled += [
            f"exten => {number},1,Gosub({context},s,1)   ; {_comment(entry.flow)}: {why}",
            " same => n,Hangup()",
        ]
    yield dialled


def _context(entry: Entry) -> str:
    return f"voicebot-{re.sub(r'[^A-Za-z0-9_-]', '-', entry.flow)}{entry.suffix}"[:79]


def _numbered(ways: Sequence[Entry]) -> Iterator[tuple[Entry, str, str]]:
    """Each with an extension, and what is to be said of that."""
    taken = {entry.number for entry in ways}
    example = FIRST_EXAMPLE
    for entry in ways:
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
        if config.ami is None and config.listen.web is None:
            return
    default = config.transfer.context or ("from-internal" if freepbx else None)
    elsewhere: dict[str, None] = {}
    here: dict[str | None, None] = {}
    for goal in (goal for flow in flows for goal in flow.goals):
        if config.listen.agi is None and goal.kind is not TransferKind.EXTENSION:
            continue
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
    if config.ami is None and config.listen.web is None:
        return [
            "; The flows transfer, which needs FastAGI (listen.agi): without it such a call ends as with a hangup.",
        ]
    return [
        "; The flows transfer.  Without FastAGI (listen.agi) only extensions are reached, for good, and without a word",
        "; to the one who is called; channels, queues and mailboxes are not.",
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
