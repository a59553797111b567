"""Plays after plays, in this process or in several, with the same results.

Knows processes and how a player is made in each.  Must not know what is played.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from voicebot.bench.cost import Cost, measure
from voicebot.bench.playing import Player
from voicebot.bench.plays import Play, Result
from voicebot.hearing.vad import WEBRTC

CHUNK: Final = 8
"""Plays that go to a process at once, with their sound."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Where the engines are, by language, and where speech may be kept."""

    models: Mapping[str, Path]
    voices: Mapping[str, Path]
    cache: Path
    vad: str = WEBRTC

    def player(self) -> Player:
        """Make a player, that is not loaded yet."""
        return Player(self.models, self.voices, self.cache, self.vad)


def run(
    plays: Sequence[Play],
    engines: Engines,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Result]:
    """Play all of them; the results are in the same order.

    Args:
        jobs: processes.
        progress: called with how many are done and how many there are.

    Raises:
        RuntimeError: libvosk cannot read a model.
        SynthesisError: the bot's voice cannot speak.
    """
    results = []
    with _player(engines, jobs, plays) as played:
        for result in played:
            results.append(result)
            progress(len(results), len(plays))
    return results


def cost(
    plays: Sequence[Play],
    engines: Engines,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Cost:
    """Take the processor time of these plays, in this process.

    Raises:
        RuntimeError, SynthesisError: as `run`.
    """
    with engines.player() as player:
        return measure(player, plays, engines.models, progress)


@contextmanager
def _player(engines: Engines, jobs: int, plays: Sequence[Play]) -> Iterator[Iterator[Result]]:
    if jobs == 1:
        with engines.player() as player:
            yield map(player.play, plays)
        return
    # What is rendered is on disk then, and no two processes render the same.
    with engines.player() as player:
        player.prepare(dict.fromkeys(play.end_silence_s for play in plays))
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (engines,))
    try:
        yield pool.map(_play, plays, chunksize=CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)


_ours: list[Player] = []
"""The player of a process that was started for it."""


def _begin(engines: Engines) -> None:
    # Ctrl-C is for the process that was started by hand: it ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _ours.append(engines.player())
    _ours[0].__enter__()


def _play(play: Play) -> Result:
    return _ours[0].play(play)
