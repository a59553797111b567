"""One test in text: the words of the caller go into the dialogue, its words are held against the test.

Knows the steps of a test, and runs them in order: a whole call is over in milliseconds.  Must not
know how a dialogue decides, or audio.  How long the bot takes to answer is not known here: `within`
is for the tests in audio.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import assert_never

from voicebot.flow import conversations as conv
from voicebot.flow.model import Flow
from voicebot.flow.values import Hours
from voicebot.rehearsal.outcome import Failure, Mode, Outcome
from voicebot.rehearsal.peers import NoReply, Peers
from voicebot.rehearsal.stage import Stage
from voicebot.rehearsal.textcaller import Differs, TextCaller
from voicebot.rehearsal.verdict import complaints


def run_text(
    flow: Flow, conversation: conv.Conversation, calendars: Mapping[str, Hours] | None = None
) -> Outcome:
    """Play one test.

    Args:
        flow: without errors.
        calendars: those of the settings, for `hours` that the test leaves open.
    """
    began = time.perf_counter()
    stage = Stage(flow, Peers(conversation.call, calendars), conversation.call.seed)
    failure = _play(conversation, stage)
    return Outcome(
        flow=flow.name,
        conversation=conversation,
        mode=Mode.TEXT,
        exchange=stage.heard(),
        failure=failure,
        taken=frozenset(stage.dialog.taken),
        call_s=stage.now_s,
        seconds=time.perf_counter() - began,
    )


def _play(conversation: conv.Conversation, stage: Stage) -> Failure | None:
    caller = TextCaller(stage)
    mark = conversation.steps[0].mark if conversation.steps else conversation.mark
    try:
        stage.begin()
        for step in conversation.steps:
            mark = step.mark
            _take(step, caller, stage)
    except (Differs, NoReply) as difference:
        return Failure(mark, str(difference))
    return None


def _take(  # noqa: C901 - a row for each step
    step: conv.ConversationStep, caller: TextCaller, stage: Stage
) -> None:
    match step:
        case conv.BotSays():
            caller.hears(step.text, step.mark)
        case conv.CallerSays(text, early, mark) | conv.CallerPlays(_, text, early, mark):
            caller.says(text, mark, early=early)
        case conv.CallerPresses(keys, early, mark):
            caller.presses(keys, mark, early=early)
        case conv.CallerWaits(for_s, mark):
            caller.waits(for_s, mark)
        case conv.CallerHangsUp(mark):
            caller.hangs_up(mark)
        case conv.Ends():
            caller.hears_out()
            wrong = complaints(step, stage.end, stage.dialog, stage.kept)
            if stage.end is not None:
                stage.happened(str(stage.end), step.mark)
            if wrong:
                raise Differs("; ".join(wrong))
        case _:
            assert_never(step)
