"""`voicebot check`, `schema` and `graph` as they are typed: what is printed, what is written, the exit code."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner

from voicebot import drawing
from voicebot.commands.checking import check, graph, schema
from voicebot.commands.codes import FINDINGS
from voicebot.commands.talking import talk
from voicebot.commands.testing import test as run_tests
from voicebot.flow import yamlfile
from voicebot.flows import flow_files

FLOW = "voicebot: 1\nflow: shop\nnodes:\n  a: [{say: Hi.}, {goto: b}]\n  b: hangup\n"
BROKEN = FLOW.replace("goto: b", "goto: c")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shop.yaml").write_text(FLOW)
    return tmp_path


def run(command: click.Command, *words: str) -> tuple[object, str, str]:
    """The exit code, standard output and standard error."""
    result = CliRunner().invoke(command, words, standalone_mode=False)
    code: object = result.return_value
    if isinstance(result.exception, click.ClickException):
        code = result.exception.exit_code
        message = result.exception.format_message()
        return code, result.stdout, result.stderr + message
    assert result.exception is None, result.output
    return code, result.stdout, result.stderr


def test_check_of_a_sound_flow() -> None:
    assert run(check, "flows/shop.yaml") == (0, "no findings\n", "")


def test_check_prints_a_line_for_each_finding(folder: Path) -> None:
    (folder / "flows" / "bad.yaml").write_text(BROKEN)
    assert run(check, "flows/bad.yaml", "flows/shop.yaml") == (
        1,
        'flows/bad.yaml:4:26: error: there is no node "c"\n'
        'flows/bad.yaml:5:6: warning: no way leads to the node "b"\n',
        "",
    )


def test_check_of_the_settings(folder: Path) -> None:
    engines = "".join(
        f"{what}: {{engine: wyoming, uri: 'tcp://127.0.0.1:1'}}\n" for what in ("asr", "tts")
    )
    (folder / "config.yaml").write_text(
        f"voicebot: 1\nflows: flows\nroutes: [{{flow: shopp}}]\n{engines}"
    )
    code, out, _ = run(check)
    assert code == 1
    assert 'no flow is called "shopp"' in out


def test_check_of_settings_that_cannot_be_read(folder: Path) -> None:
    (folder / "config.yaml").write_text("voicebot: [\n")
    code, out, _ = run(check)
    assert code == 1
    assert out.startswith("config.yaml:1:11: error: ")


def test_check_of_a_flow_with_settings_that_cannot_be_read(folder: Path) -> None:
    (folder / "config.yaml").write_text("voicebot: 1\nwatsh: true\n")
    code, out, _ = run(check, "flows/shop.yaml")
    assert (code, out) == (
        1,
        'config.yaml:2:1: error: unknown key "watsh"; did you mean "watch"?\n',
    )


@pytest.mark.parametrize("verb", [check, talk, run_tests])
def test_settings_that_are_named_have_to_be_there(verb: click.Command) -> None:
    code, out, err = run(verb, "flows/shop.yaml", "-c", "nope.yaml")
    assert code == FINDINGS
    assert "nope.yaml:1:1: error: there is no such file" in out + err


def test_check_tells_the_warnings_of_the_settings(folder: Path) -> None:
    engines = "".join(
        f"{what}: {{engine: wyoming, uri: 'tcp://127.0.0.1:1'}}\n" for what in ("asr", "tts")
    )
    (folder / "config.yaml").write_text(f"voicebot: 1\n{engines}")
    code, out, _ = run(check)
    assert code == 0
    assert "config.yaml:1:1: warning: no route leads to a flow" in out


def test_what_an_editor_hides_is_no_flow(folder: Path) -> None:
    (folder / "flows" / ".#shop.yaml").symlink_to("somebody@here.4711")
    assert [path.name for path in flow_files(folder / "flows")] == ["shop.yaml"]


def test_check_knows_the_calendars_of_the_settings(folder: Path) -> None:
    (folder / "config.yaml").write_text("voicebot: 1\n")
    text = FLOW.replace("{say: Hi.}", "{if: \"hours('x')\", then: hangup}")
    (folder / "flows" / "shop.yaml").write_text(text)
    code, out, _ = run(check, "flows/shop.yaml")
    assert code == 1
    assert 'no calendar is called "x"' in out


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_check_in_other_formats(form: str, folder: Path) -> None:
    (folder / "bad.yaml").write_text(BROKEN)
    code, out, _ = run(check, "--format", form, str(folder / "bad.yaml"))
    assert code == 1
    found = json.loads(out)
    if form == "json":
        assert [(f["rule"], f["line"]) for f in found] == [
            ("unknown-node", 4),
            ("unreachable-node", 5),
        ]
    else:
        result = found["runs"][0]["results"][0]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "bad.yaml"
        assert result["ruleId"] == "unknown-node"
    assert run(check, "--format", form, "flows/shop.yaml")[0] == 0


def test_schema_is_printed() -> None:
    code, out, _ = run(schema)
    assert code == 0
    validator = jsonschema.Draft202012Validator(json.loads(out))
    node, _ = yamlfile.parse(FLOW, "f")
    assert node is not None
    assert list(validator.iter_errors(yamlfile.plain(node))) == []


def test_schema_of_tests_is_printed() -> None:
    made: dict[str, Any] = json.loads(run(schema, "--tests")[1])
    assert made["required"] == ["voicebot", "flow", "tests"]


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_graph_is_svg_where_graphviz_is(folder: Path) -> None:
    code, out, err = run(graph, "flows/shop.yaml", "--out", "shop.svg")
    assert (code, out, err) == (0, "written to shop.svg\n", "")
    assert (folder / "shop.svg").read_text("utf-8").rstrip().endswith("</svg>")


def test_graph_is_mermaid_where_graphviz_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    code, out, err = run(graph, "flows/shop.yaml")
    assert code == 0
    assert out.startswith("flowchart TD\n")
    assert err == (
        "voicebot graph: graphviz is not installed, so this is Mermaid text; install graphviz for SVG\n"
    )
    assert run(graph, "flows/shop.yaml", "--out", "x.svg")[1] == "written to x.mmd\n"
    assert (folder / "x.mmd").read_text("utf-8") == out


def test_format_of_a_graph_is_what_the_name_of_the_file_says(folder: Path) -> None:
    run(graph, "flows/shop.yaml", "--out", "x.dot")
    assert (folder / "x.dot").read_text("utf-8").startswith('digraph "shop" {')
    run(graph, "flows/shop.yaml", "--out", "y.txt", "--format", "mermaid")
    assert (folder / "y.txt").read_text("utf-8").startswith("flowchart TD\n")
    assert [drawing.format_of(Path(f"a{end}")) for end in (".SVG", ".gv", ".mmd", "")] == [
        "svg", "dot", "mermaid", "svg",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r'"x.png" does not end in .svg, .dot'):
        drawing.format_of(Path("x.png"))


def test_graph_finds_a_flow_of_the_settings_by_name(folder: Path) -> None:
    (folder / "config.yaml").write_text("voicebot: 1\nroutes: [{flow: shop}]\n")
    assert run(graph, "shop", "--format", "dot")[1].startswith('digraph "shop" {')
    code, _, err = run(graph, "shopp", "--format", "dot")
    assert code == 2
    assert err == 'there is no flow "shopp" in flows; did you mean "shop"?'
    (folder / "flows" / "shop.yaml").rename(folder / "flows" / "of_another_name.yaml")
    assert run(graph, "shop", "--format", "dot")[1].startswith('digraph "shop" {')
    (folder / "config.yaml").unlink()
    code, _, err = run(graph, "shop")
    assert code == 2
    assert err == "there is no file shop, and no config.yaml that names flows"


def test_graph_of_a_broken_flow_tells_what_is_wrong(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BROKEN)
    code, out, err = run(graph, "bad.yaml", "--format", "dot")
    assert (code, out) == (FINDINGS, "")
    assert err == 'bad.yaml:4:26: error: there is no node "c"\n'


def test_graph_into_a_folder_that_is_not_there() -> None:
    code, _, err = run(graph, "flows/shop.yaml", "--out", "no/x.svg")
    assert code == 2
    assert "there is no folder no" in err
