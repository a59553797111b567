"""Findings as text, JSON and SARIF; every rule that the proofs name is among the rules."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from voicebot.flow import check
from voicebot.flow.check import checked_flow
from voicebot.flow.findings import FORMATS, RULES, formatted
from voicebot.flow.yamlfile import Finding, Mark, Severity

FINDINGS = [
    Finding(Mark("/home/me/flows/a b.yaml", 3, 7), Severity.ERROR, 'no "x"; did you mean "é"?', "unknown-node"),
    Finding(Mark("flows/b.yaml", 1, 1), Severity.WARNING, "hm", ""),
]  # fmt: skip

# The parts of the SARIF 2.1.0 schema that a reader of findings depends on.
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {"type": "array", "items": {"$ref": "#/$defs/run"}},
    },
    "additionalProperties": False,
    "$defs": {
        "message": {
            "type": "object",
            "required": ["text"],
            "properties": {"text": {"type": "string"}},
        },
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {
                        "driver": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {
                                "name": {"type": "string"},
                                "version": {"type": "string"},
                                "rules": {
                                    "type": "array",
                                    "uniqueItems": True,
                                    "items": {
                                        "type": "object",
                                        "required": ["id"],
                                        "properties": {
                                            "id": {"type": "string"},
                                            "shortDescription": {"$ref": "#/$defs/message"},
                                        },
                                        "additionalProperties": False,
                                    },
                                },
                            },
                            "additionalProperties": False,
                        }
                    },
                    "additionalProperties": False,
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            },
            "additionalProperties": False,
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"$ref": "#/$defs/message"},
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
            },
            "additionalProperties": False,
        },
        "location": {
            "type": "object",
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "properties": {
                                "uri": {"type": "string", "pattern": "^[^ \\\\]+$"},
                                "uriBaseId": {"type": "string"},
                            },
                            "additionalProperties": False,
                        },
                        "region": {
                            "type": "object",
                            "properties": {
                                "startLine": {"type": "integer", "minimum": 1},
                                "startColumn": {"type": "integer", "minimum": 1},
                            },
                            "additionalProperties": False,
                        },
                    },
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        },
    },
}


def test_text_is_a_line_for_each() -> None:
    assert formatted(FINDINGS, "text").splitlines() == [str(finding) for finding in FINDINGS]


def test_json_has_every_part() -> None:
    assert json.loads(formatted(FINDINGS, "json")) == [
        {"file": "/home/me/flows/a b.yaml", "line": 3, "column": 7, "severity": "error",
         "rule": "unknown-node", "message": 'no "x"; did you mean "é"?'},
        {"file": "flows/b.yaml", "line": 1, "column": 1, "severity": "warning", "rule": "shape", "message": "hm"},
    ]  # fmt: skip


def test_sarif_is_what_its_schema_asks() -> None:
    sarif = json.loads(formatted(FINDINGS, "sarif", root=Path("/home/me"), version="1.2"))
    jsonschema.Draft202012Validator(SARIF).validate(sarif)
    run = sarif["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    first, second = run["results"]
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "flows/a%20b.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert (first["level"], second["level"]) == ("error", "warning")
    assert [rules[result["ruleIndex"]]["id"] for result in (first, second)] == [
        "unknown-node",
        "shape",
    ]
    assert run["columnKind"] == "unicodeCodePoints"


def test_sarif_of_a_file_elsewhere_has_its_whole_address() -> None:
    sarif = json.loads(formatted(FINDINGS[:1], "sarif", root=Path("/srv")))
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "file:///home/me/flows/a%20b.yaml"}


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_found_is_fine_in_every_format(form: str) -> None:
    text = formatted([], form)
    assert text == "" if form == "text" else json.loads(text) is not None


def test_every_rule_that_a_proof_names_is_described() -> None:
    folder = Path(check.__file__).parent
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    named = set(re.findall(r'(?:error|warning|_clash)\(\s*"([a-z-]+)"', source))
    assert named | {"yaml", "shape"} == set(RULES)


def test_findings_of_the_loader_have_a_rule(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    for text, rule in (("a: [", "yaml"), ("voicebot: 1\nnodes: {a: [{sya: x}]}\n", "shape")):
        path.write_text(text)
        assert [finding.rule for finding in checked_flow(path)[1]] == [rule]
