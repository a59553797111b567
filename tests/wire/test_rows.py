"""ROWS.md names the tests that there are, each once, and no others."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent


def named() -> list[tuple[str, str]]:
    """Each test of the page, with its file."""
    found, file = [], ""
    for line in (HERE / "ROWS.md").read_text().splitlines():
        heading = re.search(r"Tests in (test_\w+\.py)", line)
        if heading:
            file = heading.group(1)
        elif line.startswith("|"):
            found += [(file, name) for name in re.findall(r"\btest_\w+\b", line)]
    return found


def there() -> list[tuple[str, str]]:
    """Each test of the files."""
    found = []
    for path in sorted(HERE.glob("test_*.py")):
        if path.name != Path(__file__).name:
            functions = ast.parse(path.read_text()).body
            found += [(path.name, one.name) for one in functions
                      if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
                      and one.name.startswith("test_")]  # fmt: skip
    return found


def test_every_test_has_its_row_and_every_row_its_test() -> None:
    assert sorted(named()) == sorted(there())


def test_every_test_quotes_its_row() -> None:
    for path in sorted(HERE.glob("test_*.py")):
        for one in ast.parse(path.read_text()).body:
            if (
                isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
                and path.name != "test_rows.py"
            ):
                assert not one.name.startswith("test_") or ast.get_docstring(one), one.name
