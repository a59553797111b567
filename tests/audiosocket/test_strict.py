"""What released Asterisk never sends, refused."""

import pytest

from tests.audiosocket.peer import CALL, frame
from voicebot.audiosocket import Audio, Hangup, Identified, Key, ProtocolError, encode
from voicebot.audiosocket.strict import StrictDecoder


def test_a_strict_decoder_takes_what_asterisk_sends() -> None:
    messages: list[Identified | Audio | Key | Hangup] = [
        Identified(CALL),
        Audio(16000, frame(1, 16000)),
        Key("1"),
        Hangup(),
    ]
    assert StrictDecoder().feed(b"".join(encode(message) for message in messages)) == messages


@pytest.mark.parametrize(
    ("wire", "fault"),
    [
        (b"\x19\0\2ab", "kind 0x19 with 2 bytes means nothing"),
        (b"\x02\0\0", "kind 0x02 with 0 bytes means nothing"),
        (b"\x03\0\1x", "kind 0x03 with 1 bytes means nothing"),
        (b"\x10\0\0", "audio of kind 0x10 has 0 bytes"),
        (b"\x12\0\3abc", "audio of kind 0x12 has 3 bytes"),
    ],
)
def test_a_strict_decoder_refuses_the_rest(wire: bytes, fault: str) -> None:
    decoder = StrictDecoder()
    assert decoder.feed(encode(Key("1")) + wire + encode(Key("2"))) == [Key("1")]
    with pytest.raises(ProtocolError) as caught:
        decoder.feed(b"")
    assert str(caught.value) == fault
    with pytest.raises(ProtocolError, match="0x"):
        StrictDecoder().feed(wire)
