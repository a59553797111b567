"""Findings as a person, a program or an editor wants them: text, JSON, SARIF.

Knows every rule by its name, and the formats.  Must not know how anything is proved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from voicebot.flow.yamlfile import Finding, Severity

FORMATS: Final = ("text", "json", "sarif")

RULES: Final[Mapping[str, str]] = {
    "yaml": "The file is readable YAML",
    "shape": "Every key is known and has a value of its kind",
    "unknown-node": "Every node that is named exists",
    "unknown-flow": "Every node or flow that is called exists",
    "unknown-prompt": "Every prompt that is named is in the library",
    "unknown-argument": "A called flow has the variables that it is given",
    "unknown-calendar": "Every calendar that is asked for is in the settings",
    "unknown-language": "The settings have a voice and a model for each language of the flow",
    "unknown-variable": "Something sets every variable that is read",
    "read-before-set": "A variable is set before it is read",
    "falls-off": "No node falls off its end",
    "leads-nowhere": "The events failed and error lead on",
    "after-hangup": "Nothing is said to a caller who has left",
    "unreachable-step": "Every step can be reached",
    "unreachable-node": "Some way leads to every node",
    "endless-circle": "No circle of nodes goes round without a question",
    "no-way-out": "Every question has a way out after its attempts",
    "same-answer": "No two answers of a question are the same",
    "same-key": "No two keys of a question are the same",
    "hidden-event": "No answer hides an event that is heard everywhere",
    "key-prefix": "No key is the beginning of another",
    "unknown-word": "The recogniser knows the words of every answer",
    "missing-sound": "Every sound file exists",
    "sound-text": "The words of every sound file are given",
    "not-translated": "A prompt is translated to every language of the flow",
    "no-dollar": "A variable in a text is written ${name}",
    "markup": "The markup of a prompt is understood",
    "whisper": "Nobody may interrupt what the caller does not hear",
    "taken-name": "No tag has a name under which the dialplan is told of the call itself",
    "same-name": "No two tags or variables have one name in the dialplan",
    "secret-told": "No secret is said, logged, sent in a URL, made a tag or dialled",
    "never-works": "No member or filter is used on a value that has none",
    "never-equal": "A value is compared with what it can be",
}
"""Each rule says what holds where it finds nothing.  The names stay: people suppress by them."""

_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME: Final = "%SRCROOT%"


def formatted(
    findings: Sequence[Finding], form: str, *, root: Path | None = None, version: str = ""
) -> str:
    """All findings in one of the FORMATS, without a newline at the end.

    Args:
        findings: in the order to show.
        form: text, json or sarif.
        root: what the paths of sarif are relative to; None: as they are.
        version: that of voicebot, for sarif.
    """
    match form:
        case "json":
            return json.dumps([_plain(f) for f in findings], indent=2, ensure_ascii=False)
        case "sarif":
            return json.dumps(_sarif(findings, root, version), indent=2, ensure_ascii=False)
        case _:
            return "\n".join(map(str, findings))


def rule_of(finding: Finding) -> str:
    """The name of its rule; a finding without one is about the shape of a file."""
    return finding.rule or "shape"


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.mark.file,
        "line": finding.mark.line,
        "column": finding.mark.column,
        "severity": finding.severity.value,
        "rule": rule_of(finding),
        "message": finding.message,
    }


def _sarif(findings: Iterable[Finding], root: Path | None, version: str) -> dict[str, Any]:
    names = list(RULES)
    driver = {
        "name": "voicebot",
        "version": version or "0",
        "rules": [{"id": name, "shortDescription": {"text": text}} for name, text in RULES.items()],
    }
    results = []
    for finding in findings:
        name = rule_of(finding)
        result: dict[str, Any] = {"ruleId": name}
        if name in RULES:
            result["ruleIndex"] = names.index(name)
        result["level"] = "error" if finding.severity is Severity.ERROR else "warning"
        result["message"] = {"text": finding.message}
        result["locations"] = [_location(finding, root)]
        results.append(result)
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        # Our columns count characters, not the halves that UTF-16 makes of some.
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _location(finding: Finding, root: Path | None) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(Path(finding.mark.file), root),
            "region": {"startLine": finding.mark.line, "startColumn": finding.mark.column},
        }
    }


def _artifact(path: Path, root: Path | None) -> dict[str, str]:
    if root is not None and path.is_absolute() and path.is_relative_to(root):
        path = path.relative_to(root)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": _HOME}
