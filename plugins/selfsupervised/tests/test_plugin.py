"""What the plugin declares, and that declaring it costs nothing."""

from __future__ import annotations

import pickle

import pytest
import timm
from pydantic import ValidationError
from srbench_selfsupervised import plugin
from srbench_selfsupervised.encoders import ENCODERS
from srbench_selfsupervised.params import TimmVitParams

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}


def test_every_encoder_has_its_loss():
    assert list(SPECS) == [
        *("dinov2-vit-small14", "dinov2-vit-base14", "dino-vit-small16", "dino-resnet50"),
        *("mae-vit-base16", "fcmae-convnextv2-tiny", "clip-vit-base16", "clip-resnet50"),
        "timm-vit",
    ]


@pytest.mark.parametrize("name", SPECS)
def test_specs_pickle_and_say_what_a_reader_needs(name):
    spec = SPECS[name]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert spec.task == "self-supervised"
    assert "commercial" in spec.license
    assert spec.paper.startswith("https://")
    assert all(file.license and file.sources and file.size for file in spec.weights)


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "dino-resnet50"])
def test_timm_says_the_same(name):
    encoder = ENCODERS[name]
    (model,), (pretrained,) = encoder.make.args, encoder.weights.values()
    config = timm.get_pretrained_cfg(model)
    (source,) = pretrained.file.sources
    assert source.repo == config.hf_hub_id
    assert (pretrained.mean, pretrained.std) == (config.mean, config.std)
    if "openai" not in model:  # timm states its own licence for OpenAI's weights
        assert encoder.license.lower().startswith(config.license)


def test_resolving_names_the_model_and_its_weights():
    params = TimmVitParams(model="vit_base_patch16_224.dino")
    spec = plugin.TIMM_VIT.resolve(params)
    (file,) = spec.weights
    assert (spec.backbone, file.id) == ("vit_base_patch16_224", "timm-vit_base_patch16_224.dino")


@pytest.mark.parametrize(
    ("name", "tap", "near"),
    [
        ("mae-vit-base16", "block13", "block1"),
        ("dinov2-vit-small14", "norms", "norm"),
        ("dino-resnet50", "layer5", "layer4"),
    ],
)
def test_unknown_taps_are_refused_at_once(name, tap, near):
    with pytest.raises(ValueError, match=f"got '{tap}'; did you mean .*{near}"):
        SPECS[name].params(tap=tap)


def test_a_model_without_its_tag_is_refused():
    with pytest.raises(ValidationError, match="with its pretrained tag"):
        TimmVitParams(model="vit_base_patch16_224")
