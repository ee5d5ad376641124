import copy

import pytest
import tiny
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_kd.adapters import text_logits
from mmocr_kd.distill import CheckpointError, ModelTeacher, RecordingError, Source
from mmocr_kd.distill.model_teacher import model_config


@pytest.fixture
def student():
    return MODELS.build(tiny.dbnet_cfg())


@pytest.fixture
def spec(tmp_path):
    return tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


@pytest.fixture
def teacher(spec, student):
    built = ModelTeacher(**spec)
    built.bind(student, {'logits': text_logits})
    return built


def reference(spec, inputs):
    """The teacher's logits, the slow and obvious way."""
    model = MODELS.build(copy.deepcopy(spec['config']))
    model.load_state_dict(torch.load(spec['checkpoint'])['state_dict'])
    model.eval()
    with torch.no_grad():
        return model.det_head(model.extract_feat(inputs), None, mode='loss')[0]


def test_gives_the_logits_of_the_model(teacher, spec, student):
    inputs = tiny.prepared(student)['inputs']
    assert torch.allclose(teacher(inputs, None)['logits'], reference(spec, inputs), atol=1e-5)


def test_renormalises_for_a_teacher_with_other_statistics(tmp_path, student):
    cfg = tiny.dbnet_cfg(data_preprocessor={
        'type': 'TextDetDataPreprocessor', 'mean': [127.] * 3, 'std': [128.] * 3,
        'bgr_to_rgb': False})
    spec = tiny.checkpoint(tmp_path / 't.pth', cfg)
    teacher = ModelTeacher(**spec)
    teacher.bind(student, {'logits': text_logits})
    own = tiny.prepared(MODELS.build(copy.deepcopy(cfg)))['inputs']
    logits = teacher(tiny.prepared(student)['inputs'], None)['logits']
    assert torch.allclose(logits, reference(spec, own), atol=1e-4)


def test_is_frozen_and_stays_bitwise_the_same(teacher, student):
    before = copy.deepcopy(teacher.model.state_dict())
    for seed in range(3):
        logits = teacher(tiny.prepared(student, tiny.batch(seed=seed))['inputs'], None)['logits']
        assert not logits.requires_grad
    assert not any(module.training for module in teacher.model.modules())
    assert not any(p.requires_grad for p in teacher.model.parameters())
    after = teacher.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_computes_no_targets_and_no_threshold_map(teacher, student, monkeypatch):
    head = teacher.model.det_head
    monkeypatch.setattr(head, 'module_loss', None)
    head.threshold.register_forward_hook(lambda *_: pytest.fail('threshold branch was run'))
    teacher(tiny.prepared(student)['inputs'], None)


@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
def test_follows_the_dtype_of_its_inputs(teacher, student, dtype):
    inputs = tiny.prepared(student)['inputs']
    assert teacher(inputs.to(dtype), None)['logits'].dtype == dtype
    assert teacher(inputs, None)['logits'].dtype == torch.float32


def test_runs_inside_autocast(teacher, student):
    with torch.autocast('cpu', torch.bfloat16):
        logits = teacher(tiny.prepared(student)['inputs'], None)['logits']
    assert logits.dtype == torch.bfloat16


def test_copies_share_the_teacher(teacher):
    assert copy.deepcopy(teacher) is teacher


def test_bound_again_it_keeps_its_model(teacher, student):
    model = teacher.model
    teacher.bind(student, {'logits': text_logits})
    assert teacher.model is model
    teacher(tiny.prepared(student)['inputs'], None)


def test_building_needs_no_checkpoint():
    ModelTeacher(config='nowhere.py', checkpoint='nowhere.pth')


def test_config_may_be_dict_whole_config_path_or_mmocr(tmp_path):
    cfg = tiny.dbnet_cfg()
    path = tmp_path / 'teacher.py'
    Config({'model': cfg}).dump(path)
    assert model_config(cfg)['type'] == 'DBNet'
    assert model_config({'model': cfg})['type'] == 'DBNet'
    assert model_config(str(path))['backbone']['arch'] == 'small'
    name = 'mmocr::textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py'
    assert model_config(name)['backbone']['depth'] == 18


@pytest.mark.parametrize('config', ['nowhere/big.py', 'mmocr::textdet/dbnet/no_such.py'])
def test_a_config_that_does_not_exist_is_named(student, config):
    teacher = ModelTeacher(config=config, checkpoint='nowhere.pth')
    with pytest.raises(FileNotFoundError, match=f"teacher's config='{config}' does not exist"):
        teacher.bind(student, {})


def test_weights_of_another_model_are_refused_naming_the_config(tmp_path, spec):
    path = str(tmp_path / 'other.py')
    Config({'model': tiny.dbnet_cfg(width=.5, neck=16)}).dump(path)
    with pytest.raises(CheckpointError, match=f'does not fit DBNet of {path}:'):
        ModelTeacher(path, spec['checkpoint']).build()
    with pytest.raises(CheckpointError, match='does not fit DBNet:'):
        ModelTeacher({'model': tiny.dbnet_cfg(width=.5, neck=16)}, spec['checkpoint']).build()


@pytest.mark.parametrize('checkpoint', [None, 3])
def test_a_checkpoint_that_is_no_path_is_refused(checkpoint):
    with pytest.raises(TypeError, match=f'checkpoint={checkpoint} must be a path or an address'):
        ModelTeacher(config='big.py', checkpoint=checkpoint)


def test_a_teacher_of_grey_images_teaches_a_student_of_colours(tmp_path, student):
    cfg = tiny.dbnet_cfg(
        backbone={'type': 'mmdet.ResNet', 'depth': 18, 'base_channels': 4, 'in_channels': 1},
        data_preprocessor={'type': 'TextDetDataPreprocessor', 'mean': [100.], 'std': [50.]})
    cfg['neck']['in_channels'] = [4, 8, 16, 32]
    spec = tiny.checkpoint(tmp_path / 'grey.pth', cfg)
    teacher = ModelTeacher(**spec)
    teacher.bind(student, {'logits': text_logits})
    red = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)
    red[:, 2] = 200
    inputs = student.data_preprocessor({'inputs': list(red)})['inputs']
    expected = reference(spec, torch.full((1, 1, 64, 96), (200 * .299 - 100) / 50))
    assert torch.allclose(teacher(inputs, None)['logits'], expected, atol=1e-4)


def test_a_teacher_saved_in_2022_is_understood(tmp_path, spec, student):
    saved = torch.load(spec['checkpoint'])
    for name in ('mean', 'std'):
        saved['state_dict'][f'data_preprocessor.{name}'] = getattr(student.data_preprocessor, name)
    torch.save(saved, spec['checkpoint'])
    ModelTeacher(**spec).bind(student, {'logits': text_logits})


def test_bound_again_it_hears_with_one_hook(teacher, student):
    def hooks():
        return sum(len(m._forward_hooks) for m in teacher.model.modules())
    assert hooks() == 1
    teacher.bind(student, {'logits': text_logits})
    assert hooks() == 1
    with pytest.raises(RecordingError):
        teacher.bind(student, {'logits': lambda _: Source('nowhere')})
    assert hooks() <= 1


def test_a_dict_that_is_no_model_is_refused():
    with pytest.raises(KeyError, match="neither a 'model' nor a 'type'"):
        model_config({'backbone': {}})
    with pytest.raises(TypeError, match='path or a dict'):
        ModelTeacher(config=3, checkpoint='x.pth')


class TestCheckpoints:

    def bind(self, spec, student, **changes):
        ModelTeacher(**{**spec, **changes}).bind(student, {'logits': text_logits})

    def test_missing_file_gives_the_command_that_trains_it(self, tmp_path, student):
        Config({'model': tiny.dbnet_cfg()}).dump(tmp_path / 'big.py')
        checkpoint = tmp_path / 'runs' / 'big.pth'
        with pytest.raises(FileNotFoundError) as error:
            self.bind({'config': str(tmp_path / 'big.py'), 'checkpoint': str(checkpoint)}, student)
        command = f'mim train mmocr {tmp_path}/big.py --work-dir {tmp_path}/runs'
        assert command in str(error.value)

    def test_corrupt_file(self, spec, student, tmp_path):
        whole = open(spec['checkpoint'], 'rb').read()
        for content in (b'', b'not a checkpoint', whole[:len(whole) // 2]):
            (tmp_path / 'corrupt.pth').write_bytes(content)
            with pytest.raises(CheckpointError, match='cannot be read'):
                self.bind(spec, student, checkpoint=str(tmp_path / 'corrupt.pth'))

    def test_hostile_file_runs_nothing(self, spec, student, tmp_path):
        class Hostile:
            def __reduce__(self):
                return (open, (str(tmp_path / 'owned'), 'w'))
        torch.save({'state_dict': Hostile()}, tmp_path / 'hostile.pth')
        with pytest.raises(CheckpointError, match='cannot be read'):
            self.bind(spec, student, checkpoint=str(tmp_path / 'hostile.pth'))
        assert not (tmp_path / 'owned').exists()

    def test_foreign_keys_are_listed(self, spec, student, tmp_path):
        state = torch.load(spec['checkpoint'])['state_dict']
        kept = {k: v for k, v in state.items() if 'binarize.0' not in k}
        kept['extra.weight'] = torch.zeros(1)
        kept['backbone.features.0.0.weight'] = torch.zeros(2, 2)
        torch.save(kept, tmp_path / 'foreign.pth')
        with pytest.raises(CheckpointError) as error:
            self.bind(spec, student, checkpoint=str(tmp_path / 'foreign.pth'))
        for line in ('missing: det_head.binarize.0.weight', 'unexpected: extra.weight',
                     'backbone.features.0.0.weight: shape (2, 2)'):
            assert line in str(error.value)

    def test_no_state_dict_inside(self, spec, student, tmp_path):
        for content in ([1], {}, {'state_dict': {}}, {'epoch': 3}):
            torch.save(content, tmp_path / 'other.pth')
            with pytest.raises(CheckpointError, match='no state dict'):
                self.bind(spec, student, checkpoint=str(tmp_path / 'other.pth'))

    def test_ddp_prefix_and_plain_state_dicts_are_understood(self, spec, student, tmp_path):
        state = torch.load(spec['checkpoint'])['state_dict']
        torch.save({f'module.{k}': v for k, v in state.items()}, tmp_path / 'ddp.pth')
        self.bind(spec, student, checkpoint=str(tmp_path / 'ddp.pth'))


@pytest.mark.parametrize('student_autocast', [False, True])
@pytest.mark.parametrize('name', ['bfloat16', 'float32'])
def test_computes_in_its_own_precision(spec, student, name, student_autocast):
    teacher = ModelTeacher(**spec, dtype=name)
    teacher.bind(student, {'logits': text_logits})
    inputs = tiny.prepared(student)['inputs']
    with torch.autocast('cpu', torch.bfloat16, enabled=student_autocast):
        logits = teacher(inputs, None)['logits']
    assert logits.dtype == getattr(torch, name)
    assert {weight.dtype for weight in teacher.model.parameters()} == {torch.float32}
    tolerance = {'bfloat16': .05, 'float32': 1e-5}[name]
    assert (logits - reference(spec, inputs)).abs().max() < tolerance


@pytest.mark.parametrize('loss', ['MaskETLoss', 'BinaryKDLoss', 'CWDLoss', 'FitNetLoss'])
def test_losses_compare_a_half_precise_teacher_in_float32(loss):
    built = MODELS.build({'type': loss})
    shape = (2, 3, 8, 8) if loss == 'FitNetLoss' else (2, 8, 8)
    student, teacher = torch.randn(shape), torch.randn(shape).bfloat16()
    mask = torch.ones(student.shape, dtype=torch.bool)
    found, expected = built(student, teacher, mask), built(student, teacher.float(), mask)
    for key, value in expected.items():
        assert found[key].dtype == torch.float32 and torch.equal(found[key], value)


def test_unknown_precision(spec):
    with pytest.raises(ValueError, match="dtype='half' is unknown: use one of.*bfloat16"):
        ModelTeacher(**spec, dtype='half')
