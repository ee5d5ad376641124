"""A table of two arms that train in seconds, and an engine that runs its jobs in this process."""
import json
from pathlib import Path

import numpy as np
import tiny
import tiny_cache
import torch
from click.testing import CliRunner
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_ratings import SHOWN

from mmocr_kd.apis.comparison import Comparison, read_table
from mmocr_kd.apis.comparison.scoring import about_file, counts_file
from mmocr_kd.cli import main
from mmocr_kd.measure.counts import Counts


def write(folder, arms=None, **fields):
    """The table's file, with the config of a small detector of eight photos, two epochs long."""
    files = {**tiny_cache.write_photos(folder, 4), 'pipeline': SHOWN}
    cropped = [*tiny_cache.LOAD, dict(type='RandomFlip', prob=.5, direction='horizontal'),
               *tiny_cache.PACK]
    loader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True))
    tested = dict(batch_size=1, num_workers=0, dataset=files,
                  sampler=dict(type='DefaultSampler', shuffle=False))
    model = tiny.four_convs_cfg()
    cfg = Config(dict(
        default_scope='mmocr', log_level='ERROR', model=model,
        train_dataloader=dict(loader, dataset={**files, 'pipeline': cropped}),
        val_dataloader=tested, test_dataloader=tested,
        val_evaluator=dict(type='HmeanIOUMetric', pred_score_thrs=dict(start=.1, stop=.9, step=.2)),
        test_evaluator=dict(type='HmeanIOUMetric'), val_cfg=dict(), test_cfg=dict(),
        train_cfg=dict(by_epoch=True, max_epochs=2, val_interval=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=.01)),
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1),
                           checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))))
    cfg.dump(folder / 'plain.py')
    path = folder / 'mine.py'
    arms = arms or dict(plain=dict(config='plain.py'), fast=dict(
        config='plain.py', cfg_options={'optim_wrapper.optimizer.lr': .1}))
    fields = {**dict(arms=arms, seeds=[0, 1], reference='plain', protocol='detection'), **fields}
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in fields.items()))
    return path


def comparison(folder, **fields):
    """Of that table, in the same folder."""
    return Comparison(read_table(write(folder, **fields)), folder / 'out')


class HereEngine:
    """Runs jobs one by one as their processes would, and notes them.

    Args:
        broken: Name of a job -> how often its process is killed after an epoch.
    """

    def __init__(self, **broken):
        self.broken, self.ran = broken, []

    def run(self, jobs):
        for job in jobs:
            self.ran.append(job.name)
            yield job.name, self._play(job)

    def _play(self, job):
        if 'score-run' in job.argv:
            done = CliRunner().invoke(main, job.argv[job.argv.index('score-run'):])
            job.log.write_text(done.output)
            return done.exit_code
        path = Path(job.argv[job.argv.index('--work-dir') - 1])
        said, cfg, name = path.read_text(), Config.fromfile(path), job.name.replace('/', '_')
        cfg.update(resume=True, work_dir=str(path.parent),
                   experiment_name=f'{path} {len(self.ran)}')  # one process, many runners
        killed = self.broken.get(name, 0) > 0
        if killed:
            self.broken[name] -= 1
            cfg.train_cfg.max_epochs = 1
            job.log.write_text('out of memory')
        Runner.from_cfg(cfg).train()
        path.write_text(said)
        return -9 if killed else 0


def finish(run, hits=1, start='same', images='same', splits=('val', 'test'), shape=(3, )):
    """Write what a training of a run and its scoring would leave."""
    run.take_over()
    torch.save({'meta': dict(epoch=run.cfg.train_cfg.max_epochs, iter=8),
                'state_dict': {'weight': torch.zeros(shape)}}, run.folder / 'epoch_2.pth')
    (run.folder / 'last_checkpoint').write_text(str(run.folder / 'epoch_2.pth'))
    steps = {'0': 'same', '50': images, '100': images}
    (run.folder / 'pairing.json').write_text(json.dumps(dict(start=start, steps=steps)))
    for split in splits:
        about_file(run.folder, split).write_text(json.dumps(
            dict(protocol='detection', groups=None, date='2026-01-01')))
        thresholds, words = np.array([.3, .5, .7]), np.array([4, 2])
        found = np.array([[1, hits, 0], [0, hits, 1]])
        Counts(thresholds, found, found + 1, words, np.array(['a', 'b'])).save(
            counts_file(run.folder, split))
