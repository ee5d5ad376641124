"""``mmocr-kd completion``: verbs, options and files at the press of a key."""
from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .verb import Verb


@click.command(cls=Verb, registers=False, examples=[
    'mmocr-kd completion bash >> ~/.bashrc',
    'mmocr-kd completion zsh >> ~/.zshrc',
    'mmocr-kd completion fish > ~/.config/fish/completions/mmocr-kd.fish'])
@click.argument('shell', type=click.Choice(['bash', 'zsh', 'fish']))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete verbs, options and files."""
    kind = get_completion_class(shell)
    assert kind is not None
    command = context.find_root().command
    click.echo(kind(command, {}, 'mmocr-kd', '_MMOCR_KD_COMPLETE').source())
