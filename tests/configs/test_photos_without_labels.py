"""The three arms for photos without labels, the whole way: command by command, then training."""
import re
import shutil

import pytest
from click.testing import CliRunner
from config_zoo import CONFIGS, load
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_photos import photos

from mmocr_kd.cli import main

ARMS = {'masket-ppocr': {'loss_prob', 'loss_kd'}, 'pseudo-ppocr': {'loss_prob'},
        'masket-pseudo-ppocr': {'loss_prob', 'loss_kd'}}
STUDENT = 'dbnet_mobilenetv3-large_fpnc_{}_1200e_td500-photos'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand-ins for MSRA-TD500 and for photos of one's own."""
    pytest.importorskip('rapidocr')
    shutil.copytree(photos(11)['data_root'], tmp_path / 'data' / 'td500')
    (tmp_path / 'data' / 'td500' / 'photos.json').rename(
        tmp_path / 'data' / 'td500' / 'textdet_train.json')
    shutil.copytree(photos(12)['data_root'], tmp_path / 'data' / 'photos')
    (tmp_path / 'data' / 'photos' / 'photos.json').unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('PHOTOS', raising=False)
    return tmp_path


def run(*arguments):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_arms_differ_in_what_their_names_say():
    cfgs = {arm: load(CONFIGS[STUDENT.format(arm)]).to_dict() for arm in ARMS}
    kinds = {arm: [part['type'] for part in cfg['train_dataloader']['dataset']['datasets']]
             for arm, cfg in cfgs.items()}
    assert kinds['masket-ppocr'] == ['CheckedOCRDataset', 'UnlabelledTextDetDataset']
    assert kinds['pseudo-ppocr'] == kinds['masket-pseudo-ppocr'] == ['CheckedOCRDataset'] * 2
    for cfg in cfgs.values():
        cfg['train_dataloader']['dataset'].pop('datasets')
        cfg['custom_hooks'] = [hook for hook in cfg['custom_hooks']
                               if hook['type'] != 'MaskETDistillHook']
        for name in ('labelled', 'unlabelled', 'pseudo'):
            assert cfg.pop(name)['pipeline'][-1]['type'] == 'DBTargets'
    assert len({str(sorted(cfg.items())) for cfg in cfgs.values()}) == 1


def test_from_a_folder_of_photos_to_trained_students(folder):
    assert 'on 2 photos' in run('pseudo-label', 'rapidocr', '--images', 'data/photos', '--out',
                                'data/photos/pseudo_labels.json', '--unclip', '1.4')
    said = run('cache', str(CONFIGS[STUDENT.format('masket-ppocr')]))
    assert re.search(r'\b4 \w+ written', said)
    for arm, losses in ARMS.items():
        cfg = Config.fromfile(CONFIGS[STUDENT.format(arm)])
        shrink(cfg, folder / arm)
        runner = Runner.from_cfg(cfg)
        runner.train()
        assert runner.iter == 2
        assert all(runner.message_hub.get_scalar(f'train/{loss}').current() > 0 for loss in losses)


def shrink(cfg, work_dir):
    """One epoch of two batches of 128x128 crops, no validation."""
    cfg.merge_from_dict({
        'work_dir': str(work_dir), 'experiment_name': work_dir.name, 'log_level': 'ERROR',
        'train_cfg.max_epochs': 1, 'param_scheduler': [], 'env_cfg.mp_cfg.mp_start_method': None,
        'train_dataloader.batch_size': 2, 'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False, 'model.backbone.init_cfg': None})
    for part in ('val', 'test'):
        cfg.update({f'{part}_{key}': None for key in ('cfg', 'dataloader', 'evaluator')})
    for part in cfg.train_dataloader.dataset.datasets:
        for step in part.pipeline:
            if step.type in ('Resize', 'Pad'):
                step['scale' if step.type == 'Resize' else 'size'] = (128, 128)
