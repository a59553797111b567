"""config.yaml: what it may say, and every kind of mistake at its line and column."""

import ipaddress
from pathlib import Path

import pytest
from pydantic import ValidationError

from voicebot.config import (
    Address,
    Agi,
    Config,
    Limits,
    Records,
    Web,
    check_paths,
    load_config,
    parse_address,
)
from voicebot.config_values import parse_duration
from voicebot.flow.yamlfile import Finding, Mark, Severity
from voicebot.hearing import vad
from voicebot.line.audiosocket import Dialect

SHIPPED = Path(__file__).parent.parent / "config.yaml"
ROUTED = "voicebot: 1\nroutes: [{flow: company}]\n"


def read(folder: Path, text: str) -> tuple[Config | None, list[Finding]]:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def good(folder: Path, text: str) -> Config:
    config, findings = read(folder, text)
    assert findings == []
    assert config is not None
    return config


def test_shipped_file_is_right_and_says_the_defaults(tmp_path: Path) -> None:
    config, findings = load_config(SHIPPED)
    assert findings == []
    assert config is not None
    default = good(tmp_path, ROUTED)
    assert config.listen.agi == Agi(address=Address("127.0.0.1", 4573))  # the two-line dialplan
    assert config.listen.audiosocket == default.listen.audiosocket
    for section in ("routes", "limits", "watch", "log", "cache"):
        assert getattr(config, section) == getattr(default, section)
    assert list(config.calendars) == ["office", "practice"]  # what the flows here ask for
    assert config.records == Records(folder=SHIPPED.parent / "records")
    assert config.asr.models == {"en-US": SHIPPED.parent / "models/vosk-tiny-en-8k"}
    assert config.tts.voices == {"en-US": SHIPPED.parent / "models/voicebot-en_US-tiny.onnx"}


def test_shipped_file_mentions_every_key() -> None:
    def names(schema: object) -> set[str]:
        if not isinstance(schema, dict):
            return set()
        here = set(schema.get("properties", {}))
        return here.union(*(names(inner) for inner in schema.values()))

    text = SHIPPED.read_text("utf-8")
    missing = {name for name in names(Config.model_json_schema()) if f"{name}:" not in text}
    assert missing == set()


def test_defaults(tmp_path: Path) -> None:
    config = good(tmp_path, ROUTED)
    listener = config.listen.audiosocket[0]
    assert listener.address == Address("127.0.0.1", 9092)
    assert config.listen.allowed(listener) == (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    assert config.flows == tmp_path / "flows"
    assert config.asr.models == {"en-US": tmp_path / "models/vosk-tiny-en-8k"}
    assert config.limits == Limits(calls=200, call_time="30m", drain="30s")
    assert (config.limits.call_time_s, config.limits.drain_s) == (1800.0, 30.0)
    assert config.cache == Path.home() / ".cache/voicebot"
    assert config.records.folder == tmp_path / "records"
    assert (config.records.traces, config.records.calls, config.records.wire) == (
        False,
        False,
        False,
    )
    assert config.watch is True


def test_listeners_short_and_long(tmp_path: Path) -> None:
    config = good(
        tmp_path,
        ROUTED
        + """
listen:
  audiosocket:
    - 127.0.0.1:9092
    - {address: "[::1]:0", flow: 7001, rate: 16000, dialect: fork, allow: [10.0.0.5]}
    - address: localhost:9094
""",
    )
    first, second, third = config.listen.audiosocket
    assert first.address == Address("127.0.0.1", 9092)
    assert (second.address, second.flow, second.rate_hz) == (Address("::1", 0), "7001", 16000)
    assert second.dialect is Dialect.FORK
    assert config.listen.allowed(second) == (ipaddress.ip_network("10.0.0.5"),)
    assert str(second.address) == "[::1]:0"
    assert third.address.host == "localhost"


def test_one_listener_with_settings_needs_no_list(tmp_path: Path) -> None:
    config = good(
        tmp_path, ROUTED + "listen: {audiosocket: {address: '127.0.0.1:1', rate: 8000}}\n"
    )
    assert [one.rate_hz for one in config.listen.audiosocket] == [8000]


def test_called_is_a_number_as_people_write_it(tmp_path: Path) -> None:
    config = good(
        tmp_path,
        "voicebot: 1\nroutes: [{called: 7001, flow: a}, {called: 0800, flow: b}, {flow: c}]\n",
    )
    assert [route.called for route in config.routes] == ["7001", "0800", None]


def test_wyoming_engines(tmp_path: Path) -> None:
    config = good(
        tmp_path,
        ROUTED
        + "asr: {engine: wyoming, uri: 'tcp://10.0.0.5:10300'}\n"
        + "tts: {engine: wyoming, uri: 'unix:///run/tts.sock', workers: 2}\n",
    )
    assert (config.asr.uri, config.tts.uri) == ("tcp://10.0.0.5:10300", "unix:///run/tts.sock")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/company.yaml").touch()
    assert check_paths(config) == []


def test_a_detector_that_is_not_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = good(tmp_path, ROUTED + "hearing: {vad: silero}\n")
    assert config.hearing.vad == "silero"
    monkeypatch.setattr(vad, "SILERO_PACKAGE", "no_such_package")
    found = [f for f in check_paths(config) if "Silero" in f.message]
    assert [(f.mark.line, f.mark.column) for f in found] == [(3, 16)]
    assert good(tmp_path, ROUTED).hearing.vad == "webrtc"


def test_calendar(tmp_path: Path) -> None:
    config = good(
        tmp_path,
        ROUTED
        + 'calendars: {practice: {hours: {mon-fri: "08:00-17:00", sat: "09:00-12:00"},'
        + ' closed: ["2027-12-25"], time_zone: Europe/Berlin}}\n',
    )
    assert config.calendars["practice"].time_zone == "Europe/Berlin"


def test_config_is_frozen(tmp_path: Path) -> None:
    config = good(tmp_path, ROUTED)
    with pytest.raises(ValidationError, match="frozen"):
        config.limits.calls = 3  # type: ignore[misc]


# A line that follows ROUTED (so it is line 3), the column, and a part of the message.
MISTAKES = [
    ("listn: {}", 1, 'unknown key "listn"; did you mean "listen"?'),
    ("zzz: 1", 1, 'unknown key "zzz"; the keys here are voicebot, listen, flows'),
    ("listen:", 8, "expected keys with values here, not nothing"),
    ("listen: {port: 9092}", 10, "the keys here are audiosocket, agi, web, allow"),
    ("listen: {audiosocket: 9092}", 23, 'such as "127.0.0.1:9092", not "9092"'),
    ('listen: {audiosocket: ":9092"}', 23, '"0.0.0.0:9092" is all of them'),
    ('listen: {audiosocket: "::1:9092"}', 23, 'stands in brackets: "[::1]:9092"'),
    ('listen: {audiosocket: "[1.2.3.4]:9092"}', 23, "stands in brackets"),
    ('listen: {audiosocket: "1.2.3:9092"}', 23, '"1.2.3" is neither an IP address nor'),
    ('listen: {audiosocket: "a b:9092"}', 23, '"a b" is neither an IP address nor'),
    ('listen: {audiosocket: ["127.0.0.1:70000"]}', 24, "ports go up to 65535"),
    ("listen: {audiosocket: []}", 23, "this is empty"),
    ("listen: {audiosocket: [{flow: a}]}", 24, '"address" is missing'),
    ('listen: {audiosocket: [{adress: "::1"}]}', 25, 'did you mean "address"?'),
    ('listen: {audiosocket: {address: "a:1", rate: 44000}}', 46, "44000 is not a rate"),
    ('listen: {audiosocket: {address: "a:1", rate: 8k}}', 46, "8k is not a rate"),
    ('listen: {audiosocket: [{address: "a:1", dialect: frok}]}', 50, 'did you mean "fork"?'),
    ('listen: {audiosocket: ["a:1", {address: "a:1"}]}', 41, "a:1 is in use at"),
    ("listen: {allow: 10.0.0.0/8}", 17, "expected a list"),
    ("listen: {allow: []}", 17, "this is empty"),
    ("listen: {allow: [10.0.0.5/8]}", 18, 'write "10.0.0.0/8", or "10.0.0.5"'),
    ("listen: {allow: [everybody]}", 18, '"everybody" is not a network'),
    ("listen: {allow: [10]}", 18, "write a network"),
    ("flows: 5", 8, "write a path"),
    ("flows: ~nobody-here/x", 8, "the home folder of nobody"),
    ("cache:", 7, "write a path"),
    ("asr: vosk", 6, 'expected keys with values here, not "vosk"'),
    ("asr: {engine: voks}", 15, '"voks" is not one of vosk, wyoming; did you mean "vosk"?'),
    ("asr: {models: {en_US: a}}", 16, 'did you mean "en-US"?'),
    ("asr: {models: {english: a}}", 16, '"english" is not a language'),
    ("asr: {models: {en-US: 1}}", 23, "write a path"),
    ("asr: {models: models/x}", 15, "expected keys with values here"),
    ("asr: {models: {}}", 6, '"models" is empty'),
    ("asr: {workers: 0}", 16, "this must be at least 1, not 0"),
    ("asr: {workers: 65}", 16, "this must be at most 64, not 65"),
    ("asr: {workers: two}", 16, 'expected a whole number here, not "two"'),
    ("asr: {workers: true}", 16, "expected a whole number here, not true"),
    ("asr: {engine: wyoming}", 6, "needs its address; add uri"),
    ('asr: {uri: "tcp://a:1"}', 6, '"uri" belongs to engine "wyoming", not to "vosk"'),
    ('asr: {engine: wyoming, uri: "http://a"}', 29, 'write "tcp://10.0.0.5:10300"'),
    ('asr: {engine: wyoming, uri: "tcp://a"}', 29, "write an address and a port"),
    ('tts: {engine: wyoming, uri: "tcp://a:1", voices: {}}', 6, 'remove "voices"'),
    ("tts: {voice: x}", 7, 'did you mean "voices"?'),
    ('limits: {calls: "5"}', 17, "expected a whole number here"),
    ("limits: {call_time: 30}", 21, 'such as "30s" or "2m", not "30"'),
    ("limits: {call_time: 0s}", 21, "this must be more than 0, not"),
    ("limits: {drain: 5x}", 17, "write a duration with its unit"),
    ("limits: {call-time: 5s}", 10, 'did you mean "call_time"?'),
    ("calendars: []", 12, "expected keys with values here, not a list"),
    ("calendars: {p: {}}", 16, '"hours" is missing'),
    ('calendars: {p: {hours: {mo: "08:00-17:00"}}}', 25, 'did you mean "mon"?'),
    ('calendars: {p: {hours: {mon: ["8-17"]}}}', 30, 'as "08:00-17:00"'),
    ("calendars: {p: {hours: {}, closed: [2027-13-01]}}", 37, "is not a date"),
    ("calendars: {p: {hours: {}, time_zone: Europe/Berln}}", 39, 'mean "Europe/Berlin"?'),
    ("calendars: {p: {hours: {}, timezone: UTC}}", 28, 'did you mean "time_zone"?'),
    ("records: {folder: 5}", 19, "write a path"),
    ("records: {calls: 1}", 18, "expected true or false here, not 1"),
    ("records: {call: true}", 11, 'did you mean "calls"?'),
    ("records: yes", 10, 'expected keys with values here, not "yes"'),
    ("watch: no", 8, 'expected true or false here, not "no"'),
    ("log: {format: jsn}", 15, '"jsn" is not one of logfmt, json; did you mean "json"?'),
    ("log: {level: loud}", 14, '"loud" is not one of debug, info, warning, error'),
    ("voicebot: 1", 1, 'the key "voicebot" is already there at'),
    ("log: {", 6, 'this "{" is not closed'),
]


@pytest.mark.parametrize(("line", "column", "message"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistake_is_one_error_at_its_place(
    tmp_path: Path, line: str, column: int, message: str
) -> None:
    config, findings = read(tmp_path, ROUTED + line + "\n")
    assert config is None
    mark = Mark(str(tmp_path / "config.yaml"), 3, column)
    assert [(f.mark, f.severity) for f in findings] == [(mark, Severity.ERROR)]
    assert message in findings[0].message


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("log: {}\n", 1, '"voicebot" is missing'),
        ("voicebot: 2\n", 11, "this voicebot reads version 1 of the file; write 1, not 2"),
        ("voicebot: true\n", 11, "write 1, not True"),
        ("[]\n", 1, "settings are expected here"),
        ("", 1, "the file is empty"),
        ("voicebot: 1\x07\n", 12, "U+0007"),
        ("{voicebot: 1, routes: [{}]}", 24, '"flow" is missing'),
        ("{voicebot: 1, routes: [{flow: [a]}]}", 31, "expected a text here, not a list"),
        ("{voicebot: 1, routes: [company]}", 24, 'expected keys with values here, not "company"'),
        ('{voicebot: 1, routes: [{flow: ""}]}', 31, "this is empty"),
    ],
)
def test_mistake_on_the_first_line(tmp_path: Path, text: str, column: int, message: str) -> None:
    config, findings = read(tmp_path, text)
    assert config is None
    mark = Mark(str(tmp_path / "config.yaml"), 1, column)
    assert [(f.mark, f.severity) for f in findings] == [(mark, Severity.ERROR)]
    assert message in findings[0].message


def test_all_mistakes_at_once_in_order(tmp_path: Path) -> None:
    _, findings = read(
        tmp_path,
        "voicebot: 2\nlog: {level: x}\nlog: {}\nasr: {workers: 0, engine: y}\nfoo: 1\n",
    )
    places = [(finding.mark.line, finding.mark.column) for finding in findings]
    assert places == [(1, 11), (2, 14), (3, 1), (4, 16), (4, 27), (5, 1)]


def test_a_port_is_an_address_or_an_address_with_its_settings(tmp_path: Path) -> None:
    listen = good(
        tmp_path,
        ROUTED + "listen: {agi: {address: '0.0.0.0:4573', audio: slin16}, web: '127.0.0.1:9093'}\n",
    ).listen
    assert listen.agi == Agi(address=Address("0.0.0.0", 4573), audio="slin16")
    assert listen.web == Web(address=Address("127.0.0.1", 9093))


def test_two_ports_at_one_address_are_an_error(tmp_path: Path) -> None:
    config, findings = read(tmp_path, ROUTED + "listen: {agi: '127.0.0.1:9092'}\n")
    assert config is None
    assert "is in use at" in str(findings[0])


def test_routes_that_cannot_work_are_warnings(tmp_path: Path) -> None:
    config, findings = read(tmp_path, "voicebot: 1\nroutes: [{flow: a}, {called: 1, flow: b}]\n")
    assert config is not None
    assert [(f.mark.column, f.severity) for f in findings] == [(21, Severity.WARNING)]
    config, findings = read(tmp_path, "voicebot: 1\n")
    assert config is not None
    assert ["no route leads to a flow" in f.message for f in findings] == [True]


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    config, findings = load_config(tmp_path / "config.yaml")
    assert config is None
    assert [str(f) for f in findings] == [
        f"{tmp_path}/config.yaml:1:1: error: there is no such file"
    ]


def test_mark_of_a_setting_or_of_what_is_around_it(tmp_path: Path) -> None:
    config = good(tmp_path, ROUTED + 'listen:\n  audiosocket: ["127.0.0.1:1", "127.0.0.1:2"]\n')
    name = str(tmp_path / "config.yaml")
    assert config.mark("listen", "audiosocket", 1, "address") == Mark(name, 4, 32)
    assert config.mark("limits", "calls") == Mark(name, 1, 1)
    assert Config(voicebot=1).mark("flows") == Mark("config.yaml", 1, 1)


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    for folder in ("flows", "nomodel", "good/am"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("good/am/final.mdl", "model.zip", "bare.onnx", "voice.onnx", "voice.onnx.json"):
        (tmp_path / file).touch()
    config = good(
        tmp_path,
        ROUTED
        + "flows: flows\n"
        + "asr: {models: {en-US: no, de-DE: model.zip, fr-FR: nomodel, it-IT: good}}\n"
        + "tts: {voices: {en-US: no.onnx, de-DE: bare.onnx, fr-FR: voice.onnx}}\n",
    )
    found = [
        (f.mark.line, f.mark.column, f.message.replace(f"{tmp_path}/", ""))
        for f in check_paths(config)
    ]
    assert found == [
        (3, 8, "the folder flows has no flow; a flow is a file that ends in .yaml"),
        (4, 23, "there is no Vosk model no; unpack one there or correct the path"),
        (4, 34, "model.zip is a file; a Vosk model is a folder, unpack it and name the folder"),
        (4, 52, "the folder nomodel is no Vosk model: it has no am/final.mdl"),
        (5, 23, "there is no Piper voice no.onnx; put the .onnx file there or correct the path"),
        (
            5,
            39,
            "the voice's settings bare.onnx.json are missing; they come with the voice, put them beside it",
        ),
    ]


def test_no_folder_of_flows(tmp_path: Path) -> None:
    config = good(tmp_path, ROUTED + "flows: talks\n")
    assert next(f.message for f in check_paths(config)) == (
        f"there is no folder {tmp_path}/talks; create it or correct the path"
    )


@pytest.mark.parametrize(
    ("written", "seconds"), [("5s", 5), ("300ms", 0.3), ("2m", 120), ("1h", 3600), ("1.5 s", 1.5)]
)
def test_durations(written: str, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["127.0.0.1:0", "[::]:65535", "pbx-1.example.org:9092"])
def test_addresses_print_as_they_are_written(written: str) -> None:
    assert str(parse_address(written)) == written
