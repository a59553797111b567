"""Drawings of flows: what is in the picture, and that graphviz and Mermaid can read it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from voicebot.flow.check import checked_flow
from voicebot.flow.graph import dot, mermaid
from voicebot.flow.model import Call, Choices, Flow, Question
from voicebot.flow.picture import Arrow, Kind, Picture, picture

FLOW = """\
voicebot: 1
flow: shop
start: main
vars: {name: null}
prompts: {hello: ["Welcome to <sub alias='x'>the</sub> shop & bar.", "Hi."]}
on:
  operator: {answers: [operator], keys: "0", goto: operator}
  help: {answers: [help], do: [{say: "Press 1."}], then: repeat}
  failed: {goto: operator}
  hangup: {do: [{log: left}]}
nodes:
  main:
    - say: {prompt: hello}
    - menu:
        choices:
          - {answers: ["[the] \\"sales\\" desk", sales], keys: ["1", "12"], goto: sales}
          - {answers: pay, call: pay, then: {goto: bye}}
          - {keys: "3", then: repeat}
        failed: {goto: bye}
  sales:
    - call: ask
    - if: "name == 'x'"
      then: {goto: bye}
    - http: {get: "http://x/", failed: {goto: operator}}
    - goto: main
  ask: [{ask: {to: name, type: text, say: "What is the name that you would like me to write down for you today?"}}, return]
  operator: [{transfer: {to: "400", whisper: "A call.", failed: {goto: queue}}}]
  bye: [{say: Goodbye.}, hangup]
  queue: [{transfer: {queue: "${name}", failed: {goto: mailbox}}}]
  mailbox: [{transfer: {voicemail: "400@default"}}]
"""
PAY = "voicebot: 1\nnodes:\n  begin: [{say: Pay.}, {goto: end}]\n  end: [return]\n"


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    (tmp_path / "pay.yaml").write_text(PAY)
    path = tmp_path / "shop.yaml"
    path.write_text(FLOW)
    found, findings = checked_flow(path)
    assert found is not None, findings
    return found


def named(drawn: Picture) -> dict[str, str]:
    names = {vertex.key: vertex.title for vertex in drawn.vertices}
    for part in drawn.parts:
        names |= {key: f"{part.title}.{name}" for key, name in named(part).items()}
    return names


def shown(drawn: Picture) -> set[tuple[str, str, str]]:
    names = named(drawn)

    def arrows(of: Picture) -> list[Arrow]:
        return [*of.arrows, *(arrow for part in of.parts for arrow in arrows(part))]

    return {(names[a.source], a.label, names[a.target]) for a in arrows(drawn)}


def test_every_way_is_an_arrow(flow: Flow) -> None:
    assert shown(picture(flow)) == {
        ("main", "sales [1 12]", "sales"),
        ("main", "pay, call", "pay.begin"),
        ("main", "pay, then", "bye"),
        ("main", "[3]", "main"),
        ("main", "failed", "bye"),
        ("sales", "call", "ask"),
        ("sales", "if name == 'x'", "bye"),
        ("sales", "no answer", "operator"),
        ("sales", "", "main"),
        ("ask", "", "return"),
        ("operator", "", "transfer to 400"),
        ("operator", "not taken", "queue"),
        ("queue", "", "transfer to queue {name}"),
        ("queue", "not taken", "mailbox"),
        ("mailbox", "", "transfer to voicemail 400@default"),
        ("bye", "", "hang up"),
        ("anywhere", "operator [0]", "operator"),
        ("anywhere", "failed", "operator"),
        ("pay.begin", "", "pay.end"),
        ("pay.end", "", "pay.return"),
    }


def test_node_shows_what_it_says_first_and_asks(flow: Flow) -> None:
    lines = {vertex.title: vertex.lines for vertex in picture(flow).vertices}
    assert lines["main"] == ("Welcome to the shop & bar.",)
    assert lines["ask"] == ("What is the name that you", "would like me to write down …", "? name")
    assert lines["anywhere"] == ("help", "hangup")
    assert lines["sales"] == ()


def test_the_entry_is_marked(flow: Flow) -> None:
    assert [v.title for v in picture(flow).vertices if v.kind is Kind.START] == ["main"]


def test_flow_that_is_called_twice_is_drawn_once(flow: Flow, tmp_path: Path) -> None:
    text = FLOW.replace("- call: ask\n", "- call: ask\n    - call: pay\n")
    (tmp_path / "shop.yaml").write_text(text)
    found, _ = checked_flow(tmp_path / "shop.yaml")
    assert found is not None
    assert [part.title for part in picture(found).parts] == ["pay"]
    assert ("sales", "call", "pay.begin") in shown(picture(found))


def test_coverage_is_green_and_the_rest_dashed(flow: Flow) -> None:
    menu = flow.nodes["main"].steps[1]
    assert isinstance(menu, Question)
    assert isinstance(menu.wants, Choices)
    pays = menu.wants.choices[1]
    called = pays.way[0]
    assert isinstance(called, Call)
    assert called.flow is not None
    begin = called.flow.nodes["begin"].mark
    text = dot(flow, {flow.nodes["main"].mark, flow.nodes["bye"].mark, pays.mark, begin})
    drawn = {}
    for line in text.splitlines():
        found = re.fullmatch(r'\s+(f\S+(?: -> \S+)?) \[(?:label="([^"]*)")?.*', line)
        if found:
            drawn[found[1], (found[2] or "").strip()] = "#2e7d32" in line, "style=dashed" in line
    green, grey = (True, False), (False, True)
    assert drawn["f_n0", ""] == drawn["f_n4", ""] == drawn["f1_n0", ""] == green
    assert drawn["f_n1", ""] == drawn["f_on", ""] == grey
    assert drawn["f_n0 -> f1_n0", "pay, call"] == drawn["f_n0 -> f_n4", "pay, then"] == green
    assert drawn["f_n4 -> f_n4_hangup", ""] == green
    assert drawn["f_n0 -> f_n4", "failed"] == drawn["f_n0 -> f_n1", "sales [1 12]"] == grey


def test_without_coverage_nothing_is_grey(flow: Flow) -> None:
    assert "style=dashed" not in dot(flow)
    assert "linkStyle" not in mermaid(flow)


def test_mermaid_has_all_vertices_and_arrows(flow: Flow) -> None:
    text = mermaid(flow, set())
    drawn = picture(flow)
    assert text.startswith("flowchart TD\n")
    assert 'f_n0(["main<br/>Welcome to the shop #38; bar."])' in text
    assert 'f_n0 -->|"sales #91;1 12#93;"| f_n1' in text
    assert 'f_n0 -.->|"pay, call"| f1_n0' in text
    assert text.count("linkStyle") == sum(len(p.arrows) for p in (drawn, *drawn.parts))
    assert 'subgraph f1 ["flow pay"]' in text


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_graphviz_can_read_it(flow: Flow) -> None:
    for taken in (None, {flow.nodes["main"].mark}):
        text = dot(flow, taken).encode()
        done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, check=True)  # noqa: S607
        assert done.stderr == b""
        assert b"Welcome to the shop &amp; bar." in done.stdout
