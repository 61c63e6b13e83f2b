"""``srbench calibrate``: the weight that a loss should have in one's own trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli import completion
from srbench.devices import DEVICES, check_device

if TYPE_CHECKING:
    from srbench.probe.strength import Pairs

_FOLDER = click.Path(path_type=Path)


@click.command("calibrate", short_help="The weight of a loss in your own trainer.")
@click.argument("loss", shell_complete=completion.losses)
@click.option(
    "--reference",
    default="vgg16,tap=conv5_3,distance=l1",
    show_default=True,
    metavar="LOSS",
    shell_complete=completion.losses,
    help="Whose strength it is to have.",
)
@click.option(
    "--weight", default=1.0, show_default=True, help="The reference's weight in your trainer."
)
@click.option("--sr", type=_FOLDER, help="What your generator makes now, with --hr: best of all.")
@click.option("--hr", type=_FOLDER, help="Ground truths of --sr.")
@click.option("--data", metavar="NAME", help="Bicubic images of this data set, or folder:PATH.")
@click.option("--size", type=click.IntRange(min=32), default=96, show_default=True)
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
def command(
    *,
    loss: str,
    reference: str,
    weight: float,
    sr: Path | None,
    hr: Path | None,
    data: str | None,
    size: int,
    device: str,
    as_json: bool,
) -> None:
    """Print the weight that makes LOSS pull on SR as hard as the reference does.

    LOSS is a name, with parameters after commas: vgg16,tap=conv4_3. Measured is the norm of the
    gradient with respect to SR, over crops of --size. Suites measure it at the parameters of their
    own generator; with yours, in Python: srbench.calibrate.
    """
    from srbench.api import load_loss
    from srbench.cli.output import echo_json, warn_broken
    from srbench.host import discover
    from srbench.probe.strength import image_gradient_norm
    from srbench.settings.loss_text import parse_loss

    check_device(device)
    warn_broken(discover())
    pairs = list(_pairs(sr, hr, data, size))
    norms = []
    for text in (loss, reference):
        name, params = parse_loss(text)
        module = load_loss(name, params=params, patch_size=size, device=device)
        norms.append(image_gradient_norm(module, pairs, device=device))
    found = weight * norms[1] / norms[0]
    if as_json:
        echo_json(
            {
                "loss": loss, "reference": reference, "weight": found, "gradient_norm": norms[0],
                "reference_gradient_norm": norms[1], "reference_weight": weight,
                "images": len(pairs),
            }
        )  # fmt: skip
        return
    click.echo(f"{found:.4g}")
    click.echo(
        f"the weight of {loss} that is as strong as {weight:g} x {reference}: gradient norms "
        f"{norms[0]:.3g} and {norms[1]:.3g} at SR, {len(pairs)} images of {size} px",
        err=True,
    )


def _pairs(sr: Path | None, hr: Path | None, data: str | None, size: int) -> Pairs:
    from srbench.errors import UserError
    from srbench.probe.strength import of_dataset, of_folders, stand_ins

    if (sr is None) != (hr is None) or (sr is not None and data is not None):
        raise UserError("expected --sr together with --hr, or --data, or none of them")
    if sr is not None and hr is not None:
        return of_folders(sr, hr, size)
    return stand_ins(size) if data is None else of_dataset(data, size)
