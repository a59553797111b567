"""The command line as a person meets it: what is printed where, and the exit code."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from voicebot import __version__, cli
from voicebot.commands import codes, shared
from voicebot.flow.yamlfile import Finding, Mark, Severity


@pytest.mark.parametrize("verb", [*cli.VERBS, "version"])
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb, "--help"]) == codes.FINE
    out = capsys.readouterr().out
    assert f"Example: voicebot {verb}" in out
    command = cli.cli.get_command(click.Context(cli.cli), verb)
    assert command is not None
    assert command.get_short_help_str()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["version"]) == codes.FINE
    out = capsys.readouterr().out
    assert out.startswith(f"voicebot {__version__} (Python 3.")
    assert out.count("\n") == 1


def test_no_verb_shows_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == codes.USAGE
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["versoin"], "voicebot: No such command 'versoin'."),
        (["version", "--foo"], "voicebot version: No such option '--foo'."),
        (["version", "x"], "voicebot version: Got unexpected extra argument (x)"),
    ],
)
def test_usage_errors_are_one_line(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(args) == codes.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.endswith("--help)\n")
    assert err.count("\n") == 1


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> click.Group:
    """The real group without its verbs, for a test to add one."""
    group = click.Group("voicebot")
    monkeypatch.setattr(cli, "cli", group)
    return group


def test_environment_faults_are_one_line_and_exit_3(
    verb: click.Group, capsys: pytest.CaptureFixture[str]
) -> None:
    @verb.command("go")
    def _go() -> None:
        raise shared.EnvironmentFault("the port 9092 is taken;\n  choose another")

    assert cli.main(["go"]) == codes.ENVIRONMENT
    assert capsys.readouterr().err == "voicebot: the port 9092 is taken; choose another\n"


def test_a_verb_may_return_its_exit_code(verb: click.Group) -> None:
    @verb.command("go")
    def _go() -> int:
        return 1

    assert cli.main(["go"]) == 1


def test_interrupted(verb: click.Group, capsys: pytest.CaptureFixture[str]) -> None:
    @verb.command("go")
    def _go() -> None:
        raise KeyboardInterrupt

    assert cli.main(["go"]) == codes.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


def test_a_wrong_config_is_told_and_exits_1(
    verb: click.Group, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("voicebot: 1\nflow: x\n", encoding="utf-8")

    @verb.command("go")
    @shared.config_option
    def _go(config_path: Path) -> None:
        shared.read_config(config_path)

    assert cli.main(["go", "-c", str(path)]) == codes.FINDINGS
    out, err = capsys.readouterr()
    assert (out, err) == ("", f'{path}:2:1: error: unknown key "flow"; did you mean "flows"?\n')


def test_a_good_config_is_read(verb: click.Group, monkeypatch: pytest.MonkeyPatch) -> None:
    @verb.command("go")
    @shared.config_option
    def _go(config_path: Path) -> int:
        return shared.read_config(config_path).limits.calls

    monkeypatch.chdir(Path(__file__).parent.parent)
    assert cli.main(["go"]) == 200


def test_findings_are_output_and_an_error_among_them_decides(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warning = Finding(Mark("f", 1, 2), Severity.WARNING, "odd")
    error = Finding(Mark("f", 3, 4), Severity.ERROR, "wrong")
    assert shared.tell([warning]) == codes.FINE
    assert shared.tell([warning, error]) == codes.FINDINGS
    assert capsys.readouterr().out.splitlines()[-1] == "f:3:4: error: wrong"


def test_closed_reader() -> None:
    """`python -m voicebot version | true` complains about nothing."""
    with subprocess.Popen(
        [sys.executable, "-m", "voicebot", "version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_an_output_without_room() -> None:
    """`voicebot version > FILE` on a full disk is a line, not a traceback."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "voicebot", "version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == codes.ENVIRONMENT
    assert done.stderr.startswith("voicebot: cannot write the output: No space left")
    assert done.stderr.count("\n") == 1


def test_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "voicebot", "versoin"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (codes.USAGE, "")
    assert done.stderr.startswith("voicebot: No such command")
