"""A process that holds one speech engine and serves it over Wyoming on a Unix socket.

    python -m voicebot.speech.worker vosk --socket /run/x/vosk.sock --model en-US=models/vosk-tiny-en-8k

Knows: the socket, the threads (one a connection), how the process lives and ends, the blocking half of the
`wyoming` package.
Must not know: trio, calls, what the engine does with the events. It imports little, since a dead worker has to
be back soon.

Life: it says `loaded` on stdout when it could serve, waits for a line on stdin, says `ready` when the socket
answers, and ends when stdin ends, which is when its parent is gone, however that came about. (The death signal
of prctl would not do: it is bound to the parent's *thread*, and trio starts processes from threads that
retire.) It ignores SIGINT and SIGTERM, because Ctrl-C and service managers signal the whole group, and a daemon
that lets its calls finish still needs its engines.
"""

import argparse
import importlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from wyoming.error import Error
from wyoming.event import Event, read_event, write_event
from wyoming.info import Describe

from voicebot.speech.engine import Engine, Refused

NICENESS = 5
"""The media clock in the parent comes first: speech engines may wait a little, frames may not."""

BACKLOG = 128
"""Connections that may wait for their thread: more utterances than one worker can serve at once."""

log = logging.getLogger("worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker until stdin ends. Returns only when the engine cannot be loaded, with 1."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    turn = threading.Event()
    threading.Thread(target=_obey_parent, args=(turn,), daemon=True).start()
    # Native libraries print to stdout as they please; only our two lines may go there.
    ready = os.dup(1)
    os.dup2(2, 1)
    logging.basicConfig(format="%(message)s")

    options = _parse(arguments)
    module = importlib.import_module(f"voicebot.speech.{options.engine}")
    try:
        engine: Engine = module.load(dict(options.model))
    except Exception as error:  # noqa: BLE001 - whatever an engine raises about its model is one line for the parent
        log.error("%s", error)  # noqa: TRY400 - the parent wants the reason, not our stack
        return 1
    os.write(ready, b"loaded\n")
    turn.wait()
    # Only now: coming back quickly after a crash is worth a burst at normal priority.
    os.nice(NICENESS)
    serve(engine, options.socket, ready)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="voicebot.speech.worker", description=__doc__)
    parser.add_argument("engine", choices=["vosk", "piper"])
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to serve on")
    parser.add_argument(
        "--model", type=_model, action="append", required=True, metavar="LANGUAGE=PATH"
    )
    return parser.parse_args(arguments)


def _model(text: str) -> tuple[str, Path]:
    language, _, path = text.partition("=")
    return language, Path(path)


def _obey_parent(turn: threading.Event) -> None:
    while os.read(0, 4096):
        turn.set()
    os._exit(0)


def serve(engine: Engine, path: Path, ready: int) -> None:
    """Accept connections on the Unix socket `path` for ever; write `ready` to the descriptor when it answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(BACKLOG)
        os.write(ready, b"ready\n")
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_attend, args=(engine, connection), daemon=True).start()


def _attend(engine: Engine, connection: socket.socket) -> None:
    """Serve one connection; whatever goes wrong in it stays in it."""
    # A client that leaves in the middle of its utterance is normal.
    with suppress(OSError), connection, connection.makefile("rwb") as file:
        stream = cast("BinaryIO", file)
        try:
            for reply in engine.converse(_requests(engine, stream)):
                write_event(reply, stream)
        except Refused as error:
            write_event(Error(text=str(error)).event(), stream)
        except OSError:
            raise
        except Exception as error:
            log.exception("an utterance failed")
            write_event(Error(text=f"{type(error).__name__}: {error}").event(), stream)


def _requests(engine: Engine, stream: BinaryIO) -> Iterator[Event]:
    """Give the events of the client, answering on the way what any Wyoming server is asked."""
    while (event := read_event(stream)) is not None:
        if Describe.is_type(event.type):
            write_event(engine.info.event(), stream)
        else:
            yield event


if __name__ == "__main__":
    sys.exit(main())
