"""Asterisk's versions as they are written, and which release has which fix."""

import pytest

from voicebot.pbx.releases import BUGS, Release, bugs_of, parse_release, takes_every_rate


@pytest.mark.parametrize(
    ("written", "release"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1 built by nobody @ buildd", Release(22, 10, 1)),
        ("22.10.1~dfsg+~cs6.17", Release(22, 10, 1)),
        ("18.26.4", Release(18, 26, 4)),
        ("Asterisk 20.9.3 built by mockbuild @ 0d2c", Release(20, 9, 3)),
        ("certified/20.7", Release(20, 7, 0, certified=True)),
        ("Asterisk certified/18.9-cert12 built by root", Release(18, 9, 0, certified=True)),
        ("certified-22.8-cert1", Release(22, 8, 0, certified=True)),
        ("Asterisk 20.7-cert3", Release(20, 7, 0, certified=True)),
        ("Asterisk 23.4.0-rc1", Release(23, 4, 0)),
        ("Asterisk 16.28.0~dfsg-0+deb11u4", Release(16, 28, 0)),
        ("Asterisk GIT-master-f0c1c1a7e5 built by me", None),
        ("Asterisk GIT-20-1a2b3c built by me", None),
        ("SVN-branch-1.8-r123", None),
        ("UNKNOWN__and_probably_unsupported", None),
        ("", None),
    ],
)
def test_versions_are_read(written: str, release: Release | None) -> None:
    assert parse_release(written) == release


def names(written: str) -> set[str]:
    release = parse_release(written)
    assert release is not None
    return {bug.name for bug in bugs_of(release)}


# Each row: a bug, a release that has it, and the next one, which has not.
BORDERS = [
    ("a core per call", "18.19.0", "18.20.0"),
    ("a core per call", "20.4.0", "20.5.0"),
    ("a core per call", "19.8.1", "21.0.0"),
    ("end of the bot", "20.13.0", "20.14.0"),
    ("end of the bot", "21.8.0", "21.9.0"),
    ("end of the bot", "22.3.0", "22.4.0"),
    ("end of the bot", "18.26.4", "23.0.0"),
    ("end of the bot", "certified/20.7", "certified/22.8"),
    ("keys", "20.13.0", "20.14.0"),
    ("keys", "21.8.0", "21.9.0"),
    ("keys", "22.3.0", "22.4.0"),
    ("keys", "certified/18.9", "23.0.0"),
    ("UUID()", "20.11.0", "20.12.0"),
    ("UUID()", "21.6.0", "21.7.0"),
    ("UUID()", "22.1.0", "22.2.0"),
    ("messages in pieces", "20.14.0", "20.15.0"),
    ("messages in pieces", "21.9.0", "21.10.0"),
    ("messages in pieces", "22.4.0", "22.5.0"),
    ("rates", "20.16.0", "20.17.0"),
    ("rates", "21.11.0", "21.12.0"),
    ("rates", "22.6.0", "22.7.0"),
    ("rates", "23.0.0", "23.1.0"),
    ("a silent moment", "20.16.0", "20.17.0"),
    ("a silent moment", "20.14.0", "20.13.0"),
    ("a silent moment", "21.12.2", "21.8.0"),
    ("a silent moment", "22.6.0", "22.7.0"),
    ("a silent moment", "23.0.0", "23.1.0"),
    ("half a header", "20.18.0", "20.19.0"),
    ("half a header", "20.17.0", "20.16.0"),
    ("half a header", "22.8.0", "22.9.0"),
    ("half a header", "23.2.0", "23.3.0"),
    ("comfort noise", "20.19.0", "20.20.0"),
    ("comfort noise", "20.14.0", "20.13.0"),
    ("comfort noise", "21.12.2", "21.8.0"),
    ("comfort noise", "22.9.0", "22.10.0"),
    ("comfort noise", "23.3.0", "23.4.0"),
    ("memory", "20.17.0", "20.18.0"),
    ("memory", "21.12.2", "24.0.0"),
    ("memory", "22.7.0", "22.8.0"),
    ("memory", "23.1.0", "23.2.0"),
]


@pytest.mark.parametrize(("bug", "having", "fixed"), BORDERS)
def test_a_bug_is_in_the_releases_that_have_it(bug: str, having: str, fixed: str) -> None:
    assert bug in names(having)
    assert bug not in names(fixed)


def test_every_bug_has_a_border() -> None:
    assert {bug.name for bug in BUGS} == {bug for bug, _, _ in BORDERS}


@pytest.mark.parametrize("written", ["20.20.0", "22.10.1", "23.4.0", "24.0.0"])
def test_the_latest_have_none(written: str) -> None:
    assert names(written) == set()


@pytest.mark.parametrize(
    ("written", "every"),
    [
        ("16.28.0", False), ("18.26.4", False), ("certified/20.7", False), ("20.16.0", False),
        ("20.17.0", True), ("21.11.0", False), ("21.12.0", True), ("22.6.0", False), ("22.7.0", True),
        ("certified/22.8", True), ("23.0.0", False), ("23.1.0", True), ("24.0.0", True),
    ],
)  # fmt: skip
def test_rates_are_taken_from_the_release_on_that_labels_them(written: str, every: bool) -> None:
    release = parse_release(written)
    assert release is not None
    assert takes_every_rate(release) is every
