"""A fake Asterisk for tests: the client's side of AudioSocket, as strict as each released reader.

    profiles.py   what tells the releases apart, as a table
    reader.py     how each of them reads what the server sends: pure, a transcript of the C code
    channel.py    what the caller does, as what reaches the AudioSocket module and when
    record.py     what the server has sent, and what a test may demand of it
    asterisk.py   one leg over TCP: these four joined to a socket and trio's clock

It runs in real time against a daemon, and in virtual time against our own line.
"""

from .asterisk import Delivery, Exit, Leg
from .channel import Act, HangUp, Mute, Press, Redirect, Stray, Talk, talk
from .profiles import FORK, PROFILES, V20_14, V20_15, V20_17, V20_20, V2020, Form, Profile
from .record import Record, TooMuch

__all__ = [
    "FORK",
    "PROFILES",
    "V20_14",
    "V20_15",
    "V20_17",
    "V20_20",
    "V2020",
    "Act",
    "Delivery",
    "Exit",
    "Form",
    "HangUp",
    "Leg",
    "Mute",
    "Press",
    "Profile",
    "Record",
    "Redirect",
    "Stray",
    "Talk",
    "TooMuch",
    "talk",
]
