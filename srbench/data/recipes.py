"""The data sets that are looked up in folders: data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one data set is recognised on the disk.

    Args:
        name: as a suite names it.
        summary: what it is.
        folders: paths below a data root, tried in this order, compared without regard to case; a
            subfolder comes before its parent, and the last is the one that we recommend.
        images: how many there must be; ``None``: any number.
        get: how to get it, a clause without a full stop.
        tree: its images lie in subfolders.
        min_side: images with a shorter side are passed over, pixels.
        every: of the images in the order of their names, one in so many, the first among them.
    """

    name: str
    summary: str
    folders: tuple[str, ...]
    images: int | None
    get: str
    tree: bool = False
    min_side: int = 0
    every: int = 1


_SELFEX = "download the benchmark images from https://github.com/jbhuang0604/SelfExSR"
_BSDS = (
    "download BSDS500 from "
    "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html"
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="set5",
            summary="5 test images (Bevilacqua et al., BMVC 2012)",
            folders=("Set5/HR", "Set5"),
            images=5,
            get=_SELFEX,
        ),
        Recipe(
            name="set14",
            summary="14 test images, one of them grey (Zeyde et al., 2010)",
            folders=("Set14/HR", "Set14"),
            images=14,
            get=_SELFEX,
        ),
        Recipe(
            name="bsd100",
            summary="100 test images: the val part of BSDS500 (Martin et al., ICCV 2001)",
            folders=("BSDS100/HR", "B100/HR", "BSD100/HR", "BSDS100", "B100", "BSD100"),
            images=100,
            get=_SELFEX,
        ),
        Recipe(
            name="urban100",
            summary="100 test images of buildings (Huang et al., CVPR 2015)",
            folders=("Urban100/HR", "Urban100"),
            images=100,
            get=_SELFEX,
        ),
        Recipe(
            name="bsds-train300",
            summary="300 training images: BSDS500 train, and 100 of its test images",
            folders=("bsds-train300",),
            images=300,
            get=f"{_BSDS} and take its train images, and its test images except those that "
            "srbench/data/bsdt100.txt lists; never its val images, which are BSD100",
        ),
        Recipe(
            name="bsdt100",
            summary="100 test images of BSDS500 that no network here was trained on",
            folders=("bsdt100",),
            images=100,
            get=f"{_BSDS} and take those test images that srbench/data/bsdt100.txt lists",
        ),
        Recipe(
            name="bsdt20",
            summary="every fifth image of bsdt100 by name: 20, where scoring is dear",
            folders=("bsdt100",),
            images=100,
            get=f"{_BSDS} and take those test images that srbench/data/bsdt100.txt lists",
            every=5,
        ),
        Recipe(
            name="div2k",
            summary="800 training images, 2K (Agustsson and Timofte, CVPRW 2017)",
            folders=("DIV2K/DIV2K_train_HR", "DIV2K/train/HR", "DIV2K", "DIV2K_train_HR"),
            images=800,
            get="download DIV2K_train_HR.zip from https://data.vision.ee.ethz.ch/cvl/DIV2K/",
        ),
        Recipe(
            name="imagenet",
            summary="ILSVRC 2012 training images, a folder tree; use a seeded subset by count",
            folders=(
                "imagenet/ILSVRC/Data/CLS-LOC/train",
                "ILSVRC/Data/CLS-LOC/train",
                "ILSVRC2012_img_train",
                "imagenet/train",
            ),
            images=None,
            get="download ILSVRC2012_img_train.tar from https://image-net.org/download.php and "
            "unpack it and the archives inside it",
            tree=True,
            min_side=96,
        ),
    )
}
