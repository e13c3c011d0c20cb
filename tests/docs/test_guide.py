"""The code in docs/extending.md is the example's own code."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```(?:python\n#|js\n//) (\S+)\n(.*?)^```$",
    (ROOT / "docs/extending.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize(("file", "code"), BLOCKS, ids=[f"{file}-{code.split('(')[0]}" for file, code in BLOCKS])
def test_the_guide_shows_the_example(file: str, code: str) -> None:
    """Each block stands whole in the file that it names, possibly inside a function."""
    source = (ROOT / file).read_text()
    assert code in source or indent(code, "    ") in source


def test_every_block_names_its_file() -> None:
    """No Python and no JavaScript in the guide escapes the comparison."""
    guide = (ROOT / "docs/extending.md").read_text()
    assert guide.count("```python") + guide.count("```js") == len(BLOCKS) > 5
