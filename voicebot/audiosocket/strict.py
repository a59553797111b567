"""A codec that takes offence: what a peer sends is taken strictly, where a line would be mild.

Lives here: what released Asterisk never sends. Must not know: sockets, lines, calls.
"""

from voicebot.line.audio import SAMPLE_BYTES
from voicebot.line.audiosocket import KIND_OF_RATE, Audio, Decoder, Message, ProtocolError, Unknown


class StrictDecoder(Decoder):
    """Refuses what no released Asterisk sends: unknown kinds, audio of odd length or of none."""

    __slots__ = ()

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes.

        Raises:
            ProtocolError: as `Decoder.feed`, and for what is refused. What came before it is
                returned first.
        """
        messages = super().feed(data)
        for index, message in enumerate(messages):
            fault = _fault(message)
            if fault:
                self.error = ProtocolError(fault)
                if not index:
                    raise self.error
                return messages[:index]
        return messages


def _fault(message: Message) -> str:
    if isinstance(message, Unknown):
        return f"kind 0x{message.kind:02x} with {message.length} bytes means nothing"
    if isinstance(message, Audio) and (not message.pcm or len(message.pcm) % SAMPLE_BYTES):
        kind = KIND_OF_RATE[message.rate_hz]
        return f"audio of kind 0x{kind:02x} has {len(message.pcm)} bytes"
    return ""
