"""pyiqa's metrics for the outputs of GANs whose weights are held to a published hash, as data.

Their files lie on one hub alone. Each name there ends in the first eight digits of the file's
sha256 (as ``LPIPS_v0.1_alex-df73285e.pth``, whose whole hash is known, shows), and OpenAI's address
of CLIP holds the whole: what is not that file is not opened. Eight digits keep out a file that was
changed or cut, not one that was forged with much computing; the hash of the tensors is noted at the
first load, and a later load that differs is refused.

Not here: A-FINE, whose file has no published hash and which refuses images whose sides are no
multiples of 32; MUSIQ trained on PIPAL, which pyiqa does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from srbench.contract import (
    Agreement,
    BuildContext,
    HubSource,
    MetricSpec,
    UrlSource,
    WeightFile,
)

if TYPE_CHECKING:
    from torch import Tensor

    from srbench.contract.weightfile import Reader

HUB: Final = "chaofengc/IQA-PyTorch-Weights"
_CLIP = "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"


def plain_state(loaded: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state dict of a checkpoint of pyiqa: some hold it under ``params``, some in parallel."""
    state = loaded.get("params", loaded)
    return {name.removeprefix("module."): value for name, value in state.items()}


@dataclass(frozen=True, slots=True)
class Vetted:
    """Factory: pyiqa's network of this name with the declared weights; nothing is downloaded."""

    name: str

    def __call__(self, ctx: BuildContext) -> Callable[..., Tensor]:
        """The metric."""
        from srbench.metrics.pyiqa_vetted import filled_network

        files = VETTED[self.name].weights
        return filled_network(self.name, *(ctx.weights.state_dict(file.id) for file in files))


def _file(weight_id: str, filename: str, *, size: int = 0, reader: Reader = "torch") -> WeightFile:
    return WeightFile(
        id=weight_id,
        license="as the authors say: NTU S-Lab 1.0 or none stated",
        sources=(HubSource(repo=HUB, filename=filename, reader=reader, convert=plain_state),),
        sha256_prefix=filename.removesuffix(".pth").rsplit("-", 1)[1],
        size=size,
    )


CLIP_RN50 = WeightFile(
    id="clip-rn50-openai",
    license="MIT",
    sources=(
        UrlSource(
            url=f"https://openaipublic.azureedge.net/clip/models/{_CLIP}/RN50.pt",
            reader="torchscript",
        ),
    ),
    file_sha256=_CLIP,
)


def _metric(
    name: str,
    reference: Literal["full", "none"],
    weights: tuple[WeightFile, ...],
    summary: str,
    paper: str,
    agreement: Agreement | None = None,
) -> MetricSpec:
    return MetricSpec(
        name=name.replace("+", "-plus").replace("_", "-").lower(),
        version=1,
        lower_is_better=False,
        reference=reference,
        build=Vetted(name),
        license="code PolyForm-Noncommercial-1.0.0 (pyiqa); weights as their authors say",
        weights=weights,
        summary=summary,
        paper=paper,
        min_size=32,
        tolerance=1e-3,
        agreement=agreement,
    )


VETTED: Final[Mapping[str, MetricSpec]] = {
    "topiq_fr-pipal": _metric(
        "topiq_fr-pipal", "full",
        (_file("topiq-fr-pipal", "cfanet_fr_pipal_res50-69bbe5ba.pth"),),
        "TOPIQ with a reference, trained on PIPAL, which has outputs of GANs",
        "https://arxiv.org/abs/2308.03060",
    ),
    "maniqa-pipal": _metric(
        "maniqa-pipal", "none",
        (_file("maniqa-pipal", "MANIQA_PIPAL-ae6d356b.pth", size=543_335_435),),
        "MANIQA without a reference, trained on PIPAL, which has outputs of GANs",
        "https://arxiv.org/abs/2204.08958",
        Agreement(
            finding="First in the final phase of the challenge's track without references, whose "
            "images hold the outputs of GANs",
            source="Yang et al., MANIQA, CVPR Workshops 2022 (NTIRE 2022 challenge)",
            url="https://arxiv.org/abs/2204.08958",
        ),
    ),
    "musiq": _metric(
        "musiq", "none",
        (_file("musiq-koniq", "musiq_koniq_ckpt-e95806b9.pth", size=108_610_983),),
        "MUSIQ without a reference, trained on photographs (KonIQ-10k), no outputs of GANs",
        "https://arxiv.org/abs/2108.05997",
    ),
    "clipiqa+": _metric(
        "clipiqa+", "none",
        (
            _file(
                "clip-iqa-plus", "CLIP-IQA+_learned_prompts-603f3273.pth", reader="torch-tensor"
            ),
            CLIP_RN50,
        ),
        "CLIP-IQA+ without a reference: two prompts for CLIP, learnt on photographs (KonIQ-10k)",
        "https://arxiv.org/abs/2207.12396",
    ),
}  # fmt: skip
"""pyiqa's name -> the metric, whose own name has ``-`` for ``_`` and ``-plus`` for ``+``."""
