"""One call over AudioSocket at real time: a script is followed, and what comes back is heard.

Knows: the connection, what is sent and when. Must not know: the daemon, flows, recognisers. What
the bot sent is judged in `report.py`.

It behaves as the real Asterisk was seen to do. The UUID goes in one segment, then a frame every
20 ms on absolute deadlines, silence included. While a key is down there is no audio; the key's
message comes at its release. A hangup is a closed connection without a message, and a call that the
bot ends is closed at once. In one thing it is more patient than Asterisk: what Asterisk would drop
the call for is noted as a violation, and the call goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import trio

from voicebot.line.audio import FRAME_S, silence
from voicebot.line.audiosocket import (
    Audio,
    Decoder,
    Identified,
    Key,
    Message,
    ProtocolError,
    encode,
)
from voicebot.phone.report import (
    Action,
    BotChannel,
    CallReport,
    End,
    is_answer,
    measure,
)
from voicebot.phone.script import (
    Clip,
    HangUp,
    PhoneError,
    Play,
    Press,
    Say,
    Step,
    Voice,
    Wait,
    WaitForBot,
    prepare,
)

KEY_DOWN_FRAMES = 5
"""A key is held for 100 ms, during which no audio is sent."""
KEY_GAP_FRAMES = 5
TALK_PAUSE_S = 0.6
"""Silence after which a bot counts as having finished, longer than its pauses between sentences."""
DEAF_S = 2.0
"""A bot that takes nothing for this long has stopped reading: the kernel's buffers hold minutes."""
HANGUP_DRAIN_S = 0.1
SPLIT_S = 0.005
"""Asterisk waits this long for the rest of a message."""
_READ_BYTES = 65536


class NobodyAnswersError(PhoneError):
    """Nothing takes the connection."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The UUID has been sent: the time of the call is 0."""

    uuid: UUID


@dataclass(frozen=True, slots=True)
class StepBegan:
    """The caller turns to the next step of the script."""

    at_s: float
    step: Step


@dataclass(frozen=True, slots=True)
class BotSpeaks:
    """The bot began to speak; `response_s` after the caller's last action, if this answers it."""

    at_s: float
    response_s: float | None


@dataclass(frozen=True, slots=True)
class BotQuiet:
    """The bot has been quiet for 0.6 s; its last loud frame came at `at_s`."""

    at_s: float


@dataclass(frozen=True, slots=True)
class WaitExpired:
    """The bot was not heard within the limit of a wait."""

    at_s: float
    step: Step


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over."""

    at_s: float
    end: End


PhoneEvent = Connected | StepBegan | BotSpeaks | BotQuiet | WaitExpired | Ended


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a caller puts up with things."""

    connect_s: float = 5.0
    stay_s: float = 60.0
    """After the last step, for the bot to hang up."""
    call_s: float = 600.0


async def place_call(  # noqa: PLR0913 - the address, the script, and what a call may vary in
    host: str,
    port: int,
    steps: Sequence[Step],
    *,
    rate_hz: int = 8000,
    uuid: UUID | None = None,
    voice: Voice | None = None,
    on_event: Callable[[PhoneEvent], None] | None = None,
    limits: Limits | None = None,
) -> CallReport:
    """Place one call and follow the script; return when the call is over.

    All audio is made before the call is placed. After the last step, unless that is HangUp, the
    caller stays on until the bot hangs up. `voice` turns a text into speech of any rate (for
    `Say`); `on_event` must not block.

    Raises:
        NobodyAnswersError: nothing takes the connection.
        PhoneError: a key that no telephone has, a sound that cannot be read, `Say` without a voice.
    """
    limits = limits or Limits()
    clips = await prepare(steps, rate_hz, voice)
    stream = await _connect(host, port, limits.connect_s)
    async with stream:
        call = _Call(stream, uuid or uuid4(), rate_hz, on_event or (lambda _event: None))
        await call.run(clips, limits)
    return call.report()


async def _connect(host: str, port: int, limit_s: float) -> trio.SocketStream:
    """Raises NobodyAnswersError. (Trio sets TCP_NODELAY.)"""
    reason = f"no answer within {limit_s:g} s"
    with trio.move_on_after(limit_s):
        try:
            return await trio.open_tcp_stream(host, port)
        except OSError as error:
            reason = _reason(error)
    msg = (
        f"nobody listens at {host}:{port} ({reason}):"
        " start `voicebot run`, or name the HOST:PORT of a bot"
    )
    raise NobodyAnswersError(msg)


def _reason(error: BaseException) -> str:
    """Tell why a connection failed. Trio wraps the failure of each address; the first is told."""
    if isinstance(error.__cause__, OSError | BaseExceptionGroup):
        return _reason(error.__cause__)
    if isinstance(error, BaseExceptionGroup):
        return _reason(error.exceptions[0])
    # Before the reason there is the address again.
    return str(getattr(error, "strerror", None) or error).rpartition(": ")[2]


@dataclass(slots=True)
class _Script:
    """Where the caller is in its script, as far as measuring needs it."""

    actions: list[Action] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    onset_s: float = -1.0
    done_s: float = -1.0
    """The last action, or the end of the last wait for the bot: what comes next answers it."""
    acting: bool = False
    """The caller is speaking or pressing keys."""


class _Call:
    """One call: a task that reads, and the script that sends."""

    def __init__(
        self,
        stream: trio.SocketStream,
        uuid: UUID,
        rate_hz: int,
        on_event: Callable[[PhoneEvent], None],
    ) -> None:
        self._stream = stream
        self._uuid = uuid
        self._rate_hz = rate_hz
        self._on_event = on_event
        self._bot = BotChannel()
        self._bot_talks = False
        self._script = _Script()
        self._sent: list[bytes] = []
        self._talk = trio.CancelScope()
        self._began_s = 0.0
        self._end: End | None = None
        self._end_s = 0.0

    async def run(self, clips: Sequence[tuple[Step, Clip]], limits: Limits) -> None:
        self._began_s = trio.current_time()
        self._talk.deadline = self._began_s + limits.call_s
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            with self._talk:
                await self._send(encode(Identified(self._uuid)))
                self._on_event(Connected(self._uuid))
                await self._follow(clips, limits.stay_s)
            end = self._finish(End.LIMIT)
            if end.by_caller:
                nursery.cancel_scope.cancel()
        self._on_event(Ended(self._end_s, end))

    def report(self) -> CallReport:
        caller = b"".join(self._sent)
        bot = self._bot.pcm(self._rate_hz)
        length = max(len(caller), len(bot))
        return CallReport(
            uuid=self._uuid,
            rate_hz=self._rate_hz,
            ended=self._end or End.LIMIT,
            duration_s=self._end_s,
            caller_pcm=caller.ljust(length, b"\0"),
            bot_pcm=bot.ljust(length, b"\0"),
            first_frame_s=self._bot.first_frame_s,
            first_loud_s=self._bot.spurts[0].start_s if self._bot.spurts else None,
            turns=measure(self._script.actions, self._bot.spurts),
            spurts=tuple(self._bot.spurts),
            frames_received=self._bot.frames_received,
            gaps=self._bot.gaps,
            max_ahead_s=self._bot.max_ahead_s,
            violations=tuple(self._bot.violations),
            expired=tuple(self._script.expired),
        )

    def _now_s(self) -> float:
        return trio.current_time() - self._began_s

    def _finish(self, end: End) -> End:
        """End the caller's talk. The first reason counts, and is returned; the rest is its echo."""
        if self._end is None:
            self._end = end
            self._end_s = self._now_s()
        self._talk.cancel()
        return self._end

    # What the caller does.

    async def _follow(self, clips: Sequence[tuple[Step, Clip]], stay_s: float) -> None:
        for step, clip in clips:
            self._on_event(StepBegan(self._now_s(), step))
            match step:
                case Say() | Play():
                    await self._speak(str(step), clip)
                case Press(keys):
                    await self._press(str(step), keys)
                case Wait(seconds):
                    await self._be_silent(seconds)
                case WaitForBot():
                    await self._wait_for_bot(step)
                case HangUp():
                    self._finish(End.CALLER_HUNG_UP)
                    return
        await self._be_silent(stay_s)
        self._finish(End.LIMIT)

    async def _speak(self, what: str, clip: Clip) -> None:
        onset_s = 0.0
        self._script.acting = True
        for n, frame in enumerate(clip.frames):
            await self._tick(frame)
            if n == clip.onset:
                onset_s = self._now_s()
            if n == clip.last:
                self._acted(Action(what, onset_s, self._now_s(), by_key=False))

    async def _press(self, what: str, keys: str) -> None:
        onset_s = 0.0
        self._script.acting = True
        for n, key in enumerate(keys):
            for _ in range(KEY_DOWN_FRAMES):
                await self._tick(None)
            await self._send(encode(Key(key)))
            if n == 0:
                onset_s = self._now_s()
            if n == len(keys) - 1:
                self._acted(Action(what, onset_s, self._now_s(), by_key=True))
            for _ in range(KEY_GAP_FRAMES):
                await self._tick(silence(self._rate_hz))

    def _acted(self, action: Action) -> None:
        self._script.actions.append(action)
        self._script.onset_s, self._script.done_s = action.onset_s, action.done_s
        self._script.acting = False

    async def _be_silent(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            await self._tick(silence(self._rate_hz))

    async def _wait_for_bot(self, step: WaitForBot) -> None:
        for _ in range(round(step.limit_s / FRAME_S)):
            await self._tick(silence(self._rate_hz))
            now_s = self._now_s()
            if self._bot_was_heard() and now_s - self._bot.last_loud_s >= step.quiet_s:
                self._script.onset_s = self._script.done_s = now_s
                return
        self._script.expired.append(str(step))
        self._on_event(WaitExpired(self._now_s(), step))

    def _bot_was_heard(self) -> bool:
        """Only the last spurt can be new: an older one was new when it was the last."""
        spurts = self._bot.spurts
        return bool(spurts) and is_answer(spurts[-1], self._script.onset_s, self._script.done_s)

    async def _tick(self, frame: bytes | None) -> None:
        """Live through 20 ms, then send what was said in them; None when the line carried
        nothing."""
        self._sent.append(frame or silence(self._rate_hz))
        await trio.sleep_until(self._began_s + len(self._sent) * FRAME_S)
        if frame is not None:
            await self._send(encode(Audio(self._rate_hz, frame)))
        if self._bot_talks and self._now_s() - self._bot.last_loud_s > TALK_PAUSE_S:
            self._bot_talks = False
            self._on_event(BotQuiet(self._bot.last_loud_s))

    async def _send(self, data: bytes) -> None:
        with trio.move_on_after(DEAF_S):
            try:
                await self._stream.send_all(data)
            except trio.BrokenResourceError:
                # The bot is gone. How, the reader finds out: a goodbye may still lie in the buffer.
                await trio.sleep(HANGUP_DRAIN_S)
                self._finish(End.BOT_RESET)
            return
        self._finish(End.BOT_DEAF)

    # What the caller hears.

    async def _listen(self) -> None:
        """Read until the connection ends; after a hangup, only until what follows it is seen."""
        decoder = Decoder()
        while self._end is None:
            end = await self._hear_once(decoder)
            if end is not None:
                self._finish(end)
        if self._bot.hung_up:
            with trio.move_on_after(HANGUP_DRAIN_S):
                while await self._hear_once(decoder) is End.BOT_HUNG_UP:
                    pass

    async def _hear_once(self, decoder: Decoder) -> End | None:
        """Take in what comes next; return how the bot has ended the call, if it has."""
        whole_at_s = self._now_s()
        try:
            data = await self._stream.receive_some(_READ_BYTES)
            at_s = self._now_s()
            if not decoder.at_boundary and (not data or at_s - whole_at_s > SPLIT_S):
                self._bot.note_violation(at_s, "a message in pieces")
            messages = decoder.feed(data)
        except trio.BrokenResourceError:
            return End.BOT_RESET
        except ProtocolError as error:
            self._bot.note_violation(self._now_s(), str(error))
            return End.BOT_BABBLED
        for message in messages:
            self._take(message, at_s)
        if not data:
            return End.BOT_CLOSED
        return End.BOT_HUNG_UP if self._bot.hung_up else None

    def _take(self, message: Message, at_s: float) -> None:
        spurts = len(self._bot.spurts)
        self._bot.take(message, at_s)
        if len(self._bot.spurts) == spurts:
            return
        response_s = self._response_s(at_s)
        if response_s is not None or not self._bot_talks:
            self._bot_talks = True
            self._on_event(BotSpeaks(at_s, response_s))

    def _response_s(self, at_s: float) -> float | None:
        """What the spurt that began now will count for, if it answers the caller's last action."""
        if self._script.acting or not self._script.actions:
            return None
        (turn,) = measure(self._script.actions[-1:], self._bot.spurts)
        return turn.response_s if turn.answer_s == at_s else None
