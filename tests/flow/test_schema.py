"""The JSON Schema says what the loader reads: all flows pass, what is misspelled does not."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.flow.test_mistakes import FLOW
from voicebot.flow import circumstances, conversations, loader, questions, steps, yamlfile
from voicebot.flow.schema import flow_schema, schema_of_tests

ROOT = Path(__file__).parents[2]
DENTIST = ROOT / "tests" / "flow" / "dentist" / "dentist.yaml"
FLOW_FILES = [
    path
    for folder in (ROOT / "flows", DENTIST.parent)
    for path in sorted(folder.glob("*.yaml"))
    if "\nnodes:" in path.read_text("utf-8")
]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
FLOWS_OF_README = [block for block in BLOCKS if re.search(r"^nodes:", block, re.MULTILINE)]
TEST_FILES = sorted((ROOT / "flows" / "tests").glob("*.yaml"))

OF_FLOWS = jsonschema.Draft202012Validator(flow_schema())
OF_TESTS = jsonschema.Draft202012Validator(schema_of_tests())


def data(text: str) -> Any:
    node, findings = yamlfile.parse(text, "f.yaml")
    assert node is not None, findings
    return yamlfile.plain(node)


def complaints(validator: jsonschema.Draft202012Validator, text: str) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data(text))]


@pytest.mark.parametrize("made", [flow_schema(), schema_of_tests()], ids=["flows", "tests"])
def test_it_is_a_schema(made: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(made)


@pytest.mark.parametrize("path", FLOW_FILES, ids=lambda path: path.name)
def test_flows_are_valid(path: Path) -> None:
    assert complaints(OF_FLOWS, path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_files_of_tests_are_valid(path: Path) -> None:
    assert complaints(OF_TESTS, path.read_text("utf-8")) == []


@pytest.mark.parametrize("number", range(len(FLOWS_OF_README)))
def test_flows_of_the_readme_are_valid(number: int) -> None:
    assert complaints(OF_FLOWS, FLOWS_OF_README[number]) == []


def test_every_verb_with_all_its_keys_is_valid() -> None:
    text = """\
voicebot: 1
prompts: {p: [{en-US: Hi., de-DE: Hallo.}, {file: a.wav, text: Hi., barge_in: none}, {text: Hi., barge_in: keys}]}
answers: {yes: {en-US: [sure], de-DE: [klar]}}
defaults: {attempts: 2, no_input: 5s, barge_in: keys, end_silence: 500ms, max_speech: 10s, inter_digit: 2s, currency: EUR}
on: {hangup: {do: [{log: x}]}, "0": {keys: 0, call: b, with: {x: 1}, to: y, then: return}}
nodes:
  a:
    - {http: {delete: "http://x/", query: {a: 1}, headers: {b: x}, json: [1, {c: null}], timeout: 4s, hold: Wait., to: r, failed: {goto: a}}}
    - {record: {to: m, say: [Hi., {prompt: p, barge_in: speech}], beep: false, finish: null, max: 2m, silence: 4s, secret: true}}
    - {tag: {a: "${r}", b: 2}}
    - {language: de-DE}
    - {call: b, with: {x: [1, 2]}, to: y, then: {goto: a}}
    - {wait: 300ms}
    - {return: {a: 1}}
    - return
    - repeat
    - {hangup: }
    - {ask: {to: n, type: amount, currency: EUR, min: 0.5, max: 10, check: n > 1, retry: [a, [b, c]], secret: false, finish: "*", delete: "#"}}
    - {if: x, else: hangup}
  b: {transfer: {to: "400", context: c, wait: 30s, announce: Hi., whisper: [Ho., {prompt: p}], failed: {then: hangup}}}
  c: [{transfer: PJSIP/alice}, {transfer: {queue: support, wait: 5m, announce: Hi., failed: {goto: a}}}]
  d: {transfer: {voicemail: "400@default", announce: Hi., failed: {goto: a}}}
"""
    assert complaints(OF_FLOWS, text) == []


def test_every_step_of_a_test_is_valid() -> None:
    text = """\
voicebot: 1
flow: shop
tests:
  - name: one
    call: {caller: "1", caller_name: Emma, called: 2, channel: PJSIP/a-1, channel_language: en, args: {arg1: vip, n: 2}, at: "2027-03-01T10:00", http: {GET /x: [{status: 200, json: {}}, down, 503]}, hours: {p: true}, transfers: {"400": busy}, seed: 2}
    steps:
      - bot: [a, b]
        within: 450ms
      - bot: {says: a, within: 1s}
      - caller: hello
        early: true
      - caller: {keys: "12#"}
      - caller: {silence: 3s}
      - caller: {wav: a.wav, text: hello}
      - caller: {hangup: true}
      - ends: {by: transfer, to: "400", node: n, vars: {a: null}, tags: {b: c}, results: {a: 1, pin: null}, logged: [x], never_logged: "1"}
  - {name: two, steps: [ends]}
"""
    assert complaints(OF_TESTS, text) == []


WRONG = [
    ("verb", '- say: "Hello', '- sya: "Hello'),
    ("key of a choice", "answers: [support]", "answer: [support]"),
    ("key at the top", "prompts: {", "promts: {"),
    ("type", "type: text", "type: tekst"),
    ("key of another type", "type: text", "type: text, length: 4"),
    ("choice of nothing", 'answers: [support], keys: "2", ', ""),
    ("two verbs", "    - goto: bye\n", "      goto: bye\n"),
    ("duration", "type: text", "type: text, timeout: 5"),
    ("key that is none", 'keys: "2"', 'keys: "2x"'),
    ("barge_in", "type: text", "type: text, barge_in: voice"),
    ("barge_in of a prompt", "{prompt: hello}", "{prompt: hello, barge_in: voice}"),
    ("words for a prompt of the library", "{prompt: hello}", "{prompt: hello, text: Hello.}"),
    ("transfer to nobody", "- goto: bye\n", "- transfer: {wait: 5s}\n"),
    ("transfer to two", "- goto: bye\n", "- transfer: {queue: a, voicemail: b}\n"),
    ("whisper in a queue", "- goto: bye\n", "- transfer: {queue: a, whisper: Hi.}\n"),
    ("wait for a voicemail", "- goto: bye\n", "- transfer: {voicemail: a, wait: 5s}\n"),
    ("no version", "voicebot: 1\n", ""),
    ("language tag", "{prompt: hello}", "{en-us: Hello.}"),
    ("then without if", "- goto: bye\n", "- then: {goto: bye}\n"),
    ("with without call", "- goto: bye\n", "- with: {a: 1}\n      goto: bye\n"),
    ("http without a method", "- goto: bye\n", "- http: {to: x}\n    - goto: bye\n"),
]


@pytest.mark.parametrize(
    ("right", "wrong"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_mistake_is_not_valid(right: str, wrong: str) -> None:
    assert right in FLOW
    assert complaints(OF_FLOWS, FLOW) == []
    assert complaints(OF_FLOWS, FLOW.replace(right, wrong, 1)) != []


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_every_key_that_the_loader_knows_is_in_it_and_described() -> None:
    described: set[str] = set()
    for part in objects({"a": flow_schema(), "b": schema_of_tests()}):
        described |= {key for key, value in part["properties"].items() if value.get("description")}
    known = {
        *loader.TOP, *loader.ENDINGS, *steps.VERBS, *steps.HTTP, *steps.TRANSFER, *steps.RECORD,
        *(key for keys in steps.BESIDE.values() for key in keys), *questions.WAY, *questions.DEFAULTS,
        *questions.COMMON, *questions.ASK, *questions.OF_TYPES, *questions.FORM, *questions.CONFIRM,
        *conversations.TEST, *conversations.STEPS, *conversations.CALLER, *conversations.ENDS,
        *circumstances.CALL,
    }  # fmt: skip
    assert known - described == set()


def test_types_are_those_of_the_loader() -> None:
    ask = flow_schema()["$defs"]["ask"]
    assert ask["properties"]["type"]["enum"] == list(questions.TYPES)


def test_it_is_made_anew_each_time() -> None:
    first = flow_schema()
    kept = copy.deepcopy(first)
    first["properties"].clear()
    assert flow_schema() == kept
