"""config.yaml as a frozen, validated Config. Every setting and every default is in this file.

Knows: the keys, what they may hold, and where in the file each stands. Must not know: who uses them. No environment
variable is read here. `check_paths` is the only function that looks beside the file.
"""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)

from voicebot import config_errors
from voicebot.calendars import Calendar
from voicebot.config_values import (
    Address,
    Duration,
    FilePath,
    Name,
    Network,
    Networks,
    PathOfLanguage,
    audio_rate,
    engine_uri,
    first_version,
    parse_address,
)
from voicebot.flow import yamlfile
from voicebot.flow.yamlfile import Finding, Mark, Severity
from voicebot.hearing.vad import WEBRTC, missing
from voicebot.line.audiosocket import Dialect

__all__ = [
    "Address", "Agi", "Ami", "Asr", "Config", "Hearing", "Limits", "Listen", "Listener", "Log", "LogFormat", "Records",
    "Route", "Transfers", "Tts", "Web", "check_paths", "load_config", "parse_address",
]  # fmt: skip

Place = tuple[str | int, ...]


def _listeners(written: object) -> object:
    """One address, one listener or a list of both, as a list of listeners."""
    many = written if isinstance(written, list) else [written]
    return [one if isinstance(one, Mapping | Listener) else {"address": one} for one in many]


def _one_port(written: object) -> object:
    """An address, or an address with its settings."""
    return written if isinstance(written, Mapping | Agi | Web) else {"address": written}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Listener(_Section):
    """One AudioSocket port."""

    address: Annotated[Address, BeforeValidator(parse_address)]
    flow: Name | None = None
    """The flow of every call that comes in here; None asks the routes."""
    rate_hz: Annotated[StrictInt, BeforeValidator(audio_rate)] | None = Field(None, alias="rate")
    """What audio of kind 0x10 really is; None believes the kind."""
    dialect: Dialect = Dialect.ASTERISK
    allow: Networks | None = None
    """Who may connect here; None asks `listen.allow`."""


class Agi(_Section):
    """Where the dialplan's AGI() comes in, and how its calls are joined to the bot."""

    address: Annotated[Address, BeforeValidator(parse_address)]
    audio: Literal[
        "app",
        "slin",
        "slin12",
        "slin16",
        "slin24",
        "slin32",
        "slin44",
        "slin48",
        "slin96",
        "slin192",
    ] = "app"
    """`app`: AudioSocket(), 8 kHz; else Dial(AudioSocket/…/c(slin16))."""
    audiosocket: Annotated[Address, BeforeValidator(parse_address)] | None = None
    """Where Asterisk finds `listen.audiosocket`; None: where it has found this port."""
    allow: Networks | None = None
    """Who may connect here; None asks `listen.allow`."""


class Web(_Section):
    """Where requests come in."""

    address: Annotated[Address, BeforeValidator(parse_address)]
    allow: Networks | None = None
    """As of `Agi`."""


class Listen(_Section):
    """Where calls and requests come in."""

    audiosocket: Annotated[
        tuple[Listener, ...], BeforeValidator(_listeners), Field(min_length=1)
    ] = (Listener(address=Address("127.0.0.1", 9092)),)
    agi: Annotated[Agi, BeforeValidator(_one_port)] | None = None
    web: Annotated[Web, BeforeValidator(_one_port)] | None = None
    allow: Networks = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

    def allowed(self, listener: Listener | Agi | Web) -> tuple[Network, ...]:
        """The networks that may connect to this listener."""
        return listener.allow if listener.allow is not None else self.allow


class Route(_Section):
    """Which flow takes a call: the first route that fits."""

    called: Name | None = None
    """The number that was dialled; None fits any call."""
    flow: Name


class Asr(_Section):
    """Who hears."""

    engine: Literal["vosk", "wyoming"] = "vosk"
    models: PathOfLanguage = Field({"en-US": Path("models/vosk-tiny-en-8k")}, validate_default=True)
    workers: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    uri: Annotated[str, BeforeValidator(engine_uri)] | None = None

    @model_validator(mode="after")
    def _engine_has_its_keys(self) -> Self:
        _check_engine(self, "models")
        return self


class Tts(_Section):
    """Who speaks."""

    engine: Literal["piper", "wyoming"] = "piper"
    voices: PathOfLanguage = Field(
        {"en-US": Path("models/voicebot-en_US-tiny.onnx")}, validate_default=True
    )
    workers: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    uri: Annotated[str, BeforeValidator(engine_uri)] | None = None

    @model_validator(mode="after")
    def _engine_has_its_keys(self) -> Self:
        _check_engine(self, "voices")
        return self


class Hearing(_Section):
    """How it is noticed that somebody speaks."""

    vad: Literal["webrtc", "silero"] = WEBRTC
    """Silero's network looks again at what WebRTC's detector takes for speech."""


class Ami(_Section):
    """Asterisk's manager interface, for calls that come without an introduction."""

    address: Annotated[Address, BeforeValidator(parse_address)] = Address("127.0.0.1", 5038)
    user: Name
    secret: Name


class Transfers(_Section):
    """Where `transfer` steps go."""

    context: Name | None = None
    """Of those that name none; None: that of the caller's channel."""


class Limits(_Section):
    """How much at once, and how long."""

    calls: Annotated[StrictInt, Field(ge=1)] = 200
    call_time_s: Annotated[Duration, Field(gt=0)] = Field(30 * 60.0, alias="call_time")
    drain_s: Duration = Field(30.0, alias="drain")
    """How long calls may go on after SIGTERM."""


class Records(_Section):
    """What calls leave behind."""

    folder: FilePath = Field(Path("records"), validate_default=True)
    """Everything below; what callers say into a `record` step lies in its `messages`."""
    traces: StrictBool = False
    """What each call was told and what it did, for `voicebot replay`."""
    calls: StrictBool = False
    """Each call as a stereo WAV: the caller left, the bot right."""
    wire: StrictBool = False
    """Every message of AudioSocket, too."""


class LogFormat(StrEnum):
    """How a log line looks."""

    LOGFMT = "logfmt"
    JSON = "json"


class Log(_Section):
    """What is written to standard error."""

    format: LogFormat = LogFormat.LOGFMT
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(_Section):
    """All settings. Build it with `load_config`."""

    voicebot: Annotated[Literal[1], BeforeValidator(first_version)]
    listen: Listen = Listen()
    flows: FilePath = Field(Path("flows"), validate_default=True)
    routes: tuple[Route, ...] = ()
    # Built from an empty mapping, so that their default paths count from the folder of the file, too.
    asr: Asr = Field(default_factory=dict, validate_default=True)
    tts: Tts = Field(default_factory=dict, validate_default=True)
    hearing: Hearing = Hearing()
    ami: Ami | None = None
    transfer: Transfers = Transfers()
    limits: Limits = Limits()
    calendars: Mapping[str, Calendar] = Field({})
    records: Records = Field(default_factory=dict, validate_default=True)
    watch: StrictBool = True
    """Whether a flow whose file changes is taken into use without a restart."""
    log: Log = Log()
    cache: FilePath = Field(Path("~/.cache/voicebot"), validate_default=True)
    """Where rendered prompts are kept."""

    _file: str = PrivateAttr("config.yaml")
    _root: yamlfile.Node | None = PrivateAttr(None)

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's signature
        """Remember where the settings came from."""
        if context:
            self._file, self._root = context["file"], context["root"]

    def mark(self, *place: str | int) -> Mark:
        """Where a setting stands in the file: `config.mark("asr", "models", "en-US")`.

        A setting that the file leaves to its default has the place of what is around it.
        """
        if self._root is None:
            return Mark(self._file, 1, 1)
        return config_errors.value_mark(self._root, place)


def load_config(path: Path | str) -> tuple[Config | None, list[Finding]]:
    """Read config.yaml.

    Returns:
        The settings, or None when a finding is an error; and all findings at once, sorted by place.
    """
    root, findings = yamlfile.load(path)
    if root is None:
        return None, findings
    if not isinstance(root, yamlfile.Mapping):
        message = "settings are expected here, such as: voicebot: 1"
        return None, yamlfile.sort_findings(
            [*findings, Finding(root.mark, Severity.ERROR, message)]
        )
    context = {"folder": Path(path).parent, "file": str(path), "root": root}
    try:
        config = Config.model_validate(yamlfile.plain(root), context=context)
    except ValidationError as exc:
        return None, yamlfile.sort_findings(findings + config_errors.findings(exc, root, Config))
    findings = yamlfile.sort_findings(
        [*findings, *_check_listeners(config), *_check_routes(config)]
    )
    if any(finding.severity is Severity.ERROR for finding in findings):
        return None, findings
    return config, findings


def check_paths(config: Config) -> list[Finding]:
    """What `config` names but is not there: flows, models, voices, a detector. Looks at the disk."""
    wrong: list[tuple[Place, str]] = [(("flows",), _flows_missing(config.flows))]
    if config.asr.engine == "vosk":
        for language, path in config.asr.models.items():
            wrong.append((("asr", "models", language), _model_missing(path)))
    if config.tts.engine == "piper":
        for language, path in config.tts.voices.items():
            wrong.append((("tts", "voices", language), _voice_missing(path)))
    wrong.append((("hearing", "vad"), missing(config.hearing.vad)))
    return [_error(config, place, message) for place, message in wrong if message]


def _check_engine(section: Asr | Tts, paths: str) -> None:
    if section.engine == "wyoming":
        if section.uri is None:
            raise ValueError('engine "wyoming" needs its address; add uri: "tcp://10.0.0.5:10300"')
        if paths in section.model_fields_set:
            raise ValueError(f'engine "wyoming" loads no {paths} here; remove "{paths}"')
    elif section.uri is not None:
        raise ValueError(
            f'"uri" belongs to engine "wyoming", not to "{section.engine}"; remove one'
        )
    elif not getattr(section, paths):
        raise ValueError(f'"{paths}" is empty; name one for each language: {{en-US: path}}')


def _check_listeners(config: Config) -> list[Finding]:
    listen = config.listen
    found: list[Finding] = []
    places: list[tuple[Place, Address]] = [
        (("listen", "audiosocket", n, "address"), one.address)
        for n, one in enumerate(listen.audiosocket)
    ]
    for key, port in (("agi", listen.agi), ("web", listen.web)):
        if port is not None:
            places.append((("listen", key), port.address))
    first: dict[Address, Place] = {}
    for place, address in places:
        if address.port and first.setdefault(address, place) != place:
            taken = config.mark(*first[address])
            found.append(
                _error(config, place, f"{address} is in use at {taken}; choose another port")
            )
    return found


def _check_routes(config: Config) -> list[Finding]:
    catch_all = next((n for n, route in enumerate(config.routes) if route.called is None), None)
    if catch_all is not None and catch_all + 1 < len(config.routes):
        message = "no call gets here: the route above takes all of them; put that one last"
        return [_warning(config, ("routes", catch_all + 1), message)]
    named = config.listen.agi is not None  # by the path of its URL
    if (
        not config.routes
        and not named
        and any(one.flow is None for one in config.listen.audiosocket)
    ):
        message = "no route leads to a flow; add one, such as routes: [{flow: company}]"
        return [_warning(config, ("routes",), message)]
    return []


def _error(config: Config, place: Place, message: str) -> Finding:
    return Finding(config.mark(*place), Severity.ERROR, message)


def _warning(config: Config, place: Place, message: str) -> Finding:
    return Finding(config.mark(*place), Severity.WARNING, message)


def _flows_missing(path: Path) -> str:
    if not path.is_dir():
        return f"there is no folder {path}; create it or correct the path"
    if not any(path.glob("*.yaml")):
        return f"the folder {path} has no flow; a flow is a file that ends in .yaml"
    return ""


def _model_missing(path: Path) -> str:
    if path.is_file():
        return f"{path} is a file; a Vosk model is a folder, unpack it and name the folder"
    if not path.is_dir():
        return f"there is no Vosk model {path}; unpack one there or correct the path"
    if not (path / "am" / "final.mdl").is_file() and not (path / "final.mdl").is_file():
        return f"the folder {path} is no Vosk model: it has no am/final.mdl"
    return ""


def _voice_missing(path: Path) -> str:
    if not path.is_file():
        return f"there is no Piper voice {path}; put the .onnx file there or correct the path"
    settings = path.with_name(path.name + ".json")
    if not settings.is_file():
        return f"the voice's settings {settings} are missing; they come with the voice, put them beside it"
    return ""
