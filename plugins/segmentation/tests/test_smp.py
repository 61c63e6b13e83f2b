"""Networks of segmentation-models-pytorch against the library's own models."""

from __future__ import annotations

import dataclasses

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from pydantic import ValidationError
from segmentation_models_pytorch import encoders as library
from segmentation_models_pytorch.encoders.timm_vit import TimmViTEncoder
from srbench_segmentation import plugin, smp_data, smp_table
from srbench_segmentation.smp_build import _vit_encoder
from srbench_segmentation.smp_params import (
    DptParams,
    SegformerParams,
    SmpEncoderParams,
    UpernetParams,
)
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.errors import UserError, WeightsError

IMAGENET = torch.tensor(smp_data.IMAGENET).view(2, 1, 3, 1, 1)


def features_of(model, images, normalize=IMAGENET):
    """The encoder's maps, at an image size that the model's own forward would take as well."""
    maps = model.encoder((images - normalize[0]) / normalize[1])
    return maps[0] if isinstance(maps, tuple) else maps


def resolver_for(checkpoint, model, helpers):
    state = helpers.seeded(model)
    model.load_state_dict(state)
    return helpers.Resolver({checkpoint.file.id: state})


def test_segformer_equals_the_library(helpers, pair):
    params = SegformerParams(variant="b0", taps={"stage2": 1.0, "stage5": 1.0})
    model = smp.Segformer("mit_b0", encoder_weights=None, classes=150).eval()
    resolver = resolver_for(params.checkpoint, model, helpers)
    loss = plugin.build_checkpoint(BuildContext(weights=resolver), params)
    with torch.no_grad():
        maps = features_of(model, pair[0])
        ours = loss.features(pair[0])
    assert torch.equal(ours["stage5"], maps[5])
    assert torch.equal(ours["stage2"], maps[2])
    assert maps[5].shape[1:] == (256, 3, 3)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["convnext-tiny", "swin-tiny"])
def test_upernet_equals_the_library(variant, helpers, pair):
    params = UpernetParams(variant=variant)
    checkpoint = params.checkpoint
    options = {"img_size": 512} if "swin" in variant else {}
    model = smp.UPerNet(
        checkpoint.encoder, encoder_weights=None, decoder_channels=512, classes=150, **options
    ).eval()
    resolver = resolver_for(checkpoint, model, helpers)
    loss = plugin.build_checkpoint(BuildContext(weights=resolver), params)
    # At the size that Swin was trained at, where the library's model needs no leniency.
    side = 512 if "swin" in variant else 96
    images = F.interpolate(pair[0], size=side, mode="bilinear")
    with torch.no_grad():
        expected = features_of(model, images)[5]
        torch.testing.assert_close(loss.features(images)["stage5"], expected)
    sr = pair[0].clone().requires_grad_()
    loss(sr, pair[1]).backward()
    assert torch.isfinite(sr.grad).all()


def small_dpt(monkeypatch):
    checkpoint = dataclasses.replace(
        smp_data.DPT["large"], encoder="vit_tiny_patch16_384", backbone="vit_tiny_patch16_384"
    )
    monkeypatch.setattr(DptParams, "checkpoints", {"large": checkpoint})
    return checkpoint


def test_dpt_equals_the_library(monkeypatch, helpers, pair):
    checkpoint = small_dpt(monkeypatch)
    model = smp.DPT(
        "tu-vit_tiny_patch16_384", encoder_weights=None, classes=150, dynamic_img_size=True
    ).eval()
    resolver = resolver_for(checkpoint, model, helpers)
    params = DptParams(taps=dict.fromkeys(smp_data.DPT_STAGES, 1.0))
    loss = plugin.build_checkpoint(BuildContext(weights=resolver), params)
    half = torch.tensor(smp_data.HALF).view(2, 1, 3, 1, 1)
    with torch.no_grad():
        maps = features_of(model, pair[0], half)
        ours = loss.features(pair[0])
    for stage, expected in zip(smp_data.DPT_STAGES, maps, strict=True):
        assert torch.equal(ours[stage], expected)
    assert ours["stage4"].shape == (1, 192, 6, 6)


def test_odd_sides_are_padded_by_repeating_the_edge(monkeypatch, helpers, pair):
    checkpoint = small_dpt(monkeypatch)
    state = {f"encoder.{k}": v for k, v in helpers.seeded(_vit_encoder(checkpoint)).items()}
    resolver = helpers.Resolver({checkpoint.file.id: state})
    loss = plugin.build_checkpoint(BuildContext(weights=resolver), DptParams())
    odd = pair[0][..., :81, :95]
    padded = F.pad(odd, (0, 1, 0, 15), mode="replicate")
    with torch.no_grad():
        assert torch.equal(loss.features(odd)["stage4"], loss.features(padded)["stage4"])


def test_the_large_vits_keys_are_the_librarys():
    ours = _vit_encoder(smp_data.DPT["large"])
    with torch.device("meta"):
        theirs = TimmViTEncoder("vit_large_patch16_384", pretrained=False, depth=4)
    shapes = {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == shapes


def checkpoint_bytes(model):
    return sum(t.numel() * t.element_size() for t in model.state_dict().values())


def test_stated_sizes_are_those_of_the_whole_checkpoints():
    with torch.device("meta"):
        upernet = smp.UPerNet(
            "tu-convnext_tiny", encoder_weights=None, decoder_channels=512, classes=150
        )
        dpt = smp.DPT("tu-vit_large_patch16_384", encoder_weights=None, classes=150)
    assert checkpoint_bytes(upernet) == smp_data.UPERNET["convnext-tiny"].file.size
    assert checkpoint_bytes(dpt) == smp_data.DPT["large"].file.size


def test_missing_and_foreign_weights_are_refused(helpers):
    params = SegformerParams(variant="b0")
    with pytest.raises(WeightsError, match="segformer_b0-ade20k"):
        plugin.build_checkpoint(BuildContext(weights=helpers.Resolver({})), params)
    foreign = smp.Segformer("mit_b1", encoder_weights=None, classes=150).state_dict()
    resolver = helpers.Resolver({params.checkpoint.file.id: foreign})
    with pytest.raises(WeightsError, match="wrong shape"):
        plugin.build_checkpoint(BuildContext(weights=resolver), params)


def test_smaller_images_than_the_encoder_takes_are_refused(helpers):
    model = smp.Segformer("mit_b0", encoder_weights=None, classes=150)
    params = SegformerParams(variant="b0")
    resolver = resolver_for(params.checkpoint, model, helpers)
    loss = plugin.build_checkpoint(BuildContext(weights=resolver), params)
    with pytest.raises(UserError, match="at least 32 x 32"):
        loss(torch.rand(1, 3, 31, 40), torch.rand(1, 3, 31, 40))


# Any encoder


def test_the_table_of_encoders_is_the_librarys():
    theirs = {
        (name, tag): (settings["repo_id"], settings["revision"])
        for name, entry in library.encoders.items()
        for tag, settings in entry["pretrained_settings"].items()
    }
    assert set(smp_table.REVISIONS) == set(theirs)
    for (name, tag), (repo, revision) in theirs.items():
        (source,) = smp_data.encoder_file(name, tag).sources
        assert (source.repo, source.revision) == (repo, revision)


def test_every_encoders_weights_have_an_id_of_their_own():
    ids = [smp_data.encoder_file(*pair).id for pair in smp_table.REVISIONS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("encoder", "weights", "model"),
    [
        ("timm-efficientnet-b0", "imagenet", "tf_efficientnet_b0.aa_in1k"),
        ("timm-efficientnet-b0", "advprop", "tf_efficientnet_b0.ap_in1k"),
        ("timm-efficientnet-b0", "noisy-student", "tf_efficientnet_b0.ns_jft_in1k"),
        ("timm-tf_efficientnet_lite0", "imagenet", "tf_efficientnet_lite0.in1k"),
        ("timm-skresnet18", "imagenet", "skresnet18.ra_in1k"),
        ("xception", "imagenet", "legacy_xception.tf_in1k"),
        ("inceptionv4", "imagenet", "inception_v4.tf_in1k"),
        ("dpn92", "imagenet+5k", "dpn92.mx_in1k"),
    ],
)
def test_input_ranges_are_timms(encoder, weights, model):
    assert (encoder, weights) in smp_table.REVISIONS
    config = timm.get_pretrained_cfg(model)
    mean, std = smp_data.encoder_range(encoder, weights)
    assert mean == pytest.approx(config.mean, abs=1e-6)
    assert std == pytest.approx(config.std, abs=1e-6)


@pytest.mark.parametrize("encoder", ["resnet18", "mit_b0", "densenet121", "efficientnet-b0"])
def test_any_encoder_equals_the_library(encoder, helpers, pair):
    params = SmpEncoderParams(encoder=encoder)
    reference = library.get_encoder(encoder, weights=None, depth=5).eval()
    state = helpers.seeded(reference)
    type(reference).load_state_dict(reference, dict(state))
    resolver = helpers.Resolver({params.weight_file.id: state})
    loss = plugin.build_smp_encoder(BuildContext(weights=resolver), params)
    with torch.no_grad():
        expected = reference((pair[0] - IMAGENET[0]) / IMAGENET[1])[5]
        assert torch.equal(loss.features(pair[0])["stage5"], expected)


def test_an_encoders_incomplete_weights_are_refused(helpers):
    params = SmpEncoderParams(encoder="resnet18")
    state = helpers.seeded(library.get_encoder("resnet18", weights=None))
    del state["layer1.0.conv1.weight"]
    resolver = helpers.Resolver({params.weight_file.id: state})
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        plugin.build_smp_encoder(BuildContext(weights=resolver), params)


def test_resolving_names_the_encoder_its_weights_and_its_licence():
    spec = plugin.SMP_ENCODER.resolve(SmpEncoderParams(encoder="mit_b2"))
    assert spec.backbone == "mit_b2"
    assert "no commercial use" in spec.license
    assert [file.id for file in spec.weights] == ["smp-mit_b2-imagenet"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"encoder": "resnet51"}, "did you mean .*resnet50 with"),
        ({"encoder": "resnet50", "weights": "advprop"}, "did you mean .*resnet50 with"),
        ({"encoder": "mit_b0", "tap": "stage1"}, "no stage1"),
        ({"tap": "layer4"}, "expected the name of a tap of smp-encoder, got 'layer4'"),
    ],
)
def test_what_the_library_does_not_have_is_refused_at_once(params, message):
    with pytest.raises(ValidationError, match=message):
        SmpEncoderParams(**params)


def test_building_leaves_the_random_state_alone(helpers):
    state = helpers.seeded(library.get_encoder("resnet18", weights=None))
    params = SmpEncoderParams(encoder="resnet18")
    resolver = helpers.Resolver({params.weight_file.id: state})
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    plugin.build_smp_encoder(BuildContext(weights=resolver), params)
    assert torch.equal(torch.random.get_rng_state(), before)
