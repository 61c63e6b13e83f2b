"""What docs/write-a-loss.md tells an author to type keeps the contract."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from srbench.checks import check_names, loss_checks
from srbench.checks.generate import write_plugin
from srbench.contract import LossSpec

DOCS = Path(__file__).parents[2] / "docs"


def blocks(name, language):
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Writes the plugin ``my-loss`` with one file replaced, and imports its plugin module."""

    def make(file, code):
        write_plugin("my-loss", tmp_path / "plugin")
        source = tmp_path / "plugin" / "src"
        (source / "srbench_my_loss" / file).write_text(code)
        monkeypatch.syspath_prepend(source)
        for name in [name for name in sys.modules if name.startswith("srbench_my_loss")]:
            monkeypatch.delitem(sys.modules, name)
        import srbench_my_loss.plugin as plugin

        return plugin

    yield make
    for name in [name for name in sys.modules if name.startswith("srbench_my_loss")]:
        del sys.modules[name]


def assert_all_pass(spec, skipped=(), **options):
    results = [check.result() for check in loss_checks(spec, **options)]
    assert [r.name for r in results] == list(check_names())
    assert {r.name for r in results if r.outcome == "skipped"} == set(skipped)
    bad = [r for r in results if r.outcome not in ("passed", "skipped")]
    assert [f"{r.name}: {r.detail}" for r in bad] == []


@pytest.mark.slow
def test_the_contrast_loss_passes(load):
    code = next(block for block in blocks("write-a-loss.md", "python") if "contrast(" in block)
    plugin = load("loss.py", code)
    import dataclasses

    assert_all_pass(dataclasses.replace(plugin.SPEC, min_size=5))


@pytest.mark.slow
def test_the_loss_from_known_weights_passes(load):
    written = blocks("write-a-loss.md", "python")
    code = next(block for block in written if "known_weights import" in block)
    loss = next(block for block in written if "self.network.features(images)" in block)
    plugin = load("plugin.py", code)
    (Path(plugin.__file__).parent / "loss.py").write_text(loss)
    assert plugin.SPEC.resolve(plugin.Params(tap="relu3_3")).min_size == 4
    assert_all_pass(plugin.SPEC)


@pytest.mark.slow
def test_the_pretrained_loss_passes(load):
    code = next(block for block in blocks("write-a-loss.md", "python") if "WeightFile(" in block)
    fields = re.search(r"in the spec: `(.*?)`\.", (DOCS / "write-a-loss.md").read_text(), re.DOTALL)
    spec = (
        'SPEC = LossSpec(name="my-loss", version=1, summary="resnet18", build=build,\n'
        f'                license="MIT", {fields[1]})\n\n'
        "@hookimpl\ndef srbench_losses():\n    return [SPEC]\n"
    )
    plugin = load("plugin.py", "from __future__ import annotations\n" + code + spec)
    assert isinstance(plugin.SPEC, LossSpec)
    # Random weights say nothing about what a network has learnt: that one check is skipped.
    assert_all_pass(plugin.SPEC, skipped=["falls-towards-truth"], weights="seeded")


def test_the_fields_of_the_contract_are_documented():
    import dataclasses

    from srbench.contract import BuildContext, WeightFile

    text = (DOCS / "contract.md").read_text()
    for kind in (LossSpec, BuildContext, WeightFile):
        section = text.split(f"## `{kind.__name__}`")[1].split("\n## ")[0]
        rows = " ".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))
        named = set(re.findall(r"`(\w+)`", rows))
        assert named == {field.name for field in dataclasses.fields(kind)}


def test_both_hooks_are_documented():
    from srbench.contract import hookspecs

    hooks = {name for name in vars(hookspecs) if name.startswith("srbench_")}
    section = (DOCS / "contract.md").read_text().split("## Discovery")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)\(\)`", section, re.MULTILINE)) == hooks


def test_links_between_the_pages_lead_somewhere():
    for page in ("write-a-loss.md", "contract.md", "comparing-losses.md"):
        for target in re.findall(r"\]\(([^)#]+\.md)(?:#[\w-]+)?\)", (DOCS / page).read_text()):
            assert (DOCS / target).is_file(), f"{page} -> {target}"
