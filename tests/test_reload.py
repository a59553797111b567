"""New flows without a restart: what is taken, what is refused, and what calls under way keep."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from tests.bot import Bot, eventually, running_bot, write_config
from voicebot.config import Config, Route
from voicebot.flow.check import checked_flow
from voicebot.flow.yamlfile import Finding, Mark, Severity
from voicebot.phone import CallReport, Press, Step, Wait, place_call
from voicebot.proving import Proved, ProvingFailed, Wanted, digest, prove, proved
from voicebot.records.trace import FlowTexts, ServedFlow
from voicebot.reload import merged, served_now

TEXT = """
voicebot: 1
flow: {name}
on: {{failed: {{then: hangup}}}}
nodes:
  main:
    - menu:
        say: "{says}"
        choices: [{{answers: [yes], keys: "1", goto: bye}}]
  bye: [{{say: "{farewell}"}}, hangup]
tests:
  - name: leaves
    steps: [{{bot: "{says}"}}, {{caller: {{keys: "1"}}}}, {{bot: "{farewell}"}}, {{ends: {{by: bot}}}}]
"""


def text(name: str = "main", says: str = "Leave?", farewell: str = "Goodbye.") -> str:
    return TEXT.format(name=name, says=says, farewell=farewell)


# What is taken ---------------------------------------------------------------------------------


class Folder:
    """A folder of flows, what is served of it, and what the settings lead to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = Config(voicebot=1, flows=path, routes=(Route(flow="main"),))
        self.served: dict[str, ServedFlow] = {}

    def write(self, file: str, written: str) -> Path:
        path = self.path / file
        path.write_text(written, "utf-8")
        return path

    def serve(self, *files: str) -> None:
        for file in files:
            flow, findings = checked_flow(self.path / file)
            assert flow is not None, findings
            self.served[flow.name] = served_now(flow)

    def proved(self) -> tuple[Proved, ...]:
        known = {f.flow.path: digest(f.flow, f.texts) for f in self.served.values()}
        return proved(Wanted(self.path, (), None, {}, known))

    def merged(self) -> tuple[set[str], set[str], dict[str, str]]:
        """Names kept, names fresh, and why each other file is refused."""
        found = merged(self.config, self.served, self.proved())
        refused = {one.path.name: one.errors[0].message for one in found.refused}
        return set(found.kept), set(found.fresh), refused


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("main.yaml", text())
    folder.write("other.yaml", text("other"))
    folder.serve("main.yaml", "other.yaml")
    return folder


def test_what_has_not_changed_is_kept(folder: Folder) -> None:
    assert folder.merged() == ({"main", "other"}, set(), {})


def test_a_changed_flow_and_a_new_one_are_taken(folder: Folder) -> None:
    folder.write("main.yaml", text(farewell="Bye."))
    folder.write("third.yaml", text("third"))
    assert folder.merged() == ({"other"}, {"main", "third"}, {})


def test_a_broken_flow_keeps_what_was_served_and_does_not_hold_up_another(folder: Folder) -> None:
    folder.write("main.yaml", text().replace("goto: bye", "goto: by"))
    folder.write("other.yaml", text("other", farewell="Bye."))
    kept, fresh, refused = folder.merged()
    assert (kept, fresh) == ({"main"}, {"other"})
    assert "did you mean" in refused["main.yaml"]


def test_a_flow_whose_own_test_fails_is_not_taken(folder: Folder) -> None:
    folder.write("main.yaml", text().replace('bye: [{say: "Goodbye."}', 'bye: [{say: "Bye."}'))
    kept, fresh, refused = folder.merged()
    assert (kept, fresh) == ({"main", "other"}, set())
    assert refused["main.yaml"].startswith('the test "leaves" fails: ')


def test_a_new_flow_with_errors_is_told_and_not_served(folder: Folder) -> None:
    folder.write("third.yaml", "voicebot: 1\nnodes: {a: [{shout: hi}]}\n")
    kept, fresh, refused = folder.merged()
    assert (kept, fresh) == ({"main", "other"}, set())
    assert "third.yaml" in refused


def test_a_flow_without_a_route_is_dropped_with_its_file_and_one_with_a_route_is_not(
    folder: Folder,
) -> None:
    for path in folder.path.glob("*.yaml"):
        path.unlink()
    kept, fresh, refused = folder.merged()
    assert (kept, fresh) == ({"main"}, set())
    assert refused == {
        "main.yaml": "the file is gone, but a route of config.yaml leads to its flow "
        '"main", which is served on: remove the route and restart, or put the file back'
    }


def test_a_flow_with_a_route_keeps_its_name(folder: Folder) -> None:
    folder.write("main.yaml", text("renamed"))
    folder.write("other.yaml", text("another"))
    kept, fresh, refused = folder.merged()
    assert (kept, fresh) == ({"main"}, {"another"})
    assert 'was called "main", which a route of config.yaml names' in refused["main.yaml"]


def test_two_flows_of_one_name_are_refused(folder: Folder) -> None:
    folder.write("second.yaml", text("main"))
    folder.write("third.yaml", text("new"))
    folder.write("third2.yaml", text("new"))
    kept, fresh, refused = folder.merged()
    assert (kept, fresh) == ({"main", "other"}, {"new"})
    assert refused.keys() == {"second.yaml", "third2.yaml"}
    assert "rename one" in refused["second.yaml"]


def test_a_changed_sound_is_a_change(folder: Folder) -> None:
    sound = folder.path / "hi.wav"
    sound.write_bytes(b"one")
    folder.write("main.yaml", text().replace('say: "Goodbye."', 'say: {file: hi.wav, text: "Hi."}')
                 .replace('bot: "Goodbye."', 'bot: "Hi."'))  # fmt: skip
    folder.serve("main.yaml")
    before = folder.served["main"]
    was = digest(before.flow, before.texts)
    sound.write_bytes(b"another")
    assert digest(before.flow, before.texts) != was
    assert digest(before.flow, FlowTexts.of(before.flow)) == digest(before.flow, before.texts)


async def test_another_process_gives_the_same_answer(folder: Folder) -> None:
    folder.write("main.yaml", text(farewell="Bye."))
    folder.write("other.yaml", "voicebot: 1\nnodes: {a: [{shout: hi}]}\n")
    wanted = Wanted(folder.path, (), None, {}, {})
    here, there = proved(wanted), await prove(wanted)
    assert [(p.path, p.findings, p.digest) for p in there] == [
        (p.path, p.findings, p.digest) for p in here
    ]
    assert there[0].flow is not None
    assert there[0].flow.nodes.keys() == {"main", "bye"}
    assert there[1].flow is None


async def test_a_process_that_dies_is_one_line(tmp_path: Path) -> None:
    wanted = Wanted(tmp_path, (), None, {}, None)  # type: ignore[arg-type]  # it dies of that
    (tmp_path / "main.yaml").write_text(text())
    with pytest.raises(ProvingFailed, match=r"could not be proved: .*NoneType"):
        await prove(wanted)


def test_warnings_are_told_of_what_is_taken_only(tmp_path: Path) -> None:
    warning = Finding(Mark("a.yaml", 1, 1), Severity.WARNING, "hm")
    assert Proved(tmp_path, (warning,)).warnings == ()
    flow, _ = checked_flow(Folder(tmp_path).write("main.yaml", text()))
    assert Proved(tmp_path, (warning,), flow).warnings == (warning,)


# The daemon ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bot, Path]]:
    folder = tmp_path_factory.mktemp("reloaded")
    config = write_config(folder, "{address: '127.0.0.1:0', flow: main}")
    (folder / "flows" / "main.yaml").write_text(text())
    with running_bot(config) as running:
        yield running, folder / "flows"


def said(bot: Bot, steps: list[Step]) -> list[str]:
    """What the bot says in a call."""
    report = trio.run(place_call, "127.0.0.1", bot.ports[0], steps)
    return said_in(bot, report)


def said_in(bot: Bot, report: CallReport) -> list[str]:
    bot.wait_for("call.ended", call=str(report.uuid))
    return [one["text"] for one in bot.events("call.said", call=str(report.uuid))]


def reloaded(bot: Bot, event: str, how: Callable[[], object]) -> dict[str, object]:
    """The next such event after something was done."""
    before = len(bot.events(event))
    how()
    eventually(lambda: len(bot.events(event)) > before, limit_s=20)
    return bot.events(event)[before]


pressing_1: list[Step] = [Wait(0.3), Press("1")]


@pytest.mark.models
def test_a_changed_file_is_taken_without_being_asked(bot: tuple[Bot, Path]) -> None:
    running, flows = bot
    changed = text(farewell="See you.")
    told = reloaded(running, "flow.reloaded", lambda: (flows / "main.yaml").write_text(changed))
    assert told["flows"] == "main"
    assert said(running, pressing_1) == ["Leave?", "See you."]


@pytest.mark.models
def test_a_broken_file_keeps_the_old_flow_and_says_why(bot: tuple[Bot, Path]) -> None:
    running, flows = bot
    served = said(running, pressing_1)
    path = flows / "main.yaml"
    broken = text().replace("goto: bye", "goto: by")
    told = reloaded(running, "flow.reload_failed", lambda: path.write_text(broken))
    assert told["file"] == str(path)
    assert told["kept"] == "main"
    assert f"{path}:9:53: error" in str(told["reason"])
    assert 'there is no node "by"; did you mean "bye"?' in str(told["reason"])
    assert said(running, pressing_1) == served
    path.write_text(text().replace('bye: [{say: "Goodbye."}', 'bye: [{say: "Bye."}'))
    ask = lambda: os.kill(running.process.pid, signal.SIGHUP)  # noqa: E731
    told = reloaded(running, "flow.reload_failed", ask)
    assert 'the test "leaves" fails' in str(told["reason"])
    assert said(running, pressing_1) == served


@pytest.mark.models
def test_a_call_under_way_keeps_the_flow_that_it_began_with(bot: tuple[Bot, Path]) -> None:
    running, flows = bot
    path = flows / "main.yaml"
    reloaded(running, "flow.reloaded", lambda: path.write_text(text(farewell="First.")))

    async def call_meanwhile() -> CallReport:
        reports: list[CallReport] = []

        async def calling() -> None:
            steps: list[Step] = [Wait(6), Press("1")]
            reports.append(await place_call("127.0.0.1", running.ports[0], steps))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling)
            await trio.sleep(0.5)
            change = lambda: path.write_text(text(says="Go?", farewell="Second."))  # noqa: E731
            await trio.to_thread.run_sync(reloaded, running, "flow.reloaded", change)
        return reports[0]

    report = trio.run(call_meanwhile)
    assert "First." in said_in(running, report)
    assert not report.violations
    assert said(running, pressing_1) == ["Go?", "Second."]


@pytest.mark.models
def test_sighup_without_a_change_changes_nothing(bot: tuple[Bot, Path]) -> None:
    running, _ = bot
    ask = lambda: os.kill(running.process.pid, signal.SIGHUP)  # noqa: E731
    assert reloaded(running, "flow.unchanged", ask)["flows"] == "main"


@pytest.mark.models
def test_sigterm_before_the_daemon_is_ready_is_told(tmp_path: Path) -> None:
    config = write_config(tmp_path, "{address: '127.0.0.1:0', flow: main}")
    (tmp_path / "flows" / "main.yaml").write_text(text())
    bot = Bot(config)
    bot.wait_for("prompts.rendered", limit_s=30)
    bot.process.send_signal(signal.SIGHUP)  # is kept for later, and ends nothing
    bot.process.send_signal(signal.SIGTERM)
    bot.wait_for("daemon.stopping", signal="SIGTERM")
    assert bot.process.wait(20) == 0
    bot.stop()
