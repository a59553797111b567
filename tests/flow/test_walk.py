"""One walk through a flow finds everything in it, at any depth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.check import flow_text
from voicebot.flow import model, walk
from voicebot.flow.check import checked_flow
from voicebot.flow.walk import Use

FLOW = """\
voicebot: 1
flow: shop
vars: {v: null}
prompts: {hello: [{en-US: "Hi ${v}.", de-DE: {file: a.wav, text: Hallo.}}, "Hey."]}
on: {failed: {goto: bye}, help: {answers: [help], do: [{log: "${v}"}], then: repeat}, hangup: {do: [{tag: {t: "${v}"}}]}}
nodes:
  main:
    - say: {prompt: hello}
    - if: v == 1
      then: [{set: {a: "${v}"}}]
      else: [{menu: {no_match: [No., [Sorry., Again.]], choices: [{answers: [x], do: [{wait: 1s}], then: {goto: bye}}]}}]
    - form: {say: Now., slots: [{to: d, type: date, say: Day?, check: d > v}], confirm: {say: "${d | date}?"}}
    - http: {post: "http://x/${v}", query: {q: "${v}"}, headers: {h: "${v}"}, json: [{k: "${v}"}], hold: Wait., to: r, failed: {goto: bye}}
    - call: sub
      with: {x: "${v}"}
      to: s
    - record: {to: m, say: Speak.}
    - transfer: {to: "${v}", announce: Over., whisper: [Psst., "${v}"], failed: {do: [{log: busy}], then: {goto: bye}}}
  bye: [{say: Bye.}, hangup]
"""
SUB = "voicebot: 1\nflow: sub\nvars: {x: null}\nnodes: {a: [{say: Sub.}, {return: '${x}'}]}\n"


@pytest.fixture
def flow(tmp_path: Path) -> model.Flow:
    (tmp_path / "a.wav").touch()
    (tmp_path / "sub.yaml").write_text(SUB)
    path = tmp_path / "shop.yaml"
    path.write_text(FLOW)
    found, findings = checked_flow(path)
    assert found is not None, findings
    return found


def test_steps_come_in_the_order_of_the_file(flow: model.Flow) -> None:
    steps = list(walk.steps_in([flow.nodes["main"].steps]))
    names = [type(step).__name__ for step in steps]
    assert names == [
        "Say", "If", "Set", "Question", "Wait", "Goto", "Form", "Question", "Question", "Http", "Goto",
        "Call", "Record", "Transfer", "Log", "Goto",
    ]  # fmt: skip


def test_every_text_with_its_use(flow: model.Flow) -> None:
    uses = [text.use for text in walk.survey(flow).texts]
    count = {use: uses.count(use) for use in Use}
    assert count == {
        Use.SAID: 3, Use.LOGGED: 1, Use.TAG: 1, Use.URL: 2, Use.DIALLED: 1, Use.SENT: 2, Use.KEPT: 2, Use.ASKED: 2,
    }  # fmt: skip


def test_variables_that_steps_fill(flow: model.Flow) -> None:
    assert walk.survey(flow).assigned() == {"a", "d", "r", "s", "m"}


def test_every_prompt_in_every_language_that_it_is_said_in(flow: model.Flow) -> None:
    said = {("".join(map(str, words.text.parts)), tag) for words, tag in walk.spoken(flow)}
    both = {
        "Hey.",
        "No.",
        "Sorry.",
        "Again.",
        "Now.",
        "Day?",
        "Wait.",
        "Speak.",
        "Over.",
        "Psst.",
        "Bye.",
    }
    assert {(text, tag) for text, tag in said if "Expression" not in text} == {
        ("Hallo.", "de-DE"), *((text, tag) for text in both for tag in ("en-US", "de-DE")),
    }  # fmt: skip
    assert sum("Expression" in text and "Hi" in text for text, _ in said) == 1


def test_called_flows_are_found_once(flow: model.Flow) -> None:
    assert [one.name for one in walk.all_flows(flow)] == ["shop", "sub"]


def test_the_large_flow_of_the_bench_has_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(flow_text(30))
    assert checked_flow(path)[1] == []
