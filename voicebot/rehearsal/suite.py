"""Which tests belong to which flow: those in its file, and those of the folder `tests` beside it.

Knows where tests and flows are kept.  Must not know how a test is run, or what is printed of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from voicebot.flow import yamlfile
from voicebot.flow.check import checked_flow
from voicebot.flow.conversations import Conversation, read_file
from voicebot.flow.model import Flow
from voicebot.flow.values import Hours
from voicebot.flow.yamlfile import Finding, Mark, Severity, did_you_mean
from voicebot.rehearsal.outcome import Outcome
from voicebot.rehearsal.text import run_text

FOLDER = "tests"
"""Beside the flows."""


@dataclass(frozen=True, slots=True, eq=False)
class Suite:
    """A flow with its tests."""

    flow: Flow
    tests: tuple[Conversation, ...]

    def named(self, part: str) -> Suite:
        """The tests that have this in their name."""
        kept = tuple(t for t in self.tests if part.casefold() in t.name.casefold())
        return replace(self, tests=kept)


def suite_of(flow: Flow) -> tuple[Suite, list[Finding]]:
    """A flow that is loaded, with its tests, and what is wrong with the files of them."""
    findings: list[Finding] = []
    tests = {test.name: test for test in flow.tests}
    for path in sorted((flow.path.parent / FOLDER).glob("*.yaml")):
        name, found, wrong = read_file(path)
        if name not in ("", flow.name):
            continue
        findings += wrong
        for test in found:
            if test.name in tests:
                message = f'the test "{test.name}" is already there at {tests[test.name].mark}; rename one'
                findings.append(_error(test.mark, message))
            tests.setdefault(test.name, test)
    return Suite(flow, tuple(tests.values())), findings


def suites_of_files(paths: Iterable[Path]) -> tuple[list[Suite], list[Finding]]:
    """What these files say: flows with all their tests, or files of tests with the flow of each."""
    suites: list[Suite] = []
    findings: list[Finding] = []
    for path in paths:
        suite, wrong = _of_tests(path) if _is_of_tests(path) else _of_flow(path)
        findings += wrong
        suites += [] if suite is None else [suite]
    return suites, yamlfile.sort_findings(findings)


def _of_flow(path: Path) -> tuple[Suite | None, list[Finding]]:
    flow, findings = checked_flow(path)
    if flow is None:
        return None, findings
    suite, wrong = suite_of(flow)
    return suite, [*findings, *wrong]


def _of_tests(path: Path) -> tuple[Suite | None, list[Finding]]:
    name, tests, findings = read_file(path)
    flow_path = _find_flow(path, name)
    if flow_path is None:
        if name:
            findings.append(_error(Mark(str(path), 1, 1), _no_flow(path, name)))
        return None, findings
    flow, wrong = checked_flow(flow_path)
    return None if flow is None else Suite(flow, tests), [*findings, *wrong]


def homeless(folder: Path, flows: Mapping[str, Flow]) -> list[Finding]:
    """The files of tests beside these flows that belong to none of them."""
    found = []
    for path in sorted((folder / FOLDER).glob("*.yaml")):
        name, _, _ = read_file(path)
        if name and name not in flows:
            message = f'there is no flow "{name}" in {folder}{did_you_mean(name, flows)}'
            found.append(_error(Mark(str(path), 1, 1), message))
    return found


def rehearse(
    flow: Flow, calendars: Mapping[str, Hours] | None = None
) -> tuple[list[Outcome], list[Finding]]:
    """Run all tests of a flow in text; for a reload, which takes a flow only if they pass."""
    suite, findings = suite_of(flow)
    return [run_text(flow, test, calendars) for test in suite.tests], findings


def _is_of_tests(path: Path) -> bool:
    root, _ = yamlfile.load(path)
    keys = {key.text for key, _ in root.entries} if isinstance(root, yamlfile.Mapping) else set()
    return "tests" in keys and "nodes" not in keys


def _find_flow(path: Path, name: str) -> Path | None:
    """The file of a flow: in the folder above the tests, or in their own."""
    for folder in (path.parent.parent, path.parent):
        by_name = folder / f"{name}.yaml"
        for one in (by_name, *sorted(folder.glob("*.yaml"))):
            if one != path and one.is_file() and _name_of(one) == name:
                return one
    return None


def _name_of(path: Path) -> str | None:
    """The name of the flow in a file; None: it is no flow."""
    root, _ = yamlfile.load(path)
    entries = root.entries if isinstance(root, yamlfile.Mapping) else ()
    keys = {key.text: value for key, value in entries}
    if "nodes" not in keys:
        return None
    name = keys.get("flow")
    return name.text if isinstance(name, yamlfile.Scalar) else path.stem


def _no_flow(path: Path, name: str) -> str:
    return f'there is no flow "{name}" in {path.parent.parent} or {path.parent}: put it there'


def _error(mark: Mark, message: str) -> Finding:
    return Finding(mark, Severity.ERROR, message)
