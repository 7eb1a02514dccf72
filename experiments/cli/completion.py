"""`fibercut completion SHELL`: the shell's own script that completes commands and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from experiments.cli.values import OneOf

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", metavar="SHELL", type=OneOf(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that lets SHELL (bash, zsh or fish) complete commands, options and names.

    The name of a scenario, study, topology or policy is completed too.

    \b
      bash   echo 'eval "$(fibercut completion bash)"' >>~/.bashrc
      zsh    echo 'eval "$(fibercut completion zsh)"' >>~/.zshrc      (after compinit)
      fish   fibercut completion fish >~/.config/fish/completions/fibercut.fish

    `fibercut` must be in PATH for it: ln -s "$PWD/fibercut" ~/.local/bin/ in the source folder.
    """  # noqa: D301 - click's own sign for lines that stay as they are
    found = get_completion_class(shell)
    assert found is not None
    root = ctx.find_root()
    assert root.info_name is not None
    variable = f"_{root.info_name.upper()}_COMPLETE"
    click.echo(found(root.command, {}, root.info_name, variable).source())
