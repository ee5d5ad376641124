"""Configs of both styles, looked into."""
import pytest
from mmengine.config import Config
from mmengine.hooks import SyncBuffersHook
from mmocr.models.textdet import DBNet
from mmocr.registry import HOOKS, MODELS

from mmocr_kd.apis import class_of, find_distillation, read_config, require_files
from mmocr_kd.hooks import MaskETDistillHook
from mmocr_kd.models.detectors import DBNetDistiller

BASE = 'from mmocr.models.textdet import DBNet\nmodel = dict(type=DBNet, width=3)\n'
CHILD = ('from mmengine.config import read_base\n\nwith read_base():\n    from .base import *\n'
         'from mmocr_kd.hooks import MaskETDistillHook\n'
         'custom_hooks = [dict(type=MaskETDistillHook, teacher=dict())]\n')


@pytest.fixture
def pure(tmp_path):
    """A config in pure Python that has a base."""
    (tmp_path / 'base.py').write_text(BASE)
    (tmp_path / 'child.py').write_text(CHILD)
    return tmp_path / 'child.py'


def test_classes_become_paths_that_registries_find(pure):
    cfg = read_config(pure, {'model.width': 5})
    assert cfg.model.width == 5 and isinstance(cfg.model.type, str)
    assert class_of(cfg.model, MODELS) is MODELS.get(cfg.model.type) is DBNet
    assert class_of(cfg.custom_hooks[0], HOOKS) is MaskETDistillHook
    assert find_distillation(cfg).student == cfg.model.to_dict()


def test_what_was_read_can_be_written_and_read(pure, tmp_path):
    cfg = read_config(pure)
    cfg.dump(tmp_path / 'plain.py')
    again = Config.fromfile(tmp_path / 'plain.py')
    assert again.to_dict() == cfg.to_dict() and MODELS.get(again.model.type) is DBNet


def test_looks_into_configs_that_mmengine_read(pure):
    cfg = Config.fromfile(pure)
    assert cfg.model.type is DBNet
    assert find_distillation(cfg).hooks[0]['type'] is MaskETDistillHook


def test_classes_of_parts():
    assert class_of({'type': 'DBNetDistiller'}, MODELS) is DBNetDistiller
    assert class_of({'type': DBNetDistiller}, MODELS) is DBNetDistiller
    assert class_of({'type': 'Unheard'}, MODELS) is None
    assert class_of(SyncBuffersHook(), HOOKS) is SyncBuffersHook


def test_configs_of_packages():
    cfg = read_config('mmocr::textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py')
    assert cfg.model.type == 'DBNet'


@pytest.mark.parametrize('path', ['gone.py', 'mmocr::textdet/gone.py', '.'])
def test_missing_files_are_named(path):
    with pytest.raises(FileNotFoundError, match=path.split('/')[-1]):
        read_config(path)


@pytest.mark.parametrize('text, words', [
    ('x = 1\nmodel = dict(type=DBNet)', r"NameError: name 'DBNet' is not defined .*own.py, line 2"),
    ('model = dict(', 'SyntaxError'), ("_base_ = ['own2.py']\nx = _base_.gone", 'own2.py|gone')])
def test_errors_in_configs_are_of_configs(text, words, tmp_path):
    (tmp_path / 'own.py').write_text(text)
    (tmp_path / 'own2.py').write_text('')
    with pytest.raises(ValueError, match=f"own.py' cannot be read: .*{words}"):
        read_config(tmp_path / 'own.py')


def test_our_configs_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_config('masket_dbnet_mbv3.py').custom_hooks[0].type == 'MaskETDistillHook'
    (tmp_path / 'masket_dbnet_mbv3.py').write_text('mine = True')
    assert read_config('masket_dbnet_mbv3.py').mine
    with pytest.raises(FileNotFoundError, match='the name of one of ours'):
        read_config('dbnet_mobilenetv3-small_fpnc64.py')  # a part of configs, in _base_


class TestRequiredFiles:
    """What is missing is said before anything runs."""

    @pytest.fixture
    def cfg(self, tmp_path, monkeypatch):
        monkeypatch.delenv('WORDS', raising=False)
        (tmp_path / 'words.py').write_text(
            "root = '{{$WORDS:data/words}}'\n"
            "train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[\n"
            "    dict(type='A', data_root=root, ann_file='a.lmdb'), dict(type='Embedded'),\n"
            "    dict(type='C', ann_file='made.json', source='make it so')]))\n"
            "test_dataloader = dict(dataset=dict(type='B', ann_file='there/test.json'))\n"
            "model = dict(teacher=dict(config='mmocr::x.py', checkpoint='work_dirs/t.pth'),\n"
            "             backbone=dict(init_cfg=dict(checkpoint='torchvision://resnet18')))\n"
            "custom_hooks = [dict(teacher=dict(config='gone.py', checkpoint='https://x.pth'))]\n"
            "load_from = None\n")
        monkeypatch.chdir(tmp_path)
        return read_config('words.py')

    def test_all_are_named_with_what_to_do(self, cfg):
        with pytest.raises(FileNotFoundError) as told:
            require_files(cfg, ['train_dataloader', 'test_dataloader'], training=True)
        lines = str(told.value).splitlines()
        assert [line.split(' does')[0] for line in lines] == [
            "model.teacher.checkpoint: 'work_dirs/t.pth'",
            "custom_hooks.0.teacher.config: 'gone.py'",
            "train_dataloader: 'data/words/a.lmdb'", "train_dataloader: 'made.json'",
            "test_dataloader: 'there/test.json'"]
        assert 'train it first' in lines[0] and 'docs/data.md' in lines[4]
        assert lines[3].endswith('exist. It comes from: make it so')
        assert 'export WORDS=<folder of this data>' in lines[2] and 'unset' in lines[2]

    def test_only_what_is_used_counts(self, cfg, tmp_path):
        (tmp_path / 'there').mkdir()
        (tmp_path / 'there/test.json').touch()
        require_files(cfg, ['test_dataloader', 'val_dataloader'])
        cfg.load_from = 'gone.pth'
        with pytest.raises(FileNotFoundError, match="load_from: 'gone.pth' does not exist"):
            require_files(cfg)
