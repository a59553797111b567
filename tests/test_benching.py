"""`voicebot bench turns`: what is counted and shown, and a small corpus played with the real engines."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.bot import MODELS
from voicebot import cli
from voicebot.bench import judging, plan, scoring, showing
from voicebot.bench.corpus import INDEX, TODAY, Item, Kind
from voicebot.bench.cost import SPEECH_PHRASES, Cost
from voicebot.bench.lines import CLEAN, ECHO_LINES, LINES
from voicebot.bench.plan import Choice, Section
from voicebot.bench.plays import Outcome, Play, Result
from voicebot.bench.questions import ALL, CAN_BE_INTERRUPTED, flow_with, meant
from voicebot.bench.report import Figure, percentile
from voicebot.bench.running import Engines, cost, run
from voicebot.bench.voices import Half
from voicebot.commands import codes
from voicebot.flow import walk
from voicebot.rehearsal.engines import CALLER, RepeatableVoice
from voicebot.speaking.synthesiser import Speech

VOSK = {"en-US": MODELS / "vosk-tiny-en-8k"}
PIPER = {"en-US": MODELS / "voicebot-en_US-tiny.onnx"}
NOTHING = Speech(8000, bytes(2 * 8000))


def result(**of: Any) -> Result:
    """The result of a "yes" that was understood at once, but for what is given."""
    usual: dict[str, Any] = {
        "section": Section.ANSWERS, "item": "a", "question": "yes_no", "kind": "answer",
        "feature": "plain", "said": "yes", "expected": True, "voice": "v", "pause_s": 0.0, "sayable": True,
        "condition": CLEAN, "end_silence_s": None, "interrupts": False,
        "outcome": Outcome.UNDERSTOOD, "value": True, "settled_s": 0.1, "response_s": 0.1,
    }  # fmt: skip
    return Result(**{**usual, **of})


def item(name: str, question: str = "yes_no", **of: Any) -> Item:
    usual: dict[str, Any] = {
        "kind": Kind.ANSWER, "said": "yes", "expected": True, "feature": "plain", "voice": "v",
        "half": Half.HELD_OUT, "sound": NOTHING,
    }  # fmt: skip
    return Item(name, question, **{**usual, **of})


def table(results: Sequence[Result], title: str) -> scoring.Table:
    return next(table for table in scoring.score(results).tables if title in table.title)


def figure(results: Sequence[Result], name: str) -> Figure | None:
    found = [one for one in scoring.score(results).figures if one.name.startswith(name)]
    return found[0] if found else None


# Counting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "right"),
    [
        ({}, 1.0),
        ({"value": False}, 0.0),
        ({"value": 1}, 0.0),  # a one is no yes
        ({"question": "amount", "expected": 42, "value": 42.0}, 1.0),
        ({"question": "digits4", "expected": "0123", "value": "123"}, 0.0),
        ({"question": "form", "expected": {"day": "d"}, "value": {"day": "d", "party": 2}}, 0.0),
        ({"outcome": Outcome.MISSED, "value": None}, 0.0),
        ({"outcome": Outcome.NOTHING, "value": None}, 0.0),
        ({"question": "text", "expected": "i have a question", "value": "i have question"}, 0.75),
        ({"kind": "outside", "expected": None, "outcome": Outcome.MISSED, "value": None}, 1.0),
        ({"kind": "outside", "expected": None, "outcome": Outcome.NOTHING, "value": None}, 1.0),
        ({"kind": "outside", "expected": None}, 0.0),
    ],
)
def test_what_is_right(of: dict[str, Any], right: float) -> None:
    assert judging.share_right(result(**of)) == right


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [("a b c", "a b c", 0), ("a b c", "", 3), ("", "a", 1), ("a b c", "a x c", 1),
     ("a b c d", "b c d", 1), ("a b", "a x x b", 2)],
)  # fmt: skip
def test_word_errors(said: str, heard: str, errors: int) -> None:
    assert judging.word_errors(said.split(), heard.split()) == errors


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(100)], 0.95) == 95.0
    assert percentile([1.0, 2.0], 1.0) == 2.0


def test_who_was_cut_off_was_not_answered_quickly() -> None:
    answers = [result(response_s=0.3) for _ in range(3)]
    cut = [result(settled_s=-0.5, response_s=-0.4)]
    row = table(answers + cut, "clean line").rows[scoring.CLOSED]
    assert row == pytest.approx((4, 3, 300, 300, 300, 25, 0, 100, 0, 100))


def test_what_was_decided_before_he_spoke_is_no_cut_off() -> None:
    assert result(settled_s=-1.0).cut_off
    assert not result(settled_s=-1.0, early=True).cut_off


def test_each_class_of_question_has_its_row() -> None:
    results = [result(question=question, expected=1, value=1) for question in ALL]
    rows = table(results, "answers on a clean line").rows
    assert [*rows] == [*scoring.CLASSES, "all"]
    assert rows["all"][0] == len(ALL)


def test_plain_endpointers_stand_beside_and_not_among_ours() -> None:
    results = [result(), result(end_silence_s=0.5, response_s=0.52, settled_s=0.52)]
    assert table(results, "answers on a clean line").cell("all", "p50 ms") == pytest.approx(100)
    assert table(results, "endpointer of 500 ms").cell("all", "p50 ms") == pytest.approx(520)
    promised = figure(results, "closed question, p50")
    assert promised is not None
    assert promised.value == pytest.approx(100)


def test_pauses_between_digits_are_counted_apart() -> None:
    of: dict[str, Any] = {"question": "digits4", "expected": "1234", "value": "1234"}
    results = [
        result(**of),
        result(**of, feature="correction", pause_s=0.5, settled_s=-1.0),
        result(**of, feature="pause", pause_s=1.2),
        result(**of, feature="pause", pause_s=1.2, settled_s=-2.0),
    ]
    row = "  digits, fixed length, pauses between"
    assert table(results, "answers on a clean line").cell(row, "cut %") == 50
    promised = figure(results, "digits of fixed length, pauses between digits")
    assert promised is not None
    assert not promised.met


def test_false_accepts_and_rejects_are_counted_on_each_line() -> None:
    of: dict[str, Any] = {"section": Section.LINES, "condition": "babble 10 dB"}
    outside: dict[str, Any] = {**of, "kind": "outside", "expected": None}
    results = [
        result(**of),
        result(**of, value=False),
        result(**of, outcome=Outcome.MISSED),
        result(**of, outcome=Outcome.NOTHING),
        result(**of, outcome=Outcome.NOTHING, sayable=False),
        result(**outside),
        result(**outside, outcome=Outcome.MISSED),
        result(**{**outside, "feature": "near"}),
    ]
    lines = table(results, "by line")
    assert [*lines.rows] == ["babble 10 dB"]
    columns = ("n", "right %", "sayable n", "rejected %", "wrong %", "outside n", "accepted %", "near n",
               "near acc. %")  # fmt: skip
    cells = [lines.cell("babble 10 dB", column) for column in columns]
    assert cells == [5, 20, 4, 50, 20, 2, 50, 1, 100]


def test_barge_in_is_timed_where_the_prompt_was_stopped() -> None:
    of: dict[str, Any] = {"section": Section.BARGE_IN, "interrupts": True}
    results = [result(**of, stopped_s=0.1), result(**of, stopped_s=0.3), result(**of)]
    results.append(result(**of, stopped_s=0.0))  # in a pause of the prompt
    results.append(result(**of, condition=next(iter(ECHO_LINES)), stopped_s=0.9))
    rows = table(results, "into a prompt").rows
    assert rows["a clean line"][:2] == (4, 2)
    assert rows["a clean line"][5:7] == pytest.approx((300, 25))
    assert rows["echo -6 dB"][5] == pytest.approx(900)


def test_noises_that_stop_the_bot_are_told_by_their_kind() -> None:
    of: dict[str, Any] = {
        "section": Section.NOISES, "kind": "noise", "expected": None, "value": None,
        "interrupts": True, "outcome": Outcome.NOTHING, "went_on": True,
    }  # fmt: skip
    results = [
        result(**of, feature="cough"),
        result(**of, feature="cough", paused_s=0.4),
        result(
            **{**of, "stopped_s": 0.1, "went_on": False, "outcome": Outcome.MISSED},
            feature="babble",
        ),
    ]
    rows = table(results, "no interruption").rows
    assert [*rows["  cough"]] == [2, 50, 0.4, 0, 0, 0, 100]
    assert [*rows["  babble"]] == [1, 0, None, 100, 100, 0, 0]
    promised = figure(results, "noises that stop")
    assert promised is not None
    assert promised.value == pytest.approx(100 / 3)


def test_what_was_not_asked_for_is_no_promise_and_what_could_not_be_measured_is_a_broken_one() -> (
    None
):
    assert figure([result()], "barge-in") is None
    never = [result(section=Section.BARGE_IN, interrupts=True, outcome=Outcome.NOTHING)]
    promised = figure(never, "barge-in")
    assert promised is not None
    assert (promised.value, promised.n) == (None, 0)
    assert not promised.met


def test_people_are_told_apart() -> None:
    results = [result(), result(section=Section.PEOPLE, value=False)]
    assert table(results, "answers on a clean line").cell("all", "right %") == 100
    assert table(results, "people's answers").cell("all", "right %") == 0


def test_the_cost_is_held_against_each_use_of_vosk() -> None:
    taken = Cost(100.0, 50.0, 0.6, 0.2, 0.5, {SPEECH_PHRASES: 0.5})
    scored = scoring.score([], taken)
    assert scored.tables[0].rows["ours: both"] == pytest.approx((8, 1))
    assert scored.tables[0].rows[SPEECH_PHRASES] == pytest.approx((5, 1.6))
    assert [one.value for one in scored.figures] == [pytest.approx(1.6)]
    assert not scored.figures[0].met


# Showing and comparing ---------------------------------------------------------------------------


def test_an_older_result_stands_beside_each_number(tmp_path: Path) -> None:
    before, now = [result(response_s=0.15)], [result(response_s=0.1), result(value=False)]
    path = kept(tmp_path, before)
    shown = "\n".join(showing.lines(scoring.score(now), showing.read(path)))
    assert "against abc" in shown
    assert "100 (-50)" in shown
    assert "50 (-50)" in shown  # per cent right
    assert "PASS  closed question, p50: 100 ms (limit 200 ms, n 2), was 150 ms (-50)" in shown
    alone = "\n".join(showing.lines(scoring.score(now)))
    assert "(-50)" not in alone


def test_what_was_played_is_told_and_where_it_was_something_else(tmp_path: Path) -> None:
    older = showing.read(kept(tmp_path, [result()]))
    told = [*showing.head({"half": "fit", "callers": "abc"}, older)]
    assert told == ["half: fit", "callers: abc (BEFORE: not known)"]
    assert [*showing.head({"half": "fit"})] == ["half: fit"]


def test_each_column_is_explained() -> None:
    of: dict[str, Any] = {"interrupts": True, "stopped_s": 0.1}
    results = [
        result(), result(section=Section.LINES), result(**of, section=Section.BARGE_IN),
        result(**of, section=Section.NOISES), result(section=Section.KEYS),
    ]  # fmt: skip
    columns = {column for one in scoring.score(results).tables for column in one.columns}
    columns = {column.removeprefix("closed ").removesuffix(" ms") for column in columns}
    plain = {"n", "sayable n", "outside n", "near n", "near acc. %", "paused %", "paused s"}
    assert {column for column in columns if column not in showing.LEGEND} <= plain


def test_a_share_says_of_how_many() -> None:
    rejected = [result(), result(outcome=Outcome.MISSED), result(sayable=False)]
    promised = figure(rejected, "false rejects")
    assert promised is not None
    assert (promised.value, promised.n) == (50, 2)


def kept(folder: Path, results: Sequence[Result]) -> Path:
    scored = scoring.score(results)
    figures = [{"name": one.name, "value": one.value} for one in scored.figures]
    whole = {
        "commit": "abc",
        showing.PART: {**showing.data(scored, results, {"half": "fit"}), "figures": figures},
    }
    path = folder / "older.json"
    path.write_text(json.dumps(whole))
    return path


def test_a_result_is_kept_without_what_is_as_usual(tmp_path: Path) -> None:
    results = [result(), result(waterfall={"by": "speech"})]
    one, other = json.loads(kept(tmp_path, results).read_text())[showing.PART]["results"]
    assert "waterfall" not in one
    assert "first_frame_s" not in one
    assert other["waterfall"] == {"by": "speech"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"turns": {"tables": [1], "figures": []}}'])
def test_what_is_no_result_cannot_be_compared(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(showing.NotComparable, match=r"other\.json"):
        showing.read(path)


def test_a_miss_tells_what_was_said_heard_and_wanted() -> None:
    fine = result()
    wrong = result(
        item="b", said="no", expected=False, heard=("yeah (0.6)",), waterfall={"text_ms": 80}
    )
    cut = result(item="c", settled_s=-0.4)
    of_others = result(value=False, end_silence_s=0.5)
    told = "\n".join(showing.misses([fine, wrong, cut, of_others]))
    assert told.count("\n") == 3
    assert 'b [plain, v] clean: "no": understood true, wanted false' in told
    assert "heard yeah (0.6); decided after 0.10 s" in told
    assert '{"text_ms": 80}' in told
    assert "CUT OFF" in told


def test_what_has_changed_is_told_play_by_play(tmp_path: Path) -> None:
    before = [result(), result(item="b", value=False), result(item="c", value=False)]
    now = [result(value=False), result(item="b"), result(item="c", value=False), result(item="new")]
    told = [*showing.changes(now, showing.read(kept(tmp_path, before)))]
    assert [line for line in told if line.isupper()] == ["BROKEN", "MENDED"]
    assert 'a [plain, v] clean: "yes": understood false, wanted true' in told[1]
    assert "before: understood false" in told[-1]
    assert not any("new" in line for line in told)


# What is played ----------------------------------------------------------------------------------


def corpus() -> list[Item]:
    items = [
        item(f"{question}-{half}-{n}", question, half=half)
        for question in ALL
        for half in Half
        for n in range(30)
    ]
    items += [
        item(f"out-{half}-{n}", "menu", kind=Kind.OUTSIDE, half=half)
        for half in Half
        for n in range(9)
    ]
    items += [item(f"cough-{half}", "", kind=Kind.NOISE, half=half) for half in Half]
    return items


def test_only_the_half_that_was_asked_for_is_played() -> None:
    for half in Half:
        played = plan.plays(corpus(), corpus(), Choice(half=half))
        spoken = [play for play in played if play.item.feature != "silence"]
        assert {play.item.half for play in spoken} == {half}
    both = plan.plays(corpus(), (), Choice(half=None, sections=[Section.ANSWERS]))
    assert {play.item.half for play in both} == set(Half)


def test_every_line_and_every_section_is_played() -> None:
    played = plan.plays(corpus(), corpus(), Choice())
    assert {play.section for play in played} == set(Section)
    assert {play.condition for play in played} == set(LINES)
    assert {play.end_silence_s for play in played} == {None, *plan.PLAIN_S}
    assert {play.question for play in played if play.interrupts} <= set(CAN_BE_INTERRUPTED)
    assert all(play.question in ALL for play in played)


def test_each_play_is_there_once() -> None:
    played = plan.plays(corpus(), corpus(), Choice())
    keys = [(play.section, play.name, play.end_silence_s, play.key) for play in played]
    assert len(set(keys)) == len(keys)


def test_a_smaller_bench_is_a_part_of_a_larger_one() -> None:
    names = [
        {(play.section, play.name, play.end_silence_s) for play in
         plan.plays(corpus(), (), Choice(limit=limit))}
        for limit in (2, 5, None)
    ]  # fmt: skip
    assert names[0] < names[1] < names[2]


def test_questions_and_lines_can_be_chosen() -> None:
    chosen = Choice(questions=["menu"], conditions=["babble 10 dB"], sections=[Section.LINES])
    played = plan.plays(corpus(), (), chosen)
    assert {(play.question, play.condition) for play in played} == {("menu", "babble 10 dB")}
    assert {play.item.kind for play in played} == {Kind.ANSWER, Kind.OUTSIDE}


def test_one_patience_is_put_into_all_questions() -> None:
    for end_silence_s in (None, 0.5):
        surveys = walk.surveys(flow_with(end_silence_s))
        found = [question for survey in surveys for question in survey.questions()]
        assert len(found) > len(ALL)
        assert {question.end_silence_s for question in found} == {end_silence_s}


@pytest.mark.parametrize(
    ("question", "said", "value"),
    [
        ("yes_no", "yes please", True),
        ("menu", "change my appointment", "appointment"),
        ("menu", "it is about a pony", None),
        ("digits4", "one two three four", "1234"),
        ("digits4", "one two three", None),
        ("date", "tomorrow", (TODAY + timedelta(days=1)).isoformat()),
        ("form", "tomorrow at ten for three",
         {"day": (TODAY + timedelta(days=1)).isoformat(), "time": "10:00", "party": 3}),
        ("text", "i have a question", "i have a question"),
    ],
)  # fmt: skip
def test_what_an_ear_that_hears_every_word_understands(
    question: str, said: str, value: object
) -> None:
    assert meant(flow_with(None), question, said) == value


# The real engines --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def callers(cache: Path) -> dict[str, Item]:
    """A few callers with the shipped voice, by what they say."""
    voice = RepeatableVoice(PIPER, cache / "caller", CALLER)
    spoken: list[tuple[str, Kind, str, object]] = [
        ("yes_no", Kind.ANSWER, "yes", True),
        ("menu", Kind.ANSWER, "an appointment", "appointment"),
        ("digits4", Kind.ANSWER, "one two three four", "1234"),
        ("yes_no", Kind.OUTSIDE, "somebody parked a lorry before our door", None),
    ]
    found = {
        said: item(
            f"{question}-{n}", question, kind=kind, said=said, expected=expected,
            sound=voice.speak(f"{said}.", "en-US"),
        )
        for n, (question, kind, said, expected) in enumerate(spoken)
    }  # fmt: skip
    click = np.zeros(4000, np.int16)
    click[2000:2040] = 20000
    found["click"] = item(
        "click", "", kind=Kind.NOISE, said="click", feature="click", expected=None,
        sound=Speech(8000, click.tobytes()),
    )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def engines(cache: Path) -> Engines:
    return Engines(VOSK, PIPER, cache)


def play(one: Item, *, question: str | None = None, **of: Any) -> Play:
    return Play(Section.ANSWERS, one, question or one.question, CLEAN, LINES[CLEAN], **of)


@pytest.mark.models
def test_an_answer_is_understood_and_timed_from_its_last_voiced_10_ms(
    engines: Engines, callers: dict[str, Item]
) -> None:
    with engines.player() as player:
        ours = player.play(play(callers["an appointment"]))
        plain = player.play(play(callers["an appointment"], end_silence_s=1.0))
    assert (ours.outcome, ours.value) == (Outcome.UNDERSTOOD, "appointment")
    assert not ours.cut_off
    assert ours.response_s is not None
    assert plain.response_s is not None
    assert 0 < ours.response_s < 0.5
    assert 0.9 < plain.response_s < 1.3
    assert ours.heard
    assert ours.waterfall["by"] == "speech"


@pytest.mark.models
def test_a_caller_interrupts_a_prompt_and_a_click_does_not(
    engines: Engines, callers: dict[str, Item]
) -> None:
    with engines.player() as player:
        spoken = player.play(play(callers["an appointment"], interrupts=True))
        clicked = player.play(play(callers["click"], question="menu", interrupts=True))
    assert spoken.value == "appointment"
    assert spoken.stopped_s is not None
    assert spoken.stopped_s < 0.5
    assert clicked.stopped_s is None
    assert clicked.outcome is Outcome.NOTHING
    assert clicked.went_on


@pytest.mark.models
def test_a_key_is_answered_at_once(engines: Engines, callers: dict[str, Item]) -> None:
    with engines.player() as player:
        pressed = player.play(play(callers["yes"], key="1"))
    assert (pressed.outcome, pressed.value) == (Outcome.UNDERSTOOD, True)
    assert pressed.response_s is not None
    assert pressed.response_s <= 0.04
    assert pressed.first_frame_s is not None


@pytest.mark.models
def test_two_runs_are_the_same_in_one_process_and_in_two(
    engines: Engines, callers: dict[str, Item]
) -> None:
    plays = [play(one) for one in callers.values() if one.question]
    plays += [replace(play(callers["yes"]), condition="babble 15 dB", sound=LINES["babble 15 dB"])]
    told: list[tuple[int, int]] = []
    once = run(plays, engines, progress=lambda done, total: told.append((done, total)))
    assert run(plays[::-1], engines)[::-1] == once
    assert run(plays, engines, jobs=2) == once
    assert told[-1] == (len(plays), len(plays))


@pytest.mark.models
def test_the_cost_is_taken_of_ours_and_of_bare_vosk(
    engines: Engines, callers: dict[str, Item]
) -> None:
    taken = cost([play(callers["one two three four"])], engines)
    assert taken.call_s > taken.speech_s > 1
    assert taken.recogniser_s > 0
    assert taken.hearing_s > 0
    assert len(taken.bare_s) == 4
    assert all(of_s > 0 for of_s in taken.bare_s.values())


# The verb ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, callers: dict[str, Item]) -> Path:
    """The same callers as files."""
    made = tmp_path / "items"
    made.mkdir()
    described = []
    for one in callers.values():
        samples = np.frombuffer(one.sound.pcm, "<i2")
        soundfile.write(made / f"{one.name}.wav", samples, one.sound.rate_hz, "PCM_16")
        names = set(Item.__dataclass_fields__) - {"sound"}
        described.append({name: getattr(one, name) for name in names})
    (made / INDEX).write_text(json.dumps(described))
    return made


@pytest.fixture
def settings(tmp_path: Path, cache: Path) -> Path:
    path = tmp_path / "config.yaml"
    (tmp_path / "flows").mkdir()
    path.write_text(
        f"voicebot: 1\nflows: flows\nroutes: [{{flow: any}}]\ncache: {cache}\n"
        f"asr: {{engine: vosk, models: {{en-US: {VOSK['en-US']}}}}}\n"
        f"tts: {{engine: piper, voices: {{en-US: {PIPER['en-US']}}}}}\n"
    )
    return path


def bench(settings: Path, *args: object) -> int:
    return cli.main(["bench", "turns", "-c", str(settings), "--jobs", "1", *map(str, args)])


@pytest.mark.models
def test_the_verb_shows_keeps_and_compares(
    settings: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_in = tmp_path / "new" / "turns.json"
    of = ("--items", folder, "--section", "answers", "--question", "menu", "--json", kept_in)
    assert bench(settings, *of) == codes.FINE
    out = capsys.readouterr().out
    assert re.search(r"^3 calls in \d+ s$", out, re.MULTILINE)
    assert "PASS  closed question, p50" in out
    assert out.endswith(f"kept in {kept_in}\n")
    whole = json.loads(kept_in.read_text())
    assert {"commit", "machine", "turns"} <= whole.keys()
    assert len(whole["turns"]["results"]) == 3
    assert bench(settings, *of, "--against", kept_in, "--show", "misses") == codes.FINE
    assert "(+0)" in capsys.readouterr().out


@pytest.mark.models
def test_a_promise_that_is_broken_is_a_finding(
    settings: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = json.loads((folder / INDEX).read_text())
    for one in index:
        one["expected"] = False if one["said"] == "yes" else one["expected"]
        one["kind"] = "outside" if one["said"] == "yes" else one["kind"]
    (folder / INDEX).write_text(json.dumps(index))
    of = ("--items", folder, "--section", "lines", "--condition", CLEAN, "--question", "yes_no")
    assert bench(settings, *of, "--json", tmp_path / "x.json", "--show", "misses") == codes.FINDINGS
    out = capsys.readouterr().out
    assert "MISS  false accepts without near ones, clean line: 50 % (limit 5 %, n 2)" in out
    assert 'clean: "yes": understood true' in out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--items", "nowhere"), "nowhere has no callers in it: No such file or directory"),
        (("--against", "nowhere.json"), "--against nowhere.json: No such file or directory"),
        (("--show", "changes"), "--show changes needs an older result: name it with --against"),
        (("--limit", "0"), "Invalid value for '--limit'"),
        (("--condition", "loud"), "Invalid value for '--condition'"),
    ],
)
def test_mistakes_are_one_line(
    settings: Path, args: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(settings, *args) == codes.USAGE
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("people", ["nowhere", "."])
@pytest.mark.models
def test_a_folder_without_recordings_is_told_in_one_line(
    people: str,
    settings: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert bench(settings, "--items", folder, "--corpus", people) == codes.USAGE
    err = capsys.readouterr().err
    assert f"--corpus {people}: " in err
    assert err.count("\n") == 1


def test_a_cache_that_cannot_be_written_is_told(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    text = re.sub("cache: .*", f"cache: {tmp_path / 'file' / 'cache'}", settings.read_text())
    settings.write_text(text)
    assert bench(settings) == codes.ENVIRONMENT
    err = capsys.readouterr().err
    assert "Not a directory" in err
    assert err.count("\n") == 1


def test_settings_without_a_model_to_ask_in_are_told(
    settings: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text(settings.read_text().replace("en-US", "de-DE"))
    assert bench(settings, "--items", folder, "--section", "answers") == codes.ENVIRONMENT
    err = capsys.readouterr().err
    assert "the bench asks in en-US: name a Vosk model and a Piper voice for it" in err
    assert err.count("\n") == 1


def test_a_choice_without_a_caller_is_told(
    settings: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = ("--items", folder, "--question", "spelling", "--section", "answers")
    assert bench(settings, *of) == codes.USAGE
    assert "nothing of the corpus is like that" in capsys.readouterr().err
