"""Other ways to say who calls, over a real Asterisk: requests from the dialplan, and its manager interface.

exten => 7001,1,Answer()
 same => n,Set(ID=${UUID()})
 same => n,Set(SAID=${CURL(http://127.0.0.1:9093/calls/${ID},caller=…&called=…)})
 same => n,AudioSocket(${ID},127.0.0.1:9092)
 same => n,Set(RESULT=${CURL(http://127.0.0.1:9093/calls/${ID}/VOICEBOT_RESULT)})
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
import trio

from tests.bot import Bot, running_bot, write_config
from voicebot.config import Address, Ami
from voicebot.pbx.introduction import Introduction
from voicebot.pbx.lookup import Lookup

from .bed import Bed
from .phone import Phone, bot_headers
from .test_dialplan import loaded

pytestmark = [pytest.mark.asterisk]

FLOW = """
voicebot: 1
on:
  failed: {goto: bye}
nodes:
  main:
    - log: "${call.caller} ${call.caller_name} calls ${call.called} on ${call.channel} in ${call.channel_language}"
    - tag: {topic: "of ${call.caller}"}
    - ask: {to: code, type: digits, length: 3, say: "Your code."}
    - if: "code == '400'"
      then: [{transfer: "400"}]
      else: [{goto: bye}]
  bye: [{say: "Goodbye."}, hangup]
"""
HERE = "127.0.0.1"
README = Path(__file__).parents[2] / "README.md"


def caller_lines(bot: Bot, call: UUID) -> list[str]:
    """What the flow knew of its caller."""
    return [str(one["text"]) for one in bot.events("call.log", call=str(call))]


class Caller:
    """A phone in a call with the bot that dials three digits, or hangs up before that."""

    def __init__(self, bed: Bed, bot: Bot, form: str, agent: str = "") -> None:
        self.uuid = uuid4()
        self._bed, self._bot = bed, bot
        self.phone = Phone()
        headers = bot_headers(bot.ports[0], self.uuid) | {"X-Bed-Agent": agent}
        if "web" in bot.wait_for("daemon.ready"):
            headers["X-Bed-Web"] = bot.address_of("web")
        self.phone.start_call(bed.sip, form, headers=headers)

    def dial(self, code: str = "123") -> None:
        """As somebody who knows what will be asked."""
        self.phone.press(code, at_s=0.5)

    def done(self) -> None:
        self.phone.join()
        self._bot.wait_for("call.ended", call=str(self.uuid))
        self._bed.ami.wait_step(self.uuid, "gone")

    def told(self, step: str) -> dict[str, str]:
        """What the dialplan knew at that step."""
        return dict(self._bed.ami.wait_step(self.uuid, step).fields)


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """With `listen.web`, and no manager interface."""
    folder = tmp_path_factory.mktemp("web")
    config = write_config(
        folder,
        f"'{HERE}:0'",
        listen=f"web: '{HERE}:0'",
        extra="routes: [{called: web, flow: main}]\n",
    )
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


@pytest.mark.models
def test_the_caller_is_posted_and_the_dialplan_asks_for_the_result(bed: Bed, bot: Bot) -> None:
    caller = Caller(bed, bot, "web")
    caller.dial()
    caller.done()
    (known,) = caller_lines(bot, caller.uuid)
    assert known.startswith("1000 Test Caller calls web on PJSIP/anonymous-")
    assert known.endswith(" in en")
    told = caller.told("back")
    assert told["Said"] == "ok"
    assert (told["Result"], told["Code"], told["Topic"]) == ("hangup", "123", "of 1000")
    with httpx2.Client(base_url=f"http://{bot.address_of('web')}") as client:
        results = client.get(f"/calls/{caller.uuid}").json()
    assert results["VOICEBOT_RESULT"] == "hangup"
    assert results["VOICEBOT_CODE"] == "123"


@pytest.mark.models
def test_the_lines_of_the_readme_do_it(bed: Bed, bot: Bot) -> None:
    section = README.read_text("utf-8").partition("## Other ways to say who calls")[2]
    (lines,) = re.findall(r"```\n(exten => 7003,.*?)```", section, re.DOTALL)
    seen = "UserEvent(Bed,Step: {},UUID: ${{ID}},Said: ${{SAID}},Result: ${{RESULT}})"
    for written, here in (
        ("${UUID()}", "${PJSIP_HEADER(read,X-Bed-UUID)}"),
        ("127.0.0.1:9093", bot.address_of("web")),
        ("127.0.0.1:9092", f"{HERE}:{bot.ports[0]}"),
        ("flow=company", "flow=main"),
        ("Dial(PJSIP/reception,30)", seen.format("person")),
        ("Hangup()", seen.format("gone")),
    ):
        assert written in lines
        lines = lines.replace(written, here)
    with loaded(bed, f"[bed](+)\n{lines}"):
        caller = Caller(bed, bot, "7003")
        caller.dial()
        caller.done()
    (known,) = caller_lines(bot, caller.uuid)
    assert known.startswith("1000  calls 7003 on ")
    assert (caller.told("gone")["Said"], caller.told("gone")["Result"]) == ("ok", "hangup")
    assert "person" not in [step.name for step in bed.ami.steps(caller.uuid)]


@pytest.mark.models
def test_the_result_is_there_also_where_the_caller_has_hung_up(bed: Bed, bot: Bot) -> None:
    caller = Caller(bed, bot, "web")
    caller.phone.listen()
    caller.phone.hang_up()
    caller.done()
    assert caller.told("gone")["Result"] == "caller_hung_up"


@pytest.mark.models
def test_a_flow_that_is_not_there_is_told_the_dialplan(bed: Bed, bot: Bot) -> None:
    with httpx2.Client(base_url=f"http://{bot.address_of('web')}") as client:
        said = client.post(f"/calls/{uuid4()}", data={"flow": "man"})
        assert client.get("/health").text.startswith("ok calls=")
    assert (said.status_code, said.text) == (
        400,
        'there is no flow "man"; did you mean "main"?',
    )


@pytest.fixture
def ami(bed: Bed) -> Ami:
    """With the rights that README asks for, and no more."""
    assert re.search("^write = reporting,call +;", README.read_text("utf-8"), re.MULTILINE)
    address = Address(HERE, bed._ports.ami)
    return Ami(address=address, user="voicebot", secret="voicebot")  # noqa: S106


@pytest.mark.parametrize("form", ["app", "app-try", "chan-slin16", "answered-chan-slin"])
def test_the_caller_is_found_told_and_sent_on(bed: Bed, ami: Ami, form: str) -> None:
    """Without a bot: who answers AudioSocket only looks on."""
    call, phone = uuid4(), Phone()

    async def look() -> tuple[Introduction | None, float, bool, bool]:
        async with trio.open_nursery() as nursery:
            lookup = Lookup(ami)
            nursery.start_soon(lookup.run)
            began_s = time.perf_counter()
            found = await lookup.find(call)
            took_s = time.perf_counter() - began_s
            channel = found.channel if found else ""
            told = await lookup.tell(channel, {"VOICEBOT_RESULT": "a b; ${EXTEN}"})
            sent = await lookup.redirect(channel, "bed", "echo")
            nursery.cancel_scope.cancel()
        return found, took_s, told, sent

    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
        phone.start_call(bed.sip, form, headers=bot_headers(port, call))
        with server.accept()[0] as bot:
            assert bot.recv(19, socket.MSG_WAITALL)[3:] == call.bytes
            found, took_s, told, sent = trio.run(look)
            while bot.recv(65536):
                pass  # until Asterisk closes it
        phone.press("#")  # ends Echo()
        report = phone.join()
    assert not report.ended_by_us
    assert found is not None
    assert found.channel.startswith("PJSIP/anonymous-")
    assert (found.caller, found.caller_name) == ("1000", "Test Caller")
    assert (found.called, found.channel_language, found.context) == (form, "en", "bed")
    assert took_s < 1
    assert told
    assert sent
    assert bed.ami.wait_step(call, "gone").fields["Result"] == "a b; ${EXTEN}"


@pytest.mark.models
def test_the_bot_knows_who_calls_and_the_dialplan_what_became_of_it(
    bed: Bed, ami: Ami, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("ami")
    login = f"{{address: '{ami.address}', user: voicebot, secret: voicebot}}"
    routes = "[{called: app, flow: main}, {called: chan-slin16, flow: main}]"
    config = write_config(folder, f"'{HERE}:0'", extra=f"ami: {login}\nroutes: {routes}\n")
    (folder / "flows" / "main.yaml").write_text(FLOW)
    agent = Phone()
    host, port = agent.wait_for_call()
    forms = ("app", "chan-slin16")
    with running_bot(config) as bot:
        callers = [Caller(bed, bot, form) for form in forms]
        sent_on = Caller(bed, bot, "app", agent=f"{host}:{port}")
        for caller in callers:
            caller.dial()
        sent_on.dial("400")
        assert agent.wait_answered(15)
        agent.hang_up()
        agent.join()
        for caller in (*callers, sent_on):
            caller.done()
    for caller, form in zip(callers, forms, strict=True):
        (known,) = caller_lines(bot, caller.uuid)
        assert known.startswith(f"1000 Test Caller calls {form} on PJSIP/anonymous-")
        told = caller.told("back")
        assert (told["Result"], told["Code"], told["Topic"]) == ("hangup", "123", "of 1000")
    told = sent_on.told("gone")
    assert (told["Result"], told["Code"], told["Topic"]) == ("transfer", "400", "of 1000")
    assert not bot.events("ami.not_done")
