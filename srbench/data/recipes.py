"""The data sets that are looked up in folders: data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The archive that a data set comes from, and which of its members are the set.

    Args:
        file: the archive's usual name.
        members: a regular expression that the paths of the set's images in it match; its group
            ``stem`` names the image.
        url: where it may be downloaded under its terms; ``None`` where it has no terms that allow
            it, or no fixed address.
        terms: what its owners ask of who downloads it.
        sha256: of the archive, as published; ``None`` where the set's pixels are the pin.
        max_bytes: largest size of a download.
        listed: only the members that ``bsdt100.txt`` names, or only the others; ``None``: all.
    """

    file: str
    members: str
    url: str | None = None
    terms: str = ""
    sha256: str | None = None
    max_bytes: int = 2**32
    listed: bool | None = None


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
        origin: the archive to assemble it from; ``None`` where there is none to name.
        pixels_sha256: of the copy that the leaderboard is scored on
            (:func:`srbench.data.verify.set_pixels_sha256`), whatever its files are called.
    """

    name: str
    summary: str
    folders: tuple[str, ...]
    images: int | None
    get: str
    tree: bool = False
    min_side: int = 0
    every: int = 1
    origin: Origin | None = None
    pixels_sha256: str | None = None


_SELFEX = (
    "download the benchmark images from https://github.com/jbhuang0604/SelfExSR and run "
    "`srbench data assemble"
)
_BSDS_TERMS = (
    "BSDS500 (Berkeley; Arbelaez et al., PAMI 2011, Martin et al., ICCV 2001): for research and "
    "education that is not commercial; cite the papers; the words that count are at "
    "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html"
)
_DIV2K_TERMS = (
    "DIV2K (Agustsson and Timofte, CVPRW 2017): for academic research only, the images belong to "
    "their authors; the words that count are at https://data.vision.ee.ethz.ch/cvl/DIV2K/"
)


def _selfex(folder: str) -> Origin:
    """The archives of Huang et al. hold HR and LR at several scales: taken are the HR of x4."""
    return Origin(file=f"{folder}_SR.zip", members=r"image_SRF_4/(?P<stem>img_\d+)_SRF_4_HR\.png$")


def _bsds(parts: str, listed: bool) -> Origin:
    return Origin(
        file="BSR_bsds500.tgz",
        members=rf"images/({parts})/(?P<stem>\d+)\.jpg$",
        url="http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
        terms=_BSDS_TERMS,
        max_bytes=2**27,
        listed=listed,
    )


def _div2k(part: str, sha256: str) -> Origin:
    """Hashes as TensorFlow Datasets publishes them (div2k/checksums.tsv)."""
    return Origin(
        file=f"{part}.zip",
        members=rf"{part}/(?P<stem>\d{{4}})\.png$",
        url=f"https://data.vision.ee.ethz.ch/cvl/DIV2K/{part}.zip",
        terms=_DIV2K_TERMS,
        sha256=sha256,
    )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="set5",
            summary="5 test images (Bevilacqua et al., BMVC 2012)",
            folders=("Set5/HR", "Set5"),
            images=5,
            get=f"{_SELFEX} set5`",
            origin=_selfex("Set5"),
            pixels_sha256="cef28b27751704b39abbfe11b76e014f070d907f4e591d22cea84e44281bfcb0",
        ),
        Recipe(
            name="set14",
            summary="14 test images, one of them grey (Zeyde et al., 2010)",
            folders=("Set14/HR", "Set14"),
            images=14,
            get=f"{_SELFEX} set14`",
            origin=_selfex("Set14"),
            pixels_sha256="08efd8833adcc354b81ace3b8338863cb881aec59dd7fbfa4258b6ef0ecdfe46",
        ),
        Recipe(
            name="bsd100",
            summary="100 test images: the val part of BSDS500 (Martin et al., ICCV 2001)",
            folders=("BSDS100/HR", "B100/HR", "BSD100/HR", "BSDS100", "B100", "BSD100"),
            images=100,
            get=f"{_SELFEX} bsd100`",
            origin=_selfex("BSD100"),
            pixels_sha256="dbbc81c67e27063fd135bb1fbb1cadd3c7cef5035dc6533b4d4d22e30f05b460",
        ),
        Recipe(
            name="urban100",
            summary="100 test images of buildings (Huang et al., CVPR 2015)",
            folders=("Urban100/HR", "Urban100"),
            images=100,
            get=f"{_SELFEX} urban100`",
            origin=_selfex("Urban100"),
        ),
        Recipe(
            name="bsds-train300",
            summary="300 training images: BSDS500 train, and 100 of its test images",
            folders=("bsds-train300",),
            images=300,
            # Never its val images, which are BSD100.
            get="run `srbench data get bsds-train300`",
            origin=_bsds("train|test", listed=False),
            pixels_sha256="335b26092ad59b5828cd0ec5197048e685a4cfd985d95c3b121baec3233f18c9",
        ),
        Recipe(
            name="bsdt100",
            summary="100 test images of BSDS500 that no network here was trained on",
            folders=("bsdt100",),
            images=100,
            get="run `srbench data get bsdt100`",
            origin=_bsds("test", listed=True),
            pixels_sha256="7167196ec2f0897e48819345c1b00cc15cfc1c4d9afb638f2cc02761bef59051",
        ),
        Recipe(
            name="bsdt20",
            summary="every fifth image of bsdt100 by name: 20, where scoring is dear",
            folders=("bsdt100",),
            images=100,
            get="run `srbench data get bsdt100`, of which it is a part",
            pixels_sha256="5c015b1d8ac71194ccd0358b66dbdc241892316cf601c7f6deec24d8c7607b74",
            every=5,
        ),
        Recipe(
            name="div2k",
            summary="800 training images, 2K (Agustsson and Timofte, CVPRW 2017)",
            folders=("DIV2K/DIV2K_train_HR", "DIV2K/train/HR", "DIV2K", "DIV2K_train_HR"),
            images=800,
            get="run `srbench data get div2k` (3.5 GB from ethz.ch)",
            origin=_div2k(
                "DIV2K_train_HR",
                "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
            ),
        ),
        Recipe(
            name="div2k-valid",
            summary="100 test images, 2K: the validation part of DIV2K",
            folders=("DIV2K/DIV2K_valid_HR", "DIV2K/valid/HR", "DIV2K_valid_HR", "div2k-valid"),
            images=100,
            get="run `srbench data get div2k-valid` (0.4 GB from ethz.ch)",
            origin=_div2k(
                "DIV2K_valid_HR",
                "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
            ),
        ),
        Recipe(
            name="manga109",
            summary="109 test images, pages of manga (Matsui et al., MTA 2017)",
            folders=("Manga109/HR", "Manga109"),
            images=109,
            get="ask its owners for it at http://www.manga109.org/en/ (academic use)",
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
