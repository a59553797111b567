"""Worker processes: real ones, in real time, killed without warning."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog.testing
import trio

from tests.speech.workers import (
    DIGITS,
    FRAME,
    LANGUAGE,
    PIPER_VOICE,
    ROOT,
    VOSK_MODEL,
    piper_spec,
    vosk_spec,
)
from voicebot.hearing.recogniser import RecognitionError
from voicebot.speech.remote import RemoteRecogniser, RemoteSynthesiser
from voicebot.speech.supervisor import (
    EngineUnavailable,
    Worker,
    WorkerSpec,
    _pause_s,
    check_models,
    run_worker,
)

VOICE_SETTINGS = Path(f"{PIPER_VOICE}.json").read_text()
BACK_WITHIN_S = 1.0


async def until_spare(worker: Worker) -> None:
    while not worker.spare:  # noqa: ASYNC110 - a state, not an event
        await trio.sleep(0.01)


@pytest.mark.models
async def test_a_killed_recogniser_costs_one_utterance(tmp_path: Path, digits_pcm: bytes) -> None:
    spec = vosk_spec(tmp_path / "vosk")
    recogniser = RemoteRecogniser([spec.uri])
    half = len(digits_pcm) // 2 // FRAME * FRAME

    async def utterance(*, kill: bool) -> str:
        listening = recogniser.listen(
            language=LANGUAGE, rate_hz=8000, phrases=DIGITS, on_partial=lambda text: None
        )
        async with listening as hearing:
            await hearing.feed(digits_pcm[:half])
            if kill:
                assert worker.pid is not None
                os.kill(worker.pid, signal.SIGKILL)
            await hearing.feed(digits_pcm[half:])
            return (await hearing.finish()).text

    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            worker = await nursery.start(run_worker, spec)
            assert worker.ready
            await until_spare(worker)
            assert await utterance(kill=False) == "seven four two nine"
            with pytest.raises(RecognitionError, match="went away"):
                await utterance(kill=True)
            killed_at = time.perf_counter()
            assert await utterance(kill=False) == "seven four two nine"
            comeback_s = time.perf_counter() - killed_at
            assert worker.restarts == 1
            nursery.cancel_scope.cancel()
    print(f"vosk back after {comeback_s:.3f} s")  # noqa: T201 - a figure, shown by pytest -rP
    assert comeback_s < BACK_WITHIN_S
    assert [entry["event"] for entry in logs] == ["worker.started", "worker.died", "worker.started"]
    assert logs[1]["how"] == "killed by SIGKILL"


@pytest.mark.models
async def test_a_killed_synthesiser_costs_a_pause(tmp_path: Path) -> None:
    spec = piper_spec(tmp_path / "piper")
    async with trio.open_nursery() as nursery:
        worker = await nursery.start(run_worker, spec)
        synthesiser = await RemoteSynthesiser.connect([spec.uri])
        assert (await synthesiser.synthesise("Hello.", LANGUAGE)).rate_hz == 16000
        await until_spare(worker)
        os.kill(worker.pid, signal.SIGKILL)
        killed_at = time.perf_counter()
        assert (await synthesiser.synthesise("Hello again.", LANGUAGE)).pcm
        comeback_s = time.perf_counter() - killed_at
        nursery.cancel_scope.cancel()
    print(f"piper back after {comeback_s:.3f} s")  # noqa: T201 - a figure, shown by pytest -rP
    assert comeback_s < BACK_WITHIN_S


@pytest.mark.models
async def test_two_deaths_in_a_row_are_made_up_for(tmp_path: Path) -> None:
    spec = piper_spec(tmp_path / "piper")
    async with trio.open_nursery() as nursery:
        worker = await nursery.start(run_worker, spec)
        synthesiser = await RemoteSynthesiser.connect([spec.uri])
        await until_spare(worker)
        for deaths in (1, 2):
            os.kill(worker.pid, signal.SIGKILL)
            while worker.restarts < deaths or not worker.ready:  # noqa: ASYNC110 - as above
                await trio.sleep(0.01)
            assert (await synthesiser.synthesise("Hello.", LANGUAGE)).pcm
        nursery.cancel_scope.cancel()


@pytest.mark.models
async def test_only_its_parent_ends_a_worker(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        worker = await nursery.start(run_worker, vosk_spec(tmp_path / "vosk"))
        pid = worker.pid
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
        await trio.sleep(0.05)
        recogniser = RemoteRecogniser([worker.spec.uri])
        async with recogniser.listen(
            language=LANGUAGE, rate_hz=8000, phrases=None, on_partial=lambda text: None
        ) as utterance:
            assert (await utterance.finish()).text == ""
        assert worker.pid == pid
        nursery.cancel_scope.cancel()
    assert not worker.ready
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """
import sys, trio
from pathlib import Path
from voicebot.speech.supervisor import WorkerSpec, run_worker
async def main():
    async with trio.open_nursery() as nursery:
        spec = WorkerSpec("vosk", {"en-US": Path(sys.argv[1])}, Path(sys.argv[2]))
        worker = await nursery.start(run_worker, spec)
        print("pid", worker.pid, flush=True)
trio.run(main)
"""


@pytest.mark.models
def test_a_worker_goes_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(VOSK_MODEL), str(tmp_path / "vosk")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = next(int(line.split()[1]) for line in parent.stdout if line.startswith("pid"))
        parent.kill()
    for _ in range(200):
        if (
            not Path(f"/proc/{pid}").exists()
            or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]
        ):
            break
        time.sleep(0.01)
    else:
        pytest.fail("the worker is still there two seconds after its parent")


def broken_specs(folder: Path) -> list[tuple[WorkerSpec, str]]:
    (folder / "empty").mkdir()
    lonely = folder / "lonely.onnx"
    lonely.write_bytes(b"")
    socket = folder / "socket"
    return [
        (WorkerSpec("vosk", {}, socket), "no model is named for vosk"),
        (
            WorkerSpec("vosk", {"en": folder / "none"}, socket),
            f"vosk model for en: there is no folder {folder}/none",
        ),
        (
            WorkerSpec("vosk", {"en": folder / "empty"}, socket),
            "is not a Vosk model: it has no am/final.mdl",
        ),
        (
            WorkerSpec("piper", {"en": folder / "none.onnx"}, socket),
            f"there is no file {folder}/none.onnx",
        ),
        (
            WorkerSpec("piper", {"en": lonely}, socket),
            f"the voice's settings {lonely}.json are missing",
        ),
    ]


def test_a_missing_model_is_one_line_and_no_process(tmp_path: Path) -> None:
    for spec, message in broken_specs(tmp_path):
        with pytest.raises(EngineUnavailable) as caught:
            check_models(spec)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ["vosk", "piper"])
async def test_a_model_that_cannot_be_loaded_is_one_line(tmp_path: Path, engine: str) -> None:
    model = tmp_path / "model"
    if engine == "vosk":
        (model / "am").mkdir(parents=True)
        (model / "am/final.mdl").write_bytes(b"no model")
        spec = WorkerSpec("vosk", {"en": model}, tmp_path / "socket")
    else:
        model.write_bytes(b"no voice")
        (tmp_path / "model.json").write_text(VOICE_SETTINGS)
        spec = WorkerSpec("piper", {"en": model}, tmp_path / "socket")
    with pytest.raises(EngineUnavailable, match=f"^{engine} does not start: .*{model}") as caught:
        await run_worker(spec)
    assert "\n" not in str(caught.value)


def test_a_crash_loop_slows_down() -> None:
    assert [_pause_s(deaths) for deaths in range(10)] == [0, 0, 0, 0, 0.5, 1, 2, 4, 8, 8]
