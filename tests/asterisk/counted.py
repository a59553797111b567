"""`voicebot run` that can be asked what it has in hand: `python -m tests.asterisk.counted run -c config.yaml`.

On SIGUSR1 it logs `counted`, numbered from 1: how many tasks there are, and how many calls, lines and dialogues are still in memory once
the garbage is gone. Knows trio and the names of those classes; the daemon is the real one, as the command runs it.
"""

import gc
import signal
import sys
from collections import Counter
from pathlib import Path

import structlog
import trio

from voicebot import daemon
from voicebot.call.call import Call
from voicebot.commands.shared import read_config
from voicebot.config import Config
from voicebot.flow.dialog import Dialog
from voicebot.hearing.ear import CallerEar
from voicebot.line.line import Line
from voicebot.logs import open_log

log = structlog.get_logger()

KINDS = (Call, Line, Dialog, CallerEar)


class Tasks(trio.abc.Instrument):
    """Counts the tasks that are alive."""

    def __init__(self) -> None:
        self.alive = 0

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self.alive += 1

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        self.alive -= 1


async def tell(tasks: Tasks) -> None:
    """Answer every SIGUSR1."""
    with trio.open_signal_receiver(signal.SIGUSR1) as asked:
        number = 0
        async for _ in asked:
            number += 1
            gc.collect()
            kept = Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, KINDS))
            counted = {
                "tasks": tasks.alive,
                **{kind.__name__: kept[kind.__name__] for kind in KINDS},
            }
            log.info("counted", number=number, counted=counted)


async def run(config: Config, tasks: Tasks) -> None:
    """The daemon, and `tell` beside it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell, tasks)
        await daemon.run(config)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    config = read_config(Path(sys.argv[sys.argv.index("-c") + 1]))
    with open_log(config.log):
        tasks = Tasks()
        trio.run(run, config, tasks, instruments=[tasks])
