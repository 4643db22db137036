"""A Recipe: what decides the numbers of a run, in strings and numbers only.

Workers get a Recipe, build their plugins from it, and refuse to work if theirs has another
fingerprint than the sender's. So threads, processes and other machines all run the same code.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from clapbatch import __version__, folders
from clapbatch.config import AUTO, RunConfig
from clapbatch.errors import PluginError, UsageError
from clapbatch.fingerprint import canonical_json, fingerprint
from clapbatch.registry import Registry, make_options, option_names, output_options
from clapbatch.roles import (
    EmbedderSpec,
    EncoderCard,
    Loader,
    LoaderSpec,
    Needs,
    ScorerSpec,
    SegmenterSpec,
    Spec,
)
from clapbatch.runtime import FLOAT32, Runtime, choose_runtime

# Raised when the engine itself changes what a segment's vector is.
EMBEDDING_SCHEMA = 1
# In this order; the first that can be used is taken.
AUTO_ENCODERS = ("clap", "musicnn")
FALLBACK = (
    "using {name}, because clap's checkpoint is not at hand; "
    "`clapbatch models download music` fetches it"
)


@dataclass(frozen=True)
class Recipe:
    """Names, options and fingerprints. `options` is canonical JSON: role -> all its options.

    engine, device, precision : of the audio side; text_side : the same of the text side.
    audio_identity, text_identity : canonical JSON of everything a side's vectors depend on.
    timeout and plugins do not affect output.
    """

    loaders: tuple[str, ...]
    segmenter: str
    embedder: str
    scorer: str
    options: str
    needs: Needs
    batch: int
    engine: str
    device: str
    precision: str
    text_side: tuple[str, str, str]
    audio_identity: str
    text_identity: str
    scorer_identity: str
    plugins: tuple[str, ...] = ()
    timeout: float = 120.0
    note: str = ""
    note_reason: str = ""

    @property
    def audio_fingerprint(self) -> str:
        """The store's key for recordings."""
        return fingerprint(self.audio_identity)

    @property
    def text_fingerprint(self) -> str:
        """The store's key for texts."""
        return fingerprint(self.text_identity)

    @classmethod
    def of(cls, config: RunConfig, registry: Registry) -> Recipe:
        """Resolve every name and option of a run.

        Raises
        ------
        UsageError, PluginError, ModelError
            If a name or option is unknown, kinds do not fit, or a model is missing.
        """
        encoder, note, reason = _choose_encoder(config, registry)
        embedder = registry.get(EmbedderSpec, encoder)
        options = {"embedder": make_options(embedder, config.options.get("embedder", {}))}
        card: EncoderCard = embedder.card(options["embedder"])
        loaders = _loaders(config, registry, embedder)
        segmenter = registry.get(SegmenterSpec, config.segmenter)
        scorer = registry.get(ScorerSpec, config.scorer)
        readers: list[SegmenterSpec | LoaderSpec] = [segmenter, *loaders]
        for spec in readers:
            if spec.kind != embedder.kind:
                raise UsageError(
                    f"{spec.role} {spec.name} handles {spec.kind}, but embedder {embedder.name} "
                    f"wants {embedder.kind}"
                )
        if config.options.get("loader") and len(loaders) > 1:
            raise UsageError("options for a loader need one named with --loader")
        for part in (*readers, scorer):
            options[_key(part)] = make_options(part, config.options.get(part.role, {}))
        needs = _needs(config, card, embedder)
        runtime = choose_runtime(
            config.runtime, config.device, config.precision, threads=1, graphs=folders.graphs()
        )
        text_runtime = runtime
        if config.device == AUTO and runtime.device != "cpu":
            # A sentence takes a moment on a processor, and no GPU is ready before torch is: that
            # takes seconds, for songs and sentences that were embedded before, too.
            text_runtime = choose_runtime(
                config.runtime, "cpu", FLOAT32, threads=1, graphs=folders.graphs()
            )
        embedder_identity = _identity(embedder, options["embedder"])
        text_identity = {"embedder": embedder_identity, "runtime": text_runtime.identity()}
        audio_identity = {
            "schema": EMBEDDING_SCHEMA,
            "loaders": [_identity(spec, options[_key(spec)]) for spec in loaders],
            "segmenter": _identity(segmenter, options["segmenter"]),
            "needs": asdict(needs),
            "batch": card.batch,
            "embedder": embedder_identity,
            "runtime": runtime.identity(),
        }
        return cls(
            loaders=tuple(spec.name for spec in loaders),
            segmenter=segmenter.name,
            embedder=embedder.name,
            scorer=scorer.name,
            options=canonical_json({key: asdict(value) for key, value in options.items()}),
            needs=needs,
            batch=card.batch,
            engine=runtime.engine,
            device=runtime.device,
            precision=runtime.precision,
            text_side=(text_runtime.engine, text_runtime.device, text_runtime.precision),
            audio_identity=canonical_json(audio_identity),
            text_identity=canonical_json(text_identity),
            scorer_identity=canonical_json(_identity(scorer, options["scorer"])),
            plugins=registry.extra,
            timeout=config.timeout,
            note=note,
            note_reason=reason,
        )

    def options_of(self, spec: Spec) -> Any:
        """A plugin's options dataclass, as this recipe has them."""
        return make_options(spec, json.loads(self.options)[_key(spec)])

    def loader(self, registry: Registry, name: str) -> Loader:
        """The loader of that name, built."""
        spec = registry.get(LoaderSpec, name)
        return spec.make(self.options_of(spec))

    def runtime(self, threads: int) -> Runtime:
        """The audio side's."""
        return choose_runtime(
            self.engine, self.device, self.precision, threads=threads, graphs=folders.graphs()
        )

    def text_runtime(self, threads: int) -> Runtime:
        return choose_runtime(*self.text_side, threads=threads, graphs=folders.graphs())

    def suffixes(self, registry: Registry) -> set[str]:
        """The file endings by which a folder's recordings are found."""
        loaders = [registry.get(LoaderSpec, name) for name in self.loaders]
        return {suffix for loader in loaders for suffix in loader.suffixes}

    def check(self, registry: Registry) -> None:
        """Refuse to work where the same names mean something else.

        Raises
        ------
        PluginError
            If this process's plugins or models differ from the sender's.
        """
        config = RunConfig(
            songs=folders.home(),
            encoder=self.embedder,
            loader=",".join(self.loaders),
            segmenter=self.segmenter,
            scorer=self.scorer,
            options=_by_role(json.loads(self.options), self.loaders),
            window=self.needs.window,
            hop=self.needs.hop,
            runtime=self.engine,
            device=self.device,
            precision=self.precision,
        )
        mine = Recipe.of(config, registry)
        if mine.audio_fingerprint != self.audio_fingerprint:
            raise PluginError(
                "this worker's plugins, models or versions differ from the sender's: "
                f"{_difference(self.audio_identity, mine.audio_identity)}"
            )

    def provenance(self) -> dict[str, Any]:
        """What stands in the manifest and on the page: plain values, the same every time."""
        identity = json.loads(self.audio_identity)
        return {
            "clapbatch": __version__,
            "encoder": identity["embedder"],
            "encoder_note": self.note,
            "loaders": identity["loaders"],
            "segmenter": identity["segmenter"],
            "scorer": json.loads(self.scorer_identity),
            "window_sec": self.needs.window,
            "hop_sec": self.needs.hop,
            "sample_rate": self.needs.rate,
            "batch": self.batch,
            "runtime": identity["runtime"],
            "text_runtime": json.loads(self.text_identity)["runtime"],
            "options": json.loads(self.options),
            "audio_fingerprint": self.audio_fingerprint,
            "text_fingerprint": self.text_fingerprint,
        }


def _choose_encoder(config: RunConfig, registry: Registry) -> tuple[str, str, str]:
    """The encoder's name; a note if `auto` had to fall back; and why it had to, in detail.

    The note is the same on every run, for reports; the reason (a network's error) may not be.
    """
    if config.encoder != AUTO:
        return config.encoder, "", ""
    given = config.options.get("embedder", {})
    reasons: list[str] = []
    known = {spec.name for spec in registry.specs(EmbedderSpec)}
    for name in AUTO_ENCODERS:
        if name not in known:
            continue
        spec = registry.get(EmbedderSpec, name)
        if not set(given) <= option_names(spec):
            reasons.append(f"{name} has no option {sorted(set(given) - option_names(spec))[0]!r}")
            continue
        reason = spec.available(make_options(spec, given))
        if not reason:
            return name, FALLBACK.format(name=name) if reasons else "", "; ".join(reasons)
        reasons.append(reason)
    raise UsageError(f"no encoder can be used: {'; '.join(reasons)}")


def _loaders(config: RunConfig, registry: Registry, embedder: EmbedderSpec) -> list[LoaderSpec]:
    """`auto` is every loader of the embedder's kind; several may be named with commas."""
    if config.loader != AUTO:
        return [registry.get(LoaderSpec, name) for name in config.loader.split(",")]
    loaders = [spec for spec in registry.specs(LoaderSpec) if spec.kind == embedder.kind]
    if not loaders:
        raise UsageError(f"no loader handles {embedder.kind}, which {embedder.name} wants")
    return loaders


def _needs(config: RunConfig, card: EncoderCard, embedder: EmbedderSpec) -> Needs:
    window = config.window or card.window
    hop = config.hop or min(card.hop, window)
    needs = Needs(embedder.kind, card.rate, window, hop)
    if hop > window:
        raise UsageError(
            f"the hop ({hop:g} s) is larger than the window ({window:g} s): "
            "parts of each song would be skipped; choose a --hop of at most the --window"
        )
    if window > card.window:
        raise UsageError(
            f"{embedder.name} hears at most {card.window:g} s at once; "
            f"choose a --window of at most that, not {window:g} s"
        )
    if needs.hop_units < 1:
        raise UsageError(f"a hop of {hop:g} s is less than one step at {card.rate} a second")
    return needs


def _key(spec: Spec) -> str:
    """Several loaders may be in one recipe; of the other roles there is one each."""
    return f"loader:{spec.name}" if spec.role == "loader" else spec.role


def _identity(spec: Spec, options: Any) -> dict[str, Any]:
    return {
        "name": spec.name,
        "version": spec.version,
        "options": output_options(options),
        "identity": dict(spec.identity(options)),
    }


def _by_role(options: dict[str, Any], loaders: tuple[str, ...]) -> dict[str, Any]:
    by_role = {role: values for role, values in options.items() if ":" not in role}
    if len(loaders) == 1:
        by_role["loader"] = options[f"loader:{loaders[0]}"]
    return by_role


def _difference(sender: str, mine: str) -> str:
    ours, theirs = json.loads(mine), json.loads(sender)
    return "; ".join(
        f"{key}: {canonical_json(theirs[key])} there, {canonical_json(ours.get(key))} here"
        for key in theirs
        if theirs[key] != ours.get(key)
    )
