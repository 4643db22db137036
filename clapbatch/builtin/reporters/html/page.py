"""The page's parts -> one self-contained HTML document."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from clapbatch.api import Analysis
from clapbatch.builtin.reporters.html.data import page_data

# One script each for the library and the page: the page's files share one scope, in this order.
PLOT_SCRIPT = "vendor/uPlot.iife.min.js"
PLOT_LICENCE = "vendor/uPlot.LICENSE"
PAGE_SCRIPTS = (
    "js/data.js",
    "js/dom.js",
    "js/colours.js",
    "js/player.js",
    "js/heatmap.js",
    "js/matrix.js",
    "js/timeline.js",
    "js/song.js",
    "js/query.js",
    "js/similar.js",
    "js/about.js",
    "js/main.js",
)
STYLES = ("vendor/uPlot.min.css", "page.css")


def render(analysis: Analysis, folder: Path) -> str:
    """The whole page, with links to the songs relative to `folder`."""
    data, timelines = page_data(analysis, folder)
    style = "\n".join(_part(name) for name in STYLES)
    plot = _part(PLOT_SCRIPT)
    page = '"use strict";\n(() => {\n' + "\n".join(_part(name) for name in PAGE_SCRIPTS) + "})();\n"
    parts = {
        "policy": _policy(scripts=(plot, page), style=style),
        "title": html.escape(_title(data["counts"])),
        "style": style,
        "data": _json(data),
        "timelines": _json(timelines),
        "licence": _part(PLOT_LICENCE),  # which asks to go wherever the code goes
        "plot": plot,
        "page": page,
    }
    # One pass: what was filled in is not searched for places to fill again.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _part("template.html"))


def _part(name: str) -> str:
    part = resources.files("clapbatch.builtin.reporters.html").joinpath(name)
    return part.read_text(encoding="utf-8")


def _policy(scripts: tuple[str, ...], style: str) -> str:
    """A Content-Security-Policy: only these very scripts and styles run, nothing is fetched.

    Sound comes from beside the page: by `file:` where it was opened from a disk, by 'self' where
    somebody serves the folder.
    """
    hashes = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; "
        "img-src data:; media-src file: 'self'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _json(value: Any) -> str:
    """JSON that no HTML parser can mistake for a tag: ASCII, without <, > and &."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _title(counts: dict[str, int]) -> str:
    songs, queries = counts["songs"], counts["queries"]
    return (
        f"{songs:,} {'song' if songs == 1 else 'songs'}, "
        f"{queries:,} {'query' if queries == 1 else 'queries'} \N{EN DASH} clapbatch"
    )
