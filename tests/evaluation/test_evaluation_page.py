"""The code on the pages about asking and judging runs, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clapbatch.language.gazetteer import lexicon

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["asking.md", "evaluation.md"])
def test_the_code_on_the_page_runs(page: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S)
    assert len(blocks) >= 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_the_page_counts_the_word_lists_right() -> None:
    page = (DOCS / "asking.md").read_text("utf-8")
    known = lexicon()
    assert f"{len(known.values)} attributes under\n{len(known.entries):,} phrases" in page
    assert f"{len(known.cues)} phrases that refuse" in page
