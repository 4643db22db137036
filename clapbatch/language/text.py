"""Text -> tokens that remember where they stood."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# A word may hold an apostrophe, a full stop or an @ inside (don't, ace.mp3), a colon between
# digits (1:30), and w/o is a word. Everything else that is no space is a token of its own.
_TOKEN = re.compile(r"w/o?(?![\w])|[^\W_]+(?:(?:['.@]|(?<=\d):(?=\d))[^\W_]+)*|[^\w\s]|_|\n")
_LOOKALIKES = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "´": "'", "–": "-"} | dict.fromkeys("“”„«»", '"')
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a mark.

    norm : lower case, no accents, no apostrophes; "and" for &. start, end : in the text.
    is_word : letters or digits. joined : follows the token before without a space.
    capital : begins with a capital letter.
    """

    norm: str
    start: int
    end: int
    is_word: bool
    joined: bool
    capital: bool


def composed(text: str) -> str:
    """The text in composed letters (NFC), the form that token positions refer to."""
    return unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Lower case without accents, one letter for one letter, so that positions stay true."""
    return "".join(_fold_letter(letter) for letter in text.translate(_LOOKALIKES))


def _fold_letter(letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter)[0].lower()
    return base if len(base) == 1 else letter


def tokenize(text: str) -> list[Token]:
    """Cut a text (composed) into words and marks; spaces are dropped, line breaks are marks."""
    tokens: list[Token] = []
    for match in _TOKEN.finditer(fold(text)):
        word, (start, end) = match[0], match.span()
        norm = "and" if word in "&+" else word.replace("'", "") or word
        tokens.append(
            Token(
                norm=norm,
                start=start,
                end=end,
                is_word=norm[0].isalnum(),
                joined=bool(tokens) and tokens[-1].end == start,
                capital=text[start].isupper(),
            )
        )
    return tokens


def words(phrase: str) -> tuple[str, ...]:
    """The norms of a phrase's words; hyphens and other marks do not count."""
    return tuple(token.norm for token in tokenize(composed(phrase)) if token.is_word)
