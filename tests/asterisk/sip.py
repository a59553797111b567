"""The phone's signalling as text: what one who calls or is called writes, and what it reads out of a message.

Knows SIP over UDP as far as one plain call needs it: INVITE, ACK, BYE, no authentication. Has no socket and no clock.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from uuid import uuid4

from .rtp import EVENTS_TYPE, Codec

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Message:
    """A SIP message that came in."""

    text: str

    @property
    def first_line(self) -> str:
        """For instance `SIP/2.0 200 OK` or `BYE sip:1000@127.0.0.1:5062 SIP/2.0`."""
        return self.text.split("\r\n", 1)[0]

    @property
    def method(self) -> str:
        """Of a request, or of the request that is answered."""
        return self.header("CSeq").rpartition(" ")[2]

    @property
    def status(self) -> int | None:
        """Of an answer; None for a request."""
        return int(self.text.split()[1]) if self.text.startswith("SIP/2.0") else None

    def header(self, name: str) -> str:
        """The first header of that name, or ''."""
        head = self.text.split("\r\n\r\n", 1)[0]
        found = re.search(rf"^{name}\s*:\s*(.*?)\r?$", head, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else ""

    def media_address(self) -> Address:
        """Where its SDP wants RTP."""
        host = re.search(r"c=IN IP4 (\S+)", self.text)
        port = re.search(r"m=audio (\d+)", self.text)
        if host is None or port is None:
            raise ValueError(f"no SDP in {self.first_line}")
        return host[1], int(port[1])


class Dialog:
    """The texts of one call."""

    def __init__(
        self, here: Address, server: Address, exten: str, sdp: str, number: str = "1000"
    ) -> None:
        """Call out.

        Args:
            here: Of our SIP socket.
            sdp: What our media are; see `media`.
            number: Our own.
        """
        self._here = "{}:{}".format(*here)
        self._user = number
        self._target = "sip:{}@{}:{}".format(exten, *server)
        self._tag = uuid4().hex[:10]
        self._from = f'"Test Caller" <sip:{number}@{self._here}>;tag={self._tag}'
        self._to = f"<{self._target}>"
        self._call_id = uuid4().hex
        self._branch = _branch()
        self._sdp = sdp

    @classmethod
    def called(cls, here: Address, invite: Message, sdp: str) -> Self:
        """Somebody calls us with this INVITE."""
        dialog = cls(here, here, "", sdp, "agent")
        dialog._call_id = invite.header("Call-ID")
        # From here on the roles of From and To are the other way round.
        dialog._from = f"{invite.header('To')};tag={dialog._tag}"
        dialog._to = invite.header("From")
        dialog._take_contact(invite)
        return dialog

    @property
    def call_id(self) -> str:
        """What all its messages have in common."""
        return self._call_id

    def invite(self, headers: Mapping[str, str]) -> str:
        """The first request, with headers of our own."""
        return self._request("INVITE", 1, self._branch, self._sdp, headers)

    def ack(self, answer: Message) -> str:
        """What a final answer to the INVITE is answered with; remembers whom we talk to."""
        self._to = answer.header("To")
        refused = (answer.status or 0) >= 300
        text = self._request("ACK", 1, self._branch if refused else _branch())
        self._take_contact(answer)
        return text

    def bye(self) -> str:
        """Hang up."""
        return self._request("BYE", 2, _branch())

    def ok(self, request: Message) -> str:
        """200 OK to whatever is asked: with our media, if it is an INVITE."""
        return self.reply(request, "200 OK", self._sdp if request.method == "INVITE" else "")

    def reply(self, request: Message, status: str, body: str = "") -> str:
        """Any answer, such as `180 Ringing`."""
        keep = re.findall(
            r"^(?:Via|From|Call-ID|CSeq|Record-Route):.*$",
            request.text,
            re.MULTILINE | re.IGNORECASE,
        )
        to = request.header("To")
        lines = [f"SIP/2.0 {status}", *(line.rstrip("\r") for line in keep)]
        lines.append(f"To: {to}" if ";tag=" in to else f"To: {to};tag={self._tag}")
        lines.append(f"Contact: <sip:{self._user}@{self._here}>")
        return _whole(lines, body)

    def _take_contact(self, message: Message) -> None:
        if contact := re.search(r"<([^>]+)>", message.header("Contact")):
            self._target = contact[1]

    def _request(
        self,
        method: str,
        number: int,
        branch: str,
        body: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> str:
        lines = [
            f"{method} {self._target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._here};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: {self._from}",
            f"To: {self._to}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self._user}@{self._here}>",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        return _whole(lines, body)


def media(here: Address, codec: Codec, ptime_ms: int = 20) -> str:
    """The SDP of one who takes RTP in this codec, and keys, at this address."""
    host, port = here
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {codec.payload_type} {EVENTS_TYPE}",
        f"a=rtpmap:{codec.payload_type} {codec.sdp_name}",
        f"a=rtpmap:{EVENTS_TYPE} telephone-event/{codec.rate_hz}",
        f"a=fmtp:{EVENTS_TYPE} 0-16",
        f"a=ptime:{ptime_ms}",
        "a=sendrecv",
        "",
    ]
    return "\r\n".join(lines)


def _branch() -> str:
    return "z9hG4bK" + uuid4().hex[:16]


def _whole(lines: list[str], body: str) -> str:
    kind = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*lines, *kind, f"Content-Length: {len(body)}", "", body])
