"""How sure is sure enough: fits the bands of flow/bands.py, and tells what they are worth.

    python -m voicebot.bench.fitting --model models/vosk-tiny-en-8k --cache ~/.cache/voicebot

Knows the corpus, the lines, the recogniser and the bands.  Must not know calls: each item is heard
whole, without an endpointer, so that what is counted is the recogniser's.

An answer that is in the question's grammar and is not taken is a false reject; speech that is no
answer and is taken is a false accept.  What only sounds like an answer ("drilling" for "billing")
is counted apart: no band keeps it out.  Thresholds are chosen on the half "fit", where the two kinds
of mistake are equally frequent; the half "held-out" tells what they are worth.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voicebot.bench import corpus
from voicebot.bench.caller import spoken_by
from voicebot.bench.corpus import Item, Kind
from voicebot.bench.lines import LINES
from voicebot.bench.plan import NEAR
from voicebot.bench.questions import LANGUAGE, flow_with
from voicebot.bench.voices import Half
from voicebot.flow import bands, model
from voicebot.flow.answers import Word, words
from voicebot.flow.bands import Bands
from voicebot.flow.weighing import answer_share, same_meaning, weighed
from voicebot.hearing.transcribing import alternatives_of
from voicebot.line.audio import silence
from voicebot.rehearsal.impairments import G711_HZ, CallersLine
from voicebot.speech.remote import transcript_of

if TYPE_CHECKING:
    from voicebot.flow.expectation import Expectation
    from voicebot.flow.model import Flow
    from voicebot.speech.vosk import VoskEngine

QUESTIONS: Final = ("yes_no", "menu", "choice", "number", "date", "time")
STRINGS: Final = ("digits4", "digits")
"""They have a band of their own, which needs no fitting: there are no false accepts."""
USUAL: Final = ("clean", "speech 20 dB")
"""Lines that bands are fitted on …"""
ON: Final = (*USUAL, "speech 15 dB", "speech 10 dB", "babble 15 dB")
"""… and those that they are judged on."""
NOW: Final = datetime.combine(corpus.TODAY, time(10))
BEFORE, BEHIND = 10, 12
"""Frames of the line before and behind what is said: about what the ear gives the recogniser."""
STEPS: Final = [step / 100 for step in range(5, 100, 5)]
FEW_WRONG: Final = 0.02
"""So many of the values that are not asked back may be wrong."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One item as it was heard on one line."""

    question: str
    line: str
    half: Half
    wanted: bool
    """It is an answer."""
    near: bool
    answer: float
    """How probable it is that it is one."""
    value: float
    """How probable the likeliest value is."""
    right: bool
    """The likeliest value is the one that was said."""

    def taken(self, band: Bands) -> bool:
        """Whether it is taken for an answer."""
        return self.answer >= band.answer and self.value >= band.value


class Listener:
    """Hears items as the questions' ears do."""

    def __init__(self, engine: VoskEngine, flow: Flow) -> None:
        self._engine = engine
        self._ears = {name: _ears(flow, name) for name in (*QUESTIONS, *STRINGS)}

    def trials(self, items: Iterable[Item], lines: Sequence[str]) -> Iterator[Trial]:
        """Hear each item on each line."""
        for item in items:
            ears = self._ears.get(item.question)
            if ears is None or not (item.kind is Kind.OUTSIDE or _in_grammar(ears, item.said)):
                continue
            for line in lines:
                yield self._trial(item, ears, line)

    def _trial(self, item: Item, ears: Expectation, line: str) -> Trial:
        hearing = self._engine.listen(LANGUAGE, G711_HZ, ears.grammar or ())
        for pcm in _sent(item, line):
            hearing.hear(pcm)
        alternatives = alternatives_of(transcript_of(hearing.finish().data))
        readings = ears.readings(alternatives, NOW)
        likeliest = weighed(readings, lambda _: 1.0, Bands(0.0, 0.0))
        said = ears.understand(tuple(map(Word, words(item.said))), NOW)
        value = sum(
            share
            for meaning, share in readings
            if meaning is not None and likeliest is not None and same_meaning(meaning, likeliest)
        )
        return Trial(
            item.question,
            line,
            item.half,
            wanted=item.kind is Kind.ANSWER,
            near=item.feature == NEAR,
            answer=answer_share(readings),
            value=value,
            right=likeliest is not None and said is not None and same_meaning(likeliest, said),
        )


def _ears(flow: Flow, name: str) -> Expectation:
    question = next(one for one in flow.nodes[name].steps if isinstance(one, model.Question))
    return flow.expectations[question, LANGUAGE]


def _in_grammar(ears: Expectation, said: str) -> bool:
    """Whether the recogniser is told of all its words, and they are an answer without a correction."""
    known = {word for phrase in ears.grammar or () for word in phrase.split()}
    return known.issuperset(words(said)) and (
        ears.understand(tuple(map(Word, words(said))), NOW) is not None
    )


def _sent(item: Item, line: str) -> Iterator[bytes]:
    sender = CallersLine(LINES[line], f"{item.name} {item.question} {line}")
    for speech in (*[None] * BEFORE, *spoken_by(item, G711_HZ).frames, *[None] * BEHIND):
        yield sender.carry(speech, None) or silence(G711_HZ)


# Fitting ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worth:
    """What bands make of some trials, in shares of one."""

    rejected: float
    wrong: float
    accepted: float
    accepted_near: float


def worth(trials: Sequence[Trial], band: Bands) -> Worth:
    """Count."""
    wanted = [one for one in trials if one.wanted]
    outside = [one for one in trials if not one.wanted and not one.near]
    near = [one for one in trials if not one.wanted and one.near]
    return Worth(
        rejected=_share(wanted, lambda one: not one.taken(band)),
        wrong=_share(wanted, lambda one: one.taken(band) and not one.right),
        accepted=_share(outside, lambda one: one.taken(band)),
        accepted_near=_share(near, lambda one: one.taken(band)),
    )


def fitted(trials: Sequence[Trial]) -> tuple[float, float]:
    """Give the band of answers, and that of values which need not be confirmed."""
    value = bands.ANSWERS.value

    def gap(answer: float) -> float:
        found = worth(trials, Bands(answer, value))
        return abs(found.rejected - found.accepted)

    answer = min(STEPS, key=gap)
    taken = [one for one in trials if one.wanted and one.taken(Bands(answer, value))]

    def few_wrong(sure: float) -> bool:
        surely = [one for one in taken if one.value >= sure]
        return _share(surely, lambda one: not one.right) <= FEW_WRONG

    return answer, next((sure for sure in STEPS if sure >= value and few_wrong(sure)), STEPS[-1])


def _share(trials: Sequence[Trial], holds: Callable[[Trial], bool]) -> float:
    return sum(map(holds, trials)) / max(len(trials), 1)


def table(trials: Sequence[Trial], band: Bands, by: Callable[[Trial], str]) -> Iterator[str]:
    """Tell what bands are worth, in a line for each kind of trial."""
    kinds: dict[str, list[Trial]] = defaultdict(list)
    for one in trials:
        kinds[by(one)].append(one)
    for name, some in {**kinds, "all": list(trials)}.items():
        found = worth(some, band)
        yield (
            f"  {name:14} {len(some):5}   false rejects {found.rejected:6.1%}   wrong {found.wrong:6.1%}"
            f"   false accepts {found.accepted:6.1%}   near ones {found.accepted_near:6.1%}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, and print what there is to be written down."""
    about = "Fits the bands of flow/bands.py on one half of the corpus, and tells what they are worth on both."
    parser = argparse.ArgumentParser(prog="voicebot.bench.fitting", description=about)
    parser.add_argument("--model", type=Path, required=True, help="folder of the Vosk model")
    parser.add_argument("--cache", type=Path, required=True, help="where the corpus is kept")
    parser.add_argument(
        "--line", action="append", choices=[*LINES], metavar="LINE", help="only this line"
    )
    options = parser.parse_args(arguments)
    from voicebot.speech import vosk  # noqa: PLC0415 - a second, which `--help` does not wait for

    folder, _ = corpus.ready(options.cache)
    listener = Listener(vosk.load({LANGUAGE: options.model}), flow_with(None))
    trials = list(listener.trials(corpus.load(folder), options.line or ON))
    found: dict[Half, list[Trial]] = {half: [t for t in trials if t.half == half] for half in Half}
    usual = [t for t in found[Half.FIT] if t.line in USUAL and t.question in QUESTIONS]
    answer, sure = fitted(usual)
    say = sys.stdout.write
    say(f"fitted on {', '.join(USUAL)}: answer {answer:.2f}, sure {sure:.2f}\n")
    say(f"in use: answer {bands.ANSWERS.answer:.2f}, sure {bands.SURE:.2f}\n")
    for half, some in found.items():
        for names, band in ((QUESTIONS, bands.ANSWERS), (STRINGS, bands.STRINGS)):
            of_these = [one for one in some if one.question in names]
            say(f"{half}, {band}\n")
            for by in (lambda one: one.line, lambda one: one.question):
                say("\n".join(table(of_these, band, by)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
