"""Our own side: ports and who has them, folders, limits, findings."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from voicebot.config import Address, Config
from voicebot.doctor import here
from voicebot.doctor.ports import Holder, State, files_limit_of, holder_of, state_of
from voicebot.doctor.results import Result, Verdict
from voicebot.flow.yamlfile import Finding, Mark, Severity

HERE = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HERE, 0)) as server:
        yield int(server.getsockname()[1])


def free_port() -> int:
    with closing(socket.create_server((HERE, 0))) as server:
        return int(server.getsockname()[1])


def config(**settings: object) -> Config:
    return Config.model_validate({"voicebot": 1, **settings})


# Ports -------------------------------------------------------------------------------------------


def test_a_port_is_free_or_taken(taken: int) -> None:
    assert state_of(Address(HERE, taken)) is State.TAKEN
    assert state_of(Address(HERE, free_port())) is State.FREE
    assert state_of(Address("192.0.2.1", 9092)) is State.NOT_OURS


def test_who_has_a_port_is_found(taken: int) -> None:
    holder = holder_of(taken)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert not holder.is_voicebot
    assert holder_of(free_port()) is None


@pytest.mark.parametrize(
    ("command", "is_voicebot", "told"),
    [
        ((sys.executable, "-m", "voicebot", "run", "-c", "x"), True, "voicebot (process 7)"),
        (("/usr/bin/python3", "/opt/.venv/bin/voicebot", "run"), True, "voicebot (process 7)"),
        (("/usr/bin/python3", "/opt/.venv/bin/voicebot", "bench"), False, "python3 (process 7)"),
        (("/usr/sbin/nginx",), False, "nginx (process 7)"),
        ((), False, "a program (process 7)"),
    ],
)
def test_a_bot_is_known_by_its_command(
    command: tuple[str, ...], is_voicebot: bool, told: str
) -> None:
    holder = Holder(7, command)
    assert holder.is_voicebot is is_voicebot
    assert str(holder) == told


def test_all_ports_of_the_settings_are_looked_at(taken: int) -> None:
    listen = {
        "audiosocket": [f"{HERE}:{taken}", f"{HERE}:0"],
        "agi": f"{HERE}:{free_port()}",
        "web": "192.0.2.1:9093",
    }
    ports = here.ports_of(config(listen=listen))
    assert [(port.place, port.state) for port in ports] == [
        ("listen.audiosocket", State.TAKEN),
        ("listen.agi", State.FREE),
        ("listen.web", State.NOT_OURS),
    ]
    told = list(here.judge_ports(ports))
    assert [one.verdict.value for one in told] == ["fail", "ok", "fail"]
    assert f"(process {os.getpid()}): stop it" in told[0].text


def port(state: State, holder: Holder | None = None) -> here.Port:
    return here.Port("listen.agi", Address(HERE, 4573), state, holder)


BOT = Holder(7, ("voicebot", "run"))


@pytest.mark.parametrize(
    ("found", "verdict", "serves"),
    [
        (port(State.FREE), Verdict.OK, False),
        (port(State.TAKEN, BOT), Verdict.OK, True),
        (port(State.TAKEN), Verdict.WARN, True),
        (port(State.TAKEN, Holder(8, ("nginx",))), Verdict.FAIL, False),
        (port(State.FORBIDDEN), Verdict.FAIL, False),
        (port(State.NOT_OURS), Verdict.FAIL, False),
    ],
)
def test_ports_are_judged(found: here.Port, verdict: Verdict, serves: bool) -> None:
    assert [one.verdict for one in here.judge_ports([found])] == [verdict]
    assert found.serves is serves


def test_ports_without_numbers_are_told() -> None:
    (result,) = here.judge_ports([])
    assert result.verdict is Verdict.WARN


# The machine -------------------------------------------------------------------------------------


def results_of(results: Iterator[Result]) -> dict[str, str]:
    return {one.what: one.verdict.value for one in results}


def test_folders_that_are_still_to_be_made_are_judged_by_what_is_there(tmp_path: Path) -> None:
    settings = config(
        cache=str(tmp_path / "a" / "b"), records={"folder": str(tmp_path)}, limits={"calls": 1}
    )
    assert results_of(here.judge_machine(settings, [])) == dict.fromkeys(
        ("cache", "records.folder", "open files", "processors"), "ok"
    )
    assert not (tmp_path / "a").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = config(cache=str(tmp_path / "file" / "cache"), records={"folder": str(tmp_path)})
    assert results_of(here.judge_machine(settings, []))["cache"] == "fail"


@pytest.mark.parametrize(
    ("free", "verdict"), [(50 << 20, "fail"), (500 << 20, "warn"), (5 << 30, "ok")]
)
def test_free_space_is_judged(free: int, verdict: str) -> None:
    assert here.judge_disk("cache", Path("x"), free).verdict.value == verdict


@pytest.mark.parametrize(
    ("limit", "calls", "verdicts"),
    [(1024, 200, ["warn"]), (1024, 100, ["ok"]), (65536, 1000, ["ok"]), (None, 200, [])],
)
def test_open_files_are_judged(limit: int | None, calls: int, verdicts: list[str]) -> None:
    assert [one.verdict.value for one in here.judge_files(limit, calls)] == verdicts


def test_the_limit_is_that_of_the_process() -> None:
    assert files_limit_of(None) == files_limit_of(os.getpid())
    assert files_limit_of(2**22 + 1) is None


@pytest.mark.parametrize(("cores", "calls", "verdict"), [(2, 160, "ok"), (2, 161, "warn")])
def test_processors_are_judged(cores: int, calls: int, verdict: str) -> None:
    assert here.judge_cores(cores, calls).verdict.value == verdict


# Settings ----------------------------------------------------------------------------------------


def finding(severity: Severity, line: int) -> Finding:
    return Finding(Mark("config.yaml", line, 1), severity, "something; do this")


def test_findings_become_results() -> None:
    found = [finding(Severity.ERROR, 1), finding(Severity.WARNING, 2)]
    told = list(here.judge_findings("settings", found, "well"))
    assert [one.verdict.value for one in told] == ["fail", "warn"]
    assert told[0].text == "config.yaml:1:1: error: something; do this"
    (well,) = here.judge_findings("settings", [], "well")
    assert (well.verdict, well.text) == (Verdict.OK, "well")


def test_many_findings_are_counted() -> None:
    found = [finding(Severity.ERROR, n) for n in range(20)]
    told = list(here.judge_findings("flows", found, ""))
    assert len(told) == here.SHOWN + 1
    assert told[-1].text.startswith("and 20 findings in all")


def test_the_packages_are_there() -> None:
    (result,) = here.packages()
    assert result.verdict is Verdict.OK
    assert "voicebot " in result.text
