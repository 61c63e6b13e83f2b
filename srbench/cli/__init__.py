"""The ``srbench`` command. Each command lives in a module of its own, imported when it is used."""

from __future__ import annotations

import importlib
import io
import os
import sys

import click

from srbench.cli.interrupts import never_lose_ctrl_c
from srbench.errors import UserError, did_you_mean
from srbench.namesake import DISTRIBUTION, refuse_namesake

COMMANDS = {
    "run": "run",
    "plan": "plan",
    "tune": "tune",
    "runs": "runs",
    "reproduce": "reproduce",
    "suites": "suites",
    "losses": "losses",
    "plugins": "plugins",
    "weights": "weights",
    "data": "data",
    "eval": "eval",
    "agree": "agree",
    "study": "study",
    "upscale": "upscale",
    "report": "report",
    "publish": "publish",
    "submit": "submit",
    "verify": "verify",
    "check": "check",
    "probe": "probe",
    "calibrate": "calibrate",
    "certify": "certify",
    "new-plugin": "new_plugin",
    "docs": "docs",
}
"""Command -> module under ``srbench.cli``; the order is that of ``--help``."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command (or the help) is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or ``None``; a misspelt one gets the nearest name from :meth:`resolve`."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(f"srbench.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest names for a misspelt command."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"expected a command, got {args[0]!r}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run, turning every error into one message on stderr and an exit status."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a full disk is told of here, not by Python when it ends
            return result
        except BrokenPipeError:
            # The reader (`| head`) went away; Python would print a second error at shutdown.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except KeyboardInterrupt:
            click.echo("interrupted; finished work is kept, rerun to continue", err=True)
            ctx.exit(130)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if os.environ.get("SRBENCH_TRACEBACK"):
                raise
            from srbench.cli.failure import report_failure

            ctx.exit(report_failure(error))


def _blocked(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[str]:
    names = []
    for value in values:
        if not value.startswith("no:") or not value[3:]:
            raise click.BadParameter(f"expected no:NAME, got {value!r}")
        names.append(value[3:])
    return names


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=DISTRIBUTION, prog_name="srbench")
@click.option(
    "-p",
    "blocked",
    multiple=True,
    callback=_blocked,
    metavar="no:NAME",
    help="Do not load this plugin (distribution or entry point). Repeatable.",
)
@click.pass_context
def cli(ctx: click.Context, blocked: list[str]) -> None:
    """Benchmark perceptual losses for super-resolution GANs.

    Train the same SRGAN with each loss, score all of them by one pinned protocol, and read the
    table. Start with:  srbench run quick
    """
    if blocked:
        # Workers are processes of their own: the environment is how they learn of it.
        block = ",".join(f"no:{name}" for name in blocked)
        present = os.environ.get("SRBENCH_PLUGINS")
        os.environ["SRBENCH_PLUGINS"] = f"{present},{block}" if present else block
    ctx.ensure_object(dict)


def main() -> None:
    """Entry point of the console script."""
    never_lose_ctrl_c()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file name may be any bytes
            stream.reconfigure(errors="backslashreplace")
    if "--json" in sys.argv:
        from srbench.cli.output import reserve_stdout

        reserve_stdout()
    try:
        refuse_namesake()  # first: if the stranger came last, even ``srbench/__init__`` is its
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_status)
    cli(prog_name="srbench")
