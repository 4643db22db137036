"""The plugin keeps the contract with a tiny ClapModel and says what is known to be broken."""

from __future__ import annotations

import json
from pathlib import Path

import clapbatch_hf
import numpy as np
import pytest
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapProcessor,
    RobertaTokenizer,
)

from clapbatch.api import ModelError, UsageError
from clapbatch.registry import Registry, make_options
from clapbatch.roles import EmbedderSpec
from clapbatch.testing import check_embedder, cpu_runtime, noise, segments_of, tone

SPEC = clapbatch_hf.register_embedders()[0]


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAPBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLAPBATCH_OFFLINE", "1")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ClapModel with spread random weights, saved as transformers saves it."""
    folder = tmp_path_factory.mktemp("model")
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), "<mask>"]
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    merges.write_text("#version: 0.2\n")
    torch.manual_seed(0)
    network = ClapModel(
        ClapConfig(
            audio_config={
                "depths": [1, 1, 1, 1],
                "patch_embeds_hidden_size": 16,
                "hidden_size": 128,
            },
            text_config={
                "vocab_size": len(tokens),
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "max_position_embeddings": 80,
            },
            projection_dim=512,
        )
    )
    with torch.no_grad():
        for name, value in network.named_parameters():
            spread = torch.randn_like(value)
            if value.ndim < 2:
                value.copy_((1 if name.endswith("weight") else 0) + 0.2 * spread)
            else:
                value.copy_(spread * 1.2 / value[0].numel() ** 0.5)
        norm = network.audio_model.audio_encoder.batch_norm
        norm.running_mean.fill_(-30)
        norm.running_var.fill_(100)
    network.save_pretrained(folder)
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")
    tokenizer = RobertaTokenizer(vocab=str(vocabulary), merges=str(merges))
    ClapProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def test_it_keeps_the_contract_of_an_embedder(model: Path) -> None:
    check_embedder(SPEC, model=str(model))


def test_its_vectors_are_those_of_the_model(model: Path) -> None:
    sound = noise(10, 48_000)
    ours = SPEC.make(make_options(SPEC, {"model": str(model)}), cpu_runtime())
    network = ClapModel.from_pretrained(model).eval()
    processor = ClapProcessor.from_pretrained(model)
    inputs = processor.feature_extractor([sound], sampling_rate=48_000, return_tensors="pt")
    with torch.inference_mode():
        theirs = network.get_audio_features(inputs["input_features"].float()).pooler_output[0]
    vectors = ours.embed(segments_of([sound, tone(440, 10, 48_000)], 48_000))
    assert np.abs(vectors[0] - (theirs / theirs.norm()).numpy()).max() < 1e-5
    assert vectors[0] @ vectors[1] < 0.9999


def test_the_collapsed_model_is_flagged_for_every_sentence(model: Path, tmp_path: Path) -> None:
    collapsed = tmp_path / "larger_clap_music"
    collapsed.symlink_to(model)
    options = make_options(SPEC, {"model": str(collapsed)})
    side = SPEC.make_text(options, cpu_runtime())
    assert all("collapsed" in note for note in side.limits(["jazz", "rock"]))
    assert "collapsed" in SPEC.card(options).vocabulary
    healthy = make_options(SPEC, {"model": str(model)})
    assert SPEC.make_text(healthy, cpu_runtime()).limits(["jazz"]) == [""]


def test_the_flag_goes_by_the_hubs_name_too() -> None:
    assert SPEC.card(clapbatch_hf.HfOptions(model="laion/larger_clap_music")).vocabulary
    assert not SPEC.card(clapbatch_hf.HfOptions()).vocabulary


def test_it_is_found_once_it_is_named() -> None:
    registry = Registry(["clapbatch_hf"])
    assert registry.get(EmbedderSpec, "hf-clap").name == "hf-clap"


def test_the_identity_follows_the_files(model: Path, tmp_path: Path) -> None:
    options = make_options(SPEC, {"model": str(model)})
    before = SPEC.identity(options)
    (model / "extra.json").write_text("{}")
    try:
        assert SPEC.identity(options) != before
    finally:
        (model / "extra.json").unlink()
    assert SPEC.identity(options) == before


def test_a_model_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="type bert, not clap"):
        SPEC.make(make_options(SPEC, {"model": str(tmp_path)}), cpu_runtime())


def test_what_is_neither_here_nor_reachable_is_one_sentence() -> None:
    options = make_options(SPEC, {"model": "laion/clap-htsat-unfused"})
    assert "CLAPBATCH_OFFLINE=1" in SPEC.available(options)
    with pytest.raises(ModelError, match="cannot be had from the hub") as refusal:
        SPEC.make(options, cpu_runtime())
    assert "\n" not in str(refusal.value)


def test_an_unknown_option_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="did you mean model"):
        make_options(SPEC, {"modell": "x"})
