"""Beds for calls, and the voice that all of a test's share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.call.bed import FLOW, PARTS, Bed, Beds, Voice
from voicebot.speaking.prompts import PromptStore


@pytest.fixture
def voice() -> Voice:
    return Voice()


@pytest.fixture
def prompts(voice: Voice, tmp_path: Path) -> PromptStore:
    """Rendered before the test and its virtual clock, which does not wait for threads."""
    store = PromptStore(voice, tmp_path / "cache", [8000, 16000])
    texts = ["A long question.", "Your number.", "Goodbye.", "Sorry.", "Nothing heard.", PARTS]
    trio.run(store.render, [(text, "en-US") for text in texts])
    return store


@pytest.fixture
def beds(tmp_path: Path, prompts: PromptStore) -> Iterator[Beds]:
    made: list[Bed] = []

    def make(flow: str = FLOW, rate_hz: int = 8000) -> Bed:
        made.append(Bed(tmp_path / "flow.yaml", flow, prompts, rate_hz))
        return made[-1]

    yield make
    for bed in made:
        bed.peer.sock.close()
        bed.ours.close()
