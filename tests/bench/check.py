"""How long the check takes: a flow of many nodes, as a company with many departments writes it.

Knows how such a flow looks. Must not know how it is proved.
"""

import gc
import random
import statistics
import time
from pathlib import Path

from voicebot.flow.check import checked_flow
from voicebot.flow.yamlfile import Finding

from .report import BUILD, Figure, Part, table

NODES = 500
LIMIT_MS = 200.0

_TOP = """\
voicebot: 1
flow: large
language: en-US
start: n0
vars: {company: "Northern Tools", team: null}
prompts:
  hello: ["Welcome to ${company}.", "Hello, this is ${company}."]
  moment: ["One moment, please.", "Please hold the line."]
answers:
  someone: "(someone|somebody|person)"
defaults: {attempts: 3, no_input: 5s, barge_in: speech}
on:
  operator: {answers: ["[an] (operator|agent)", "<someone>"], keys: "0", goto: operator}
  help: {answers: ["help"], keys: "*", do: [{say: "You can say it or press a key."}], then: repeat}
  failed: {goto: operator}
  error: {goto: operator}
nodes:
"""
_END = """\
  operator: [{say: ["I connect you with ${default(team, 'a person')}.", {prompt: moment}]}, hangup]
  bye: [{say: "Goodbye."}, hangup]
"""
_THINGS = """\
account address agreement appliance appointment balance battery billing booking branch brochure cable calendar
catalogue certificate claim closing complaint contract coupon credit customs damage deadline delivery deposit
discount document donation download employment engine estimate event exchange export factory feedback filter
freight garage glass guarantee hardware heating holiday housing import insurance invoice journey kitchen
""".split()
_ASKS = (
    'ask: {to: amount, type: number, min: 1, max: 99, say: "How many ${team} do you need?"}',
    'ask: {to: sure, type: yes_no, say: "Is this about ${team}?", no_match: "Yes or no?"}',
    'ask: {to: code, type: digits, length: 6, say: "The six digits of your ${team}, please."}',
    'ask: {to: size, type: choice, choices: [small, middle, large], say: "Which size?"}',
)


def flow_text(nodes: int, seed: int = 1) -> str:
    """A flow without findings: each node a menu of three choices with prompts, every fifth asks something too."""
    chance = random.Random(seed)
    return _TOP + "".join(_node(number, nodes, chance) for number in range(nodes)) + _END


def _node(number: int, nodes: int, chance: random.Random) -> str:
    one, two, three = chance.sample(_THINGS, 3)
    # Each node leads to the next, so that all are reached; the other choices lead anywhere.
    ways = [f"n{number + 1}" if number + 1 < nodes else "bye", f"n{chance.randrange(nodes)}"]
    ask = f"    - {chance.choice(_ASKS)}\n" if number % 5 == 0 else ""
    return f"""\
  n{number}:
    - say: "This is {one}, {two} and {three}, desk {number} of ${{company}}."
    - set: {{team: "{one}"}}
{ask}    - menu:
        say: "Would you like {one}, {two}, or {three}?"
        choices:
          - {{answers: ["[the] {one} [please]", "(new|old) {one}"], keys: "1", goto: {ways[0]}}}
          - {{answers: ["[the] {two} [please]", "(change|cancel) [my] {two}"], keys: "2", goto: {ways[1]}}}
          - answers: ["{three} [hours]", "when is {three} open"]
            keys: "3"
            do: [{{say: "Monday to Friday, from eight to five."}}]
            then: repeat
        no_match: ["Sorry?", "Say {one}, {two} or {three}, or press 1, 2 or 3."]
        no_input: ["I did not hear you.", "Press 1, 2 or 3."]
"""


def run(rounds: int) -> Part:
    """Check a large flow again and again in this process; the figure is the median."""
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / "large.yaml"
    path.write_text(flow_text(NODES), "utf-8")
    findings, first_ms = _timed(path)
    times = [_timed(path)[1] for _ in range(max(rounds, 5))]
    median = statistics.median(times)
    rows = [
        ("first, with all that is loaded on the way", [first_ms]),
        ("median", [median]),
        ("fastest", [min(times)]),
        ("slowest", [max(times)]),
    ]
    return Part(
        table([f"checked_flow, {NODES} nodes", "ms"], rows),
        [
            Figure(f"a flow of {NODES} nodes is checked", median, LIMIT_MS, " ms"),
            Figure("findings in it", float(len(findings)), 0.0),
        ],
        {"nodes": NODES, "lines": len(path.read_text("utf-8").splitlines()), "times_ms": times},
    )


def _timed(path: Path) -> tuple[list[Finding], float]:
    gc.collect()  # the garbage of the round before is not this one's
    began = time.process_time()
    findings = checked_flow(path)[1]
    return findings, (time.process_time() - began) * 1000
