"""Rows that are about listeners and whole calls, against the real daemon, in real time.

What happens within a call is tested elsewhere: here a key is all that the caller says.
"""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import trio

from tests.bot import Bot, eventually, running_bot, write_config
from tests.fake import FORK, PROFILES, V20_20, Exit, Form, Leg, Mute, Press, Profile
from voicebot.audiosocket import Kind

pytestmark = pytest.mark.models

FLOW = """
voicebot: 1
on:
  failed: {goto: bye}
nodes:
  main:
    - ask: {to: code, type: digits, length: 1, say: "Press one key."}
    - goto: bye
  bye: [{say: "Thank you."}, hangup]
"""
SLACK_S = 0.2
"""A busy machine."""


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("bot")
    config = write_config(folder, "{address: '127.0.0.1:0', flow: main}",
                          "{address: '127.0.0.1:0', flow: main, dialect: fork}")  # fmt: skip
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


def place(bot: Bot, *legs: Leg) -> list[Exit]:
    """Let the legs call, all at once; the fork calls the listener that speaks its dialect."""
    exits: dict[int, Exit] = {}

    async def call(n: int, leg: Leg) -> None:
        exits[n] = await leg.call("127.0.0.1", bot.ports[leg.profile is FORK])

    async def run() -> None:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for n, leg in enumerate(legs):
                    nursery.start_soon(call, n, leg)

    trio.run(run)
    return [exits[n] for n in range(len(legs))]


def test_a_call_with_every_reader(bot: Bot) -> None:
    """§3, `Server sends 00 00 00`: a whole call, a key in it where the reader has keys, and its end;
    the caller goes on in the dialplan as far as his release lets him."""
    legs = [_who_presses_4(profile, form) for profile in PROFILES.values() for form in Form]
    exits = place(bot, *legs)
    for leg, exit_ in zip(legs, exits, strict=True):
        ended = bot.wait_for("call.ended", call=str(leg.uuid))
        leg.record.demand_legal(answered_fork=leg.profile is FORK)
        assert not leg.record.split
        assert leg.record.audio[0].at_s < 0.5 + SLACK_S
        assert any(leg.record.pcm)
        assert exit_.caller_there == _has_keys(leg)
        if _has_keys(leg):
            assert ended["variables"] == {"code": "4"}
            assert leg.record.kinds[Kind.HANGUP] == 1
            assert exit_.result == (0 if leg.profile.strict else -1)


def _has_keys(leg: Leg) -> bool:
    return leg.profile.sends_keys or (leg.profile is FORK and leg.form is Form.CHAN)


def _who_presses_4(profile: Profile, form: Form) -> Leg:
    leg = Leg(profile, form)
    # Who has keys waits for the end.
    leg.acts = [Mute(0.5), Press("4"), Mute(20.0 if _has_keys(leg) else 0.5)]
    return leg


def test_a_channel_that_is_not_answered(bot: Bot) -> None:
    """§1.4: `a connection with zero bytes, then FIN`: no call, and no complaint"""
    before = len(bot.log)
    place(bot, *[Leg(profile, answered=False) for profile in PROFILES.values()])
    place(bot, leg := Leg(acts=[Mute(0.3)]))  # the listener goes on
    bot.wait_for("call.ended", call=str(leg.uuid))
    new = [record["event"] for record in bot.log[before:]]
    assert not [event for event in new if event.startswith(("line.", "connection.", "listener."))]


def test_one_uuid_twice_at_the_same_time(bot: Bot) -> None:
    """§4: `Two calls with one UUID | … server must not key sockets by UUID alone`"""
    uuid = uuid4()
    long = Leg(acts=[Mute(2.0)], uuid=uuid)
    short = Leg(acts=[Mute(1.0)], uuid=uuid)
    exits = place(bot, long, short)
    assert [exit_.caller_there for exit_ in exits] == [False, False]
    for leg in (long, short):
        leg.record.demand_legal()
        assert any(leg.record.pcm)
    assert long.closed_s - long.identified_s == pytest.approx(2.0, abs=SLACK_S)
    eventually(lambda: len(bot.events("call.ended", call=str(uuid))) == 2)


@pytest.mark.parametrize("profile", [V20_20], ids=str)
def test_fifty_connect_at_once(bot: Bot, profile: Profile) -> None:
    """§7: `Listen with a real backlog, one task per socket`, `Start the 20 ms silence clock at once`"""
    legs = [Leg(profile, acts=[Mute(1.0)]) for _ in range(50)]
    place(bot, *legs)
    for leg in legs:
        leg.record.demand_legal()
        assert leg.record.audio[0].at_s < 1.0
