"""The caller's part in text: hears, says, presses, waits and hangs up, each when it is his turn.

Knows what a caller can do in a call, and when.  Must not know tests, a terminal, or audio.

The caller hears the bot out before each part of his own, unless the part is `early`.  As long as it
is his turn the bot's clock for saying nothing stands still; only waiting lets it run.
"""

from __future__ import annotations

from typing import Final, NoReturn

from voicebot.flow import events as ev
from voicebot.flow.answers import Word, words
from voicebot.flow.model import BargeIn
from voicebot.flow.yamlfile import Mark
from voicebot.rehearsal.stage import Stage

BEGUN_S: Final = 0.5
"""How much of a prompt is heard by a caller who interrupts it."""
KEY_S: Final = 0.2
"""From one key to the next."""
WORD_S: Final = 0.35
"""A caller's word."""
MOST_EVENTS: Final = 10_000
"""A bot that does more without asking anything will never ask."""


class Differs(Exception):
    """The call does not go the way it was to go; the message tells how it goes."""


class TextCaller:
    """Whoever calls.  Each method raises Differs when what it says cannot be done.

    Args:
        stage: of the call; it has begun.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def hears(self, part: str, mark: Mark) -> None:
        """Listens until the bot has said this part."""
        stage = self._stage
        for _ in range(MOST_EVENTS):
            if stage.said(part, mark):
                return
            if not stage.happens_next():
                break
        self._differs(f'the bot does not say "{part}": {self._situation()}')

    def hears_out(self, *, keys: bool = False) -> None:
        """Listens until it is the caller's turn, or the call is over.

        Args:
            keys: more keys come, so that the wait for them does not run out.
        """
        for _ in range(MOST_EVENTS):
            if not self._stage.happens_next(keys=keys):
                return
        self._differs("the bot goes on and on and asks nothing: it needs a question or an end")

    def says(self, text: str, mark: Mark | None = None, *, early: bool = False) -> None:
        stage = self._stage
        self._takes_the_turn(f'say "{text}"', early=early)
        heard = words(text)
        if stage.recording:
            stage.caller_line(text, mark)
            stage.record_speech(WORD_S * len(heard))
            return
        listening = stage.listening
        if listening is None:
            self._differs(f'nobody listens to "{text}": {self._situation()}')
        barge_in = stage.barge_in or listening.barge_in
        if stage.speaking and barge_in is not BargeIn.SPEECH:
            who = "prompt" if stage.barge_in else "question"
            self._differs(f'"{text}" cannot interrupt: the {who} says `barge_in: {barge_in}`')
        stage.caller_line(text, mark)
        stage.kept.heard(text, secret=listening.secret)
        stage.tell(ev.SpeechStarted(stage.now_s))
        stage.pauses_for(WORD_S * len(heard))
        stage.caller_is_done()
        said = tuple(Word(word) for word in heard)
        claim = listening.expectation.claim(" ".join(heard), filled=listening.filled)
        meant = stage.dialog.is_meant(claim, said)
        if stage.speaking and not meant:
            stage.tell(ev.SpeechLost(stage.now_s))  # as in a call: the bot goes on
        else:
            stage.tell(ev.SpeechHeard(stage.now_s, said))

    def presses(self, keys: str, mark: Mark | None = None, *, early: bool = False) -> None:
        stage = self._stage
        self._takes_the_turn(f"press {keys}", early=early, keys=True)
        if not (early or stage.listening or stage.typing or stage.recording):
            self._differs(f"no question is open for the keys {keys}: {self._situation()}")
        stage.caller_line(f"[{keys}]", mark)
        stage.kept.heard(keys, secret=stage.wants_secret)
        for number, key in enumerate(keys):
            if number:
                stage.passes(KEY_S)
            if stage.end is None:
                stage.caller_is_done()
                stage.tell(ev.KeyPressed(stage.now_s, key))

    def waits(self, for_s: float | None, mark: Mark | None = None) -> None:
        """Says nothing for so long; None: until the bot gives up waiting."""
        stage = self._stage
        self._takes_the_turn("wait", early=False)
        if for_s is not None:
            stage.caller_line(f"(says nothing for {for_s:g} s)", mark)
            stage.passes(for_s)
            return
        stage.caller_line("(says nothing)", mark)
        if not stage.gives_up_waiting():
            self._differs(f"nobody waits for an answer: {self._situation()}")

    def hangs_up(self, mark: Mark | None = None) -> None:
        stage = self._stage
        if stage.end is not None:
            self._differs(f"the caller cannot hang up: {stage.end}")
        stage.caller_line("(hangs up)", mark)
        stage.caller_leaves()

    def _takes_the_turn(self, what: str, *, early: bool, keys: bool = False) -> None:
        stage = self._stage
        if early:
            stage.is_heard_for(BEGUN_S)
        else:
            self.hears_out(keys=keys)
        if stage.end is not None:
            self._differs(f"the caller cannot {what}: {self._situation()}")

    def _situation(self) -> str:
        stage = self._stage
        said = " ".join(f'"{line.text}"' for line in stage.turn_lines())
        return f"it said {said or 'nothing'}, and {stage.state()}"

    def _differs(self, message: str) -> NoReturn:
        raise Differs(message)
