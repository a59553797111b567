"""The voices and recognisers of the settings: each is started, speaks a few words, and hears them.

Knows engines and languages.  Must not know calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import trio

from voicebot.config import Config
from voicebot.doctor.results import Result, fail, ok
from voicebot.engines import engines
from voicebot.hearing.recogniser import Recogniser, RecognitionError
from voicebot.line.audio import resample
from voicebot.speaking.synthesiser import Speech, Synthesiser, SynthesisError
from voicebot.speech.supervisor import EngineUnavailable

WORDS: Final = "1 2 3 4"
"""What every voice can say."""
RATE_HZ: Final = 8000
LIMIT_S: Final = 120.0
"""A large model takes half a minute to load from a slow disk."""


async def examine_engines(config: Config) -> list[Result]:
    """Start the engines as `voicebot run` does, and have each language's say and hear something."""
    began_s = trio.current_time()
    results: list[Result] = []
    try:
        with trio.fail_after(LIMIT_S):
            async with engines(config) as (recogniser, synthesiser):
                results.append(ok("engines", f"started in {trio.current_time() - began_s:.1f} s"))
                for language in _languages(config):
                    results += await _language(language, config, recogniser, synthesiser)
    except trio.TooSlowError:
        return [fail("engines", f"not ready within {LIMIT_S:g} s: take smaller models")]
    except (EngineUnavailable, SynthesisError, BaseExceptionGroup) as error:
        return [*results, *(fail("engines", text) for text in _reasons(error))]
    return results


def _languages(config: Config) -> list[str]:
    """Those of the models and voices; of engines elsewhere nobody knows them, so the usual one is tried."""
    spoken = config.tts.voices if config.tts.engine == "piper" else {}
    heard = config.asr.models if config.asr.engine == "vosk" else {}
    return list(dict.fromkeys([*spoken, *heard])) or ["en-US"]


async def _language(
    language: str, config: Config, recogniser: Recogniser, synthesiser: Synthesiser
) -> list[Result]:
    speaks = config.tts.engine != "piper" or language in config.tts.voices
    hears = config.asr.engine != "vosk" or language in config.asr.models
    results: list[Result] = []
    speech = Speech(RATE_HZ, bytes(RATE_HZ))
    began_s = trio.current_time()
    if speaks:
        try:
            speech = await synthesiser.synthesise(WORDS, language)
        except SynthesisError as error:
            return [fail("voice", f"{language} does not speak: {error}")]
        took_s = trio.current_time() - began_s
        seconds = len(speech.pcm) / 2 / speech.rate_hz if speech.rate_hz else 0.0
        results.append(_spoken(language, seconds, took_s))
    if hears:
        results.append(await _heard(language, recogniser, speech))
    return results


def _spoken(language: str, seconds: float, took_s: float) -> Result:
    if not seconds:
        return fail("voice", f"{language} gives no sound: look at its .onnx.json")
    return ok("voice", f"{language} has spoken {seconds:.1f} s of sound in {took_s:.2f} s",
              {"sound_s": round(seconds, 2), "took_s": round(took_s, 3)})  # fmt: skip


async def _heard(language: str, recogniser: Recogniser, speech: Speech) -> Result:
    pcm = resample(speech.pcm, speech.rate_hz, RATE_HZ)
    try:
        async with recogniser.listen(
            language=language, rate_hz=RATE_HZ, phrases=None, on_partial=lambda _text: None
        ) as utterance:
            await utterance.feed(pcm)
            transcript = await utterance.finish()
    except RecognitionError as error:
        return fail("recogniser", f"{language} does not hear: {error}")
    return ok("recogniser", f'{language} has heard "{transcript.text}"')


def _reasons(error: BaseException) -> Iterator[str]:
    """Why it went wrong, from within nurseries; what is no engine's fault goes on."""
    if isinstance(error, BaseExceptionGroup):
        ours, others = error.split((EngineUnavailable, SynthesisError))
        if others is not None:
            raise others
        for one in ours.exceptions if ours is not None else ():
            yield from _reasons(one)
    else:
        yield str(error)
