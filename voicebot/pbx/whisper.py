"""What the one who is called hears before the caller is connected with him.

Knows a leg and what is to be said on it.  Must not know who is at its other end, nor the dialplan.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
import trio

from voicebot.call.services import Services
from voicebot.calls import Leg
from voicebot.flow.events import Prompt
from voicebot.line.line import Ended, Line, LineEvent
from voicebot.speaking.mouth import Mouth
from voicebot.speaking.playback import Playback

log = structlog.get_logger()


class _NoEar:
    """Nobody is listened to."""

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        pass


async def whisper(prompts: Sequence[Prompt], leg: Leg, services: Services) -> bool:
    """Say the prompts on a leg and hang it up; False when the other end has hung up before."""
    over = trio.Event()
    stayed = True

    def on_event(event: LineEvent) -> None:
        nonlocal stayed
        if isinstance(event, Ended):
            stayed = False
            over.set()

    def on_failed(reason: str, _number: int) -> None:
        log.warning("call.whisper_failed", reason=reason)
        over.set()

    playback = Playback(lambda: None, over.set, lambda _name: None, lambda: None)
    mouth = Mouth(services.prompts, playback, on_failed)
    line = Line(leg.sock, leg.uuid, decoder=leg.decoder, source=playback, ear=_NoEar(),
                on_event=on_event, rate_hz=leg.listener.rate_hz,
                now_s=trio.current_time())  # fmt: skip
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mouth.make)
            for prompt in prompts:
                mouth.say(prompt)
            services.clock.add(line, lambda _error: over.set())
            if playback.busy:
                await over.wait()
            nursery.cancel_scope.cancel()
    finally:
        services.clock.remove(line)
        with trio.CancelScope(shield=True):
            await line.finish()
    return stayed
