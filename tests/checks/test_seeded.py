"""Seeded weights: the real layout, values that keep a signal, and the same everywhere."""

from __future__ import annotations

import pickle

import pytest
import torch
import torchvision
from torch import nn

from srbench.checks import SeededWeights
from srbench.checks.layouts import known_layouts, offered_layouts, official_layout
from srbench.checks.seeded import GROUP
from srbench.contract import HubSource, UrlSource, WeightFile
from srbench.errors import PluginError, WeightsError


def resnet18():
    return torchvision.models.resnet18()


def test_names_shapes_and_types_are_those_of_the_network():
    state = SeededWeights({"r": resnet18}).state_dict("r")
    real = torchvision.models.resnet18().state_dict()
    assert {k: (v.shape, v.dtype) for k, v in state.items()} == {
        k: (v.shape, v.dtype) for k, v in real.items()
    }
    assert not any(value.is_meta for value in state.values())


@pytest.mark.parametrize("name", ["resnet152", "vgg19", "mobilenet_v3_large"])
def test_a_signal_survives_the_whole_network(name):
    make = getattr(torchvision.models, name)
    network = make().eval()
    network.load_state_dict(SeededWeights({"x": make}).state_dict("x"))
    with torch.no_grad():
        outputs = network(torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)))
    assert float(outputs.std(dim=0).mean() / outputs.abs().mean()) > 1e-4
    assert 1e-3 < float(outputs.abs().mean()) < 1e6


def test_half_precision_files_stay_half():
    half = {"weight": torch.empty(4, 4, dtype=torch.float16, device="meta")}
    assert SeededWeights({"h": half}).state_dict("h")["weight"].dtype == torch.float16


def test_values_depend_on_seed_id_and_name_only():
    layouts = {"a": lambda: nn.Conv2d(3, 4, 3), "b": nn.Conv2d(3, 4, 3)}
    first, again = SeededWeights(layouts), SeededWeights(layouts)
    weight = first.state_dict("a")["weight"]
    assert torch.equal(weight, again.state_dict("a")["weight"])
    assert not torch.equal(weight, first.state_dict("b")["weight"])
    assert not torch.equal(weight, SeededWeights(layouts, seed=1).state_dict("a")["weight"])


def test_making_them_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    SeededWeights({"r": resnet18, "c": lambda: nn.Conv2d(3, 4, 3)}).state_dict("c")
    assert torch.equal(torch.get_rng_state(), before)


def test_they_pickle_although_their_layouts_do_not():
    weights = SeededWeights({"a": lambda: nn.Conv2d(3, 4, 3)})
    copy = pickle.loads(pickle.dumps(weights))
    assert copy.ids == weights.ids
    assert torch.equal(copy.state_dict("a")["weight"], weights.state_dict("a")["weight"])


def test_networks_that_read_values_while_they_are_made_have_a_layout_too():
    def reading():
        width = int(torch.linspace(0, 8, 2)[-1].item())
        return nn.Conv2d(3, width, 3)

    state = SeededWeights({"a": reading}).state_dict("a")
    assert state["weight"].shape == (8, 3, 3, 3)


def test_an_unknown_id_is_refused():
    with pytest.raises(WeightsError, match="layout for seeded weights 'b', got layouts for: a"):
        SeededWeights({"a": nn.Conv2d(3, 4, 3)}).state_dict("b")


@pytest.fixture
def install(tmp_path, monkeypatch):
    def make(distribution, module, code):
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\nmain = {module}:LAYOUTS\n")
        (tmp_path / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    return make


def test_plugins_offer_layouts_through_an_entry_point(install):
    install("with-layouts", "layouts_one", "LAYOUTS = {'tiny': lambda: 0}")
    assert set(offered_layouts("with_layouts")) == {"tiny"}
    assert offered_layouts("another") == {}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("LAYOUTS = 3", "a mapping of weight ids to layouts, got int"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_broken_layouts_name_the_distribution(code, message, install):
    install("broken-layouts", f"layouts_{len(code)}", code)
    with pytest.raises(PluginError, match=f"broken-layouts.*{message}"):
        offered_layouts("broken-layouts")


def file(weight_id, *sources, **fields):
    return WeightFile(id=weight_id, license="MIT", sources=sources, **fields)


def test_official_files_are_recognised():
    url = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    resnet = file("r", UrlSource(url=url))
    assert type(official_layout(resnet)()) is torchvision.models.ResNet
    vit = file("v", HubSource(repo="timm/resnet18.a1_in1k", filename="model.safetensors"))
    assert type(official_layout(vit)()).__module__ == "timm.models.resnet"
    stranger = file("s", UrlSource(url="https://example.org/net.pth"))
    assert official_layout(stranger) is None
    assert set(known_layouts([resnet, vit, stranger], None)) == {"r", "v"}


@pytest.mark.parametrize(
    ("url", "some_key"),
    [
        ("fcn_resnet50_coco-1167a1af.pth", "aux_classifier.4.bias"),
        ("deeplabv3_mobilenet_v3_large-fc3c493d.pth", "aux_classifier.4.bias"),
        ("lraspp_mobilenet_v3_large-d234d4ea.pth", "classifier.high_classifier.bias"),
        ("maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", "backbone.fpn.inner_blocks.0.0.bias"),
        ("inception_v3_google-0cc3c7bd.pth", "AuxLogits.fc.bias"),
    ],
)
def test_official_layouts_are_of_the_whole_file(url, some_key):
    source = UrlSource(url=f"https://download.pytorch.org/models/{url}")
    weights = SeededWeights(known_layouts([file("x", source)], None))
    assert some_key in weights._layout("x")


def test_only_what_a_file_keeps_is_given():
    weights = SeededWeights({"r": resnet18}).restricted_to([file("r", keep=("layer1.", "fc."))])
    assert {name.split(".")[0] for name in weights.state_dict("r")} == {"layer1", "fc"}
