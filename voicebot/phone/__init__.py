"""A scripted caller over AudioSocket, at real time: for `voicebot call`, the demo, tests and load.

`place_call` follows a list of steps and reports what was heard and how fast the bot was. The
caller's voice is apart (`voicebot.phone.voice`), since it loads a speech engine.
"""

from voicebot.phone.call import (
    BotQuiet,
    BotSpeaks,
    Connected,
    Ended,
    Limits,
    NobodyAnswersError,
    PhoneEvent,
    StepBegan,
    WaitExpired,
    place_call,
)
from voicebot.phone.report import CallReport, End, Spurt, Turn
from voicebot.phone.script import (
    HangUp,
    PhoneError,
    Play,
    Press,
    Say,
    Step,
    Voice,
    Wait,
    WaitForBot,
)

__all__ = [
    "BotQuiet",
    "BotSpeaks",
    "CallReport",
    "Connected",
    "End",
    "Ended",
    "HangUp",
    "Limits",
    "NobodyAnswersError",
    "PhoneError",
    "PhoneEvent",
    "Play",
    "Press",
    "Say",
    "Spurt",
    "Step",
    "StepBegan",
    "Turn",
    "Voice",
    "Wait",
    "WaitExpired",
    "WaitForBot",
    "place_call",
]
