"""How calls come to flows: the steps of the dialplan that the settings ask for, flow by flow.

Knows AGI(), AudioSocket(), Dial() and CURL(), and which listener leads where.  Must not know the file that the steps
are written into (dialplan.py).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from voicebot.config import Address, Agi, Config, Listener, Web
from voicebot.flow.events import TransferKind
from voicebot.line.audiosocket import Dialect
from voicebot.pbx.wants import Wants

AGI_PORT: Final = 4573
"""What `agi://host/` means without a port."""
CODEC_OF_RATE: Final = {
    8000: "slin", 12000: "slin12", 16000: "slin16", 24000: "slin24", 32000: "slin32", 44100: "slin44",
    48000: "slin48", 96000: "slin96", 192000: "slin192",
}  # fmt: skip

_ALL_ADDRESSES: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nobody listens here
_WIDTH: Final = 100
"""Of long comments."""

_HELPED: Final = '"${VOICEBOT_RESULT}" =~ "^(hangup|transfer|call_time)$"'
_DONE_AFTER_AGI: Final = f'"${{AGISTATUS}}" = "SUCCESS" & {_HELPED}'
_DONE_AFTER_WEB: Final = '"${VOICEBOT_RESULT}" =~ "^(hangup|call_time)$"'
_DONE_AFTER_APP: Final = '"${TRYSTATUS}" = "SUCCESS"'
_DONE_AFTER_DIAL: Final = '"${DIALSTATUS}" = "ANSWER"'


class NoWayError(ValueError):
    """No dialplan leads to what is asked for; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How one flow is reached."""

    flow: str
    comments: tuple[str, ...]
    steps: tuple[str, ...]
    done: str
    """The condition under which nobody else has to take the call."""
    number: str | None = None
    """The number that a route gives it."""
    transfer: str = ""
    """Where Goto() leads when the flow has transferred, and the dialplan has to do it."""
    suffix: str = ""
    """Of the context's name, where a flow is reached in several ways."""


def entries(
    config: Config, flows: Mapping[str, Wants], *, only: str | None, freepbx: bool
) -> list[Entry]:
    """How the flows, or one of them, are reached.

    Raises:
        NoWayError: the settings leave no way, or a port without a number.
    """
    listen = config.listen
    if listen.agi is not None:
        found = list(_agi_entries(config, listen.agi, flows, only))
    elif listen.web is not None:
        found = list(_web_entries(config, listen.web, flows, only, freepbx=freepbx))
    else:
        found = list(_audiosocket_entries(config, flows, only))
    if not found:
        raise NoWayError(_no_way(config, only))
    return found


def _agi_entries(
    config: Config, agi: Agi, flows: Mapping[str, Wants], only: str | None
) -> Iterator[Entry]:
    host = agi.audiosocket.host if agi.audiosocket is not None else agi.address.host
    address = _fixed(Address(host, agi.address.port), "listen.agi")
    for name, number in _by_name(config, flows, only):
        comments = (*_results(flows.get(name)), *_elsewhere(agi.address, "listen.agi"))
        steps = ("Answer()", f"AGI({_url(address, name)})")
        yield Entry(name, comments, steps, _DONE_AFTER_AGI, number)


def _by_name(
    config: Config, flows: Mapping[str, Wants], only: str | None
) -> Iterator[tuple[str, str | None]]:
    """Where the dialplan names the flow: those of routes in their order, each with its number; then the others,
    apart from those that only flows call."""
    routed = dict.fromkeys(route.flow for route in config.routes)
    called = frozenset().union(*(flow.calls for flow in flows.values()))
    unrouted = [name for name in sorted(flows) if name not in routed]
    ways = [(route.flow, route.called) for route in config.routes]
    ways += [(name, None) for name in unrouted if name not in called or name == only]
    yield from (way for way in ways if only in {None, way[0]})


def _url(address: Address, flow: str) -> str:
    port = "" if address.port == AGI_PORT else f":{address.port}"
    host = str(address).rpartition(":")[0]
    return f"agi://{host}{port}/{quote(flow, safe='')}"


def _results(flow: Wants | None) -> Iterator[str]:
    if flow is not None and flow.results:
        lines = textwrap.wrap(", ".join(flow.results), _WIDTH)
        yield from (f"tells {lines[0]}", *(f"  {line}" for line in lines[1:]))


def _web_entries(
    config: Config, web: Web, flows: Mapping[str, Wants], only: str | None, *, freepbx: bool
) -> Iterator[Entry]:
    """A request tells who calls and which flow, and one behind it asks what became of it."""
    at = f"http://{_fixed(web.address, 'listen.web')}/calls/${{ID}}"
    place = "listen.audiosocket"
    listener = config.listen.audiosocket[0]
    address = _fixed(listener.address, place)
    form, _ = _form(listener, address, "${ID}")
    called = "${FROM_DID}" if freepbx else "${EXTEN}"
    for name, number in _by_name(config, flows, only):
        told = f"flow={quote(name, safe='')}&caller=${{URIENCODE(${{CALLERID(num)}})}}&called=${{URIENCODE({called})}}"
        steps = (
            "Answer()",
            "Set(ID=${UUID()})",
            "Set(CURLOPT(conntimeout)=1)",
            "Set(CURLOPT(httptimeout)=2)",
            f"Set(SAID=${{CURL({at},{told})}})",
            form,
            f"Set(VOICEBOT_RESULT=${{CURL({at}/VOICEBOT_RESULT)}})",
        )
        comments = (*_elsewhere(web.address, "listen.web"), *_elsewhere(listener.address, place))
        transfer = _goto(config, flows.get(name), at, freepbx=freepbx)
        yield Entry(name, comments, steps, _DONE_AFTER_WEB, number, transfer)


def _goto(config: Config, flow: Wants | None, at: str, *, freepbx: bool) -> str:
    """Where a transfer of the flow leads, as Goto() has it without the priority; "" for a flow that has none."""
    default = config.transfer.context or ("from-internal" if freepbx else None)
    goals = flow.goals if flow is not None else ()
    contexts = {g.context or default for g in goals if g.kind is TransferKind.EXTENSION}
    extension = f"${{CURL({at}/VOICEBOT_TRANSFER)}}"
    if contexts == {None}:
        return extension
    only = contexts.pop() if len(contexts) == 1 else f"${{CURL({at}/VOICEBOT_TRANSFER_CONTEXT)}}"
    return f"{only},{extension}" if goals and only is not None else ""


def _audiosocket_entries(
    config: Config, flows: Mapping[str, Wants], only: str | None
) -> Iterator[Entry]:
    for number, listener in enumerate(config.listen.audiosocket):
        place = f"listen.audiosocket, number {number + 1}"
        for name, called in _led_to(config, listener):
            if name in flows and only in {None, name}:
                told = config.ami is not None
                yield from _audiosocket_forms(listener, place, name, called, told=told)


def _led_to(config: Config, listener: Listener) -> Iterator[tuple[str, str | None]]:
    """The flows that calls to this port may get, each with the number of its route."""
    if listener.flow is not None:
        yield listener.flow, None
        return
    for route in config.routes:
        if config.ami is not None or route.called is None:
            yield route.flow, route.called


def _audiosocket_forms(
    listener: Listener, place: str, name: str, number: str | None, *, told: bool
) -> Iterator[Entry]:
    """`told`: the manager interface sets the results."""
    address = _fixed(listener.address, place)
    comments: tuple[str, ...] = (f"through {address}", *_elsewhere(listener.address, place))
    if listener.dialect is not Dialect.ASTERISK:
        comments += ("this port speaks the fork's dialect: a released Asterisk ends the call",)
    form, done = _form(listener, address, "${UUID()}")
    if listener.rate_hz is not None:
        what = f"this port takes audio for {listener.rate_hz} Hz, so it must be that codec"
        yield Entry(name, (*comments, what), (form,), done, number)
        return
    done = f"{done} & {_HELPED}" if told else done
    yield Entry(name, (*comments, "8 kHz"), ("Answer()", form), done, number)
    what = "as a channel: wide band, and not answered before the bot is there"
    wide = f"Dial(AudioSocket/{address}/${{UUID()}}/c(slin16),,g)"
    yield Entry(name, (*comments, what), (wide,), _DONE_AFTER_DIAL, suffix="-wide")


def _form(listener: Listener, address: Address, ident: str) -> tuple[str, str]:
    """The step that is the call's leg, and the condition that it was one."""
    if listener.rate_hz is None:
        return f"TryExec(AudioSocket({ident},{address}))", _DONE_AFTER_APP
    codec = CODEC_OF_RATE[listener.rate_hz]
    return f"Dial(AudioSocket/{address}/{ident}/c({codec}),,g)", _DONE_AFTER_DIAL


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
