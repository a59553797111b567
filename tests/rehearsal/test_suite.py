"""Which tests belong to which flow, and `voicebot test` as a person meets it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.rehearsal.flows import TAXI, flow_of
from voicebot import cli
from voicebot.commands import codes
from voicebot.commands.testing import test as command
from voicebot.rehearsal.suite import homeless, rehearse, suite_of, suites_of_files

OWN = "tests: [{name: own, steps: [bot: Taxi]}]\n"
BESIDE = """\
voicebot: 1
flow: taxi
tests:
  - {name: beside, steps: [bot: message]}
  - {name: wrong, steps: [bot: bananas]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A flow with a test of its own and a file of tests beside it."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "taxi.yaml").write_text(BESIDE, encoding="utf-8")
    (tmp_path / "taxi.yaml").write_text(TAXI + OWN, encoding="utf-8")
    return tmp_path


def test_a_flow_has_its_tests_and_those_beside_it(folder: Path) -> None:
    suite, findings = suite_of(flow_of(TAXI + OWN, folder, "taxi.yaml"))
    assert [test.name for test in suite.tests] == ["own", "beside", "wrong"]
    assert findings == []
    assert [test.name for test in suite.named("OW").tests] == ["own"]


def test_one_name_for_two_tests(folder: Path) -> None:
    (folder / "tests" / "more.yaml").write_text(BESIDE, encoding="utf-8")
    _, findings = suite_of(flow_of(TAXI, folder, "taxi.yaml"))
    assert [str(finding) for finding in findings] == [
        f'{folder}/tests/taxi.yaml:{line}:5: error: the test "{name}" is already there at '
        f"{folder}/tests/more.yaml:{line}:5; rename one"
        for line, name in ((4, "beside"), (5, "wrong"))
    ]


def test_a_file_of_tests_finds_its_flow(folder: Path) -> None:
    (suite,), _ = suites_of_files([folder / "tests" / "taxi.yaml"])
    assert suite.flow.name == "taxi"
    assert [test.name for test in suite.tests] == ["beside", "wrong"]


def test_a_file_of_tests_without_its_flow(folder: Path) -> None:
    path = folder / "tests" / "bus.yaml"
    path.write_text(BESIDE.replace("taxi", "taxy"), encoding="utf-8")
    suites, findings = suites_of_files([path])
    assert suites == []
    assert [str(finding) for finding in findings] == [
        f'{path}:1:1: error: there is no flow "taxy" in {folder} or {folder}/tests: put it there'
    ]
    flows = {"taxi": flow_of(TAXI, folder, "taxi.yaml")}
    assert [str(finding) for finding in homeless(folder, flows)] == [
        f'{path}:1:1: error: there is no flow "taxy" in {folder}; did you mean "taxi"?'
    ]


def test_a_rehearsal_before_a_reload(folder: Path) -> None:
    outcomes, findings = rehearse(flow_of(TAXI + OWN, folder, "taxi.yaml"))
    assert [(outcome.name, outcome.passed) for outcome in outcomes] == [
        ("own", True),
        ("beside", True),
        ("wrong", False),
    ]
    assert findings == []


# The command -------------------------------------------------------------------------------------


def invoke(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(command, list(map(str, args)), standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert isinstance(result.return_value, int)
    return result.return_value, result.output


def test_all_passed(folder: Path) -> None:
    code, output = invoke("--text", folder / "taxi.yaml", "--name", "own")
    assert code == codes.FINE
    first, second, _, last = output.splitlines()
    assert first == f"taxi  {folder}/taxi.yaml"
    assert second.startswith("  ok      text ")
    assert second.endswith(" ms  own")
    assert last == "1 passed, 0 failed; coverage: taxi 8 %"


def test_one_failed(folder: Path) -> None:
    code, output = invoke("--text", folder / "taxi.yaml")
    assert code == 1
    assert "  FAILED  text " in output
    assert f"    {folder}/tests/taxi.yaml:5:27:\n" in output
    assert output.splitlines()[-1].startswith("2 passed, 1 failed; coverage: taxi")


def test_reports(folder: Path) -> None:
    junit, graph = folder / "junit.xml", folder / "graph.mmd"
    invoke("--text", "--junit", junit, "--graph", graph, "--coverage", folder / "taxi.yaml")
    assert "<testsuites" in junit.read_text()
    assert "flowchart" in graph.read_text()


def test_coverage_is_told(folder: Path) -> None:
    _, output = invoke("--text", "--coverage", folder / "taxi.yaml")
    assert "\ncoverage of taxi\n" in output
    assert f"\n  {folder}/taxi.yaml:23:5: node order\n" in output


def test_a_flow_without_tests_is_told(tmp_path: Path) -> None:
    (tmp_path / "taxi.yaml").write_text(TAXI, encoding="utf-8")
    code, output = invoke("--text", tmp_path / "taxi.yaml")
    assert code == codes.FINE
    assert "no tests" in output


def test_a_name_that_no_test_has(folder: Path) -> None:
    code, output = invoke("--text", folder / "taxi.yaml", "--name", "bus")
    assert (code, output) == (1, 'no test has "bus" in its name\n')


def test_a_broken_flow_is_told(tmp_path: Path) -> None:
    path = tmp_path / "taxi.yaml"
    path.write_text(TAXI.replace("goto: order", "goto: oder"), encoding="utf-8")
    code, output = invoke("--text", path)
    assert code == 1
    assert 'did you mean "order"' in output
    assert "warning" not in output


def test_the_flows_of_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    Path("config.yaml").write_text("voicebot: 1\nflows: .\n", encoding="utf-8")
    Path("config.yaml").rename("settings.yml")
    code, output = invoke("--text", "-c", "settings.yml")
    assert code == 1
    assert "2 passed, 1 failed" in output


def test_a_drawing_is_of_one_flow(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow, graph = str(folder / "taxi.yaml"), str(folder / "g.svg")
    assert cli.main(["test", "--text", flow, flow, "--graph", graph]) == codes.USAGE
    assert "--graph draws one flow, not 2" in capsys.readouterr().err


def test_a_file_in_no_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["test", "--junit", str(folder / "none" / "j.xml")]) == codes.USAGE
    assert "there is no folder" in capsys.readouterr().err
