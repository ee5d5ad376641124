import copy

import pytest
import tiny_recog
import torch
from deferred import defer_checks, poison
from mmengine.config import ConfigDict
from mmengine.runner.checkpoint import get_state_dict, load_state_dict
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.distill import TeacherOutputError

LOSSES = {
    'visual': {'type': 'VisualFocusLoss'},
    'semantic': {'type': 'SemanticContrastiveLoss', 'in_channels': 512, 'hidden_channels': 8,
                 'out_channels': 8},
    'logits': {'type': 'SoftLogitsLoss', 'alpha': 0.0},
    'hard': {'type': 'HardLabelLoss'},
}
WORDS = ('hello', 'ab', '7')


@pytest.fixture(scope='module')
def teacher(tmp_path_factory):
    return tiny_recog.checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth',
                                 tiny_recog.crnn_cfg(low_res=False))


def build(teacher, losses=LOSSES, **fields):
    torch.manual_seed(1)
    cfg = {'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
           'teacher': teacher, 'losses': losses, **fields}
    return MODELS.build(copy.deepcopy(cfg))


def prepared(model, data=None):
    return model.data_preprocessor(copy.deepcopy(data or tiny_recog.pairs(*WORDS)), True)


def loss(model, data=None):
    return model.train()(**prepared(model, data), mode='loss')


def network(model):
    return model.distiller.teachers[0].model


def test_losses_are_those_configured_and_reach_student_and_projector(teacher):
    model = build(teacher)
    losses = loss(model)
    assert list(losses) == ['loss_visual', 'loss_semantic', 'loss_logits', 'loss_hard']
    total, log = model.parse_losses(losses)
    torch.testing.assert_close(total, sum(losses.values()))
    total.backward()
    for name in ('student.backbone', 'student.decoder', 'losses.semantic.projector'):
        part = model.get_submodule(name)
        assert all(p.grad is not None and p.grad.isfinite().all() for p in part.parameters())
        assert any(p.grad.abs().sum() > 0 for p in part.parameters())
    assert all(p.grad is None for p in network(model).parameters())


def test_student_that_equals_its_teacher_has_nothing_to_learn_from_it(teacher):
    # Both see the same picture: nearest enlargement, and the student pools nothing away.
    model = build({**teacher, 'config': tiny_recog.crnn_cfg()})
    model.init_weights()
    data = tiny_recog.pairs(*WORDS)
    data['hr_inputs'] = data['inputs']
    model.student.eval()  # batch statistics are what differs in training
    model.student.decoder.training = True  # teacher forcing for the student as well
    seen = []
    model.losses.hard.register_forward_pre_hook(lambda _, readings: seen.append(readings))
    model.losses.logits.register_forward_pre_hook(lambda _, readings: seen.append(readings))
    with torch.no_grad():
        model.loss(**model.data_preprocessor(copy.deepcopy(data), True))
    (student, theirs, _), _ = seen
    for ours, other in zip(student.logits, theirs.logits):
        torch.testing.assert_close(ours.log_softmax(-1), other.log_softmax(-1))
    torch.testing.assert_close(student.visual, theirs.visual)
    torch.testing.assert_close(student.glimpses[0], theirs.glimpses[0])


def test_teacher_is_no_part_of_the_model_and_never_changes(teacher):
    model = build(teacher)
    optimizer = torch.optim.SGD(model.parameters(), lr=.1)
    loss(model)
    before = {k: v.clone() for k, v in network(model).state_dict().items()}
    for _ in range(2):
        optimizer.zero_grad()
        model.parse_losses(loss(model))[0].backward()
        optimizer.step()
    assert not any(module.training for module in network(model).modules())
    assert all(torch.equal(before[k], v) for k, v in network(model).state_dict().items())
    own = {id(p) for p in model.parameters()}
    assert not own & {id(p) for p in network(model).parameters()}
    assert len(model.state_dict()) == len(_student_keys()) + len(model.losses.state_dict())


def _student_keys():
    return set(MODELS.build(tiny_recog.crnn_cfg()).state_dict())


@pytest.mark.parametrize('save', [nn.Module.state_dict, get_state_dict],
                         ids=['torch', 'mmengine'])
@pytest.mark.parametrize('load', [nn.Module.load_state_dict,
                                  lambda model, state: load_state_dict(model, state, strict=True)],
                         ids=['torch', 'mmengine'])
def test_checkpoints_have_plain_student_keys_and_come_back(teacher, save, load):
    model, other = build(teacher), build(teacher)
    nn.init.normal_(model.student.backbone.cnn.conv0.weight)
    nn.init.normal_(model.losses.semantic.projector.state_dict(keep_vars=True).popitem()[1])
    state = save(model)
    assert {key for key in state if not key.startswith('losses.')} == _student_keys()
    load(other, state)
    assert all(torch.equal(value, save(other)[key]) for key, value in state.items())
    plain = MODELS.build(tiny_recog.crnn_cfg())
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith('losses.')})


def test_keys_are_plain_below_other_wrappers_too(teacher):
    averaged = torch.optim.swa_utils.AveragedModel(build(teacher))
    assert {key for key in averaged.state_dict() if 'losses.' not in key} == {
        'n_averaged', *(f'module.{key}' for key in _student_keys())}
    averaged.load_state_dict(averaged.state_dict())


def test_foreign_keys_are_reported_not_swallowed(teacher):
    model = build(teacher)
    state = model.state_dict()
    state['backbone.extra'] = torch.zeros(1)
    state.pop('backbone.cnn.conv0.weight')
    with pytest.raises(RuntimeError, match=r'(?s)conv0.weight.*backbone.extra'):
        model.load_state_dict(state)


def test_prediction_is_the_plain_students_and_needs_no_teacher():
    model = build({'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'}).eval()
    plain = MODELS.build(tiny_recog.crnn_cfg()).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items()
                           if not k.startswith('losses.')})
    data = tiny_recog.pairs(*WORDS)
    ours = model(**model.data_preprocessor(copy.deepcopy(data)), mode='predict')
    data.pop('hr_inputs')
    theirs = plain(**plain.data_preprocessor(data), mode='predict')
    assert [s.pred_text.item for s in ours] == [s.pred_text.item for s in theirs]
    assert [s.pred_text.score for s in ours] == [s.pred_text.score for s in theirs]
    batch = prepared(model)
    batch.pop('hr_inputs')
    probabilities = model(**batch, mode='tensor')
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(3, 26))


def test_student_starts_from_its_teacher(teacher):
    model = build(teacher)
    model.init_weights()
    weights = model.student.state_dict()
    assert all(torch.equal(weights[key], value)
               for key, value in network(model).state_dict().items())
    kept = build(teacher, init_student_from_teacher=False)
    kept.init_weights()
    assert network(kept) is not None  # the losses need it: what is wrong with it shows now
    assert not torch.equal(kept.state_dict()['backbone.cnn.conv0.weight'],
                           weights['backbone.cnn.conv0.weight'])


@pytest.mark.parametrize('config', ['distilling', 'plain'])
def test_a_distilled_student_is_a_teacher_for_the_next(teacher, tmp_path, config):
    first = build(teacher)  # its checkpoint has a projector besides
    path = tmp_path / 'first.pth'
    torch.save({'state_dict': first.state_dict()}, path)
    plain = tiny_recog.crnn_cfg()
    distilling = {'type': 'LowResRecognizerDistiller', 'student': plain, 'losses': LOSSES,
                  'teacher': {'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'}}
    spec = {'config': distilling if config == 'distilling' else plain, 'checkpoint': str(path)}
    second = build(spec)
    second.init_weights()
    expected = first.student.state_dict()
    assert all(torch.equal(expected[key], value)
               for key, value in second.student.state_dict().items())
    data = tiny_recog.pairs(*WORDS)
    data['hr_inputs'] = data['inputs']
    total, _ = second.parse_losses(loss(second, data))
    assert total.isfinite() and not any(p.requires_grad for p in network(second).parameters())


@pytest.mark.parametrize('where', ['student', 'wrapper', 'list'])
def test_a_student_with_weights_of_its_own_keeps_them(teacher, tmp_path, where):
    own = tiny_recog.checkpoint(tmp_path / 'own.pth', tiny_recog.crnn_cfg(), seed=5)
    pretrained = {'type': 'Pretrained', 'checkpoint': own['checkpoint']}
    if where == 'wrapper':
        model = build(teacher, init_cfg=pretrained)
    else:
        student = tiny_recog.crnn_cfg()
        student['init_cfg'] = [pretrained] if where == 'list' else pretrained
        model = build(teacher, student=student)
    model.init_weights()
    expected = torch.load(own['checkpoint'])['state_dict']
    assert all(torch.equal(value, expected[key])
               for key, value in model.student.state_dict().items())
    assert network(model) is not None


@pytest.mark.parametrize('inherits', [False, True])
@pytest.mark.parametrize('field', ['config', 'checkpoint'])
def test_what_is_wrong_with_the_teacher_shows_before_training(teacher, inherits, field):
    model = build({**teacher, field: 'nowhere'}, init_student_from_teacher=inherits)
    with pytest.raises(FileNotFoundError, match='nowhere'):
        model.init_weights()


def test_such_a_teacher_reads_what_its_wrapper_prepared(teacher, tmp_path):
    preprocessor = {'type': 'PairedTextRecogDataPreprocessor', 'mean': [10.], 'std': [20.]}
    first = build(teacher, data_preprocessor=preprocessor)
    torch.save({'state_dict': first.state_dict()}, tmp_path / 'first.pth')
    distilling = {'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
                  'teacher': teacher, 'losses': LOSSES, 'data_preprocessor': preprocessor}
    second = build({'config': distilling, 'checkpoint': str(tmp_path / 'first.pth')})
    second.init_weights()
    assert network(second).data_preprocessor.mean.flatten().tolist() == [10.]


@pytest.mark.parametrize('mode', ['teacher_hr', 'teacher_upsampled'])
def test_teacher_can_be_tested_in_the_students_place(teacher, mode):
    model = build(teacher, eval_mode=mode).eval()
    batch = model.data_preprocessor(tiny_recog.pairs(*WORDS))
    predicted = model(**batch, mode='predict')
    reference = MODELS.build(tiny_recog.crnn_cfg(low_res=False)).eval()
    reference.load_state_dict(torch.load(teacher['checkpoint'])['state_dict'])
    images = batch['hr_inputs']
    if mode == 'teacher_upsampled':
        images = nn.functional.interpolate(batch['inputs'], size=(32, 100), mode='bicubic',
                                           align_corners=True)
    expected = reference.predict(images, [tiny_recog.sample(word) for word in WORDS])
    assert [s.pred_text.item for s in predicted] == [s.pred_text.item for s in expected]
    assert sum(len(s.pred_text.item) for s in predicted)


@pytest.mark.parametrize('size', [(32, 100), (48, 150), (24, 90), (16, 50)])
def test_small_words_are_enlarged_to_what_the_teacher_reads(teacher, size, monkeypatch):
    """By any factor, corners on corners; of the large words only the size counts."""
    model = build(teacher, eval_mode='teacher_upsampled').eval()
    batch = model.data_preprocessor(tiny_recog.pairs(*WORDS))
    batch['hr_inputs'] = torch.full((3, 1, *size), float('nan'))
    seen = []
    monkeypatch.setattr(model.distiller.teachers[0].build(), 'predict',
                        lambda images, samples: seen.append(images))
    model(**batch, mode='predict')
    (large, ), small = seen, batch['inputs']
    assert large.shape == (3, 1, *size)
    for row in (0, -1):
        for column in (0, -1):
            torch.testing.assert_close(large[..., row, column], small[..., row, column])
    edge = (torch.arange(50) > 20).float().expand(3, 1, 16, 50)
    model(**{**batch, 'inputs': edge}, mode='predict')
    assert (seen[1].max() > 1.01) == (size != (16, 50))  # a cubic overshoots at an edge


def test_enlarged_words_need_a_size(teacher):
    model = build(teacher, eval_mode='teacher_upsampled').eval()
    batch = prepared(model)
    batch.pop('hr_inputs')
    with pytest.raises(ValueError, match="no 'hr_inputs'"):
        model(**batch, mode='predict')


def test_training_a_little_lowers_the_loss(teacher):
    model = build(teacher, {**LOSSES, 'hard': {'type': 'HardLabelLoss', 'loss_weight': 1.0}})
    model.init_weights()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(8):
        total = model.parse_losses(loss(model))[0]
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < .8 * totals[0]


def test_teacher_rests_if_no_loss_looks_at_it():
    model = build({'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'},
                  {'hard': {'type': 'HardLabelLoss', 'loss_weight': 1.0}})
    data = tiny_recog.pairs(*WORDS)
    data.pop('hr_inputs')
    assert loss(model, data)['loss_hard'] > 0


def test_labels_alone_train_the_head_that_is_scored_and_the_own_loss_all_three():
    cfg = tiny_recog.abinet_language_cfg()
    heads = ('vision_decoder.cls', 'language_decoder.cls', 'cls')
    wrapped = build({'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'},
                    {'hard': {'type': 'HardLabelLoss', 'loss_weight': 1.0}}, student=cfg)
    for model, trained in ((wrapped, [False, False, True]),
                           (MODELS.build(copy.deepcopy(cfg)), [True] * 3)):
        data = tiny_recog.pairs(*WORDS, channels=3, size=(16, 64))
        model.parse_losses(loss(model, data))[0].backward()
        decoder = getattr(model, 'student', model).decoder
        assert [decoder.get_submodule(head).weight.grad is not None for head in heads] == trained


def test_copies_of_a_model_in_training_share_the_teacher_and_predict(teacher):
    model = build(teacher)
    loss(model)
    twin = copy.deepcopy(model).eval()
    assert network(twin) is network(model)
    batch = prepared(twin)
    assert len(twin(**batch, mode='predict')) == 3
    # Each listens to itself: the same losses, gradients of its own.
    ours, theirs = loss(model), loss(twin)
    torch.testing.assert_close(ours, theirs)
    twin.parse_losses(theirs)[0].backward()
    assert all(p.grad is not None for p in twin.student.parameters())
    assert all(p.grad is None for p in model.parameters())


def test_config_of_the_teacher_stays_as_it_was_written(teacher):
    cfg = ConfigDict(config=tiny_recog.crnn_cfg(low_res=False), checkpoint=teacher['checkpoint'])
    before = copy.deepcopy(cfg)
    model = MODELS.build({'type': 'LowResRecognizerDistiller', 'teacher': cfg, 'losses': LOSSES,
                          'student': tiny_recog.crnn_cfg()})
    loss(model)
    assert cfg == before


def test_plain_recogniser_ignores_the_large_words():
    plain = MODELS.build(tiny_recog.crnn_cfg())
    batch = plain.data_preprocessor(tiny_recog.pairs(*WORDS), True)
    assert plain.train()(**batch, mode='loss')['loss_ctc'].isfinite()
    assert len(plain.eval()(**batch, mode='predict')) == 3


def test_precision_and_device_are_followed(teacher):
    model = build(teacher).double()
    batch = prepared(model)
    for key in ('inputs', 'hr_inputs'):
        batch[key] = batch[key].double()
    assert model.train()(**batch, mode='loss')['loss_visual'].dtype == torch.float64
    assert next(network(model).parameters()).dtype == torch.float64


def test_half_precision_gives_finite_losses(teacher):
    model = build(teacher)
    with torch.autocast('cpu', torch.bfloat16):
        losses = loss(model)
    assert all(value.isfinite() and value.dtype == torch.float32 for value in losses.values())


class TestBadInput:

    def test_no_large_words(self, teacher):
        data = tiny_recog.pairs(*WORDS)
        data.pop('hr_inputs')
        with pytest.raises(ValueError, match="no 'hr_inputs'.*PackPairedTextRecogInputs"):
            loss(build(teacher), data)

    def test_large_words_that_were_not_prepared(self, teacher):
        model = build(teacher, data_preprocessor={'type': 'TextRecogDataPreprocessor'})
        with pytest.raises(ValueError, match='hr_inputs is a list.*PairedTextRecog'):
            loss(model)

    @pytest.mark.parametrize(
        'words', [('a', ), ('', 'ab'), ('', ), ('x' * 60, 'ab'), ('aa' * 13, )],
        ids=['one of one', 'empty', 'nothing else', 'too long', 'repeats do not fit'])
    def test_words_at_the_edge(self, teacher, words):
        losses = loss(build(teacher), tiny_recog.pairs(*words))
        assert all(value.isfinite() for value in losses.values())

    def test_unknown_character_names_word_and_remedy(self, teacher):
        with pytest.raises(ValueError, match="a!.png.*'a!'.*FilterRecogText"):
            loss(build(teacher), tiny_recog.pairs('a!'))

    @pytest.mark.parametrize('field', ['gt_text', 'gt_text.item'])
    def test_sample_without_a_text(self, teacher, field):
        data = tiny_recog.pairs('ab')
        sample = data['data_samples'][0]
        if field == 'gt_text':
            del sample.gt_text
        else:
            sample.gt_text.pop('item')
        with pytest.raises(ValueError, match='ab.png has no text.*LoadOCRAnnotations'):
            loss(build(teacher), data)

    @pytest.mark.parametrize('number', [float('nan'), float('inf')])
    @pytest.mark.parametrize('queued', [False, True])
    def test_teacher_that_gives_no_number(self, teacher, number, queued, monkeypatch):
        model = build(teacher)
        poison(model.distiller.teachers[0].build().decoder.decoder[1].embedding.weight, number)
        if queued:
            defer_checks(monkeypatch)
        with pytest.raises(TeacherOutputError, match="NaN or Inf for 'logits'.*hello.png"):
            loss(model)

    def test_constant_image(self, teacher):
        data = tiny_recog.pairs('ab', 'cd')
        for key in ('inputs', 'hr_inputs'):
            data[key] = [torch.zeros_like(image) for image in data[key]]
        losses = loss(build(teacher), data)
        model = build(teacher)
        model.parse_losses(loss(model, data))[0].backward()
        assert all(value.isfinite() for value in losses.values())
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())

    def test_different_dictionaries(self, tmp_path):
        cfg = tiny_recog.crnn_cfg(low_res=False)
        cfg['decoder']['dictionary']['dict_file'] = str(tmp_path / 'dict.txt')
        (tmp_path / 'dict.txt').write_text('a\nb\n')
        spec = tiny_recog.checkpoint(tmp_path / 'teacher.pth', cfg)
        with pytest.raises(ValueError, match='different dictionaries.*37 and 3 classes'):
            loss(build(spec))

    def test_teacher_of_another_size(self, teacher, tmp_path):
        spec = tiny_recog.checkpoint(tmp_path / 'wide.pth',
                                     tiny_recog.crnn_cfg(low_res=False, width=1 / 8))
        with pytest.raises(RuntimeError, match='cannot start from the teacher'):
            build(spec).init_weights()

    def test_wrong_fields(self, teacher):
        with pytest.raises(ValueError, match='losses is empty'):
            build(teacher, {})
        with pytest.raises(ValueError, match="eval_mode='best' is unknown"):
            build(teacher, eval_mode='best')
        with pytest.raises(ValueError, match='valid_steps=0 must be at least 1'):
            build(teacher, valid_steps=0)
        with pytest.raises(TypeError, match='ModelTeacher cannot be compared step by step'):
            loss(build({'type': 'ModelTeacher', **teacher}))
        with pytest.raises(RuntimeError, match="no module 'backbone.nothing'"):
            loss(build(teacher, visual='backbone.nothing'))
