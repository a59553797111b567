"""The fixture `bed`: a real Asterisk for the whole session, or a skip that says why there is none."""

from collections.abc import Generator, Iterator

import pytest

from .bed import Bed
from .root import BedUnavailable, ready_root


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """A running Asterisk; the first time on a machine it is fetched, which takes a minute."""
    try:
        root = ready_root()
    except BedUnavailable as error:
        pytest.skip(f"no Asterisk on this machine: {error}")
    with Bed(root) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what Asterisk said last."""
    report = yield
    asterisk = getattr(item, "funcargs", {}).get("bed")
    if report.failed and isinstance(asterisk, Bed):
        report.sections.append(("Asterisk", "\n".join(asterisk.log().splitlines()[-60:])))
    return report
