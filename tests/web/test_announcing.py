"""What a dialplan posts: forms and JSON, and a line of advice for each that cannot be used."""

from __future__ import annotations

import json
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.pbx.introduction import Introduction
from voicebot.web.announcing import BODY_MOST, FORM, JSON, KNOWN, Unusable, introduction_of, uuid_of

FLOWS = ("company", "dentist")
CALL = "c3682a42-afda-4b53-9438-c850ebfa7914"


def refused(content_type: str, body: bytes) -> Unusable:
    with pytest.raises(Unusable) as caught:
        introduction_of(content_type, body, FLOWS)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("written", [CALL, CALL.upper(), "00000000-0000-0000-0000-000000000000"])
def test_an_identifier_is_as_audiosocket_takes_it(written: str) -> None:
    assert uuid_of(written) == UUID(written)


@pytest.mark.parametrize(
    "written", ["", "7001", CALL.replace("-", ""), f"{{{CALL}}}", CALL + "0", "x\ny"]
)
def test_anything_else_is_no_identifier(written: str) -> None:
    with pytest.raises(Unusable, match=r"is not a UUID such as .* Set\(ID=\$\{UUID\(\)\}\)$"):
        uuid_of(written)


def test_a_form_as_curl_posts_it() -> None:
    body = b"caller=%2B4930123456&caller_name=Zo%C3%AB+K.&called=7001&channel=PJSIP%2Fa-1"
    body += b"&channel_language=de&context=from-internal&flow=dentist&tariff=gold&empty="
    assert introduction_of(FORM, body, FLOWS) == Introduction(
        caller="+4930123456",
        caller_name="Zoë K.",
        called="7001",
        channel="PJSIP/a-1",
        channel_language="de",
        context="from-internal",
        args={"tariff": "gold", "empty": ""},
        flow="dentist",
    )


def test_json_has_numbers_and_truth_too() -> None:
    fields = {"caller": 7001, "vip": True, "late": False, "rate": 1.5, "none": None, "flow": ""}
    assert introduction_of(f"{JSON}; charset=utf-8", json.dumps(fields).encode(), FLOWS) == (
        Introduction(caller="7001", args={"vip": "true", "late": "false", "rate": "1.5"})
    )


def test_half_a_character_of_json_is_none() -> None:
    assert introduction_of(JSON, b'{"caller": "\\ud8001", "note": "\\udc00"}', FLOWS) == (
        Introduction(caller="?1", args={"note": "?"})
    )


def test_nothing_at_all_only_announces() -> None:
    assert introduction_of("", b" ", FLOWS) == Introduction()
    assert introduction_of(JSON, b"{}", FLOWS) == Introduction()


@pytest.mark.parametrize(
    ("content_type", "body", "status", "said"),
    [
        (FORM, b"flow=dentst", 400, 'there is no flow "dentst"; did you mean "dentist"?'),
        (FORM, b"flow=xyz", 400, 'there is no flow "xyz"; the flows here are company, dentist'),
        (FORM, b"flow=a%0Ab", 400, 'there is no flow "a\\nb"; the flows here are company, dentist'),
        (FORM, "caller=Zoë".encode(), 400, "this form is not URL-encoded UTF-8"),
        (FORM, b"caller_name=Zo%EB", 400, "this form is not URL-encoded UTF-8"),
        (FORM, b"caller", 400, None),
        (FORM, b"my-field=1", 400, "no flow can read call.args.'my-field': a name has letters"),
        (FORM, b"my-field=1", 400, "; write my_field"),
        (FORM, b"=1", 400, "no flow can read call.args.''"),
        (FORM, "&".join(f"a{n}=" for n in range(101)).encode(), 400, "at most 100 fields"),
        (FORM, b"x=" + b"a" * BODY_MOST, 413, "at most 16384 bytes"),
        (JSON, b"{", 400, "this is not JSON such as"),
        (JSON, b"[1]", 400, "this is not JSON such as"),
        (JSON, b"\xff{}", 400, "this is not JSON such as"),
        (JSON, b"[" * 9000, 400, "this is not JSON such as"),
        (JSON, b'{"a": [1]}', 400, '"a" must be a text, a number, true or false'),
        (JSON, b'{"a": {}}', 400, '"a" must be a text, a number, true or false'),
        (
            JSON,
            json.dumps(dict.fromkeys(map("a{}".format, range(101)), 1)).encode(),
            400,
            "101 fields",
        ),
        (
            "text/xml",
            b"<a/>",
            415,
            f'the Content-Type "text/xml" is not read: send {FORM} or {JSON}',
        ),
        ("multipart/form-data; boundary=x", b"--x--", 415, "is not read"),
        ("", b"caller=1", 415, "is not read"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    content_type: str, body: bytes, status: int, said: str | None
) -> None:
    if said is None:
        # A field without "=" is one without a value, as everywhere.
        assert introduction_of(content_type, body, FLOWS) == Introduction()
        return
    error = refused(content_type, body)
    assert error.status == status
    assert said in str(error)


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).filter(lambda n: n != "flow")


@given(
    st.dictionaries(
        NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=8
    )
)
def test_what_is_sent_arrives_either_way(fields: dict[str, str]) -> None:
    for content_type, body in (
        (FORM, urlencode(fields).encode()),
        (JSON, json.dumps(fields).encode()),
    ):
        introduction = introduction_of(content_type, body, FLOWS)
        assert introduction.args == {k: v for k, v in fields.items() if k not in KNOWN}
        for name in KNOWN:
            if name != "flow":
                assert getattr(introduction, name) == fields.get(name, "")


@given(st.sampled_from([FORM, JSON, "x"]), st.binary(max_size=200))
def test_any_bytes_are_an_introduction_or_a_line(content_type: str, body: bytes) -> None:
    said = ""
    try:
        introduction_of(content_type, body, FLOWS)
    except Unusable as unusable:
        said = str(unusable)
    assert len(said.splitlines()) <= 1
