"""Many short calls of the voicebot through Asterisk, and what is left of them afterwards.

Knows the flow, the different ways in which callers come and go, and where to look for leaks: in Asterisk, in the
daemon's process, in its memory, among the machine's TCP connections. Must not know what counts as good.
"""

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np

from tests.bot import Bot, write_config

from .bed import Bed
from .crowd import CODEC, Crowd, Plan, Visit
from .holdings import Holdings, holdings, tcp_states
from .phone import bot_headers
from .rtp import Samples
from .speech import spoken

FLOW = """
voicebot: 1
on:
  failed: {{goto: bye}}
  hangup: {{do: [{{log: "left at ${{call.node}}"}}]}}
nodes:
  main:
    - menu:
        say: "Hello. Say sales, or press one."
        choices: [{{answers: [sales], keys: "1", goto: bye}}]
        timeout: {patience}s
        attempts: 1
  bye: [{{say: "Goodbye."}}, hangup]
"""

COUNTED = "tests.asterisk.counted"
"""The program that runs the daemon: itself, but it can be asked for its tasks."""
SETTLED_S = 20.0
"""What is left by then stays."""
SAYS_S = 2.6
"""A caller says his word when the question is over."""


@dataclass(frozen=True, slots=True)
class Load:
    """How many calls, and how fast."""

    calls: int
    at_once: int
    a_second: float
    stay_s: float
    """A caller who hangs up, or presses a key, does so within this time."""
    patience_s: int
    """How long the bot waits for one who says nothing."""
    numbers: Sequence[str] = ("app", "chan-slin16", "agi")
    """What is dialled, by turns."""


@dataclass(frozen=True, slots=True)
class Left:
    """What there is while nobody calls."""

    daemon: Holdings
    counted: Mapping[str, int]
    """Tasks of the daemon, and objects of a call that are in its memory."""
    connections: Mapping[str, int]
    """By TCP state, to and from the daemon's ports."""
    channels: int
    """Of Asterisk."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What many calls came to."""

    visits: Sequence[Visit]
    peak: int
    """The most calls at one time."""
    before: Left
    after: Left
    seconds: float
    ended: Mapping[str, int]
    """What the daemon says of the ends of its calls."""

    @property
    def failed(self) -> Sequence[Visit]:
        """Calls that were not answered, or did not end."""
        return [visit for visit in self.visits if visit.failed]

    @property
    def unheard(self) -> Sequence[Visit]:
        """Calls of a second and more in which the caller heard nothing."""
        return [v for v in self.visits if not v.failed and v.lasted_s > 1 and not v.loud_packets]

    @property
    def memory_grown(self) -> float:
        """The daemon's, as a share."""
        return self.after.daemon.rss_mib / self.before.daemon.rss_mib - 1


def write_many(folder: Path, load: Load) -> Path:
    """The configuration of a daemon for this load."""
    # A few more calls than there are, for those that are just ending.
    limits = f"limits: {{calls: {load.at_once + 50}}}\n"
    config = write_config(
        folder, "{address: '127.0.0.1:0', flow: main}", listen="agi: '127.0.0.1:0'", extra=limits
    )
    (folder / "flows" / "main.yaml").write_text(FLOW.format(patience=load.patience_s))
    return config


def many_calls(bed: Bed, bot: Bot, load: Load, warm_up: int) -> Outcome:
    """Make a few calls, look what is there, make many, and look again.

    Args:
        bot: runs `write_many`'s configuration by `COUNTED`.
        warm_up: so many calls come first, at the same pace: what they leave is no leak.
    """
    plans = _plans(bot, load)
    crowd = Crowd(bed.sip)
    crowd.run(_plans(bot, replace(load, calls=warm_up)), load.at_once, load.a_second)
    before = _left(bed, bot)
    logged = len(bot.log)
    began_s = time.monotonic()
    visits = crowd.run(plans, load.at_once, load.a_second)
    seconds = time.monotonic() - began_s
    after = _left(bed, bot, before)
    ends = [line["reason"] for line in bot.log[logged:] if line["event"] == "call.ended"]
    return Outcome(
        visits, crowd.peak, before, after, seconds, {end: ends.count(end) for end in set(ends)}
    )


def _plans(bot: Bot, load: Load) -> list[Plan]:
    word = spoken("sales", CODEC.rate_hz)
    chance = np.random.default_rng(1)
    return [
        _plan(n, load, bot, word, float(chance.uniform(0.02, load.stay_s)))
        for n in range(load.calls)
    ]


def _plan(n: int, load: Load, bot: Bot, word: Samples, leaves_s: float) -> Plan:
    """One caller presses a key, one speaks, one is silent and hung up on, and two leave, one of them at once."""
    exten = load.numbers[n % len(load.numbers)]
    headers = bot_headers(bot.ports[0], uuid4()) | {"X-Bed-Agi": f"{bot.address_of('agi')}/main"}
    ways = (
        Plan(exten, headers, key="1", key_s=leaves_s),
        Plan(exten, headers, says=word, says_s=SAYS_S),
        Plan(exten, headers, leaves_s=leaves_s),
        Plan(exten, headers),
        Plan(exten, headers, leaves_s=0.0),
    )
    return ways[n // len(load.numbers) % len(ways)]


def _left(bed: Bed, bot: Bot, wanted: Left | None = None) -> Left:
    """What there is, once nothing changes any more or all is as it is wanted."""
    end_s = time.monotonic() + SETTLED_S
    found = _look(bed, bot)
    while time.monotonic() < end_s:
        time.sleep(0.5)
        last, found = found, _look(bed, bot)
        settled = not found.channels and not (set(found.connections) - {"LISTEN"})
        if settled and found.counted == (wanted or last).counted:
            break
    return found


def _look(bed: Bed, bot: Bot) -> Left:
    number = len(bot.events("counted")) + 1
    bot.process.send_signal(signal.SIGUSR1)
    counted = bot.wait_for("counted", number=number)["counted"]
    agi_port = int(bot.address_of("agi").rpartition(":")[2])
    channels = bed.ami.command("core show channels concise").strip()
    return Left(
        holdings(bot.process.pid),
        counted,
        tcp_states([*bot.ports, agi_port]),
        len(channels.splitlines()) if channels else 0,
    )
