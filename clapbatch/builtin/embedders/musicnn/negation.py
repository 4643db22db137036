"""Splits a query into what is wanted and what is not: "calm piano without drums"."""

from __future__ import annotations

import re

# Words after which a refusal ends.
_STOP = r"[,.;:!?()]|\b(?:but|with|just|only|while|yet|please|give|want)\b|$"
_REFUSED = re.compile(
    r"\b(?:no|not|non|nor|neither|none|without|w/o|sans|minus|lacking|zero|never|except|"
    r"(?:free|devoid|instead) of|rather than|other than|apart from|anything but|everything but|"
    r"(?:is|are|does|do|should|must|was)n['’]?t)\b"
    r"(?!\s+(?:only|just|merely|enough)\b)[\s-]*"
    rf"(?P<what>.*?)(?=(?:{_STOP}))",
    re.IGNORECASE,
)
# "vocal-free", "drumless"
_FREE = re.compile(r"\b(?P<what>[a-z]+?)(?:[\s-]free|less)\b(?!\s+of\b)", re.IGNORECASE)


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """A query -> (what is wanted, what is refused); either may be empty."""
    refused: list[str] = []

    def take(match: re.Match[str]) -> str:
        what = match["what"].strip(" -'’")
        if what:
            refused.append(what)
        return " "

    wanted = _FREE.sub(take, _REFUSED.sub(take, text))
    return " ".join(wanted.strip(" ,.;:!?").split()), tuple(refused)
