"""`clapbatch check`: sounds made here, the bank's sentences and perhaps songs -> findings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clapbatch.domain import Analysis, FloatArray, Segment
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.trust import MINIMUM_SONGS, Bank
from clapbatch.errors import UsageError
from clapbatch.evaluation.hubness import hubness
from clapbatch.evaluation.selfcheck import (
    COLLAPSED,
    Finding,
    check_against_noise,
    check_collapse,
)
from clapbatch.registry import Registry
from clapbatch.roles import AUDIO, EmbedderSpec

SEED = 42
# Silence of a recording, not of a computer: where there is no sound at all, nothing is embedded.
NEARLY_SILENT = 1e-4
NOISES = ("near silence", "white noise", "brown noise")
# From here a few songs take most of the places (Radovanović et al. 2010 call it strong).
SKEWED = 1.4


def check_encoder(recipe: Recipe, registry: Registry, bank: Bank) -> list[Finding]:
    """What can be told without a song, good findings too."""
    spec = registry.get(EmbedderSpec, recipe.embedder)
    doubt = spec.doubt(recipe.options_of(spec))
    findings = [
        Finding("warning", "weights", doubt, 1.0)
        if doubt
        else Finding("ok", "weights", "no doubt about the weights", 0.0)
    ]
    if len(bank):
        findings.append(check_collapse(bank.vectors, "texts"))
    else:
        sentence = f"the encoder understands too few of the bank's {bank.size} queries to tell"
        findings.append(Finding("warning", "collapse of texts", sentence, 0.0))
    finding = check_collapse(made_sounds(recipe, registry), "sounds")
    sentence = f"silence, noises and a chord: mean cosine {finding.value:.3f}"
    if finding.value > COLLAPSED:
        findings.append(finding)
    else:
        findings.append(Finding("ok", "collapse of sounds", sentence, finding.value))
    return findings


def check_songs(
    analysis: Analysis, bank: Bank, recipe: Recipe, registry: Registry
) -> list[Finding]:
    """What songs tell of the encoder. analysis : of these songs, asked the whole bank."""
    if not len(bank) or not len(analysis.tracks):
        return []
    understood = [j for j, note in enumerate(analysis.query_notes) if not note]
    scores = analysis.scores.value[:, understood]
    noises = made_sounds(recipe, registry)[: len(NOISES)] @ bank.vectors.T
    findings = check_against_noise(scores, noises, NOISES)
    if len(analysis.tracks) < MINIMUM_SONGS:
        # A few songs cannot answer most of the bank: only a plain defeat counts.
        findings = [replace(f, severity="ok") if f.severity == "warning" else f for f in findings]
    different = np.unique(analysis.song_vectors, axis=0)
    if len(different) >= MINIMUM_SONGS:
        findings.append(check_collapse(different, "songs"))
        findings.append(_hubs(scores, analysis.song_names))
    return findings


def _hubs(scores: FloatArray, names: list[str]) -> Finding:
    """Songs that answer every query, and songs that answer none, over the bank."""
    found = hubness(scores)
    told = (
        f"k-occurrence skewness {found.skewness:.2f} (k = {found.k}), "
        f"{len(found.never)} of {len(names)} songs in nobody's first {found.k}"
    )
    hubs = [names[i] for i in found.hubs()[:3]]
    if found.skewness <= SKEWED and not hubs:
        return Finding("ok", "hubs", told, found.skewness)
    most = f"; most often: {', '.join(hubs)}" if hubs else ""
    return Finding("warning", "hubs", f"{told}{most}; try search --hubs csls", found.skewness)


def made_sounds(recipe: Recipe, registry: Registry) -> FloatArray:
    """Mean vectors of the `NOISES` and of a chord, one window each: float32 (4, dim)."""
    if recipe.needs.kind != AUDIO:
        raise UsageError(f"the encoder {recipe.embedder} handles {recipe.needs.kind}, not sound")
    spec = registry.get(EmbedderSpec, recipe.embedder)
    encoder = spec.make(recipe.options_of(spec), recipe.runtime(1))
    length = recipe.needs.window_units
    generator = np.random.default_rng(SEED)
    white = generator.standard_normal(length)
    brown = np.cumsum(white)
    time = np.arange(length) / recipe.needs.rate
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (261.6, 329.6, 392.0))
    sounds = [NEARLY_SILENT * white, 0.1 * white, 0.3 * brown / np.abs(brown).max(), 0.2 * chord]
    rows = []
    for sound in sounds:
        content = np.asarray(sound, np.float32)
        segment = Segment(0, 0.0, length / recipe.needs.rate, 0, content)
        rows.append(np.asarray(encoder.embed([segment]))[0])
    return np.stack(rows)
