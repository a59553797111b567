"""A traced call as lines that a person can read: who said what, when, where in the flow.

Knows events and actions as they stand in a trace.  Must not know files, flows or the dialogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from voicebot.flow import events as ev
from voicebot.flow.answers import Word
from voicebot.flow.dialled import named
from voicebot.records.codec import Json

_SILENT: Final = frozenset(
    {"start_timer", "stop_timer", "stop_listening", "stop_speaking", "listen"}
)
"""What an action does that nobody hears; it is shown where it is the difference."""


def caller_line(event: ev.Event) -> str | None:  # noqa: C901 - a row for each event
    """What happened, in words; None for what is only the bot's own progress."""
    match event:
        case ev.Answered():
            return "call   answered"
        case ev.SpeechHeard(words=words):
            return f'caller "{_said(words)}"'
        case ev.KeyPressed(key=key):
            return f"caller presses {key}"
        case ev.TimerFired(timer=ev.Timer.NO_INPUT):
            return "caller says nothing"
        case ev.SpeakingFailed(reason=reason):
            return f"call   a prompt could not be spoken: {reason}"
        case ev.HttpAnswered(status=status):
            return f"server answers {status}"
        case ev.HttpFailed(reason=reason):
            return f"server does not answer: {reason}"
        case ev.Recorded(duration_s=duration_s):
            return f"caller is recorded for {duration_s:.1f} s"
        case ev.TransferFailed(reason=reason):
            return f"call   is back from its transfer: {reason}"
        case ev.CallerLeft():
            return "caller hangs up"
        case _:
            return None


def turn_line(stages: Mapping[str, Json]) -> str:
    """How long the answer took, and where the time went: ms from the caller's last voice or key."""
    names = ("silence", "endpoint", "text", "decided")
    reached = [f"{name} {stages[f'{name}_ms']}" for name in names if f"{name}_ms" in stages]
    how = [str(stages[name]) for name in ("endpoint", "prompt") if stages.get(name)]
    took = ", ".join(reached + how)
    return f"       answered after {stages.get('response_ms')} ms ({took})"


def bot_lines(actions: Sequence[Json], *, all_of_them: bool = False) -> Iterator[str]:
    """What the bot did.

    Args:
        all_of_them: also what nobody hears: timers, listening.
    """
    for action in actions:
        if isinstance(action, dict) and (all_of_them or action.get("do") not in _SILENT):
            yield from _bot_lines(action)


def _bot_lines(action: dict[str, Json]) -> Iterator[str]:  # noqa: C901 - a row for each action
    match action:
        case {"do": "speak", "prompts": prompts}:
            for prompt in _prompts(prompts):
                yield f'bot    "{prompt.get("text")}"' + _recording(prompt)
        case {"do": "note", "kind": "node", "detail": {"node": node}}:
            yield f"       → {node}"
        case {"do": "note", "kind": "understood", "detail": {"value": value, "by": by}}:
            yield f"       understood: {value} (by {by})"
        case {"do": "note", "kind": "missed", "detail": {"why": why, "attempt": attempt}}:
            yield f"       {why}, attempt {attempt}"
        case {"do": "hang_up"}:
            yield "bot    hangs up"
        case {"do": "transfer", "to": to}:
            yield f"bot    transfers to {named(str(action.get('kind')), str(to))}"
            for prompt in _prompts(action.get("whisper")):
                yield f'agent  hears "{prompt.get("text")}"' + _recording(prompt)
        case {"do": "request", "method": method, "url": url}:
            yield f"bot    asks {method} {url}"
        case {"do": "log", "text": text}:
            yield f"       log: {text}"
        case {"do": "tag", "name": name, "value": value}:
            yield f"       tag {name}: {value}"
        case _:
            yield f"       {_plain(action)}"


def _prompts(written: Json) -> Iterator[dict[str, Json]]:
    yield from (
        (one for one in written if isinstance(one, dict)) if isinstance(written, list) else ()
    )


def _plain(action: dict[str, Json]) -> str:
    """An action by its name and whatever it says more."""
    name = str(action.get("do")).replace("_", " ")
    more = ", ".join(f"{key} {value}" for key, value in action.items() if key != "do")
    return f"{name} ({more})" if more else name


def _recording(prompt: dict[str, Json]) -> str:
    return f" ({prompt['file']})" if prompt.get("file") else ""


def _said(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words) or "…"
