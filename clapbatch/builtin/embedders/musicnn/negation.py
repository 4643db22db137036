"""Splits a query into what is wanted and what is refused: "calm piano without drums".

A rule of thumb, not a grammar: a refusing word, and all that follows it up to a comma, a full
stop or a word such as "but" and "with". A sentence vector alone knows no negation: the cosine of
"no vocals" and "vocals" is 0.80.
"""

from __future__ import annotations

import re

_NOT = r"(?:is|are|does|do|should|must|ca|wo)n['’]?t"
# Phrases that look like a refusal and are none.
_HARMLESS = (
    (re.compile(rf"\b(?:not|{_NOT})\b[^,.;]*?\bwithout\b", re.I), "with"),
    (re.compile(r"\bwith or without \w+|\b(?:don['’]?t|do not) (?:mind|forget) \w*", re.I), " "),
    (re.compile(r"\bnothing but\b|\bnot (?:only|just|merely)\b|\bwhy not\b", re.I), " "),
    (re.compile(r"\b(?:can['’]?t|cannot) get enough of\b", re.I), " "),
)
_REFUSING = (
    rf"{_NOT}|no|not|nor|neither|never|nobody|zero|without|w/o|sans|minus|lacking|less|fewer|"
    r"except|excluding|exclude|avoid|skip|hate|dislike|leave out|"
    r"(?:free|devoid|instead|tired) of|(?:rather|other) than|apart from|"
    r"nothing(?: with| too)?|(?:any|every)thing but"
)
_ENDS = r"[,.;:!?()]|\s(?:but|with|just|only|while|yet|please|give|though)\b|$"
_REFUSAL = re.compile(
    rf"(?:(?<![\w-])(?:{_REFUSING})(?!\w)[\s-]*|(?<=\s)-(?=\w))"
    rf"(?P<what>.*?(?:, [\w ]+ n?or \w+)?)(?={_ENDS})",
    re.I,
)
# "vocal-free", "drumless", "non-vocal"
_FREE_OF = re.compile(
    r"\b(?P<free>\w+)[\s-]free\b|\b(?P<less>drum|beat|vocal|voice|bass)less\b|\bnon-(?P<non>\w+)",
    re.I,
)
# What carries no meaning of its own, and may be left over beside a refusal.
_FILLER = re.compile(
    r"\b(?:a|an|the|some|any|and|or|but|with|just|only|please|i|me|want|like|something|anything|"
    r"everything|music|songs?|tracks?|pieces?|that|which|it|is)\b",
    re.I,
)


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """A query -> (what is wanted, what is refused); either may be empty, not both."""
    plain = text
    for pattern, harmless in _HARMLESS:
        plain = pattern.sub(harmless, plain)
    refused: list[str] = []

    def take(match: re.Match[str]) -> str:
        what = (match[match.lastgroup or 0]).strip(" -'’")
        if _meaning(what):
            refused.append(what)
        return ", "

    wanted = _FREE_OF.sub(take, _REFUSAL.sub(take, plain))
    if not refused:
        return text, ()
    wanted = re.sub(r"[\s,]*,[\s,]*", ", ", wanted).strip(" ,.;:!?-")
    return (wanted if _meaning(wanted) else ""), tuple(refused)


def _meaning(text: str) -> bool:
    return re.search(r"\w", _FILLER.sub("", text)) is not None
