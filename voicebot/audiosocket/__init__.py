"""AudioSocket as a library: take Asterisk's calls, hear them, speak, and end them cleanly.

    async def echo(call: Call) -> None:
        async for frame in call:
            await call.write(frame)

    trio.run(serve, echo, "127.0.0.1", 9092)

`serve` is for trio; `voicebot.audiosocket.blocking` is the same for threads. The messages of the
protocol are here too, for programs that bring their own connection. Nothing of the voicebot but
`voicebot.line` is imported. docs/audiosocket.md tells the whole of it.
"""

from voicebot.audiosocket.call import Call, CallOver, CallSettings, CallStats, Peer
from voicebot.audiosocket.formats import Format
from voicebot.audiosocket.frames import Frame
from voicebot.audiosocket.messages import (
    ErrorCode,
    decode,
    error_code,
    read_id,
    read_message,
    send_audio,
)
from voicebot.audiosocket.outbox import Mark
from voicebot.audiosocket.server import (
    Admit,
    Handler,
    Limits,
    Server,
    ServerStats,
    serve,
    serve_listeners,
)
from voicebot.line.audio import frame_bytes
from voicebot.line.audiosocket import (
    KEYS,
    KIND_OF_RATE,
    RATE_OF_KIND,
    RATES,
    Audio,
    Decoder,
    Dialect,
    Hangup,
    Identified,
    Key,
    Kind,
    Message,
    PeerError,
    ProtocolError,
    Unknown,
    encode,
)
from voicebot.line.clock import Lateness
from voicebot.line.line import KeyPressed
from voicebot.line.unlabelled import Codec

__all__ = [
    "KEYS",
    "KIND_OF_RATE",
    "RATES",
    "RATE_OF_KIND",
    "Admit",
    "Audio",
    "Call",
    "CallOver",
    "CallSettings",
    "CallStats",
    "Codec",
    "Decoder",
    "Dialect",
    "ErrorCode",
    "Format",
    "Frame",
    "Handler",
    "Hangup",
    "Identified",
    "Key",
    "KeyPressed",
    "Kind",
    "Lateness",
    "Limits",
    "Mark",
    "Message",
    "Peer",
    "PeerError",
    "ProtocolError",
    "Server",
    "ServerStats",
    "Unknown",
    "decode",
    "encode",
    "error_code",
    "frame_bytes",
    "read_id",
    "read_message",
    "send_audio",
    "serve",
    "serve_listeners",
]
