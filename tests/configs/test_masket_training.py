"""The shipped MaskET configs train as they stand, only smaller, and leave a plain checkpoint."""
import pytest
import torch
from config_zoo import CONFIGS, build, load, photo_data, teacher_of
from mmengine.config import Config
from mmengine.runner import Runner

from mmocr_kd.apis import student_checkpoint

STUDENT = 'dbnet_mobilenetv3-large_fpnc'


@pytest.mark.parametrize('arm, loss', [
    ('masket-resnet18', 'loss_entropy'),
    ('fitnet-resnet50', 'loss_fitnet'),
])
def test_one_epoch_leaves_a_checkpoint_for_the_plain_config(arm, loss, tmp_path):
    cfg = Config.fromfile(CONFIGS[f'{STUDENT}_{arm}_1200e_totaltext'])
    _save_random_teacher(cfg, tmp_path / 'teacher.pth')
    _shrink(cfg, tmp_path)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.message_hub.get_scalar(f'train/{loss}').current() > 0
    saved = torch.load(tmp_path / 'epoch_1.pth', map_location='cpu', weights_only=False)
    student = {k: v for k, v in saved['state_dict'].items() if not k.startswith('adaptors.')}
    plain = build(load(CONFIGS[f'{STUDENT}_1200e_totaltext']))
    plain.load_state_dict(student, strict=True)


def test_a_student_teaches_itself(tmp_path):
    runner, saved = _train_embedded('masket-ema', tmp_path)
    assert runner.message_hub.get_scalar('train/loss_kd').current() > 0
    assert [teacher['steps'] for teacher in saved['ema_teachers']] == [2]
    _plain_student().load_state_dict(saved['state_dict'], strict=True)


def test_a_weight_is_solved_for(tmp_path):
    runner, saved = _train_embedded('masket-auto-mobilenetv3-large', tmp_path)
    weight = runner.message_hub.get_scalar('train/weight_term0').current()
    assert weight > 0 and weight != 1
    _plain_student().load_state_dict(saved['state_dict'], strict=True)


@pytest.mark.parametrize('arm, losses', [
    ('mutual', {'loss_kd', 'peer.loss_kd'}),
    ('cml-mobilenetv3-large', {'peer.loss_entropy', 'teacher0.loss_kd', 'peer.teacher0.loss_kd'}),
])
def test_students_teach_each_other(arm, losses, tmp_path):
    runner, saved = _train_embedded(arm, tmp_path)
    assert all(runner.message_hub.get_scalar(f'train/{loss}').current() > 0 for loss in losses)
    for peer in (False, True):
        state = student_checkpoint(saved, peer=peer)['state_dict']
        _plain_student().load_state_dict(state, strict=True)


def _train_embedded(arm: str, folder) -> tuple[Runner, dict]:
    """Two steps on generated images."""
    cfg = Config.fromfile(CONFIGS[f'dbnet_mobilenetv3-small_fpnc_{arm}_1e_embedded'])
    if 'checkpoint' in str(cfg.model.get('teacher')):
        _save_random_teacher(cfg, folder / 'teacher.pth')
    cfg.merge_from_dict({
        'work_dir': str(folder), 'train_dataloader.dataset.num_images': 8,
        'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False,
        'env_cfg.mp_cfg.mp_start_method': None, 'log_level': 'ERROR'})
    _without_tests(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner, torch.load(folder / 'epoch_1.pth', map_location='cpu', weights_only=False)


def _plain_student():
    return build(load(CONFIGS['dbnet_mobilenetv3-small_fpnc_1e_embedded']))


def _save_random_teacher(cfg: Config, path) -> None:
    teacher = teacher_of(cfg)
    torch.save(build(load(teacher['config'])).state_dict(), path)
    teacher['checkpoint'] = str(path)


def _shrink(cfg: Config, folder) -> None:
    """One epoch of one batch of 128x128 crops, no validation, no download."""
    cfg.merge_from_dict({
        'work_dir': str(folder), 'train_cfg.max_epochs': 1, 'model.backbone.init_cfg': None,
        'param_scheduler': [], 'default_hooks.checkpoint.interval': 1,
        'env_cfg.mp_cfg.mp_start_method': None,
        'train_dataloader.batch_size': 2, 'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        'train_dataloader.dataset.data_root': photo_data(folder, 'textdet_train.json', copies=2)})
    _without_tests(cfg)
    for step in cfg.train_dataloader.dataset.pipeline:
        if step.type in ('Resize', 'Pad'):
            step['scale' if step.type == 'Resize' else 'size'] = (128, 128)


def _without_tests(cfg: Config) -> None:
    for part in ('val', 'test'):
        cfg.update({f'{part}_{key}': None for key in ('cfg', 'dataloader', 'evaluator')})
