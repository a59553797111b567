"""Nodes, marks and findings of YAML files: the mistakes that people really make, each at its place with its remedy."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow import yamlfile
from voicebot.flow.yamlfile import (
    Finding,
    Mapping,
    Mark,
    Scalar,
    Severity,
    did_you_mean,
    load,
    parse,
    plain,
    sort_findings,
)

# Name, text, line, column, a part of the message.
MISTAKES = [
    ("tab indents", "a:\n\tb: 1\n", 2, 1, "a tab cannot indent YAML; use spaces"),
    ("tab after spaces", "- say: hi\n  \tb: 1\n", 2, 3, "use spaces"),
    ("tab after a colon", "a:\tb\n", 1, 3, "use spaces"),
    ("indent matches nothing", "a:\n  b: 1\n c: 2\n", 3, 2, "align this line"),
    ("indent too deep", "a: 1\nb: 2\n  c: 3\n", 3, 3, "align the two"),
    ("list item too deep", "a:\n  - b\n   - c\n", 3, 4, "align it"),
    ("list item not deep enough", "a:\n  - b\n - c\n", 3, 2, "align this line"),
    ("no space after colon", "x: 1\na:1\nb: 2\n", 2, 3, "a space is missing after the colon"),
    ("no space after colon, first line", "a:1\nb: 2\n", 1, 3, "a space is missing after the colon"),
    ("no space after colon, only line", "a:1\n", 1, 1, "a space is missing after the colon"),
    (
        "no space after colon in braces",
        "a: {b:1, c: 2}\n",
        1,
        5,
        "a space is missing after the colon",
    ),
    ("no space after dash", "a:\n  - c\n  -b\n", 3, 4, 'a space is missing after the "-"'),
    ("quote never closed", 'a: "hello\nb: 2\n', 1, 4, "add the closing quote"),
    (
        "quote closed by a later one",
        '- say: "hello\n- say: "bye"\n',
        1,
        8,
        "not closed on its line",
    ),
    ("apostrophe in single quotes", "say: 'don't do it'\n", 1, 11, "write it twice ('')"),
    ("text after a quote", 'say: "hello" there\n', 1, 14, "nothing may follow the closing"),
    ("backslash", 'a: "\\d+"\n', 1, 6, "write \\\\ for a backslash"),
    ("duplicate key", "a: 1\nb: 2\na: 3\n", 3, 1, 'the key "a" is already there at flow.yaml:1:1'),
    ("merge key", "a: &x {b: 1}\nc:\n  <<: *x\n", 3, 3, "write the keys out"),
    ("two documents", "a: 1\n---\nb: 2\n", 2, 1, 'remove the "---"'),
    ("text after the end", "a: 1\n...\nb: 2\n", 3, 1, 'remove the "..."'),
    ("empty", "", 1, 1, "the file is empty"),
    ("only a comment", "# later\n", 1, 1, "the file is empty"),
    ("brace not closed", "a: {b: 1\nc: 2\n", 1, 4, 'this "{" is not closed; add "}"'),
    ("brace not closed at the end", "a: {b: 1\n", 1, 4, 'this "{" is not closed; add "}"'),
    ("brace opened last", "a: [{b: 1}, {", 1, 13, 'this "{" is not closed; add "}"'),
    ("bracket not closed", "a: [1, 2\nb: 3\n", 1, 4, 'this "[" is not closed; add "]"'),
    ("bracket too many", "a: [1, 2]]\n", 1, 10, 'this "]" closes nothing'),
    ("brace too many", "a: {b: 1}}\n", 1, 10, 'this "}" closes nothing'),
    ("brackets crossed", "a: [1, {b: 2]\n", 1, 13, 'expected "}", not "]"'),
    ("comma missing", 'a: ["x" "y"]\n', 1, 9, 'expected "," or "]" here'),
    (
        "comma missing at line end",
        "a: {b: 1,\n  c: 2\n  d: 3}\n",
        3,
        3,
        'a "," is missing at the end of the line above',
    ),
    ("percent", "a: %x\n", 1, 4, "cannot start with % unless it is in quotes"),
    ("percent at the margin", "%x\n", 1, 1, "cannot start with % unless it is in quotes"),
    ("at sign", "a: @x\n", 1, 4, "cannot start with @ unless it is in quotes"),
    ("star alone", "keys: *\n", 1, 7, "cannot start with * unless it is in quotes"),
    ("star and word", "a: *foo\n", 1, 4, 'in quotes: "*foo"'),
    ("ampersand", "a: &\n", 1, 4, "cannot start with & unless it is in quotes"),
    ("question mark", "a: ?\n", 1, 4, "cannot start with ? unless it is in quotes"),
    ("comma first", "a: , b\n", 1, 4, "cannot start with , unless it is in quotes"),
    ("bar", "a: | x\n", 1, 6, "put a text that begins with | in quotes"),
    ("tag", "a: !secret b\n", 1, 4, 'tags like "!secret" are not understood'),
    ("known tag", "a: !!str 12\n", 1, 4, 'tags like "!!str" are not understood'),
    ("colon in a text", "say: Hello: there\n", 1, 11, 'put the text in quotes: "..."'),
    ("value in braces without quotes", "a: {say: ${x}}\n", 1, 10, 'must be in quotes: "${...}"'),
    ("value in a list without quotes", "a: [${x}, b]\n", 1, 5, 'must be in quotes: "${...}"'),
    ("hash in braces", "a: {keys: #, goto: x}\nb: 1\n", 1, 11, 'for the key write "#"'),
    ("list beside its key", "a: - b\n", 1, 4, "a list starts on the line below its key"),
    ("list at the level of keys", "a: 1\n- b\n", 2, 1, "indent it below its key"),
    ("key at the level of a list", "- a\nb: 1\n", 2, 1, 'start it with "- "'),
    ("line without a colon", "a: 1\nfoo\nb: 2\n", 2, 1, 'expected "key: value"'),
    ("block text ends early", "a: |\n   x\n  y\n", 3, 3, "align this line"),
    ("key that is a list", "{[a]: b}\n", 1, 2, "a key must be a word"),
    ("alias inside itself", "a: &x [*x]\n", 1, 8, "stands inside the value that it names"),
    ("half a character", 'a: "\\ud83d"\n', 1, 4, "half a character"),
    ("control character", "a: \x00b\n", 1, 4, "U+0000 cannot stand in YAML"),
    ("brackets without end", "[" * 5000, 1, 61, "more than 60 levels"),
]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [row[1:] for row in MISTAKES],
    ids=[row[0] for row in MISTAKES],
)
def test_mistake_is_one_error_at_its_place_with_its_remedy(
    text: str, line: int, column: int, message: str
) -> None:
    _, findings = parse(text, "flow.yaml")
    assert [(f.mark, f.severity) for f in findings] == [
        (Mark("flow.yaml", line, column), Severity.ERROR)
    ]
    assert message in findings[0].message


def test_every_duplicate_is_told_and_the_first_value_stays() -> None:
    node, findings = parse("a: 1\nb: 2\na: 3\nb: 4\n'a': 5\n", "f")
    assert [(f.mark.line, f.mark.column) for f in findings] == [(3, 1), (4, 1), (5, 1)]
    assert node is not None
    assert plain(node) == {"a": 1, "b": 2}


def test_hash_as_value_is_a_warning() -> None:
    _, findings = parse("finish: #\nb: 1\n", "f")
    assert [str(f) for f in findings] == [
        'f:1:8: warning: there is no value here, a # after a space starts a comment; for the key write "#"'
    ]


def test_comment_beside_a_key_with_a_value_below_is_fine() -> None:
    assert parse("keys: # the keys\n  - 1\nnone: # nothing yet\n", "f")[1] == []


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("15551234", 15551234),
        ("0800", "0800"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("+49", "+49"),
        ("12:30", "12:30"),
        ("10:00", "10:00"),
        ("190:20:30", "190:20:30"),
        ("2027-03-01", "2027-03-01"),
        ("1.5", 1.5),
        ("-0.5", -0.5),
        ("1.", "1."),
        (".5", ".5"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9" * 5000, "9" * 5000),
        ('"12"', "12"),
        ("'true'", "true"),
        ('"null"', "null"),
        ("5s", "5s"),
        ("=", "="),
    ],
)
def test_scalar_means_what_a_reader_expects(written: str, value: object) -> None:
    node, findings = parse(f"a: {written}\n", "f")
    assert findings == []
    assert isinstance(node, Mapping)
    scalar = node.entries[0][1]
    assert isinstance(scalar, Scalar)
    assert (scalar.value, type(scalar.value)) == (value, type(value))
    assert scalar.plain is (written[:1] not in ("'", '"'))
    assert scalar.text == written.strip("'\"")


def test_keys_are_always_text() -> None:
    node, findings = parse("on: 1\nyes: 2\nno: 3\n7: 4\ntrue: 5\n", "f")
    assert findings == []
    assert node is not None
    assert plain(node) == {"on": 1, "yes": 2, "no": 3, "7": 4, "true": 5}


def test_marks_count_from_one_in_characters() -> None:
    node, _ = parse('a:\n  - {ü: "x", b: [1, 2]}\n', "f")
    assert isinstance(node, Mapping)
    assert node.mark == Mark("f", 1, 1)
    sequence = node.entries[0][1]
    assert sequence.mark == Mark("f", 2, 3)
    inner = sequence.items[0]  # type: ignore[union-attr]
    assert isinstance(inner, Mapping)
    assert [key.mark.column for key, _ in inner.entries] == [6, 14]
    assert [value.mark.column for _, value in inner.entries] == [9, 17]


def test_anchors_and_aliases() -> None:
    node, findings = parse("a: &x [1, 2]\nb: *x\n", "f")
    assert findings == []
    assert node is not None
    assert plain(node) == {"a": [1, 2], "b": [1, 2]}


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{new}: &{new} [{', '.join(['*' + old] * 10)}]"
        for old, new in zip("abcdefg", "bcdefgh", strict=True)
    ]
    node, findings = parse("\n".join(lines), "f")
    assert node is None
    assert "do aliases repeat each other?" in findings[0].message


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")
    node, findings = load(path)
    assert findings == []
    assert node is not None
    assert node.mark == Mark(str(path), 1, 1)
    assert plain(node) == {"a": 1, "b": "x"}


def test_not_utf8_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_bytes("a: 1\nb: Müller\n".encode("latin-1"))
    node, findings = load(path)
    assert node is None
    assert [str(f) for f in findings] == [
        f"{path}:2:5: error: the byte 0xFC is not UTF-8; save the file as UTF-8"
    ]


def test_file_that_is_not_there(tmp_path: Path) -> None:
    assert [str(f) for f in load(tmp_path / "no.yaml")[1]] == [
        f"{tmp_path}/no.yaml:1:1: error: there is no such file"
    ]


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    assert [f.message for f in load(tmp_path)[1]] == ["this is a folder, not a file"]


def test_did_you_mean() -> None:
    assert did_you_mean("promts", ["prompts", "nodes"]) == '; did you mean "prompts"?'
    assert did_you_mean("no-input", ["no_input", "no_match"]) == '; did you mean "no_input"?'
    assert did_you_mean("xyz", ["prompts", "nodes"]) == ""


def test_findings_sort_by_place_and_do_not_repeat() -> None:
    late = Finding(Mark("f", 10, 1), Severity.ERROR, "x")
    early = Finding(Mark("f", 9, 30), Severity.WARNING, "y")
    assert sort_findings([late, early, late]) == [early, late]


@given(st.text(alphabet="ab:-[]{}\"'#&*!|>%@`, \n\t$0\\.<?", max_size=60))
def test_any_text_gives_a_node_or_findings(text: str) -> None:
    node, findings = parse(text, "f")
    assert node is not None or findings
    lines = text.count("\n") + 1
    assert all(1 <= f.mark.line <= lines and f.mark.column >= 1 for f in findings)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=10)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(DATA)
def test_json_reads_as_what_it_says(data: object) -> None:
    node, findings = parse("[" + json.dumps(data) + "]", "f")
    assert findings == []
    assert node is not None
    assert plain(node) == [data]


# libyaml's parser, which is fast, and PyYAML's own, which knows what is wrong, must agree.
AGREE = {
    "empty values": "a:\nb: \n\nc: {d: , e:   }\nf: [{g: }, x]\n",
    "empty value before a comment": "a: # b\nc: {d:   # e\n  }\n",
    "other letters": 'ä: [“é”, 😀, {x: 😀😀, y: "\\U0001F600"}, z]\n"ß": ẞ\n',
    "block texts": "a: |\n  x # y\n  z\nb: >-\n  one\n  two\nc: |2\n   d\n",
    "text over lines": "a: one\n  two\nb: 'x\n  y'\n",
    "anchors": "a: &x {b: [1]}\nc: *x\nd: &y\n",
    "comment behind a bar": "a: |# b\n  c\n",
    "no end of the last line": "a:",
    "question marks": 'a: "b? c"\nd: e? f\n',
    "line ends": "a: 1\r\nb: [2,\r\n 3]\r\n",
}


@pytest.mark.parametrize(
    "text",
    [*AGREE.values(), *(row[1] for row in MISTAKES)],
    ids=[*AGREE, *(row[0] for row in MISTAKES)],
)
def test_both_parsers_give_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert yamlfile.CParser is not None
    fast = parse(text, "f")
    monkeypatch.setattr(yamlfile, "CParser", None)
    assert parse(text, "f") == fast


@given(st.text(alphabet="ab: -[]{},'\"#*&!|>%~\n.0é😀", max_size=30))
def test_both_parsers_give_the_same_for_any_text(text: str) -> None:
    fast = parse(text, "f")
    builder = yamlfile._Builder(text, "f")
    try:
        slow = builder.read(yaml.SafeLoader)
    except yaml.YAMLError:
        return  # then the fast one was not used either, or could read a "?" that this one cannot
    assert slow == fast


def test_what_was_read_behind_an_unreadable_place_is_not_told() -> None:
    text = "a:\n  - {b: 1\n  - {c: 2}\n"
    assert [finding.mark.line for finding in parse(text, "f")[1]] == [2]
