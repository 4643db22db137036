"""The page: `report.html`, one file that a browser opens without a network."""

from __future__ import annotations

from pathlib import Path

from clapbatch.api import Analysis, NoOptions, ReporterSpec, hookimpl

FILE_NAME = "report.html"


class HtmlReporter:
    """Writes the page; what it needs is imported only then."""

    def write(self, analysis: Analysis, folder: Path) -> list[str]:
        """Write `report.html` into `folder`: the same bytes for the same analysis and place.

        The page links to each song by a path relative to `folder`. A folder that is written
        first and renamed afterwards must therefore be a sibling of its final place: from both,
        the relative path to a song is the same.
        """
        from clapbatch.builtin.reporters.html.page import render

        (folder / FILE_NAME).write_bytes(render(analysis, folder).encode("utf-8"))
        return [FILE_NAME]


def _make(options: NoOptions) -> HtmlReporter:
    return HtmlReporter()


@hookimpl
def register_reporters() -> list[ReporterSpec]:
    return [
        ReporterSpec(
            name="html",
            version="1",
            summary="report.html: one page to look at, listen and search, without a network",
            make=_make,
        )
    ]
