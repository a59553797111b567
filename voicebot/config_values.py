"""One setting as a person writes it: addresses, durations, networks, paths, languages.

Knows what each kind may look like and what to say of one that does not.  Must not know the keys.
Each function raises ValueError with one line for the author of the file; pydantic reports it.
"""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, ValidationInfo

from voicebot.line.audiosocket import RATES

_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_MAX_PORT = 65535

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Address(NamedTuple):
    """Where to listen; port 0 takes any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(written: object) -> Address:
    """`127.0.0.1:9092`, `localhost:9092` or `[::1]:9092`.

    Raises:
        ValueError: it is none of these; the message is one line for the person who wrote it.
    """
    if isinstance(written, Address):
        return written
    host, colon, port = written.rpartition(":") if isinstance(written, str) else ("", "", "")
    if not colon or not (port.isascii() and port.isdecimal()):
        raise ValueError(f'write an address and a port such as "127.0.0.1:9092", not "{written}"')
    if int(port) > _MAX_PORT:
        raise ValueError(f"there is no port {port}; ports go up to {_MAX_PORT}")
    if not host:
        raise ValueError(
            f'write the address to listen on before ":{port}"; "0.0.0.0:{port}" is all of them'
        )
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (":" in bare) != (bare != host):
        raise ValueError(f'an IPv6 address, and only that, stands in brackets: "[::1]:{port}"')
    if not _is_host(bare):
        raise ValueError(f'"{bare}" is neither an IP address nor the name of a host')
    return Address(bare, int(port))


def parse_duration(written: object) -> float:
    """Seconds of `5s`, `300ms`, `2m` or `1h`.

    Raises:
        ValueError: it is none of these; the message is one line for the person who wrote it.
    """
    match = _DURATION.fullmatch(str(written))
    if match is None:
        example = f"{written}s" if isinstance(written, int) else "30s"
        raise ValueError(
            f'write a duration with its unit, such as "{example}" or "2m", not "{written}"'
        )
    return float(match[1]) * _SECONDS[match[2]]


def _is_host(bare: str) -> bool:
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        # Four numbers that are no address are a typing error, not a name.
        return _HOST_NAME.fullmatch(bare) is not None and not re.fullmatch(r"[\d.]+", bare)
    return True


def network(written: object) -> Network:
    if not isinstance(written, str):
        raise ValueError('write a network such as "10.0.0.0/8" or an address such as "10.0.0.5"')  # noqa: TRY004
    try:
        return ipaddress.ip_network(written)
    except ValueError:
        pass
    try:
        whole = ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise ValueError(f'"{written}" is not a network such as "10.0.0.0/8"') from None
    address = written.partition("/")[0]
    raise ValueError(
        f'"{written}" is an address within a network; write "{whole}", or "{address}" for it alone'
    )


def first_version(written: object) -> object:
    if type(written) is not int or written != 1:
        raise ValueError(f"this voicebot reads version 1 of the file; write 1, not {written}")
    return written


def number_as_text(written: Any) -> Any:  # noqa: ANN401 - whatever the file has
    """`called: 7001` means the extension, not the number."""
    return str(written) if type(written) is int else written


def path(written: object, info: ValidationInfo) -> Path:
    if not isinstance(written, str | Path) or not str(written):
        raise ValueError("write a path; it counts from the folder of this file")
    folder = info.context["folder"] if info.context else Path()
    try:
        return Path(folder, Path(written).expanduser())
    except RuntimeError:
        raise ValueError(
            f'"{written}" begins with the home folder of nobody; write the path out'
        ) from None


def language(written: Any) -> str:  # noqa: ANN401 - whatever the file has
    text = str(written)
    if not _LANGUAGE.fullmatch(text):
        head, _, tail = text.replace("_", "-").partition("-")
        better = "-".join(filter(None, [head.lower(), tail.upper()]))
        hint = f'; did you mean "{better}"?' if _LANGUAGE.fullmatch(better) else ""
        raise ValueError(f'"{text}" is not a language such as "en-US"{hint}')
    return text


def audio_rate(written: object) -> object:
    if written not in RATES:
        raise ValueError(f"{written} is not a rate of AudioSocket: {', '.join(map(str, RATES))}")
    return written


def engine_uri(written: object) -> str:
    match = re.fullmatch(r"(tcp|unix)://(.+)", written) if isinstance(written, str) else None
    if match is None:
        raise ValueError(f'write "tcp://10.0.0.5:10300" or "unix:///run/asr.sock", not "{written}"')
    if match[1] == "tcp":
        parse_address(match[2])
    return match[0]


FilePath = Annotated[Path, BeforeValidator(path)]
Duration = Annotated[float, BeforeValidator(parse_duration)]
PathOfLanguage = Mapping[Annotated[str, BeforeValidator(language)], FilePath]
Networks = Annotated[tuple[Annotated[Network, BeforeValidator(network)], ...], Field(min_length=1)]
Name = Annotated[str, BeforeValidator(number_as_text), Field(min_length=1)]
