"""The caller's channel in Asterisk, as AGI's commands reach it: what is asked of it, and what came of it.

Knows commands, applications and the variables in which these leave their results.  Must not know the
protocol's lines, legs, or why anything is wanted.  Every method raises AgiError when the session is
over.
"""

from __future__ import annotations

import re
from typing import Final

import structlog

from voicebot.line.agi import AgiSession, Reply
from voicebot.pbx.releases import parse_release, takes_every_rate

log = structlog.get_logger()

CHANNEL_UP: Final = "6"
WIDE: Final = (
    "slin1", "slin2", "slin3", "slin4", "slin9", "g722", "opus", "siren", "silk1", "silk2",
    "speex16", "speex32", "amrwb", "evs",
)  # fmt: skip
"""How the names of codecs begin that carry more than 8 kHz."""
WIDE_HZ: Final = 16000
NO_SUCH_APPLICATION: Final = "-2"
EXITED: Final = "USEREXIT"
"""Of VMSTATUS: he has pressed 0 or *, and the dialplan goes on at `o` or `a`."""
TALKED: Final = frozenset({"ANSWER", "CONTINUE", "SUCCESS", EXITED, ""})
"""Of DIALSTATUS, QUEUESTATUS (which is empty behind a talk) and VMSTATUS."""
UNREACHABLE: Final = "unreachable"
REFUSED: Final = "refused"
REJECTED: Final = "21"
"""Q.850 "call rejected": a telephone's 603."""
REASONS: Final = {
    "BUSY": "busy",
    "NOANSWER": "no answer",
    "CHANUNAVAIL": UNREACHABLE,
    "CONGESTION": UNREACHABLE,
    "DONTCALL": REFUSED,
    "TORTURE": REFUSED,
    "INVALIDARGS": UNREACHABLE,
    "TIMEOUT": "timeout",
    "FULL": "full",
    "JOINEMPTY": "empty",
    "LEAVEEMPTY": "empty",
    "JOINUNAVAIL": "empty",
    "LEAVEUNAVAIL": "empty",
    "FAILED": UNREACHABLE,
    "UNKNOWN": UNREACHABLE,
}
"""Of the others, as flows and their tests have them."""


class Channel:
    """One caller's channel.

    Args:
        call: the identifier of his call, for the log.
    """

    def __init__(self, session: AgiSession, call: str) -> None:
        self._session = session
        self._call = call
        self._sent_elsewhere = False
        """By what he was connected with."""

    @property
    def hung_up(self) -> bool:
        """The caller has hung up, as far as Asterisk has said so."""
        return self._session.hung_up

    async def answer(self) -> None:
        """Pick up, unless somebody has."""
        if (await self._session.command("CHANNEL STATUS")).result != CHANNEL_UP:
            await self._session.command("ANSWER")

    async def hears_at(self) -> int | None:
        """The rate at which to speak to AudioSocket() from the start; None: that of what comes.

        AudioSocket() brings everybody at 8 kHz, but what it is given at 16 kHz goes on to the caller
        as it is, where his codec has room for it and Asterisk knows the kind (else it would end the
        call).
        """
        codecs = re.split(
            r"[^a-z0-9]+", await self._session.variable("${CHANNEL(audionativeformat)}")
        )
        if not any(codec.startswith(WIDE) for codec in codecs):
            return None
        release = parse_release(await self._session.variable("${VERSION()}"))
        return WIDE_HZ if release is not None and takes_every_rate(release) else None

    async def notice_hangup(self) -> None:
        """Asterisk says that the caller has hung up behind the reply to the command in which he did,
        where it is read with the next one."""
        await self._session.command("CHANNEL STATUS")

    async def set(self, name: str, text: str) -> None:
        """Set a variable."""
        try:
            await self._session.command("SET VARIABLE", name, text)
        except ValueError as error:
            log.warning("agi.variable_too_long", call=self._call, name=name, reason=str(error))

    async def execute(self, application: str, data: str) -> Reply:
        """Run an application of the dialplan, to its end."""
        reply = await self._session.command("EXEC", application, data)
        if reply.result == NO_SUCH_APPLICATION:
            log.error("agi.no_application", call=self._call, application=application,
                      remedy=f"load its module in Asterisk, such as app_{application.lower()}.so")  # fmt: skip
        return reply

    async def connect(self, application: str, data: str, variable: str) -> str | None:
        """Run an application that connects the caller with somebody, until they have talked.

        Returns:
            Why they have not, by the variable that it sets; None: they have.
        """
        # Queue() sets it only where nobody has talked, and would leave what it said the last time.
        await self.set(variable, "")
        try:
            reply = await self.execute(application, data)
        except ValueError as error:
            return str(error)  # a longer target than any command has room for
        if reply.result == NO_SUCH_APPLICATION or reply.channel_gone:
            return UNREACHABLE
        status = await self._session.variable(f"${{{variable}}}")
        self._sent_elsewhere = status == EXITED
        if status in TALKED:
            return None
        if status == "CHANUNAVAIL" and await self._session.variable("${HANGUPCAUSE}") == REJECTED:
            return REFUSED
        return REASONS.get(status, status.lower())

    async def has_extension(self, context: str, extension: str) -> bool:
        """Whether the dialplan has this place, or Asterisk cannot tell.

        Raises:
            ValueError: no command has room for it.
        """
        place = f"${{DIALPLAN_EXISTS({context},{extension},1)}}"
        return await self._session.variable(place) != "0"

    async def hang_up(self) -> None:
        """As Dial() does where nothing else is said: who has talked is not sent to a person again."""
        if not self._sent_elsewhere:
            await self._session.command("HANGUP")

    async def send_to(self, context: str, extension: str) -> str | None:
        """Have the dialplan go on there; why not, if it has no such place."""
        try:
            exists = await self.has_extension(context, extension)
        except ValueError as error:
            return str(error)
        if not exists:
            return f"the dialplan has no extension {extension} in [{context}]"
        await self._session.command("SET CONTEXT", context)
        await self._session.command("SET EXTENSION", extension)
        await self._session.command("SET PRIORITY", "1")
        return None
