"""Files that say what is compared."""
import re

import pytest
from mmengine.config import Config

from mmocr_kd.apis.comparison import read_table
from mmocr_kd.apis.comparison.table import arm_config, run_config

PLAIN = dict(model=dict(type='DBNet', width=4), train_cfg=dict(max_epochs=3), train_dataloader=[1],
             val_dataloader=[1], val_evaluator=[1], optim=dict(lr=.1))
TABLE = dict(arms=dict(plain=dict(config='arms/plain.py'), other=dict(config='arms/plain.py')),
             seeds=[0, 3], reference='plain', protocol='detection')


def table(folder, **fields):
    (folder / 'arms').mkdir(exist_ok=True)
    Config(PLAIN).dump(folder / 'arms' / 'plain.py')
    path = folder / 'mine.py'
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in {**TABLE, **fields}.items()
                              if value is not ...))
    return path


def test_fields(tmp_path):
    found = read_table(table(
        tmp_path, _private=1, cfg_options={'optim.lr': .2, 'train_cfg.max_epochs': 5},
        launcher=dict(nproc=2), groups='height', protocol='words', smallest=.05,
        arms=dict(plain=dict(config='arms/plain.py'),
                  other=dict(config='arms/plain.py', cfg_options={'optim.lr': .3}, paired=False,
                             launcher=dict(nproc=1)))))
    assert (found.name, found.seeds, found.groups, found.smallest) == (
        'mine', [0, 3], 'height', .05)
    plain, other = found.arms.values()
    assert (plain.paired, plain.processes, other.paired, other.processes) == (True, 2, False, 1)
    assert [arm_config(arm).optim.lr for arm in (plain, other)] == [.2, .3]
    assert arm_config(other).train_cfg.max_epochs == 5


@pytest.mark.parametrize('fields, says', [
    (dict(seeds=...), 'seeds is missing'), (dict(sedes=[1]), 'sedes is unknown; known are arms'),
    (dict(seeds=[0, 0]), 'seeds=[0, 0] must'), (dict(seeds=[]), 'seeds=[] must'),
    (dict(seeds=[True]), 'seeds=[True] must'), (dict(seeds=[-1]), 'seeds=[-1] must'),
    (dict(reference='plane'), "reference='plane' must be one of 'plain', 'other'"),
    (dict(protocol='hmean'), "protocol='hmean' must be one of 'detection', 'words'"),
    (dict(groups='width'), "groups='width' must be one of None, 'dataset'"),
    *((dict(smallest=wrong), f'smallest={wrong!r} must be a difference of scores')
      for wrong in (0, -.02, 2, '0.02')),
    (dict(arms={}), 'arms={} must be a dict'),
    (dict(arms=dict(plain='a.py')), "arms['plain']='a.py' must be dict(config=...)"),
    (dict(arms=dict(plain=dict())), "config of arms['plain'] is missing"),
    (dict(arms=dict(plain=dict(config='x', lr=1))), "lr of arms['plain'] is unknown"),
    (dict(arms={'../up': dict(config='arms/plain.py')}), "arms['../up'] names a folder"),
    (dict(launcher='slurm'), "launcher='slurm' must be dict(nproc="),
    (dict(launcher=dict(nproc=0)), "launcher={'nproc': 0} must")])
def test_what_is_wrong_is_named(tmp_path, fields, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        read_table(table(tmp_path, **fields))


def test_a_config_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"arms\['plain'\].config='no.py' does not exist"):
        read_table(table(tmp_path, arms=dict(plain=dict(config='no.py'))))
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / 'none.py')


def test_a_config_that_does_not_validate(tmp_path):
    path = table(tmp_path)
    Config({key: value for key, value in PLAIN.items() if key != 'val_dataloader'}).dump(
        tmp_path / 'arms' / 'plain.py')
    with pytest.raises(ValueError, match="arm 'plain' has no val_dataloader"):
        arm_config(read_table(path).arms['plain'])


def test_config_of_a_run(tmp_path):
    cfg = Config(dict(PLAIN, custom_hooks=[dict(type='EMAHook')], randomness=dict(
        deterministic=True)))
    run = run_config(cfg, 4, tmp_path)
    assert run.custom_hooks == [dict(type='EMAHook'), dict(type='PairingHook')]
    assert run.randomness == dict(seed=4, deterministic=True) and run.work_dir == str(tmp_path)
    assert run.custom_imports.imports == ['mmocr_kd'] and 'randomness' in cfg
    assert cfg.get('work_dir') is None and len(cfg.custom_hooks) == 1
    again = run_config(run, 4, tmp_path)
    assert again.custom_imports == run.custom_imports


def test_weights_to_start_from_are_not_resumed_from(tmp_path):
    cfg = Config(dict(PLAIN, load_from='pretrained.pth'))
    run = run_config(cfg, 0, tmp_path)
    assert run.load_from is None
    assert run.custom_hooks == [dict(type='PairingHook', start='pretrained.pth')]
    given = run_config(Config(PLAIN), 0, tmp_path, tmp_path / 'start_0.pth')
    assert given.custom_hooks[0].start == str(tmp_path / 'start_0.pth')
