"""An encoder in a page: where in the spectrum a sound has its energy, in ten octave bands.

It hears only how low or high a sound is, and knows only a few words for that.
"""

import numpy as np

from clapbatch.api import EmbedderSpec, EncoderCard, Thresholds, hookimpl

RATE = 16_000  # Hz
EDGES = 15.6 * 2.0 ** np.arange(10)  # Hz; ten octaves, from below hearing to half the rate
WORDS = {"rumble": 1, "bass": 2, "deep": 2, "low": 3, "warm": 4, "mid": 5, "high": 7, "bright": 8}

CARD = EncoderCard(
    rate=RATE,
    window=2.0,
    hop=1.0,
    dim=10,
    batch=16,
    thresholds=Thresholds(high=0.7, moderate=0.4),
    song_thresholds=Thresholds(high=0.95, moderate=0.8),
    vocabulary=f"it knows only the words {', '.join(WORDS)}",
)


class Bands:
    """The audio side: mono sound -> (n, 10) float32 unit rows."""

    def embed(self, segments):
        return np.stack([self._bands(segment.content) for segment in segments])

    def _bands(self, samples):
        power = np.abs(np.fft.rfft(samples)) ** 2
        band = np.searchsorted(EDGES, np.fft.rfftfreq(len(samples), 1 / RATE)).clip(1, 10) - 1
        energy = np.sqrt(np.bincount(band, weights=power, minlength=10)) + 1e-12
        return (energy / np.linalg.norm(energy)).astype(np.float32)


class Words:
    """The text side: each word it knows is one band; the others count for nothing."""

    def embed(self, texts):
        return np.stack([self._vector(text) for text in texts])

    def limits(self, texts):
        return ["" if self._known(text) else CARD.vocabulary for text in texts]

    def _known(self, text):
        return [WORDS[word] for word in text.lower().split() if word in WORDS]

    def _vector(self, text):
        vector = np.bincount(self._known(text), minlength=10).astype(np.float32)
        vector = vector if vector.any() else np.ones(10, np.float32)
        return vector / np.linalg.norm(vector)


@hookimpl
def register_embedders():
    return [
        EmbedderSpec(
            name="bands",
            version="1",
            summary="ten octave bands; an example, knows low from high",
            card=lambda options: CARD,
            make=lambda options, runtime: Bands(),
            make_text=lambda options, runtime: Words(),
        )
    ]
