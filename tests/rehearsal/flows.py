"""Flows with tests for the tests of rehearsals."""

from __future__ import annotations

from pathlib import Path

from voicebot.flow.check import checked_flow
from voicebot.flow.model import Flow
from voicebot.flow.yamlfile import Severity
from voicebot.rehearsal.outcome import Outcome
from voicebot.rehearsal.text import run_text

TAXI = """\
voicebot: 1
flow: taxi
language: en-US
start: main
vars: {place: null, message: null}
defaults: {attempts: 2}
on:
  operator: {answers: ["operator"], keys: "0", goto: operator}
  error: {do: [{say: "Something broke."}, hangup]}
  hangup: {do: [{log: "left at ${call.node}"}]}
nodes:
  main:
    - say: "Taxi service."
    - menu:
        say: "A taxi, or a message?"
        choices:
          - {answers: ["[a] taxi"], keys: "1", goto: order}
          - {answers: ["[a] message"], keys: "12", goto: message}
        no_match: "Sorry?"
        no_input: "Are you there?"
        failed: {do: [{say: "Call again."}], then: hangup}
  order:
    - ask: {to: pin, type: digits, length: 4, secret: true, say: "Your PIN?", failed: {goto: operator}}
    - http: {post: "http://localhost/order", json: {from: "${call.caller}"}, hold: "One moment.", to: result}
    - tag: {order: "${result.status}"}
    - log: "ordered with ${result.status}"
    - if: "result.status == 200"
      then: [{say: "It comes at ${result.json.at}."}]
      else: [{say: "No taxi is free."}]
    - wait: 2s
    - say: "Goodbye."
    - hangup
  message:
    - record: {to: message, say: "Speak after the beep.", finish: "#"}
    - say: "Thank you."
    - hangup
  operator:
    - transfer: {to: "400", announce: "I connect you.", failed: {do: [{say: "Nobody is there."}], then: hangup}}
"""


def flow_of(text: str, folder: Path, name: str = "flow.yaml") -> Flow:
    """A flow that must have no errors."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    flow, findings = checked_flow(path)
    errors = [str(finding) for finding in findings if finding.severity is Severity.ERROR]
    assert flow is not None, "\n".join(errors)
    return flow


def run(folder: Path, *steps: str, call: str = "{}", flow: str = TAXI) -> Outcome:
    """One test of a flow, written as its steps."""
    lines = "".join(f"      - {step}\n" for step in steps)
    tests = f"tests:\n  - name: a test\n    call: {call}\n    steps:\n{lines}"
    read = flow_of(flow + tests, folder)
    return run_text(read, read.tests[0])
