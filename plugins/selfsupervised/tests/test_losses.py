"""Features against timm's and torchvision's own models, with seeded weights."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from srbench_selfsupervised import plugin
from srbench_selfsupervised.encoders import ENCODERS
from srbench_selfsupervised.params import TimmVitParams
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.errors import UnknownName, UserError, WeightsError

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}
VITS = [name for name, encoder in ENCODERS.items() if encoder.vit]
FILES = {name: SPECS[name].weights[0] for name in ENCODERS}


def model_of(name):
    """What timm calls the encoder."""
    return ENCODERS[name].make.args[0]


def build(name, helpers, **params):
    encoder, spec = ENCODERS[name], SPECS[name]
    state = helpers.seeded(encoder.empty())
    resolver = helpers.Resolver({FILES[name].id: state})
    return spec.build(BuildContext(weights=resolver), spec.params(**params)), state


def as_map(tokens, side):
    return tokens.transpose(1, 2).unflatten(2, (side, side))


@pytest.mark.parametrize("name", ["dino-vit-small16", "dinov2-vit-small14"])
def test_tokens_become_the_maps_of_timms_model_at_its_own_size(name, helpers):
    encoder = ENCODERS[name]
    loss, state = build(name, helpers, taps={"block3": 1.0, "block12": 1.0, "norm": 1.0})
    # At the size that it was trained at, timm's model needs no interpolation; smaller for 14.
    side = 224 if encoder.patch == 16 else 98
    dynamic = {} if encoder.patch == 16 else {"dynamic_img_size": True}
    model = timm.create_model(model_of(name), pretrained=False, **dynamic).eval()
    model.load_state_dict(state)
    images = torch.rand(1, 3, side, side)
    with torch.no_grad():
        ours = loss.features(images)
        blocks = []
        model.blocks[2].register_forward_hook(lambda *args: blocks.append(args[2]))
        model.blocks[11].register_forward_hook(lambda *args: blocks.append(args[2]))
        last = model.forward_features(loss.normalize(images))
    grid = side // encoder.patch
    expected = [as_map(tokens[:, 1:], grid) for tokens in (*blocks, last)]
    for tap, features in zip(("block3", "block12", "norm"), expected, strict=True):
        torch.testing.assert_close(ours[tap], features, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [n if "small" in n else pytest.param(n, marks=pytest.mark.slow) for n in VITS],
)
def test_vits_take_patches_of_any_size_and_give_a_gradient(name, helpers, pair):
    loss, _ = build(name, helpers)
    sr = pair[0][..., :95, :].clone().requires_grad_()
    value = loss(sr, pair[1][..., :95, :])
    value.backward()
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().sum() > 0
    patch = ENCODERS[name].patch
    with torch.no_grad():
        shape = loss.features(sr)["norm"].shape
    assert shape[2:] == (-(-95 // patch), -(-96 // patch))


def test_images_are_padded_by_repeating_the_edge(helpers, pair):
    loss, _ = build("dinov2-vit-small14", helpers)
    padded = F.pad(pair[0], (0, 2, 0, 2), mode="replicate")
    with torch.no_grad():
        ours = loss.features(pair[0])["norm"]
        torch.testing.assert_close(ours, loss.features(padded)["norm"])


def test_the_computation_ends_at_the_last_block_asked_for(helpers, pair):
    loss, _ = build("dino-vit-small16", helpers, tap="block2")
    called = []
    for index, block in enumerate(loss.tapped.network.model.blocks):
        block.register_forward_hook(lambda *_, index=index: called.append(index))
    with torch.no_grad():
        loss.features(pair[0])
    assert called == [0, 1]


def test_dinos_resnet50_is_torchvisions(helpers, pair):
    loss, state = build("dino-resnet50", helpers)
    model = torchvision.models.resnet50(weights=None).eval()
    model.fc = torch.nn.Identity()
    model.load_state_dict(state)
    trunk = torch.nn.Sequential(*list(model.children())[:-2])
    normalize = torchvision.models.ResNet50_Weights.IMAGENET1K_V2.transforms()
    images = [
        torchvision.transforms.Normalize(normalize.mean, normalize.std)(image) for image in pair
    ]
    with torch.no_grad():
        expected = F.mse_loss(trunk(images[0]), trunk(images[1]))
        torch.testing.assert_close(loss(*pair), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", ["fcmae-convnextv2-tiny", "clip-resnet50"])
def test_convolutional_encoders_equal_timms_last_stage(name, helpers, pair):
    loss, state = build(name, helpers)
    model = timm.create_model(model_of(name), pretrained=False).eval()
    model.load_state_dict(state)
    tap = SPECS[name].params().tap
    with torch.no_grad():
        maps = model.forward_intermediates(loss.normalize(pair[0]), intermediates_only=True)
        assert torch.equal(loss.features(pair[0])[tap], maps[-1])
    with pytest.raises(UserError, match="at least 32 x 32"):
        loss(pair[0][..., :31, :], pair[1][..., :31, :])


def test_clips_resnet50_takes_odd_sizes_and_stays_in_float32(helpers, pair):
    loss, _ = build("clip-resnet50", helpers)
    odd = [images[..., :67, :49] for images in pair]
    padded = [F.pad(images, (0, 15, 0, 29), mode="replicate") for images in odd]
    with torch.no_grad():
        assert torch.equal(loss(*odd), loss(*padded))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(loss(*odd), loss(*padded))
            assert loss.features(odd[0])["stages.3"].dtype == torch.float32


@pytest.mark.parametrize("name", ["dinov2-vit-small14", "dino-resnet50"])
def test_frozen_and_zero_for_equal_images(name, helpers, pair):
    loss, _ = build(name, helpers)
    assert loss(pair[1], pair[1]) == 0
    assert not any(p.requires_grad or p.is_meta for p in loss.parameters())
    loss.train()
    assert not any(module.training for module in loss.modules())


@pytest.mark.parametrize("name", ENCODERS)
def test_missing_and_incomplete_weights_are_refused(name, helpers):
    encoder, spec = ENCODERS[name], SPECS[name]
    with pytest.raises(WeightsError, match=FILES[name].id):
        spec.build(BuildContext(weights=helpers.Resolver({})), spec.params())
    state = {
        key: torch.zeros(tensor.shape, dtype=tensor.dtype)
        for key, tensor in list(encoder.empty().state_dict().items())[:-3]
    }
    resolver = helpers.Resolver({FILES[name].id: state})
    with pytest.raises(WeightsError, match="missing"):
        spec.build(BuildContext(weights=resolver), spec.params())


def sizes(model):
    return sum(t.numel() * t.element_size() for t in model.state_dict().values())


@pytest.mark.parametrize("name", ENCODERS)
def test_stated_sizes_are_those_of_the_tensors(name):
    assert FILES[name].size == sizes(ENCODERS[name].empty())


# Any of timm's ViTs


def any_vit(helpers, model, **params):
    network = timm.create_model(model.partition(".")[0], pretrained=False, num_classes=0)
    resolver = helpers.Resolver({f"timm-{model}": helpers.seeded(network)})
    parameters = TimmVitParams(model=model, **params)
    return plugin.build_timm_vit(BuildContext(weights=resolver), parameters)


def test_register_tokens_are_left_out(helpers, pair):
    loss = any_vit(helpers, "vit_small_patch14_reg4_dinov2.lvd142m")
    with torch.no_grad():
        assert loss.features(pair[0])["norm"].shape == (1, 384, 7, 7)


def test_rotary_embeddings_work_as_well(helpers, pair):
    loss = any_vit(helpers, "vit_small_patch16_dinov3.lvd1689m", tap="block6")
    sr = pair[0].clone().requires_grad_()
    loss(sr, pair[1]).backward()
    assert torch.isfinite(sr.grad).all()


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ("vit_small_patch16_225.dino", UnknownName, r"did you mean .*vit_small_patch16_224\.dino"),
        ("resnet50.a1_in1k", UserError, "expected a timm ViT"),
    ],
)
def test_what_is_no_vit_is_refused(model, error, message, helpers):
    resolver = helpers.Resolver({f"timm-{model}": {}})
    with pytest.raises(error, match=message):
        plugin.build_timm_vit(BuildContext(weights=resolver), TimmVitParams(model=model))


def test_an_unknown_block_names_its_neighbours(helpers):
    with pytest.raises(UnknownName, match=r"'block13'; did you mean"):
        any_vit(helpers, "vit_small_patch14_reg4_dinov2.lvd142m", tap="block13")


def test_building_moves_no_seed(helpers):
    model = "vit_small_patch14_reg4_dinov2.lvd142m"
    network = timm.create_model(model.partition(".")[0], pretrained=False, num_classes=0)
    resolver = helpers.Resolver({f"timm-{model}": helpers.seeded(network)})
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    plugin.build_timm_vit(BuildContext(weights=resolver), TimmVitParams(model=model))
    assert torch.equal(torch.random.get_rng_state(), before)
