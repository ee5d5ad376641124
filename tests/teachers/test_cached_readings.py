"""Recognisers learn from a store of readings what its teacher told, or any OCR engine wrote."""
import copy
import json

import cv2
import mmcv
import numpy as np
import pytest
import tiny_recog
import torch
from click.testing import CliRunner
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmocr.registry import DATASETS, MODELS

from mmocr_kd.adapters.recognition import hypotheses
from mmocr_kd.cli import main
from mmocr_kd.datasets.attach_readings import AttachReadings, sharp_image
from mmocr_kd.distill import RecordingError, TeacherOutputError
from mmocr_kd.store import ForeignStoreError, MissingEntryError, ReadingStore, StaleEntryError
from mmocr_kd.teachers import CachedTeacher
from mmocr_kd.teachers.cached_teacher import whole

TEXTS = ('hello', 'ab', '7up', 'words')
PIPELINE = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='SynthesizeLR', scale=1),
    dict(type='PairedResize', lr_scale=(50, 16), hr_scale=(100, 32)),
    dict(type='PackPairedTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio'))]


class Spy(Hook):
    def __init__(self):
        self.steps, self.samples = [], []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.steps.append({key: value.item() for key, value in outputs.items()})
        self.samples += data_batch['data_samples']


@pytest.fixture
def teacher(tmp_path):
    spec = tiny_recog.checkpoint(tmp_path / 'teacher.pth', tiny_recog.crnn_cfg(low_res=False))
    return dict(type='RecognizerTeacher', num_readings=3, **spec)


@pytest.fixture
def dataset(tmp_path):
    words = []
    for index, text in enumerate(TEXTS):
        image = np.full((40, 30 * len(text), 3), 220, np.uint8)
        cv2.putText(image, text, (2, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (30, 10, 60), 2)
        cv2.imwrite(str(tmp_path / f'{index}.png'), image)
        words.append(dict(img_path=f'{index}.png', instances=[dict(text=text)]))
    meta = dict(dataset_type='TextRecogDataset', task_name='textrecog')
    (tmp_path / 'words.json').write_text(json.dumps(dict(metainfo=meta, data_list=words)))
    return dict(type='OCRDataset', data_root=str(tmp_path), ann_file='words.json',
                pipeline=PIPELINE)


@pytest.fixture
def cfg(tmp_path, teacher, dataset):
    cached = dict(type='CachedTeacher', store=str(tmp_path / 'store'), teacher=teacher,
                  word_size=(32, 100))
    model = dict(type='LowResRecognizerDistiller', student=tiny_recog.crnn_cfg(), teacher=cached,
                 losses=dict(nbest=dict(type='NBestLoss'), hard=dict(type='HardLabelLoss')),
                 init_student_from_teacher=False)
    return Config({
        'custom_imports': dict(imports=['mmocr_kd'], allow_failed_imports=False),
        'default_scope': 'mmocr', 'log_level': 'ERROR', 'experiment_name': 'run', 'model': model,
        'train_dataloader': dict(batch_size=2, num_workers=1, dataset=dataset, sampler=dict(
            type='DefaultSampler', shuffle=True)),
        'train_cfg': dict(by_epoch=True, max_epochs=1),
        'optim_wrapper': dict(optimizer=dict(type='SGD', lr=.01)),
        'custom_hooks': [dict(type='TeacherDataHook')],
        'default_hooks': dict(logger=None, checkpoint=None), 'randomness': dict(seed=0),
        'work_dir': str(tmp_path / 'run')})


def fill(cfg, folder, *args):
    cfg.dump(folder / 'config.py')
    done = CliRunner().invoke(main, ['cache', str(folder / 'config.py'), *args])
    assert done.exit_code == 0, done.output
    return done.output


def train(cfg):
    runner, spy = Runner.from_cfg(copy.deepcopy(cfg)), Spy()
    runner.register_hook(spy)
    runner.train()
    return spy


def test_a_step_learns_what_the_teacher_told(cfg, tmp_path, teacher):
    """To the bit of what is written: four decimals."""
    shown = fill(cfg, tmp_path)
    assert '4 images written' in shown and 'the first image at 100x32' in shown
    assert '0 images written; 4 were there' in fill(cfg, tmp_path)
    spy, live = train(cfg), MODELS.build(teacher)
    assert len(spy.steps) == 2
    assert all(step['loss_nbest'] > 0 and step['nbest_kept'] == 1 for step in spy.steps)
    plain = MODELS.build(dict(cfg.model, teacher=None, losses=dict(hard=cfg.model.losses.hard)))
    live.bind(plain, {'told': hypotheses})
    assert len(spy.samples) == 4
    for sample in spy.samples:
        image = cv2.cvtColor(mmcv.imresize(
            cv2.imread(sample.img_path), (100, 32), interpolation='bicubic', backend='pillow'),
            cv2.COLOR_BGR2GRAY)
        image = (torch.from_numpy(image)[None, None].float() - 127) / 127
        (told, ) = live(image, [sample])['told']
        assert [text for text, _ in sample.teacher_readings] == [text for text, _ in told]
        assert [p for _, p in sample.teacher_readings] == pytest.approx([p for _, p in told],
                                                                        abs=.02)


def test_other_engines_write_lines_and_need_no_teacher(cfg, tmp_path):
    (tmp_path / 'store/readings').mkdir(parents=True)
    (tmp_path / 'store/manifest.json').write_text(json.dumps(
        dict(format=1, identity=dict(teacher='my OCR'), command='python mine.py')))
    lines = [json.dumps(dict(image=str(tmp_path / f'{i}.png'), readings=[[text, -.1]]))
             for i, text in enumerate(TEXTS)]
    (tmp_path / 'store/readings/mine.jsonl').write_text('\n'.join(lines[:3]))
    cfg.model.teacher = dict(type='CachedTeacher', store=str(tmp_path / 'store'))
    with pytest.raises(MissingEntryError, match='3.png.*as 1 of 4 images(.|\n)*python mine.py'):
        train(cfg)
    (tmp_path / 'store/readings/mine.jsonl').write_text('\n'.join(lines))
    assert {sample.teacher_readings[0][0] for sample in train(cfg).samples} == set(TEXTS)


def test_what_changed_is_noticed_before_the_first_step(cfg, tmp_path, teacher):
    fill(cfg, tmp_path)
    other = copy.deepcopy(cfg)
    other.model.teacher.teacher.num_readings = 2
    with pytest.raises(ForeignStoreError, match='num_readings'):
        train(other)
    other = copy.deepcopy(cfg)
    other.model.teacher.word_size = (32, 128)
    with pytest.raises(ForeignStoreError, match='word_size'):
        train(other)
    cv2.imwrite(str(tmp_path / '2.png'), np.zeros((32, 100, 3), np.uint8))
    with pytest.raises(StaleEntryError, match='2.png'):
        train(cfg)


def test_samples_that_were_not_prepared_are_refused(cfg, tmp_path):
    fill(cfg, tmp_path)
    cfg.custom_hooks = []
    with pytest.raises(TeacherOutputError, match='TeacherDataHook'):
        train(cfg)


def test_a_detectors_teacher_knows_no_readings(cfg, tmp_path):
    cfg.model.teacher.teacher.pop('num_readings')
    cfg.model.teacher.teacher.type = 'ModelTeacher'
    cfg.dump(tmp_path / 'config.py')
    done = CliRunner().invoke(main, ['cache', str(tmp_path / 'config.py')])
    assert done.exit_code == 1 and "type='RecognizerTeacher'" in done.output
    with pytest.raises(RecordingError, match='hypotheses'):
        CachedTeacher(tmp_path / 'store').bind(torch.nn.Module(), {'x': lambda model: None})


def test_posteriors_of_frames_stand_for_the_teacher_itself(cfg, tmp_path, teacher):
    """All classes: as good as half precision; a few: the rest is shared out."""
    losses = dict(soft=dict(type='SoftLogitsLoss', alpha=0.), seq=dict(
        type='SequenceKDLoss', search='ctc', topk=2), hard=dict(type='HardLabelLoss'))
    cfg.model.losses = losses
    cfg.model.teacher.posteriors = 37
    fill(cfg, tmp_path)
    live = copy.deepcopy(cfg)
    live.model.teacher, live.custom_hooks = teacher, []
    for step, expected in zip(train(cfg).steps, train(live).steps):
        assert step == pytest.approx(expected, rel=.02)  # grey is made before resizing or after
    few = copy.deepcopy(cfg)
    few.model.teacher.update(posteriors=3, store=str(tmp_path / 'few'))
    fill(few, tmp_path)
    assert all(step['loss_logits'] > 0 for step in train(few).steps)
    kept, whole_ = (ReadingStore(tmp_path / name).read_posteriors(str(tmp_path / '0.png'))
                    for name in ('few', 'store'))
    np.testing.assert_array_equal(kept.classes, whole_.classes[:, :3])
    probs = whole(kept).exp()
    np.testing.assert_allclose(probs.sum(1), 1, atol=2e-3)
    np.testing.assert_allclose(probs.gather(1, torch.tensor(kept.classes.astype(int))).log(),
                               kept.log_probs.astype(np.float32), atol=1e-5)


def test_posteriors_are_for_the_same_dictionary_and_for_frames(cfg, tmp_path):
    cfg.model.teacher.posteriors = 3
    cfg.model.losses = dict(soft=dict(type='SoftLogitsLoss', alpha=0.))
    fill(cfg, tmp_path)
    other = copy.deepcopy(cfg)
    (tmp_path / 'swapped.txt').write_text('\n'.join('zyxwvutsrqponmlkjihgfedcba9876543210'))
    other.model.student.decoder.dictionary.dict_file = str(tmp_path / 'swapped.txt')
    with pytest.raises(ValueError, match='dictionary of its teacher'):
        train(other)
    spec = tiny_recog.checkpoint(tmp_path / 'abinet.pth', tiny_recog.abinet_cfg(low_res=False))
    cfg.model.teacher.teacher.config = tiny_recog.abinet_cfg(low_res=False)
    cfg.model.teacher.teacher.checkpoint = spec['checkpoint']
    cfg.model.teacher.update(word_size=(32, 128), store=str(tmp_path / 'other'))
    cfg.dump(tmp_path / 'config.py')
    done = CliRunner().invoke(main, ['cache', str(tmp_path / 'config.py')])
    assert done.exit_code == 1 and 'needs one CTC recogniser' in done.output
    with pytest.raises(ValueError, match='posteriors=-1'):
        CachedTeacher('store', posteriors=-1)


def test_networks_need_to_be_told_what_size_they_read(cfg, tmp_path):
    del cfg.model.teacher['word_size']
    cfg.dump(tmp_path / 'config.py')
    done = CliRunner().invoke(main, ['cache', str(tmp_path / 'config.py')])
    assert done.exit_code == 1 and 'word_size=(height, width)' in done.output
    with pytest.raises(ValueError, match='word_size=.32, 0.'):
        CachedTeacher('store', word_size=(32, 0))


def test_two_stores_of_the_same_words(cfg, tmp_path, dataset):
    """Each teacher finds its own; dropped samples have none."""
    stores = [ReadingStore.create(tmp_path / name, {'by': name}, name) for name in 'ab']
    for index in range(4):
        for store in stores:
            store.write(str(tmp_path / f'{index}.png'), [(store.command * 3, -.1)])
    data = DATASETS.build(copy.deepcopy(dataset))
    teachers = [CachedTeacher(tmp_path / name) for name in 'ab']
    assert all(teacher.prepare_data(data) for teacher in teachers)
    sample = data[0]['data_samples']
    for teacher, text in zip(teachers, ('aaa', 'bbb')):
        teacher.bind(torch.nn.Module(), {'x': hypotheses})
        assert teacher(torch.zeros(1), [sample]) == {'x': [[(text, -.1)]]}
    nothing = AttachReadings(lambda results: None, {'x': lambda image: pytest.fail('read')})
    assert nothing({'img_path': 'a'}) is None


def test_teachers_look_at_the_sharp_image_of_a_pair():
    assert sharp_image({'img_path': 'small', 'hr_path': 'large'}) == 'large'
    assert sharp_image({'img_path': 'only'}) == 'only'
