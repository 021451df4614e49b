"""`guidance-bench evaluate`: any images against any others from the command line; in Python it is experiments.evaluate."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.evaluate import measured, parsed

HELP = "A folder of images (PNG), an .npz of bytes (arr_0), or the folder of a run of images"


def evaluate(
    samples: Annotated[str, typer.Argument(help=f"{HELP}.")],
    reference: Annotated[str, typer.Option(help=f"{HELP}; or a world, for its training images.")],
    features: Annotated[
        list[str],
        typer.Option(
            help='efficientnet-lite0, fashion-judge, inception, dinov2, or {"is": "timm", ...} (docs/features.md). Repeatable.'
        ),
    ] = ["efficientnet-lite0"],  # noqa: B006  typer copies it
    protocol: Annotated[str, typer.Option(help="ours, or adm: Inception score in parts of 5,000.")] = "ours",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write an .npz: the images (arr_0), labels (arr_1), and mu, sigma of the first network's features."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the reference's world, as in --set world.size=64. Repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what --out names.")] = False,
    remake: Annotated[bool, typer.Option("--remake", help="Extract features again that other code made.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder that holds all runs.")] = Path("runs"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1; auto takes a GPU if there is one.")] = "auto",
) -> None:
    """Measure images against others on features of pretrained networks: Frechet distance, Inception score, precision, recall."""
    networks, rules = [parsed(text) for text in features], parsed(protocol)

    def tell(line: str) -> None:
        typer.echo(f"warning: {line}", err=True)

    for row in measured(samples, reference, networks, rules, out, force, settings or (), remake, runs, device, tell):
        typer.echo(f"{row['metric']:40} {row['value']:.6g}   n = {row['n']:,}")
    if out is not None:
        typer.echo(f"{out}: arr_0, mu and sigma of the first network's features, and arr_1 where there are labels")
