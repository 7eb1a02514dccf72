"""The command group. A command's module is imported only when it is used."""

from __future__ import annotations

import importlib
import sys

import click
from click.shell_completion import CompletionItem

from experiments.cli.ending import ended
from experiments.versions import fibercut_version

# The commands, in the order in which help lists them: module and attribute, and one line of help.
COMMANDS = {
    "demo": ("experiments.cli.run:demo", "Run the main experiment: a conduit is cut, and heals."),
    "run": ("experiments.cli.run:run", "Run a scenario and compare its policies."),
    "live": ("experiments.cli.live:live", "Watch a run in a browser, cut and mend while it runs."),
    "study": ("experiments.cli.study:study", "Run a grid of scenarios, and tell its statistics."),
    "export": ("experiments.cli.export:export", "Write a run's tables as CSV or Parquet files."),
    "report": ("experiments.cli.report:report", "Write a run's report, or figures for a paper."),
    "compare": ("experiments.cli.compare:compare", "Two runs or policies, and how they differ."),
    "list": ("experiments.cli.listing:list_", "List scenarios, studies, topologies and policies."),
    "topology": ("experiments.cli.topology:topology", "Show a topology, or write it to a file."),
    "schema": ("experiments.cli.topology:schema", "The JSON Schema of scenarios or topologies."),
    "lint": ("experiments.cli.lint:lint_", "Warn of what is likely wrong with a topology."),
    "map": ("experiments.cli.map:map_", "Draw a topology as a map: SVG, PNG, PDF, HTML."),
    "validate": ("experiments.cli.validate:validate", "Check a scenario or topology file."),
    "shell": ("experiments.cli.shell:shell", "The Mininet prompt on a built network."),
    "coverage": (
        "experiments.cli.coverage:coverage_",
        "What a policy delivers under every failure, computed without emulation.",
    ),
    "controller": (
        "experiments.cli.controller:controller",
        "Ask a running controller: paths, protection, updates, events.",
    ),
    "exec": ("experiments.cli.exec:exec_", "Run any program in the guest."),
    "doctor": ("experiments.cli.doctor:doctor", "What is there, what is missing, how to mend it."),
    "clean": (
        "experiments.cli.clean:clean",
        "Remove what killed runs have left on this machine (clock real).",
    ),
    "completion": (
        "experiments.cli.completion:completion",
        "A script that completes commands and names in bash, zsh or fish.",
    ),
    "docs": ("experiments.cli.docs:docs", "Build the documentation, its links checked."),
    "test": ("experiments.cli.testing:test", "Check the code and run all tests."),
}


class Commands(click.Group):
    """A group whose commands are found in COMMANDS, so that starting stays cheap."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in COMMANDS' order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for; an unknown one is told what was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=COMMANDS, ctx=ctx
            ) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands' names for the shell, without importing them."""
        found = [
            CompletionItem(name, help=line)
            for name, (_, line) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found or click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"fibercut {fibercut_version()}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Cut the fibre, measure the heal: a packet-level testbed for AI backbone networks.

    \b
    Exit status of every command:
      0    all went well
      1    a run, a check or a measurement failed
      2    the input or this machine cannot be used: said with its place and what to do
      130  interrupted; what was measured by then is kept
    `exec` gives back its program's own.

    Answers go to standard output, progress and notes to standard error. Colours appear on a
    terminal only, and not with NO_COLOR set. --json prints an answer for programs.
    """  # noqa: D301 - click's own sign for lines that stay as they are


def main() -> None:
    """The program `fibercut`."""
    sys.exit(ended(lambda: cli.main(prog_name="fibercut", standalone_mode=False)))
