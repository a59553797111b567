"""The thread that writes, and files that grow.  In real time: it is a thread."""

import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from voicebot.records.writer import Appended, Writer, untaken


def test_jobs_are_done_in_order_and_all_of_them_at_the_end() -> None:
    done: list[int] = []
    with Writer() as writer:
        for number in range(100):
            assert writer.do(lambda number=number: done.append(number))  # type: ignore[misc]
    assert done == list(range(100))


def test_a_disk_that_is_too_slow_costs_lines_and_not_the_call() -> None:
    let_go = threading.Event()
    with Writer(jobs=2) as writer:
        busy = threading.Event()

        def waits() -> None:
            busy.set()
            let_go.wait(5)

        writer.do(waits)
        assert busy.wait(5)
        taken = [writer.do(lambda: None) for _ in range(3)]
        let_go.set()
    assert taken == [True, True, False]


def test_a_fault_in_one_job_is_told_and_the_next_is_done() -> None:
    done: list[str] = []
    with capture_logs() as logged, Writer() as writer:
        writer.do(lambda: done.append(str(1 / 0)))
        writer.do(lambda: done.append("next"))
    assert done == ["next"]
    assert [line["event"] for line in logged] == ["records.fault"]


def test_a_file_grows_and_its_folders_are_made(tmp_path: Path) -> None:
    file = Appended(tmp_path / "a" / "b" / "c.jsonl")
    file.write(b"one\n")
    file.write(b"two\n")
    file.close()
    assert file.path.read_bytes() == b"one\ntwo\n"


def test_two_calls_of_one_name_have_two_files(tmp_path: Path) -> None:
    one, other = Appended(tmp_path / "c.trace.jsonl"), Appended(tmp_path / "c.trace.jsonl")
    for file in (one, other):
        file.write(b"x")
        file.close()
    assert other.path.name == "c-2.trace.jsonl"
    assert untaken(tmp_path / "c.trace.jsonl").name == "c-3.trace.jsonl"


def test_what_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    file = Appended(tmp_path / "taken" / "c.jsonl")
    with capture_logs() as logged:
        file.write(b"one")
        file.write(b"two")
        file.close()
    [line] = logged
    assert line["event"] == "records.not_written"
    assert line["remedy"]


@pytest.mark.parametrize("kind", ["trace.jsonl", "wav"])
def test_a_name_that_is_free_is_taken_as_it_is(tmp_path: Path, kind: str) -> None:
    assert untaken(tmp_path / f"call.{kind}") == tmp_path / f"call.{kind}"
