"""What a diagnosis tells of small models, against autograd by hand and MMOCR's metric."""
import copy

import numpy as np
import pytest
import tiny
import tiny_cache
import tiny_recog
import torch
from click.testing import CliRunner
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmocr.registry import DATASETS, MODELS
from tiny_ratings import SHOWN
from torch.utils.data import Dataset

from mmocr_kd.apis.diagnose import START, TOGETHER, Diagnosis, named, part_of, words_of
from mmocr_kd.cli import main
from mmocr_kd.distill import Teacher

WORDS = 'hello', 'ab', '7', 'cat'


@MODELS.register_module()
class KnowsTheWord(Teacher):
    """Where it is in each photo."""

    sees_images = False

    def bind(self, student, wanted):
        self.wanted = wanted

    def __call__(self, inputs, data_samples):
        logits = torch.full((len(inputs), *inputs.shape[-2:]), -3.)
        logits[:, 21:33, 16:64] = 3.  # grows to the word
        return dict.fromkeys(self.wanted, logits)


@DATASETS.register_module()
class FourWords(Dataset):
    """Small and large."""

    metainfo = {}

    def __len__(self):
        return len(WORDS)

    def __getitem__(self, index):
        pair = tiny_recog.pairs(WORDS[index], seed=index)
        return {key: values[0] for key, values in pair.items()}


def student():
    """Finds something, with weights at random."""
    cfg = tiny.four_convs_cfg()
    cfg['det_head']['postprocessor'].update(min_text_score=0., mask_thr=.45)
    return cfg


LOSS = {'type': 'MaskETLoss', 'kd_weight': 2.}


@pytest.fixture
def cfg(tmp_path):
    """A hook with an entropy and a KD loss, never due by its schedule."""
    photos = tiny_cache.write_photos(tmp_path)
    hook = dict(type='MaskETDistillHook', teacher=dict(type='KnowsTheWord', evaluate=True),
                loss=LOSS, schedule=dict(start=99))
    made = tiny_cache.training(tmp_path, None, photos, model=student(), custom_hooks=[hook])
    made.val_dataloader = dict(batch_size=1, num_workers=0, sampler=dict(
        type='DefaultSampler', shuffle=False), dataset={**photos, 'pipeline': SHOWN})
    return made


@pytest.fixture
def weights(tmp_path):
    return tiny.checkpoint(tmp_path / 'epoch_1.pth', student())['checkpoint']


def diagnosed(cfg, *checkpoints, **fields):
    found = Diagnosis(cfg, checkpoints, **{'batches': 2, 'device': 'cpu', **fields})
    assert len(list(found.run())) <= len(found)
    return found


def test_pulls_are_what_autograd_says_by_hand(cfg, weights):
    found = diagnosed(cfg, weights, batches=1).pulls['epoch_1']
    diagnosis = Diagnosis(cfg, [weights], batches=1, device='cpu')
    model = MODELS.build(copy.deepcopy(student()))
    model.load_state_dict(torch.load(weights)['state_dict'])
    hook = diagnosis._hooks[0]
    hook.attach(model.train())
    torch.manual_seed(0)
    losses = model(**model.data_preprocessor(next(iter(diagnosis._batches)), True), mode='loss')
    task = losses['loss_prob'] + losses['loss_thr'] + losses['loss_db']
    shared = {name: value for name, value in model.named_parameters()
              if not name.startswith('det_head.threshold')}
    vectors = {}
    for name, loss in {'task': task, 'loss_kd': losses['loss_kd'],
                       'loss_entropy': losses['loss_entropy'],
                       TOGETHER: losses['loss_kd'] + losses['loss_entropy']}.items():
        grads = torch.autograd.grad(loss, list(shared.values()), retain_graph=True)
        vectors[name] = {part: torch.cat([grad.flatten() for key, grad in zip(shared, grads)
                                          if part in ('all', part_of(key))]).double()
                         for part in ('all', 'backbone', 'neck', 'det_head')}
    assert list(found) == ['loss_entropy', 'loss_kd', TOGETHER]
    for name, (parts, ) in found.items():
        assert list(parts) == ['all', 'backbone', 'neck', 'det_head']
        for part, pull in parts.items():
            ours, theirs = vectors[name][part], vectors['task'][part]
            assert pull.ratio == pytest.approx((ours.norm() / theirs.norm()).item(), rel=1e-3)
            assert pull.cosine == pytest.approx(
                torch.cosine_similarity(ours, theirs, 0).item(), abs=1e-3)


def test_hook_and_wrapper_pull_alike(cfg, weights):
    hooked = diagnosed(cfg, weights).pulls
    hook = cfg.pop('custom_hooks')[0]
    cfg.model.update(type='DBNetDistiller', teacher=hook.teacher, terms=[dict(loss=LOSS)],
                     schedule=hook.schedule)
    wrapped = diagnosed(cfg, weights)
    assert wrapped.pulls == hooked
    assert set(wrapped.teachers) == {'KnowsTheWord'}


def test_scores_are_those_of_the_metric(cfg, weights):
    found = diagnosed(cfg, weights, batches=0)
    model = MODELS.build(copy.deepcopy(student())).eval()
    model.load_state_dict(torch.load(weights)['state_dict'])
    evaluator = Evaluator(dict(type='HmeanIOUMetric', pred_score_thrs=dict(
        start=.3, stop=.95, step=.1)))
    for batch in Diagnosis(cfg, device='cpu', batches=0)._words:
        with torch.no_grad():
            evaluator.process(model.test_step(copy.deepcopy(batch)))
    scores = evaluator.evaluate(4)
    mine = found.students['epoch_1']
    assert mine.hmeans.max() == pytest.approx(scores['icdar/hmean'])
    assert mine.predictions[0] > 0 and mine.found.shape == (4, 7)
    assert mine.sizes['height'] == pytest.approx([24.] * 4)
    assert found.teachers['KnowsTheWord'].recalls.tolist() == [1.] * 7
    assert not found.pulls['epoch_1'] and not found.notes


def test_checkpoints_see_the_same_and_do_not_change(cfg, weights, tmp_path):
    again = tmp_path / 'again.pth'
    again.write_bytes(open(weights, 'rb').read())
    found = diagnosed(cfg, weights, str(again))
    assert list(found.pulls) == list(found.students) == ['epoch_1', 'again']
    assert found.pulls['epoch_1'] == found.pulls['again']
    assert [len(batches) for batches in found.pulls['again'].values()] == [2, 2, 2]
    assert np.array_equal(found.students['again'].found, found.students['epoch_1'].found)


def test_without_a_checkpoint_it_is_the_start(cfg):
    found = diagnosed(cfg)
    assert list(found.pulls) == [START] and found.pulls[START]['loss_kd'] and not found.students
    assert list(found.teachers) == ['KnowsTheWord']


def test_a_plain_training_has_scores_alone(cfg, weights):
    cfg.custom_hooks = []
    found = diagnosed(cfg, weights)
    assert list(found.students) == ['epoch_1'] and not found.teachers
    assert not found.pulls['epoch_1'] and 'distils nothing' in found.notes[0]


def test_an_oracle_pulls_and_is_not_judged(cfg, weights):
    cfg.merge_from_dict({'custom_hooks.0.teacher': dict(type='GroundTruthTeacher', _delete_=True)})
    found = diagnosed(cfg, weights, batches=1)
    assert found.pulls['epoch_1']['loss_kd'] and not found.teachers
    assert 'GroundTruthTeacher was not scored' in found.notes[0]


def readers(tmp_path, losses):
    teacher = tiny_recog.crnn_cfg(low_res=False)
    weights = tiny_recog.checkpoint(tmp_path / 'teacher.pth', copy.deepcopy(teacher))['checkpoint']
    loader = dict(batch_size=2, num_workers=0, dataset=dict(type='FourWords'),
                  sampler=dict(type='DefaultSampler', shuffle=True))
    return Config(dict(train_dataloader=loader, val_dataloader={
        **loader, 'sampler': dict(type='DefaultSampler', shuffle=False)}, model=dict(
            type='LowResRecognizerDistiller', student=tiny_recog.crnn_cfg(), losses=losses,
            teacher=dict(config=teacher, checkpoint=weights))))


def test_readers_are_told_by_height_and_length(tmp_path):
    cfg = readers(tmp_path, dict(labels=dict(type='HardLabelLoss'),
                                 logits=dict(type='SoftLogitsLoss', alpha=.5)))
    mine = tiny_recog.checkpoint(tmp_path / 'mine.pth', tiny_recog.crnn_cfg())['checkpoint']
    found = diagnosed(cfg, mine)
    (name, batches), = found.pulls['mine'].items()
    assert 'loss' in name and set(batches[0]) == {'all', 'backbone', 'decoder'}
    assert batches[0]['all'].ratio > 0 and -1 <= batches[0]['all'].cosine <= 1
    assert found.students['mine'].sizes['length'].tolist() == [5, 2, 1, 3]
    assert found.students['mine'].sizes['height'].tolist() == [16.] * 4
    assert found.teachers['RecognizerTeacher'].found.shape == (4, 1)


def test_no_task_no_comparison(tmp_path):
    found = diagnosed(readers(tmp_path, dict(logits=dict(type='SoftLogitsLoss'))), batches=1)
    assert 'HardLabelLoss' in found.notes[0] and not found.pulls[START]


def test_a_word_is_read_as_the_metric_counts_it():
    sample = tiny_recog.sample('He^llo!')
    sample.pred_text = copy.copy(sample.gt_text)
    sample.pred_text.item = 'hello'
    assert words_of(sample).found.tolist() == [[True]]
    sample.pred_text.item = 'help'
    assert words_of(sample).found.tolist() == [[False]]


def test_names():
    assert named(['a/epoch_5.pth', 'a/epoch_15.pth']) == {
        'epoch_5': 'a/epoch_5.pth', 'epoch_15': 'a/epoch_15.pth'}
    assert list(named(['a/e.pth', 'b/e.pth'])) == ['a/e.pth', 'b/e.pth']
    assert part_of('student.backbone.conv.weight') == part_of('backbone.x') == 'backbone'


def test_the_command_prints_and_writes(cfg, weights, tmp_path):
    cfg.dump(tmp_path / 'config.py')
    args = ['diagnose', str(tmp_path / 'config.py'), '--checkpoint', weights, '--batches', '1',
            '--csv', str(tmp_path / 'told.csv'), '--device', 'cpu']
    shown = CliRunner().invoke(main, args)
    assert shown.exit_code == 0, shown.output
    for part in ('| loss_kd, all |', 'P epoch_1 | R epoch_1', '| all | 4 |',
                 'Words found by epoch_1 and by KnowsTheWord', 'teacher 100.0%'):
        assert part in shown.output, shown.output
    assert (tmp_path / 'told.csv').read_text().startswith('table,row,column,value')
    failed = CliRunner().invoke(main, [*args, '--split', 'test'])
    assert failed.exit_code == 1 and 'has no test_dataloader' in failed.output
