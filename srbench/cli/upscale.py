"""``srbench upscale``: a trained generator on any photograph."""

from __future__ import annotations

import click

from srbench.cli.completion import folder_rows
from srbench.devices import DEVICES, check_device, detect_device, float64_device


@click.command("upscale", short_help="Enlarge photographs with a trained generator.")
@click.argument("checkpoint", metavar="RUN", type=click.Path())
@click.argument("images", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--row", metavar="LABEL", shell_complete=folder_rows, help="Which row of the out folder RUN."
)
@click.option("--seed", type=int, help="Which seed of that row. Default: the first.")
@click.option(
    "--suite",
    metavar="NAME|HASH",
    help="Of which suite, where several have the row. Of one suite's versions: the newest.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1, min_open=True),
    help="With --row: how far from its warm start (0) to the trained generator (1, the default).",
)
@click.option("--out", default=".", show_default=True, type=click.Path(file_okay=False))
@click.option(
    "--tile",
    default=256,
    show_default=True,
    type=click.IntRange(16, 4096),
    help="Side of a tile in input pixels; bounds the memory, does not change the result.",
)
@click.option("--device", type=click.Choice(DEVICES), help="Default: CUDA if there is one.")
@click.option(
    "--exact",
    is_flag=True,
    help="Compute in float64, as for images that are scored: the same bytes on every machine.",
)
def command(
    *,
    checkpoint: str,
    images: tuple[str, ...],
    row: str | None,
    seed: int | None,
    suite: str | None,
    out: str,
    tile: int,
    device: str | None,
    exact: bool,
    strength: float | None,
) -> None:
    """Enlarge IMAGES with a generator that `srbench run` trained.

    RUN is an out folder such as runs/quick, of which --row chooses a row; or the file of a
    generator. With --strength it is a point between the row's warm start, which is faithful,
    and the trained generator. Results are written as OUT/<name>_x4.png, where the factor is 4.
    """
    from pathlib import Path

    from srbench.cli.output import progress_bar
    from srbench.errors import UserError
    from srbench.host import discover
    from srbench.imaging import read_image, write_image
    from srbench.memory import keep_freed_memory
    from srbench.models.files import load_generator
    from srbench.models.images import upscale_image

    keep_freed_memory()
    file = Path(checkpoint)
    if file.is_dir():
        from srbench.app.strength import generator_at

        trained = generator_at(file, row, seed, strength or 1.0, discover(), suite=suite)
    elif any(option is not None for option in (row, seed, suite, strength)):
        raise UserError(
            "expected --row, --seed, --suite and --strength with an out folder, got the file "
            f"{checkpoint}",
            "leave them out, or name the folder",
        )
    else:
        trained = load_generator(file, discover().generator_spec)
    scale = trained.generator.scale
    names = [Path(name).stem for name in images]
    if len(set(names)) != len(names):
        raise UserError(
            "expected images with different names, got two that would be written to one file",
            "upscale them in two calls with different --out folders",
        )
    device = device or detect_device()
    check_device(device)
    if exact:
        device = float64_device(device)
        trained.network.double()
    for name in images:
        image = read_image(Path(name))  # decoded one at a time: a bad one costs no finished work
        target = Path(out) / f"{Path(name).stem}_x{scale}.png"
        with progress_bar(Path(name).name) as advance:
            sr = upscale_image(trained, image, tile=tile, device=device, progress=advance)
        write_image(target, sr)
        click.echo(str(target))
