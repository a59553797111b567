"""What the tests of this room share."""

from pathlib import Path

import pytest

from tests.flow.script import Starter


@pytest.fixture
def start(tmp_path: Path) -> Starter:
    return Starter(tmp_path)
