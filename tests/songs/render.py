"""Render the scores beside this file to Ogg Vorbis: `python tests/songs/render.py [name ...]`.

Needs, for development only: mido, numpy and soundfile from Python; fluidsynth,
the FluidR3_GM soundfont and ffmpeg (Debian: fluidsynth, fluid-soundfont-gm, ffmpeg).

Score -> MIDI -> fluidsynth -> level and fade -> Vorbis. Every random number comes
from a generator seeded with the piece's name, and no step writes a date, so the
same tools give the same files again.
"""

from __future__ import annotations

import argparse
import importlib
import math
import random
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile
from notation import Part, Piece

HERE = Path(__file__).resolve().parent
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
TICKS = 960  # a beat
RATE = 44_100
QUALITY = 0  # Vorbis: nominally 64 kbit/s, plenty for this purpose
PEAK = 0.75  # -2.5 dB: room for what the encoder adds


def main() -> None:
    """Render the pieces named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="scores to render (default: all)")
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    parser.add_argument("--out", type=Path, default=HERE)
    arguments = parser.parse_args()
    for name in arguments.names or sorted(path.stem for path in (HERE / "scores").glob("*.py")):
        piece: Piece = importlib.import_module(f"scores.{name}").PIECE
        with tempfile.TemporaryDirectory() as folder:
            midi, raw, wav = (Path(folder, file) for file in ("score.mid", "raw.wav", "final.wav"))
            midi_file(piece, random.Random(name)).save(midi)
            synthesize(piece, midi, raw, arguments.soundfont)
            finish(piece, raw, wav)
            encode(wav, arguments.out / f"{name}.ogg")


def midi_file(piece: Piece, chance: random.Random) -> mido.MidiFile:
    """The score as a MIDI file, played as a person would: small errors in time and touch."""
    midi = mido.MidiFile(ticks_per_beat=TICKS)
    conductor = mido.MidiTrack()
    for beat, tempo in tempo_curve(piece):
        time = round(beat * TICKS)
        conductor.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo), time=time))
    midi.tracks.append(to_delta(conductor))
    channels = iter(channel for channel in range(16) if channel != 9)
    for part in piece.parts:
        midi.tracks.append(play(part, piece, 9 if part.drums else next(channels), chance))
    return midi


def tempo_curve(piece: Piece) -> list[tuple[float, float]]:
    """(beat, beats a minute): an ebb and flow over eight beats where the piece asks for rubato."""
    last = max(note.start for part in piece.parts for note in part.notes)
    if not piece.rubato:
        return [(0.0, piece.tempo)]
    return [
        (beat, piece.tempo * (1 + piece.rubato * math.sin(2 * math.pi * (beat / 8 - 0.1))))
        for beat in np.arange(0, last, 0.5)
    ]


def play(part: Part, piece: Piece, channel: int, chance: random.Random) -> mido.MidiTrack:
    """One part as a MIDI track."""
    track = mido.MidiTrack()

    def add(kind: str, beat: float, **values: int) -> mido.Message:
        time = max(0, round(beat * TICKS))
        track.append(mido.Message(kind, channel=channel, time=time, **values))
        return track[-1]

    def control(number: int, value: int, beat: float = 0.0) -> None:
        add("control_change", beat, control=number, value=value)

    if part.bank:
        control(0, part.bank)
    add("program_change", 0.0, program=part.program)
    for number, value in ((7, part.volume), (10, part.pan), (91, part.reverb), (93, part.chorus)):
        control(number, value)
    for beat, down in part.pedals:
        # The foot lifts as the new harmony sounds and comes down just after it.
        control(64, 0, beat)
        if down:
            control(64, 127, beat + 0.08)
    end = max(note.start + note.length for note in part.notes)
    if part.swell:
        for beat in np.arange(0, end, 0.125):
            control(11, round(105 - 17 * math.cos(2 * math.pi * beat / part.swell)), float(beat))

    beats_a_second = piece.tempo / 60
    strummed, previous = 0, -1.0
    endings: dict[int, mido.Message] = {}
    for note in part.notes:
        strummed = strummed + 1 if note.start == previous else 0
        previous = note.start
        late = (chance.gauss(0, part.humanize) + strummed * part.spread) * beats_a_second
        start = swung(note.start, piece.swing) + late
        stop = swung(note.start + note.length * part.legato, piece.swing) + late
        velocity = min(127, max(1, note.velocity + stress(note.start) + round(chance.gauss(0, 4))))
        stroke = add("note_on", start, note=note.key, velocity=velocity)
        if note.key in endings:  # a key must come up before it is struck again
            endings[note.key].time = min(endings[note.key].time, stroke.time)
        endings[note.key] = add("note_off", stop, note=note.key)
    return to_delta(track)


def swung(beat: float, swing: float) -> float:
    """Move the second half of every beat to where swing puts it, the rest in proportion."""
    whole, part = divmod(beat, 1.0)
    return whole + (part * 2 * swing if part < 0.5 else swing + (part - 0.5) * 2 * (1 - swing))


def stress(beat: float) -> int:
    """A little more weight on the beat than between beats."""
    return 3 if beat % 1 == 0 else -3


def to_delta(track: mido.MidiTrack) -> mido.MidiTrack:
    """Absolute times to the differences a MIDI file holds; a note ends before the next begins."""
    ordered = sorted(track, key=lambda message: (message.time, message.type == "note_on"))
    result, before = mido.MidiTrack(), 0
    for message in ordered:
        result.append(message.copy(time=message.time - before))
        before = message.time
    return result


def synthesize(piece: Piece, midi: Path, wav: Path, soundfont: Path) -> None:
    """Play a MIDI file into a WAV file with fluidsynth."""
    settings = {
        "synth.gain": 0.4,
        "synth.polyphony": 512,
        "synth.reverb.room-size": piece.room,
        "synth.reverb.level": piece.wet,
        "synth.reverb.damp": 0.3,
        "synth.reverb.width": 0.8,
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    command = ["fluidsynth", "-ni", "-q", "-F", wav, "-T", "wav", "-O", "float", "-r", str(RATE)]
    subprocess.run([*command, *options, soundfont, midi], check=True, capture_output=True)


def finish(piece: Piece, raw: Path, wav: Path) -> None:
    """Cut to length, filter, fade out, bring to the level the piece asks for."""
    sound, _ = soundfile.read(raw, dtype="float64", always_2d=True)
    sound = sound[: round(piece.seconds * RATE)]
    if piece.tone:  # first order, 6 dB an octave
        spectrum = np.fft.rfft(sound, axis=0)
        spectrum /= (1 + 1j * np.fft.rfftfreq(len(sound), 1 / RATE) / piece.tone)[:, None]
        sound = np.fft.irfft(spectrum, len(sound), axis=0)
    if piece.drive:
        sound = np.tanh(sound / np.abs(sound).max() * 10 ** (piece.drive / 20))
    fade = min(len(sound), round(piece.fade * RATE))
    sound[len(sound) - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade))[:, None] ** 2
    sound *= 10 ** (piece.level / 20) / np.sqrt(np.mean(sound**2))
    sound *= min(1.0, PEAK / np.abs(sound).max())
    soundfile.write(wav, sound, RATE, subtype="FLOAT")


def encode(wav: Path, ogg: Path) -> None:
    """Ogg Vorbis without tags; bitexact keeps the stream's serial number from being random."""
    command = ["ffmpeg", "-y", "-v", "error", "-i", wav, "-map_metadata", "-1", "-c:a", "libvorbis"]
    bitexact = ["-fflags", "+bitexact", "-flags:a", "+bitexact"]
    subprocess.run([*command, "-q:a", str(QUALITY), *bitexact, ogg], check=True)


if __name__ == "__main__":
    main()
