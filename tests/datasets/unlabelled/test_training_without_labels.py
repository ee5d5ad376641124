"""The whole way: a folder of photos, a teacher, and a student who learns from both kinds."""
import copy
import json
import shutil

import pytest
import tiny
import tiny_recog
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner, loops
from mmocr.registry import DATASETS, MODELS
from test_unlabelled_datasets import PACK, TRAIN
from tiny_photos import photos

PIPELINE = [*TRAIN[:-len(PACK)], *PACK, dict(type='DBTargets')]


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(photos(11)['data_root'], tmp_path / 'photos')
    return tmp_path / 'photos'


@pytest.fixture(autouse=True)
def no_pause_between_epochs(monkeypatch):
    monkeypatch.setattr(loops.time, 'sleep', lambda seconds: None)


class Watch(Hook):
    """Notes losses, and of which kind the images of each batch were."""

    def __init__(self):
        self.logs, self.labelled = [], []

    def before_train(self, runner):
        self.start = copy.deepcopy(dict(runner.model.named_parameters()))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.logs.append({key: value.item() for key, value in outputs.items()})
        self.labelled.append(sum(sample.get('labelled', True)
                                 for sample in data_batch['data_samples']))


def train(tmp_path, name, dataset, sampler, teacher=None, iters=2, lr=.05):
    model = tiny.dbnet_cfg()
    model['det_head']['module_loss'] = {'type': 'PreparedDBModuleLoss'}
    hooks = [] if teacher is None else [
        dict(type='MaskETDistillHook', teacher=teacher, schedule=dict(by_epoch=False),
             loss=dict(type='MaskETLoss', mask='teacher'))]
    runner = Runner.from_cfg(Config(dict(
        model=model, work_dir=str(tmp_path / name), experiment_name=name, custom_hooks=hooks,
        train_dataloader=dict(batch_size=4, num_workers=0, sampler=sampler, dataset=dataset),
        train_cfg=dict(by_epoch=False, max_iters=iters), default_scope='mmocr', log_level='ERROR',
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=lr)), randomness=dict(seed=0))))
    watch = Watch()
    runner.register_hook(watch)
    runner.train()
    moved = {key for key, value in runner.model.named_parameters()
             if not torch.equal(value, watch.start[key])}
    return watch, moved


@pytest.fixture
def teacher(tmp_path):
    return tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


def labelled(folder):
    return dict(type='OCRDataset', data_root=str(folder), ann_file='photos.json')


def unlabelled(folder, **fields):
    return dict(type='UnlabelledTextDetDataset', data_root=str(folder),
                boxes=str(folder / 'photos.json'), **fields)


def falls(watch, key):
    return sum(log[key] for log in watch.logs[-4:]) < sum(log[key] for log in watch.logs[:4])


def test_mixed_batches_learn_from_labels_and_teacher(tmp_path, folder, teacher):
    mixed = dict(type='ConcatDataset', verify_meta=False, pipeline=PIPELINE,
                 datasets=[labelled(folder), unlabelled(folder)])
    watch, _ = train(tmp_path, 'mixed', mixed, dict(type='RatioSampler', ratios=[1, 1]), teacher,
                     iters=12)
    assert set(watch.labelled) == {2}
    assert falls(watch, 'loss_prob') and all(log['loss_kd'] > 0 for log in watch.logs)


def test_photos_without_labels_move_a_student_by_distillation_alone(tmp_path, folder, teacher):
    fields = dict(dataset=unlabelled(folder, pipeline=PIPELINE),
                  sampler=dict(type='InfiniteSampler'))
    watch, moved = train(tmp_path, 'plain', **fields)
    assert set(watch.labelled) == {0} and not moved
    watch, moved = train(tmp_path, 'distilled', teacher=teacher, iters=12, **fields)
    assert len(moved) > 20 and falls(watch, 'loss_kd')
    assert not any('threshold' in key for key in moved)  # of which no teacher is asked


def test_words_without_labels_are_for_losses_of_hypotheses_alone(tmp_path, folder):
    """Through the pipeline of pairs: of a mixed batch the hard loss is that of labelled words."""
    pipeline = [dict(type='LoadImageFromFile', color_type='grayscale'),
                dict(type='LoadOCRAnnotations', with_text=True),
                dict(type='FilterRecogText', letter_case='lower', max_length=20),
                dict(type='SynthesizeLR', scale=1),
                dict(type='PairedResize', lr_scale=(50, 16), hr_scale=(100, 32)),
                dict(type='PackPairedTextRecogInputs')]
    words = DATASETS.build(dict(type='UnlabelledTextRecogDataset', data_root=str(folder),
                                boxes=str(folder / 'photos.json'), pipeline=pipeline))
    teacher = tiny_recog.checkpoint(tmp_path / 't.pth', tiny_recog.crnn_cfg(low_res=False))
    model = MODELS.build(dict(
        type='LowResRecognizerDistiller', student=tiny_recog.crnn_cfg(), teacher=teacher,
        losses=dict(hard=dict(type='HardLabelLoss', loss_weight=1.)),
        init_student_from_teacher=False)).eval()
    items = [words[i] for i in (0, 1)]
    assert [item['data_samples'].labelled for item in items] == [False, False]
    labelled = copy.deepcopy(items)
    for item, text in zip(labelled, ('seven', 'ab')):
        item['data_samples'].gt_text.item = text
        item['data_samples'].set_metainfo(dict(labelled=True))

    def loss(*batch):
        data = model.data_preprocessor(pseudo_collate(copy.deepcopy(batch)), True)
        return model(**data, mode='loss')['loss_hard']

    torch.testing.assert_close(loss(items[0], *labelled, items[1]), loss(*labelled))
    assert loss(*items) == 0 and loss(*labelled) > 0


def test_pseudo_labels_train_like_labels(tmp_path, folder):
    """What ``mmocr-kd pseudo-label`` writes stands beside other labels, provenance and all."""
    made = json.loads((folder / 'photos.json').read_text())
    (folder / 'pseudo.json').write_text(json.dumps({**made, 'made_by': {'teacher': 'someone'}}))
    mixed = dict(type='ConcatDataset', pipeline=PIPELINE, datasets=[
        labelled(folder), dict(labelled(folder), ann_file='pseudo.json')])
    watch, moved = train(tmp_path, 'pseudo', mixed, dict(type='RatioSampler', ratios=[1, 1]))
    assert set(watch.labelled) == {4} and len(moved) > 20
