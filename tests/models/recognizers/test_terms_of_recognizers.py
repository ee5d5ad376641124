"""Losses of a recogniser with teachers, weights and schedules of their own."""
import copy
import math

import pytest
import tiny_recog
import torch
from mmengine.logging import MessageHub
from mmocr.registry import MODELS

from mmocr_kd.distill import Teacher

WORDS = ('hello', 'ab', '7')
VISUAL, LOGITS = {'type': 'VisualFocusLoss'}, {'type': 'SoftLogitsLoss', 'alpha': 0.}
HARD, NBEST = {'type': 'HardLabelLoss', 'loss_weight': 1.}, {'type': 'NBestLoss'}


@MODELS.register_module()
class Spelling(Teacher):
    """A black box that knows what it may have read, and nothing of steps."""

    def __init__(self, guesses=None, sees_images=True):
        self.guesses, self.sees_images, self.images = guesses, sees_images, []

    def bind(self, student, wanted):
        self.wanted = wanted

    def __call__(self, inputs, data_samples):
        self.images.append(inputs)
        words = [[(text, math.log(p)) for text, p in
                  self.guesses or [(sample.gt_text.item, .8), ('no', .2)]]
                 for sample in data_samples]
        return {name: words for name in self.wanted}


@pytest.fixture(autouse=True)
def no_runner(monkeypatch):
    monkeypatch.setattr(MessageHub, '_instance_dict', {})


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    return tiny_recog.checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth',
                                 tiny_recog.crnn_cfg(low_res=False))


def build(losses, teacher=None, **fields):
    torch.manual_seed(1)
    return MODELS.build(copy.deepcopy({
        'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(), 'teacher': teacher,
        'losses': losses, **fields})).train()


def step(model, data=None, hr=True):
    data = model.data_preprocessor(copy.deepcopy(data or tiny_recog.pairs(*WORDS)), True)
    if not hr:
        del data['hr_inputs']
    return model(**data, mode='loss')


def test_a_black_box_teaches_whole_texts_beside_a_network_that_teaches_steps(spec):
    losses = {'logits': LOGITS, 'nbest': {'loss': NBEST, 'teacher': {'type': 'Spelling'},
                                          'loss_weight': .5}, 'hard': HARD}
    found = step(build(losses, spec))
    assert {'loss_logits', 'loss_nbest', 'nbest_kept', 'loss_hard'} == set(found)
    alone = step(build({'nbest': NBEST}, {'type': 'Spelling'}))
    torch.testing.assert_close(found['loss_nbest'], .5 * alone['loss_nbest'])
    torch.testing.assert_close(found['nbest_kept'], alone['nbest_kept'])  # not a loss
    torch.testing.assert_close(found['loss_logits'], step(build({'logits': LOGITS}, spec))[
        'loss_logits'])


def test_the_likelihoods_are_those_of_ctc(spec):
    found = step(build({'nbest': NBEST}, {'type': 'Spelling', 'guesses': [['ab', 1.]]}))
    student = build({'hard': HARD}).student
    data = student.data_preprocessor(tiny_recog.pairs(*WORDS), True)
    logits = student(data['inputs'], data['data_samples'], mode='tensor')
    indexes = torch.tensor([student.decoder.dictionary.char2idx(char) for char in 'ab'])
    expected = torch.nn.functional.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1), indexes.repeat(3, 1), torch.full((3, ), 26),
        torch.full((3, ), 2), student.decoder.dictionary.padding_idx, reduction='none').mean()
    torch.testing.assert_close(found['loss_nbest'], expected)


@pytest.mark.parametrize('sees_images', [True, False])
def test_only_who_looks_at_images_needs_the_large_ones(sees_images):
    model = build({'nbest': NBEST}, {'type': 'Spelling', 'sees_images': sees_images})
    if sees_images:
        with pytest.raises(ValueError, match="no 'hr_inputs'"):
            step(model, hr=False)
        step(model)
        assert model.distiller.teachers[0].images[0].shape[-2:] == (32, 100)
    else:
        assert step(model, hr=False)['loss_nbest'] > 0


def test_a_black_box_cannot_be_compared_step_by_step():
    with pytest.raises(TypeError, match='a Spelling cannot be compared step by step'):
        step(build({'logits': LOGITS}, {'type': 'Spelling'}))


def test_the_student_starts_from_one_network_alone(spec):
    for teacher in ({'type': 'Spelling'}, None):
        losses = {'hard': HARD} if teacher is None else {'nbest': NBEST}
        with pytest.raises(TypeError, match='init_student_from_teacher=True needs.*one network'):
            build(losses, teacher).init_weights()
        build(losses, teacher, init_student_from_teacher=False).init_weights()
    mixed = build({'nbest': {'loss': NBEST, 'teacher': {'type': 'Spelling'}}}, spec)
    mixed.init_weights()
    weights = torch.load(spec['checkpoint'])['state_dict']
    assert all(torch.equal(weights[key], value)
               for key, value in mixed.student.state_dict().items())


def test_a_loss_that_wants_a_teacher_has_to_have_one():
    with pytest.raises(ValueError, match=r"losses\['nbest'\] wants a teacher's hypotheses"):
        build({'hard': HARD, 'nbest': NBEST})


def test_equal_teachers_run_once_and_losses_share_what_they_look_at(spec):
    losses = {'a': LOGITS, 'b': {'loss': VISUAL, 'teacher': dict(spec)}, 'c': {'loss': LOGITS}}
    model = build(losses, spec)
    assert len(model.distiller.teachers) == 1
    assert len({id(term.comparison) for term in model.distiller.terms.values()}) == 1
    found = step(model)
    torch.testing.assert_close(found['loss_logits'], found['c.loss_logits'])


def test_terms_rest_by_their_schedules_and_projectors_get_zeros(spec):
    hub = MessageHub.get_instance('reading_terms')
    hub.update_info_dict({'loop_stage': 'train', 'epoch': 0, 'iter': 3, 'max_epochs': 9})
    semantic = {'type': 'SemanticContrastiveLoss', 'in_channels': 512, 'hidden_channels': 8,
                'out_channels': 8}
    model = build({'semantic': {'loss': semantic, 'schedule': {'start': 2}},
                   'logits': {'loss': LOGITS, 'schedule': {'by_epoch': False, 'warmup': 8}},
                   'hard': HARD}, spec)
    found = step(model)
    assert set(found) == {'loss_logits', 'loss_hard', 'loss_idle'}
    whole = step(build({'logits': LOGITS}, spec))['loss_logits']
    torch.testing.assert_close(found['loss_logits'], whole / 2)
    model.parse_losses(found)[0].backward()
    assert all((p.grad == 0).all() for p in model.losses.parameters())


def test_a_student_that_would_learn_from_nothing_is_an_error(spec):
    hub = MessageHub.get_instance('reading_terms')
    hub.update_info_dict({'loop_stage': 'train', 'epoch': 0, 'iter': 0, 'max_epochs': 9})
    model = build({'logits': {'loss': LOGITS, 'schedule': {'start': 2}}}, spec)
    with pytest.raises(ValueError, match=r"none of the losses \['logits'\] is due"):
        step(model)


def test_the_weight_is_solved_for_on_the_visual_feature(spec):
    losses = {'loss_a': {'loss': LOGITS, 'loss_weight': 'auto', 'share': .25}, 'hard': HARD}
    model = build(losses, spec)
    found = step(model)
    weight = found['weight_term_a'].item()  # no 'loss' in its name: it would be learnt
    plain, features = build({'a': LOGITS, 'hard': HARD}, spec), []
    plain.student.backbone.register_forward_hook(lambda *call: features.append(call[-1]))
    expected = step(plain)
    task, term = (torch.autograd.grad(expected[key], features[0], retain_graph=True)[0].norm()
                  for key in ('loss_hard', 'loss_logits'))
    assert weight == pytest.approx((.25 * task / term).item(), rel=1e-4)
    torch.testing.assert_close(found['loss_logits'], weight * expected['loss_logits'])
    torch.testing.assert_close(found['loss_hard'], expected['loss_hard'])
    assert set(model.parse_losses(found)[1]) == {
        'loss', 'loss_logits', 'loss_hard', 'weight_term_a'}


def test_a_weight_without_a_task_has_nothing_to_go_by(spec):
    with pytest.raises(ValueError, match='there is no task: add a loss that needs no teacher'):
        step(build({'logits': {'loss': LOGITS, 'loss_weight': 'auto'}}, spec))


def weighted(weights, **meta):
    data = tiny_recog.pairs(*WORDS)
    for sample, weight in zip(data['data_samples'], weights):
        sample.set_metainfo({'weight': weight, **meta})
    return data


def test_weights_of_words_reach_all_losses(spec):
    """A word of double weight is as one that is there twice."""
    losses = {'visual': VISUAL, 'logits': LOGITS, 'hard': HARD,
              'nbest': {'loss': NBEST, 'teacher': {'type': 'Spelling'}}}
    twice = tiny_recog.pairs(*WORDS)
    twice = {key: [*values, copy.deepcopy(values[0])] for key, values in twice.items()}
    model = build(losses, spec)
    model.student.eval()  # batch statistics would see that word twice
    model.student.decoder.training = True
    found, expected = (model.loss(**model.data_preprocessor(copy.deepcopy(data), True))
                       for data in (weighted([2., 1., 1.]), twice))
    for key in ('loss_visual', 'loss_logits', 'loss_hard', 'loss_nbest'):
        torch.testing.assert_close(found[key], expected[key])


def test_words_without_a_label_teach_what_needs_none(spec):
    losses = {'logits': LOGITS, 'hard': HARD,
              'nbest': {'loss': NBEST, 'teacher': {'type': 'Spelling', 'guesses': [['ab', 1.]]}}}
    data = tiny_recog.pairs('hello', '')
    data['data_samples'][1].set_metainfo({'labelled': False})
    found = step(build(losses, spec), data)
    as_blank = step(build(losses, spec), tiny_recog.pairs('hello', ''))
    for key in ('loss_logits', 'loss_nbest'):
        torch.testing.assert_close(found[key], as_blank[key])
    # The mean is over the labelled word alone: that without a label costs nothing.
    blank_costs = 2 * as_blank['loss_hard'] - found['loss_hard']
    assert found['loss_hard'] > 0 and blank_costs > 0
    assert found['loss_hard'] != as_blank['loss_hard']


@pytest.mark.parametrize('weight', [-1., math.inf, math.nan])
def test_weights_that_are_none_are_refused_with_the_word(spec, weight):
    with pytest.raises(ValueError, match=f'hello.png has weight={weight}'):
        step(build({'logits': LOGITS}, spec), weighted([weight, 1., 1.]))


def test_checkpoints_know_nothing_of_teachers_and_weights(spec):
    losses = {'nbest': {'loss': NBEST, 'teacher': {'type': 'Spelling'}, 'loss_weight': 'auto'},
              'hard': HARD}
    model = build(losses, spec)
    step(model)
    MODELS.build(tiny_recog.crnn_cfg()).load_state_dict(model.state_dict(), strict=True)
    twin = copy.deepcopy(model)
    assert twin.distiller.teachers == model.distiller.teachers
    torch.testing.assert_close(step(twin)['loss_nbest'], step(model)['loss_nbest'])
