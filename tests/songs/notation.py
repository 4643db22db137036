"""A small text notation for the scores, and the records that hold them.

Pitched music is a line of words separated by spaces::

    mf C4:1 E4 G4:1/2 A4 | C4+E4+G4:2^ -:2 |

``C4``       a note: letter, ``#`` or ``b`` where needed, octave (C4 is middle C)
``C4+E4``    a chord
``-``        a rest
``:1/2``     length in beats; it holds until the next one is given
``^``        accent; ``'`` staccato (both follow the length)
``pp ... ff``  loudness from here on; ``<`` or ``>`` glides to the next mark
``|``        bar line: the notes since the last one must fill a whole number
             of bars, the first bar of a line excepted (an upbeat)
``ped``      lifts the sustain pedal and presses it again; ``lift`` lifts it

Drums are written as tablature: a drum's name and its strokes, one character a
step, ``X`` accented, ``x`` plain, ``o`` soft, ``.`` silent::

    kick  X...x...
    hat   x.o.x.o.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

LOUDNESS = {"ppp": 26, "pp": 36, "p": 50, "mp": 64, "mf": 78, "f": 94, "ff": 110, "fff": 122}

# General MIDI percussion keys.
DRUMS = {
    "kick": 36, "stick": 37, "snare": 38, "clap": 39, "hat": 42, "pedal": 44, "open": 46,
    "low": 41, "floor": 43, "mid": 45, "tom": 47, "high": 50,
    "crash": 49, "ride": 51, "bell": 53, "cowbell": 56, "shaker": 70,
}  # fmt: skip
STROKES = {"X": 116, "x": 92, "o": 48}  # MIDI velocities

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_PITCH = re.compile(r"([A-G])([#b]?)(\d)")
_WORD = re.compile(
    r"(?P<what>-|[A-G][#b]?\d(?:\+[A-G][#b]?\d)*)(?::(?P<length>[\d/]+))?(?P<marks>[\^']*)"
)


@dataclass(frozen=True)
class Note:
    """One sounding note: times in beats, MIDI key 0-127, MIDI velocity 1-127."""

    start: float
    length: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Part:
    """One player. ``program`` is the General MIDI sound, or the kit when ``drums``."""

    program: int
    notes: tuple[Note, ...]
    pedals: tuple[tuple[float, bool], ...] = ()
    drums: bool = False
    bank: int = 0
    volume: int = 100  # MIDI, 0-127
    pan: int = 64  # 0 left, 64 middle, 127 right
    reverb: int = 40  # send, 0-127
    chorus: int = 0  # send, 0-127
    legato: float = 0.97  # share of its written length that a note sounds
    humanize: float = 0.012  # standard deviation of the timing, in seconds
    spread: float = 0.0  # seconds between the notes of a strummed chord, low to high
    swell: float = 0.0  # beats in one rise and fall of expression; 0 is none


@dataclass(frozen=True)
class Piece:
    """A score: what it is, how fast, who plays, and how the recording is finished."""

    title: str
    source: str
    tempo: float  # beats a minute
    parts: tuple[Part, ...]
    seconds: float  # length of the recording
    fade: float = 1.5  # seconds of fade-out at its end
    level: float = -20.0  # RMS of the recording in dB below full scale
    room: float = 0.5  # reverb room size, 0-1
    wet: float = 0.5  # reverb level, 0-1
    swing: float = 0.5  # where the second half of a beat falls: 0.5 straight, 0.66 swung
    rubato: float = 0.0  # depth of the slow ebb and flow of the tempo, as a share of it
    tone: float = 0.0  # Hz above which a gentle filter takes brightness away; 0 is none
    drive: float = 0.0  # dB into a soft limiter, for music that is meant to be loud


def line(music: str, *, bar: float, transpose: int = 0) -> dict:
    """Read pitched music. `bar` is the beats in a bar. Returns `notes` and `pedals` for a Part."""
    notes: list[tuple[float, float, int, int]] = []
    pedals: list[tuple[float, bool]] = []
    marks: list[tuple[float, int, bool]] = []  # beat, velocity, glides to the next
    now, length, bar_start, bars = Fraction(0), Fraction(1), Fraction(0), 0
    for word in music.replace("|", " | ").split():
        if word == "|":
            bars += 1
            if bars > 1 and (now - bar_start) % Fraction(bar):
                raise ValueError(
                    f"bar {bars} holds {float(now - bar_start)} beats, not {bar}: {music[:60]!r}"
                )
            bar_start = now
        elif word in ("ped", "lift"):
            pedals.append((float(now), word == "ped"))
        elif word.rstrip("<>") in LOUDNESS:
            marks.append((float(now), LOUDNESS[word.rstrip("<>")], word[-1] in "<>"))
        elif found := _WORD.fullmatch(word):
            length = Fraction(found["length"]) if found["length"] else length
            accent = 14 if "^" in found["marks"] else 0
            sounding = length * (Fraction(1, 2) if "'" in found["marks"] else 1)
            for pitch in [] if found["what"] == "-" else found["what"].split("+"):
                notes.append((float(now), float(sounding), key_of(pitch) + transpose, accent))
            now += length
        else:
            raise ValueError(f"not a word of the notation: {word!r}")
    played = (Note(s, n, key, _velocity(s, marks) + accent) for s, n, key, accent in notes)
    return {"notes": tuple(played), "pedals": tuple(pedals)}


def kit(step: float, *patterns: str) -> dict:
    """Read drum patterns, played in turn. `step` is in beats. Returns `notes` and `drums`."""
    notes: list[Note] = []
    start = 0
    for pattern in patterns:
        lines = [words.split() for words in pattern.strip().splitlines()]
        if len({len(strokes) for _, strokes in lines}) > 1:
            raise ValueError(f"the drums of a pattern differ in length: {pattern}")
        for drum, strokes in lines:
            for index, stroke in enumerate(strokes, start):
                if stroke != ".":
                    notes.append(Note(index * step, step, DRUMS[drum], STROKES[stroke]))
        start += len(lines[0][1])
    return {"notes": tuple(sorted(notes, key=lambda note: (note.start, note.key))), "drums": True}


def key_of(pitch: str) -> int:
    """The MIDI key of a pitch such as ``F#4``; C4 is 60."""
    letter, accidental, octave = _PITCH.fullmatch(pitch).groups()
    return 12 * (int(octave) + 1) + _SEMITONES[letter] + {"#": 1, "b": -1, "": 0}[accidental]


def _velocity(beat: float, marks: list[tuple[float, int, bool]]) -> int:
    """The loudness in force at a beat: the last mark, on its way to the next if it glides."""
    current = (0.0, LOUDNESS["mf"], False)
    for mark in marks:
        if mark[0] > beat:
            if current[2]:
                share = (beat - current[0]) / (mark[0] - current[0])
                return round(current[1] + share * (mark[1] - current[1]))
            break
        current = mark
    return current[1]
