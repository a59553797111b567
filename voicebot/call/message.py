"""A caller's message: the beep, the recording, the file.

Knows the mouth, the ear and where recordings are kept.  Must not know the dialogue; the call tells
it that a recording is over.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from voicebot.call.items import Item, Kept, MessageOver
from voicebot.call.log import CallLog
from voicebot.flow.events import Record
from voicebot.hearing.ear import CallerEar
from voicebot.hearing.recording import Recording, Recordings
from voicebot.speaking.mouth import Mouth


class Messages:
    """The recordings of one call, one at a time.

    Args:
        call: the call's identifier, which the names of the files begin with.
        recordings: keeps them.
        post: takes what has happened; within the media clock, too.
        log: is told of a message that could not be kept.
    """

    def __init__(
        self, call: str, recordings: Recordings, post: Callable[[Item], None], log: CallLog
    ) -> None:
        self._call = call
        self._recordings = recordings
        self._post = post
        self.log = log
        self._count = 0
        self._wanted: Record | None = None
        """From the flow's wish to the file."""
        self._recording: Recording | None = None
        self.beeping = False
        """The beep is being played; `begin` is to be called after it."""

    @property
    def under_way(self) -> bool:
        """Whether a recording has still to be told of."""
        return self._wanted is not None

    def start(self, wanted: Record, mouth: Mouth, ear: CallerEar) -> None:
        """Begin a recording, or the beep before it."""
        self._wanted = wanted
        self.beeping = wanted.beep
        if wanted.beep:
            mouth.beep()
        else:
            self.begin(ear)

    def begin(self, ear: CallerEar) -> None:
        """Record from now on."""
        self.beeping = False
        if self._wanted is not None:
            recording = Recording(self._wanted.max_s, self._wanted.silence_s)
            recording.on_over = lambda: self._post(MessageOver(recording))
            self._recording = recording
            ear.record(recording)

    def is_current(self, recording: Recording) -> bool:
        """Whether it is this one that is under way."""
        return recording is self._recording

    def stop(self, mouth: Mouth, ear: CallerEar, nursery: trio.Nursery) -> None:
        """Record no longer, and have what there is kept; nothing happens the second time."""
        recording, self._recording = self._recording, None
        if self.beeping:
            mouth.stop()
        elif recording is None:
            return
        self.beeping = False
        ear.record(None)
        nursery.start_soon(self._keep, recording)

    def over(self) -> None:
        """It has been told of."""
        self._wanted = None

    async def _keep(self, recording: Recording | None) -> None:
        sound = None if recording is None else recording.kept()
        path, duration_s = None, 0.0
        if sound is not None:
            self._count += 1
            try:
                path = str(await self._recordings.keep(f"{self._call}-{self._count}", sound))
                duration_s = sound.duration_s
            except OSError as error:
                self.log.warning("call.record_failed", reason=str(error))
        self._post(Kept(path, duration_s))
