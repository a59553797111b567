"""Outcomes as JUnit XML, which CI servers read: a testsuite for each flow, a testcase for each test.

Knows that format as Jenkins and GitLab read it.  Must not know how a test is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET  # written here, not read

from voicebot.rehearsal.diff import failure_text, line_text
from voicebot.rehearsal.outcome import Outcome

# What XML 1.0 has no way to write, not even escaped.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, outcomes: Iterable[Outcome], percent: Mapping[str, float]) -> None:
    """Write the file.

    Args:
        percent: by flow, how much of it the tests came through.
    """
    tree = ET.ElementTree(junit(outcomes, percent))
    ET.indent(tree)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def junit(outcomes: Iterable[Outcome], percent: Mapping[str, float]) -> ET.Element:
    by_flow: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_flow.setdefault(outcome.flow, []).append(outcome)
    everything = [outcome for of_flow in by_flow.values() for outcome in of_flow]
    root = ET.Element("testsuites", {"name": "voicebot", **_counts(everything)})
    for flow, of_flow in by_flow.items():
        suite = ET.SubElement(root, "testsuite", {"name": _clean(flow), **_counts(of_flow)})
        if flow in percent:
            properties = ET.SubElement(suite, "properties")
            _property(properties, "coverage", f"{percent[flow]:.1f}")
        for outcome in of_flow:
            _case(suite, outcome)
    return root


def _case(suite: ET.Element, outcome: Outcome) -> None:
    mark = outcome.conversation.mark
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": _clean(f"{outcome.flow}.{outcome.mode}"),
            "name": _clean(outcome.name),
            "file": _clean(mark.file),
            "line": str(mark.line),
            "time": f"{outcome.seconds:.3f}",
        },
    )
    properties = ET.SubElement(case, "properties")
    _property(properties, "mode", outcome.mode)
    _property(properties, "call_seconds", f"{outcome.call_s:.2f}")
    slowest = max((line.response_ms or 0 for line in outcome.exchange), default=0)
    _property(properties, "slowest_response_ms", str(slowest))
    if outcome.failure is not None:
        message = f"{outcome.failure.mark}: {outcome.failure.message}"
        failure = ET.SubElement(case, "failure", {"message": _clean(message), "type": "differs"})
        failure.text = _clean(failure_text(outcome))
    said = ET.SubElement(case, "system-out")
    said.text = _clean("\n".join(line_text(line) for line in outcome.exchange))


def _counts(outcomes: list[Outcome]) -> dict[str, str]:
    return {
        "tests": str(len(outcomes)),
        "failures": str(sum(not outcome.passed for outcome in outcomes)),
        "errors": "0",
        "skipped": "0",
        "time": f"{sum(outcome.seconds for outcome in outcomes):.3f}",
    }


def _property(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, "property", {"name": name, "value": value})


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
