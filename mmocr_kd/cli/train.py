"""``mmocr-kd train``, ``test``: the command lines of MMOCR's own train.py and test.py."""
from __future__ import annotations

from typing import Any, Callable

import click

from .verb import Verb


def _of_both(command: Callable[..., None]) -> Callable[..., None]:
    """Options of both verbs."""
    for add in reversed([
            click.option('--work-dir', type=click.Path(), help='Folder for logs and checkpoints '
                         '[default: that of CONFIG, or else work_dirs/<CONFIG>].'),
            click.option('--cfg-options', multiple=True, metavar='KEY=VALUE...',
                         help='Fields of the config to replace: a.b=1 c="[1,2]".'),
            click.option('--launcher', type=click.Choice(['none', 'pytorch', 'slurm', 'mpi']),
                         default='none', show_default=True, help='Who starts the processes.'),
            # torch.distributed.launch passes one or the other, by version
            click.option('--local_rank', '--local-rank', type=int, default=0, hidden=True)]):
        command = add(command)
    return command


@click.command(
    cls=Verb, stopped='The same command with --resume goes on from the last checkpoint.', examples=[
        'mmocr-kd train masket_dbnet_mbv3.py                     # ours, by name, from any folder',
        'mmocr-kd train my_config.py --resume --cfg-options train_cfg.max_epochs=2'])
@click.argument('config', type=click.Path())
@_of_both
@click.option('--resume', is_flag=True, help='Go on from the last checkpoint in the work dir.')
@click.option('--amp', is_flag=True, help='Mixed precision (needs a GPU).')
@click.option('--auto-scale-lr', is_flag=True, help='Scale the learning rate by batch size; CONFIG '
              'must have auto_scale_lr.base_batch_size.')
def train(config: str, cfg_options: tuple[str, ...], resume: bool, amp: bool, auto_scale_lr: bool,
          **run: Any) -> None:
    """Train the model of CONFIG, a file or the name of a config that we ship."""
    from ..apis import runs
    from .cfg_options import parsed
    cfg = runs.run_config(config, parsed(cfg_options), **run)
    if amp:
        runs.use_amp(cfg)
    if auto_scale_lr:
        runs.scale_lr(cfg)
    cfg.resume = resume or cfg.get('resume', False)
    runs.train(cfg)


@click.command(cls=Verb, examples=[
    'mmocr-kd test masket_dbnet_mbv3.py work_dirs/masket_dbnet_mbv3/epoch_1.pth',
    'mmocr-kd test my_config.py epoch_1.pth --show-dir pictures'])
@click.argument('config', type=click.Path())
@click.argument('checkpoint', type=click.Path())
@_of_both
@click.option('--save-preds', is_flag=True,
              help='Write predictions to <work dir>/<checkpoint>_predictions.pkl.')
@click.option('--show', is_flag=True, help='Show predictions in a window.')
@click.option('--show-dir', type=click.Path(), help='Write pictures of predictions here.')
@click.option('--wait-time', type=float, default=2, show_default=True,
              help='Seconds a window stays.')
@click.option('--tta', is_flag=True, help="Test-time augmentation, by CONFIG's tta_model and "
              'tta_pipeline.')
def test(config: str, checkpoint: str, cfg_options: tuple[str, ...], save_preds: bool, show: bool,
         show_dir: str | None, wait_time: float, tta: bool, **run: Any) -> None:
    """Test CHECKPOINT with the test data of CONFIG."""
    from ..apis import runs
    from .cfg_options import parsed
    if show and show_dir:
        raise click.UsageError('--show or --show-dir, not both')
    cfg = runs.run_config(config, parsed(cfg_options), **run)
    cfg.load_from = checkpoint
    if show or show_dir:
        runs.draw(cfg, show_dir, wait_time)
    if tta:
        runs.augment(cfg)
    if save_preds:
        runs.save_predictions(cfg)
    runs.test(cfg)
