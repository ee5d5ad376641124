"""A teacher's scores, before anybody learns from it, are those it gets by itself."""
import copy
from pathlib import Path

import numpy as np
import pytest
import tiny
import tiny_dld
import tiny_recog
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from mmocr.registry import DATASETS, METRICS, MODELS
from torch.utils.data import Dataset

from mmocr_kd.distill import RecordingError, Teacher
from mmocr_kd.hooks import EvaluateTeacherHook
from mmocr_kd.teachers import CachedTeacher

WORDS = ('hello', 'ab', '7', 'cat')


@DATASETS.register_module()
class FourSamples(Dataset):
    """Pages with one word each, or words."""

    metainfo = {}

    def __init__(self, words=False):
        self.words = words

    def __len__(self):
        return len(WORDS)

    def __getitem__(self, index):
        if self.words:
            data = tiny_recog.pairs(WORDS[index], seed=index)
        else:
            data = {**tiny.batch(1, seed=index), 'data_samples': [tiny.sample([tiny.box(10, 15)])]}
        return {key: values[0] for key, values in data.items()}


def found(sample):
    """The text of a word, or the polygons of a page."""
    return sample['pred_text']['item'] if 'pred_text' in sample else (
        sample['pred_instances']['polygons'])


@METRICS.register_module()
class Account(BaseMetric):
    """Counts what is found, and keeps it."""

    seen = []

    def process(self, data_batch, data_samples):
        self.seen.append(data_samples)
        self.results += [len(found(one)) for one in data_samples]

    def compute_metrics(self, results):
        return {'found': float(sum(results))}


@MODELS.register_module()
class Knowing(Teacher):
    """Knows where the only word is, or what it may be."""

    sees_images = False

    def __init__(self):
        self.binds = 0

    def bind(self, student, wanted):
        self.wanted, self.binds = wanted, self.binds + 1

    def __call__(self, inputs, data_samples):
        if 'hypotheses' in self.wanted:
            return {'hypotheses': [[('no', -2.), ('yes', -.1)] for _ in data_samples]}
        logits = torch.full((len(inputs), *inputs.shape[-2:]), -9.)
        logits[:, 18:34, 14:60] = 9.
        return {name: logits for name in self.wanted}


@pytest.fixture
def spec(tmp_path):
    cfg = tiny.dbnet_cfg()
    cfg['det_head']['postprocessor'].update(mask_thr=.5, min_text_score=0.)
    return tiny.checkpoint(tmp_path / 'teacher.pth', cfg)


def run(tmp_path, model, hooks, words=False, name='run', val=True, **fields):
    Account.seen.clear()
    loader = {'batch_size': 2, 'num_workers': 0, 'sampler': {'type': 'DefaultSampler',
                                                             'shuffle': False},
              'dataset': {'type': 'FourSamples', 'words': words}}
    judged = dict(val_dataloader=copy.deepcopy(loader), val_evaluator={'type': 'Account'},
                  val_cfg={'type': 'ValLoop'}) if val else {}
    runner = Runner.from_cfg(Config({
        'model': copy.deepcopy(model), 'work_dir': str(tmp_path / name), 'train_dataloader': loader,
        'train_cfg': {'by_epoch': True, 'max_epochs': 1, 'val_begin': 9},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': .01}}, 'custom_hooks': list(hooks),
        'default_scope': 'mmocr', 'experiment_name': f'{tmp_path.name}-{name}',
        'log_level': 'INFO', 'randomness': {'seed': 0}, **judged, **fields}))
    runner.train()
    return runner


def scores(runner):
    scalars = runner.message_hub.log_scalars
    return {key: buffer.current() for key, buffer in scalars.items() if key.startswith('teacher')}


def logged(runner):
    return '\n'.join(path.read_text() for path in Path(runner.work_dir).glob('*/*.log'))


def masket(teacher, **fields):
    return {'type': 'MaskETDistillHook', 'teacher': {**teacher, 'evaluate': True}, **fields}


def detector():
    cfg = tiny.dbnet_cfg()
    cfg['det_head']['postprocessor'].update(mask_thr=.5, min_text_score=0.)
    return cfg


def test_a_detectors_score_is_that_of_its_own_predictions(tmp_path, spec):
    runner = run(tmp_path, detector(), [masket(spec)])
    teacher = MODELS.build(copy.deepcopy(spec['config'])).eval()
    teacher.load_state_dict(torch.load(spec['checkpoint'])['state_dict'])
    data = [FourSamples()[i] for i in range(4)]
    batch = teacher.data_preprocessor({key: [one[key] for one in data] for key in data[0]})
    expected = [one.pred_instances.polygons for one in teacher(**batch, mode='predict')]
    assert sum(map(len, expected)) > 0
    ours = [found(one) for batch in Account.seen for one in batch]
    assert [[np.round(p, 3).tolist() for p in one] for one in ours] == [
        [np.round(p, 3).tolist() for p in one] for one in expected]
    assert scores(runner) == {'teacher/found': sum(map(len, expected))}
    assert 'ModelTeacher on the validation set: teacher/found:' in logged(runner)


def test_training_is_the_same_as_without(tmp_path, spec):
    judged = run(tmp_path, detector(), [masket(spec)], name='judged')
    hook = masket(spec)
    hook['teacher'] = spec
    plain = run(tmp_path, detector(), [hook], name='plain')
    first, second = (runner.model.state_dict() for runner in (judged, plain))
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert not scores(plain)


def test_a_black_boxs_map_goes_through_the_students_postprocessor(tmp_path):
    runner = run(tmp_path, detector(), [masket({'type': 'Knowing'})])
    assert scores(runner) == {'teacher/found': 4}
    box = found(Account.seen[0][0])[0]
    assert 5 < box[0::2].min() < 15 and 58 < box[0::2].max() < 70


@MODELS.register_module()
class Unread(CachedTeacher):
    """Of a store that this training never opens."""

    def prepare_data(self, dataset):
        return False


@pytest.mark.parametrize('inside', [False, True])
def test_of_a_store_who_filled_it_is_judged(inside, tmp_path):
    teacher = {'type': 'Unread', 'store': 'nowhere', 'teacher': {'type': 'Knowing'}}
    if inside:
        teacher = {'type': 'EnsembleTeacher', 'teachers': [teacher]}
    runner = run(tmp_path, detector(), [masket(teacher, schedule={'start': 9})])
    assert scores(runner) == {'teacher/found': 4}


def test_nobody_is_judged_for_a_store_of_unknown_origin(tmp_path):
    teacher = {'type': 'Unread', 'store': 'nowhere'}
    with pytest.raises(ValueError, match='name who filled it'):
        run(tmp_path, detector(), [masket(teacher, schedule={'start': 9})])


def test_several_teachers_are_told_apart_and_the_silent_one_is_not_asked(tmp_path, spec):
    terms = [{}, {'teacher': {'type': 'Knowing'}, 'mask': 'none'},
             {'teacher': {'type': 'Knowing', 'evaluate': True}, 'mask': 'none'}]
    runner = run(tmp_path, detector(), [masket(spec, terms=terms)])
    assert set(scores(runner)) == {'teacher/found', 'teacher2/found'}
    assert scores(runner)['teacher2/found'] == 4


@pytest.mark.parametrize('kind', ['PAN', 'PSE'])
def test_detectors_whose_maps_are_not_all_predict_themselves(tmp_path, kind):
    cfg = tiny.pan_cfg(kind)
    with pytest.raises(ValueError, match='makes no polygons out of maps'):
        run(tmp_path, cfg, [masket({'type': 'Knowing'})])


def test_a_model_is_judged_by_a_hook_of_its_own(tmp_path, spec):
    model = {**detector(), 'type': 'DBNetDistiller', 'teacher': {**spec, 'evaluate': True},
             'terms': [{'loss': {'type': 'FitNetLoss'}, 'source': 'neck'}]}
    judged = run(tmp_path, model, [{'type': 'EvaluateTeacherHook'}])
    assert set(scores(judged)) == {'teacher/found'}
    forgotten = run(tmp_path, model, [], name='forgotten')
    assert not scores(forgotten)
    assert "custom_hooks=[dict(type='EvaluateTeacherHook')]" in logged(forgotten)
    with pytest.raises(ValueError, match='a DBNet has no teacher'):
        run(tmp_path, detector(), [{'type': 'EvaluateTeacherHook'}], name='none')


def test_the_teacher_of_two_students_is_judged_by_the_first_ones_postprocessor(tmp_path):
    model = {'type': 'MutualDistiller', 'students': [detector(), tiny.dbnet_cfg()],
             'terms': [{'loss': {'type': 'BinaryKDLoss', 'mask': 'none'}}],
             'teacher': {'type': 'Knowing', 'evaluate': True}}
    runner = run(tmp_path, model, [{'type': 'EvaluateTeacherHook'}])
    assert scores(runner) == {'teacher/found': 4}
    losses = runner.message_hub.log_scalars
    assert losses['train/teacher0.loss_kd'].current() > 0  # and it teaches


def test_a_spotters_teacher_predicts_at_full_resolution(tmp_path):
    spec = tiny_recog.checkpoint(tmp_path / 't.pth', tiny_dld.student_cfg(), seed=5)
    model = tiny_dld.dld({**spec, 'evaluate': True})
    teacher, = model.teachers
    assert teacher.evaluate
    for spotter in (teacher.build(), ):
        spotter.detector.det_head.postprocessor.min_text_score = 0.
        spotter.detector.det_head.postprocessor.mask_thr = .5
    inputs, samples = tiny_dld.prepared(model.eval())
    with torch.no_grad():
        found, expected = (tiny_dld.found(results) for results in (
            model.predict_by(teacher, inputs, copy.deepcopy(samples)),
            teacher.build().predict(inputs, copy.deepcopy(samples))))
    assert sum(len(texts) for texts, *_ in found) > 0
    assert [each[0] for each in found] == [each[0] for each in expected]


def recogniser(teacher, **fields):
    return {'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
            'teacher': teacher, 'losses': {'hard': {'type': 'HardLabelLoss'}}, **fields}


def test_a_recogniser_reads_large_words_freely(tmp_path):
    spec = tiny_recog.checkpoint(tmp_path / 't.pth', tiny_recog.crnn_cfg(low_res=False))
    model = recogniser({**spec, 'evaluate': True}, losses={'logits': {'type': 'SoftLogitsLoss'}})
    runner = run(tmp_path, model, [{'type': 'EvaluateTeacherHook'}], words=True)
    plain = MODELS.build(model).eval()
    plain.eval_mode = 'teacher_hr'
    data = [FourSamples(words=True)[i] for i in range(4)]
    batch = plain.data_preprocessor({key: [one[key] for one in data] for key in data[0]})
    expected = [one.pred_text.item for one in plain(**batch, mode='predict')]
    assert [found(one) for each in Account.seen for one in each] == expected
    assert scores(runner) == {'teacher/found': sum(map(len, expected))}


def test_a_teacher_with_other_characters_is_judged_by_what_it_reads(tmp_path):
    other = tiny_recog.crnn_cfg(low_res=False)
    other['decoder']['dictionary']['dict_file'] = str(tmp_path / 'dict.txt')
    (tmp_path / 'dict.txt').write_text('a\nb\n')
    spec = tiny_recog.checkpoint(tmp_path / 't.pth', other)
    losses = {'nbest': {'type': 'NBestLoss'}, 'hard': {'type': 'HardLabelLoss'}}
    model = recogniser({**spec, 'evaluate': True}, losses=losses, init_student_from_teacher=False)
    runner = run(tmp_path, model, [{'type': 'EvaluateTeacherHook'}], words=True)
    assert set(''.join(found(one) for each in Account.seen for one in each)) <= set('ab')
    assert 'train/loss_nbest' in runner.message_hub.log_scalars  # and it teaches


def test_of_hypotheses_the_most_probable_counts(tmp_path):
    losses = {'nbest': {'loss': {'type': 'NBestLoss'}}, 'hard': {'type': 'HardLabelLoss'}}
    model = recogniser({'type': 'Knowing', 'evaluate': True}, losses=losses,
                       init_student_from_teacher=False)
    runner = run(tmp_path, model, [{'type': 'EvaluateTeacherHook'}], words=True)
    assert scores(runner) == {'teacher/found': 4 * len('yes')}
    teacher, = runner.model.distiller.teachers
    assert teacher.binds == 3  # to see that it can teach; to be judged; to teach


def test_a_resumed_training_has_seen_the_scores(tmp_path, spec):
    run(tmp_path, detector(), [masket(spec)])
    again = run(tmp_path, detector(), [masket(spec)], resume=True,
                train_cfg={'by_epoch': True, 'max_epochs': 2, 'val_begin': 9})
    assert again.iter == 4 and not Account.seen
    assert 'teacher/found' in again.message_hub.log_scalars  # from the checkpoint


def test_without_validation_it_is_said(tmp_path, spec):
    runner = run(tmp_path, detector(), [masket(spec)], val=False)
    assert not scores(runner)
    assert 'teacher has evaluate=True, and there is no validation' in logged(runner)


def test_what_a_teacher_cannot_know_stops_the_training(tmp_path):
    class Deaf(Knowing):
        def bind(self, student, wanted):
            raise RecordingError('deaf')

    MODELS.register_module(module=Deaf, force=True)
    with pytest.raises(RecordingError, match='deaf'):
        run(tmp_path, detector(), [masket({'type': 'Deaf'})])


def test_registered_in_mmocr():
    from mmocr.registry import HOOKS
    assert HOOKS.get('EvaluateTeacherHook') is EvaluateTeacherHook
