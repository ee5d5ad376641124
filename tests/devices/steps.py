"""Training steps and a test step of everything, as small as it gets.

A case is a function that makes a model in a folder, and a batch for it; ``CASES`` has them by name.
:func:`take` takes the steps on a device: two of training, because the first one builds teachers and
fills caches, and one of testing.
"""
import copy
import functools
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import stand_in_abcnet
import tiny
import tiny_cache
import tiny_dld
import tiny_dld_detector
import tiny_mask_rcnn
import tiny_matrn
import tiny_parseq
import tiny_recog
import tiny_spotter
import torch
from fake_device import FakeDevice
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.registry import Registry
from mmocr.registry import DATASETS, EVALUATOR, HOOKS, MODELS, TRANSFORMS
from mmocr.structures import TextSpottingDataSample
from torch import nn

from mmocr_kd.apis.cache import prepare_filling
from mmocr_kd.distill import Teacher
from mmocr_kd.measure import ImageRating, RatingsFile

CASES = {}


@dataclass
class Case:
    """What takes steps.

    Args:
        model: On the CPU.
        data: A batch as a data loader gives it.
        predicts: Whether there is a test step.
        evaluators: Configs of what judges the predictions.
        before: Called with the model on its device and its optimizer, to set hooks on them.
    """

    model: nn.Module
    data: dict
    predicts: bool = True
    evaluators: list = field(default_factory=list)
    before: Callable = lambda model, optimizer: None


@dataclass
class Outcome:
    """What came of the steps.

    Args:
        values: Losses, weights, predictions and metrics, on the CPU.
        waits: How often code of the package made the host wait in the second training step, by
            kind and place.
        built: Types of all that registries built.
    """

    values: dict
    waits: Counter
    built: set[type]


def case(make):
    """Enter a case into the list."""
    CASES[make.__name__] = make
    return make


@functools.cache
def take(name: str, kind: str) -> Outcome:
    """Take the steps of a case on 'cpu', 'fake' or 'cuda'."""
    built = set()
    with tempfile.TemporaryDirectory() as folder, _noting(built):
        torch.manual_seed(0)
        made = CASES[name](Path(folder))
        if kind != 'fake':
            return Outcome(_steps(made, torch.device(kind), [])[0], Counter(), built)
        with FakeDevice() as fake:
            values, waits = _steps(made, fake.device, fake.waits)
        return Outcome(values, Counter((w.kind, w.place) for w in waits if w.ours), built)


def _steps(made, device, waits):
    model = made.model.to(device)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    made.before(model, optimizer)
    torch.manual_seed(1)
    np.random.seed(1)
    for _ in range(2):
        del waits[:]
        log = model.train().train_step(copy.deepcopy(made.data), optimizer)
    training = waits[:]
    values = {'log': here(log), 'weights': here(model.state_dict())}
    if made.predicts:
        results = model.eval().test_step(copy.deepcopy(made.data))
        values['results'] = [here(result) for result in results]
        values['metrics'] = [_evaluate(evaluator, results) for evaluator in made.evaluators]
    return values, training


def _evaluate(evaluator, results):
    judge = EVALUATOR.build(evaluator)
    judge.dataset_meta = {}
    judge.process(data_samples=results, data_batch=None)
    return judge.evaluate(len(results))


def here(value):
    """The same values on the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: here(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [here(part) for part in value]
    return here(value.to_dict()) if hasattr(value, 'to_dict') else value


def _noting(built):
    """Note the type of all that registries build."""
    build = Registry.build

    def noting(self, *args, **kwargs):
        made = build(self, *args, **kwargs)
        built.add(type(made))
        return made

    return mock.patch.object(Registry, 'build', noting)


# --- text detectors -----------------------------------------------------------------------------


def _texts(size=(64, 96)):
    """A word, and one that nobody cares about."""
    data = tiny.batch(size=size)
    data['data_samples'] = [tiny.sample([tiny.box(10, 15), tiny.box(5, 45, 30, 12)],
                                        ignored=[False, True], size=size) for _ in range(2)]
    return data


def _detector_teacher(folder):
    return tiny.checkpoint(folder / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


def _hooked(folder, hook, model=None, **fields):
    """A model that a hook is set on."""
    built = HOOKS.build(hook)
    return Case(MODELS.build(model or tiny.dbnet_cfg()), _texts(),
                before=lambda model, _: built.before_train(_runner(model, built)), **fields)


def _runner(model, hook, iter=0, optimizer=None):
    fields = {'model': model, 'hooks': [hook], 'epoch': 0, 'iter': iter, 'train_loop': None,
              'optim_wrapper': optimizer}
    return mock.Mock(spec=list(fields), **fields)


@case
def masket_hook(folder):
    return _hooked(folder, {'type': 'MaskETDistillHook', 'teacher': _detector_teacher(folder),
                            'schedule': {'by_epoch': False}})


@case
def cached_teacher(folder):
    """Maps of a detector come with the batch; the hooks see the data first, as in a run."""
    teacher = tiny_cache.cached(folder, _detector_teacher(folder))
    cfg = tiny_cache.training(folder, teacher)
    list(prepare_filling(cfg, '', device='cpu').run())
    data = DATASETS.build(cfg.train_dataloader.dataset)
    hook = HOOKS.build({'type': 'MaskETDistillHook', 'teacher': teacher,
                        'schedule': {'by_epoch': False}})
    hook.distiller.prepare_data(data)
    batch = pseudo_collate([data[0], data[1]])
    for sample in batch['data_samples']:
        sample.set_metainfo({'scale_factor': (1., 1.), 'img_path': 'photo.png'})
    return Case(MODELS.build(tiny.dbnet_cfg()), batch,
                before=lambda model, _: hook.before_train(_runner(model, hook)))


@case
def ema_teacher(folder):
    """A detector that the average of itself teaches."""
    hooks = [HOOKS.build(hook) for hook in (
        {'type': 'MaskETDistillHook', 'teacher': {'type': 'EMATeacher', 'momentum': .5}},
        {'type': 'EMATeacherHook'})]

    def start(model, optimizer):
        for hook in hooks:
            hook.before_train(_runner(model, hook, optimizer=optimizer))

    return Case(MODELS.build(tiny.dbnet_cfg()), _texts(), before=start)


@case
def masket_hook_with_prepared_targets(folder):
    """Targets and masks come from the workers of the data loader."""
    cfg = tiny.dbnet_cfg()
    cfg['det_head']['module_loss'] = {'type': 'PreparedDBModuleLoss'}
    made = _hooked(folder, {'type': 'MaskETDistillHook', 'teacher': _detector_teacher(folder),
                            'schedule': {'by_epoch': False}}, cfg)
    prepare = TRANSFORMS.build({'type': 'DBTargets'})
    made.data['data_samples'] = [prepare({'data_samples': sample})['data_samples']
                                 for sample in made.data['data_samples']]
    return made


@case
def oracle(folder):
    """The labels teach, by masks that come with the batch."""
    made = masket_hook_with_prepared_targets(folder)
    hook = HOOKS.build({'type': 'MaskETDistillHook', 'teacher': {'type': 'GroundTruthTeacher'}})
    made.before = lambda model, _: hook.before_train(_runner(model, hook))
    return made


@case
def masket_hook_with_onnx_teacher(folder):
    """It finds text where an image is bright."""
    helper = onnx.helper
    axes = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ['n', channels, 'h', 'w'])
            for name, channels in (('x', 3), ('y', 1))]
    nodes = [helper.make_node('ReduceMean', ['x'], ['grey'], axes=[1]),
             helper.make_node('Sigmoid', ['grey'], ['y'])]
    graph = helper.make_graph(nodes, 'bright', axes[:1], axes[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8),
              str(folder / 'bright.onnx'))
    teacher = {'type': 'OnnxTeacher', 'model': str(folder / 'bright.onnx'), 'mean': [127.] * 3,
               'std': [127.] * 3}
    return _hooked(folder, {'type': 'MaskETDistillHook', 'teacher': teacher,
                            'schedule': {'by_epoch': False}})


@case
def masket_hook_with_teachers_mask(folder):
    return _hooked(folder, {'type': 'MaskETDistillHook', 'teacher': _detector_teacher(folder),
                            'loss': {'type': 'MaskETLoss', 'mask': 'teacher'},
                            'schedule': {'by_epoch': False}})


@case
def channels_last(folder):
    return _hooked(folder, {'type': 'ChannelsLastHook'})


@case
def quantization_aware(folder):
    made = _hooked(folder, {'type': 'MaskETDistillHook', 'teacher': _detector_teacher(folder),
                            'schedule': {'by_epoch': False}})
    attach = made.before
    hook = HOOKS.build({'type': 'QuantizationAwareTrainingHook'})

    def before(model, device):
        attach(model, device)
        hook.before_train_iter(_runner(model, hook), 0)

    made.before = before
    return made


@case
def masket_hook_with_terms(folder):
    """One of them weighs itself, the other learns from two teachers as one."""
    teacher, other = _detector_teacher(folder), tiny.checkpoint(folder / 'b.pth', tiny.dbnet_cfg())
    terms = [{'loss_weight': 'auto', 'every': 1},
             {'loss': {'type': 'BinaryKDLoss'}, 'mask': 'none', 'loss_weight': 2.,
              'teacher': {'type': 'EnsembleTeacher', 'teachers': [teacher, other]}}]
    return _hooked(folder, {'type': 'MaskETDistillHook', 'teacher': teacher, 'terms': terms})


@case
def masket_hook_on_psenet(folder):
    cfg = tiny.pan_cfg('PSE')
    teacher = tiny.checkpoint(folder / 'teacher.pth', cfg)
    hook = {'type': 'MaskETDistillHook', 'teacher': teacher, 'schedule': {'by_epoch': False},
            'loss': {'type': 'BinaryKDLoss', 'mask': 'kernel', 'reduction': 'image'}}
    return _hooked(folder, hook, cfg, predicts=False)  # that needs compiled mmcv


@case
def dbnet_distiller(folder):
    adaptor = {'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 32}
    terms = [{'loss': {'type': 'MaskETLoss'}},
             {'loss': {'type': 'BinaryKDLoss', 'mask': 'kernel', 'include_ignored': True,
                       'reduction': 'image'}},
             {'loss': {'type': 'CWDLoss'}},
             {'loss': {'type': 'FitNetLoss'}, 'source': 'neck', 'adaptor': adaptor}]
    return Case(MODELS.build({**tiny.dbnet_cfg(), 'type': 'DBNetDistiller', 'terms': terms,
                              'teacher': _detector_teacher(folder)}), _texts())


@case
def mutual_distiller(folder):
    """Two detectors and their teacher."""
    students = tiny.dbnet_cfg(), tiny.dbnet_cfg(width=.5)
    return Case(MODELS.build({
        'type': 'MutualDistiller', 'students': list(students), 'teacher': _detector_teacher(folder),
        'terms': [{'loss': {'type': 'BinaryKDLoss', 'mask': 'text'}}]}), _texts())


# --- recognisers --------------------------------------------------------------------------------

WORDS = 'hello', 'ab', '7'
PROJECTOR = {'type': 'SemanticContrastiveLoss', 'hidden_channels': 8, 'out_channels': 8}
READING = {'visual': {'type': 'VisualFocusLoss'}, 'logits': {'type': 'SoftLogitsLoss'},
           'labels': {'type': 'HardLabelLoss'}}


def _small_words(folder, student, teacher, losses, words=WORDS, **picture):
    """A distiller of small words, one of which fills half of its picture."""
    weights = tiny_recog.checkpoint(folder / 'teacher.pth', copy.deepcopy(teacher))['checkpoint']
    model = MODELS.build(copy.deepcopy({
        'type': 'LowResRecognizerDistiller', 'student': student, 'losses': losses,
        'teacher': {'config': teacher, 'checkpoint': weights}}))
    data = tiny_recog.pairs(*words, **picture)
    data['data_samples'][0].set_metainfo({'valid_ratio': .5})
    return Case(model, data, evaluators=[{'type': 'Evaluator', 'metrics': [
        {'type': 'CheckedWordMetric'}, {'type': 'CheckedCharMetric'}]}])


@case
def small_words_ctc(folder):
    return _small_words(folder, tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg(low_res=False), {
        **READING, 'logits': {'type': 'SoftLogitsLoss', 'alpha': .5},
        'semantic': {**PROJECTOR, 'in_channels': 512},
        'sequence': {'type': 'SequenceKDLoss', 'search': 'ctc'}})


@MODELS.register_module()
class Guesses(Teacher):
    """Knows three words by heart."""

    sees_images = False

    def bind(self, student, wanted):
        self.wanted = wanted

    def __call__(self, inputs, data_samples):
        words = [[(word, -.1), (word + 'a', -3.)] for word in WORDS]
        return {name: words for name in self.wanted}


@case
def small_words_nbest(folder):
    losses = {'hard': {'type': 'HardLabelLoss'}, 'nbest': {
        'loss': {'type': 'NBestLoss'}, 'loss_weight': 'auto', 'teacher': {'type': 'Guesses'}}}
    model = MODELS.build({'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
                          'losses': losses})
    data = tiny_recog.pairs(*WORDS)
    del data['hr_inputs']
    return Case(model, data)


@case
def small_words_abinet(folder):
    picture = {'channels': 3, 'size': (16, 64)}
    cfg = tiny_recog.abinet_language_cfg
    return _small_words(folder, cfg(), cfg(low_res=False), {
        **READING, 'semantic': {**PROJECTOR, 'in_channels': 64, 'exclude_same_class': True},
        'sequence': {'type': 'SequenceKDLoss', 'search': 'static'}}, **picture)


@case
def small_words_matrn(folder):
    teacher = tiny_matrn.matrn_cfg()
    teacher['backbone']['strides'] = [2, 1, 2, 1, 1]
    return _small_words(folder, tiny_matrn.matrn_cfg(), teacher, {
        **READING, 'semantic': {**PROJECTOR, 'in_channels': tiny_matrn.WIDTH,
                                'projector': 'bilstm'}}, channels=3, size=(16, 32))


@case
def small_words_parseq(folder):
    teacher = tiny_parseq.recognizer_cfg(folder)
    teacher['backbone'].update(img_size=(16, 64), patch_size=(8, 8))
    losses = {**READING, 'visual': {'type': 'VisualFocusLoss', 'mask': 'none'},
              'sequence': {'type': 'SequenceKDLoss', 'search': 'greedy', 'topk': 1}}
    return _small_words(folder, tiny_parseq.recognizer_cfg(folder), teacher, losses,
                        ('hello', 'ab', 'z'), channels=3, size=(8, 32))


HYPOTHESES = {'nbest': {'type': 'NBestLoss', 'temperature': 2.}, 'labels': READING['labels']}


def _unlabelled(made, row=1):
    sample = made.data['data_samples'][row]
    del sample.gt_text
    sample.set_metainfo({'labelled': False})
    made.evaluators.clear()
    made.model.init_student_from_teacher = False
    return made


@case
def small_words_nbest_ctc(folder):
    """CTC learns from a decoder of characters; of one word there is no label."""
    teacher = tiny_parseq.recognizer_cfg(folder)
    teacher['backbone'].update(img_size=(32, 128), patch_size=(16, 16))
    return _unlabelled(_small_words(folder, tiny_recog.crnn_cfg(), teacher, HYPOTHESES,
                                    size=(16, 64)))


@case
def small_words_nbest_attention(folder):
    """And the other way round."""
    student = tiny_parseq.recognizer_cfg(folder)
    return _unlabelled(_small_words(folder, student, tiny_recog.crnn_cfg(),
                                    HYPOTHESES, ('hello', 'ab', 'z'), channels=3, size=(8, 32)))


@case
def mutual_readers(folder):
    losses = [{'loss': loss} for loss in (READING['logits'], READING['visual'])]
    data = tiny_recog.pairs(*WORDS)
    del data['hr_inputs']
    return Case(MODELS.build({'type': 'MutualDistiller', 'terms': losses, 'students': [
        tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg()]}), data)


@case
def parseq(folder):
    data = tiny_recog.pairs('hello', 'ab', channels=3, size=(8, 32))
    del data['hr_inputs']
    return Case(MODELS.build(tiny_parseq.recognizer_cfg(folder)), data)


@case
def matrn(folder):
    return Case(MODELS.build(tiny_matrn.matrn_cfg()), tiny_matrn.batch('hello', 'ab'))


# --- text spotters ------------------------------------------------------------------------------

E2E = {'type': 'E2ETextSpottingMetric'}


def _pages():
    """Images of different sizes; one without words, one with a word that nobody cares about."""
    data = tiny_spotter.batch(*tiny_dld.pages())
    instances = data['data_samples'][0].gt_instances
    instances.ignored = torch.tensor([False, True])
    return data


def _finding(spotter):
    """The same, finding plenty: weights at random find hardly anything."""
    if hasattr(spotter, 'roi_extractor'):
        spotter.detector.roi_head.test_cfg.score_thr = 0.
    elif hasattr(spotter, 'detector'):
        postprocessor = spotter.detector.det_head.postprocessor
        postprocessor.min_text_score, postprocessor.mask_thr = 0., .45
    return spotter


def _judged_by(*metrics):
    return [{'type': 'Evaluator', 'metrics': list(metrics)}]


@case
def det_rec_spotter(folder):
    return Case(_finding(tiny_spotter.spotter()), _pages(), evaluators=_judged_by(E2E))


@case
def mask_rcnn_spotter(folder):
    return Case(_finding(tiny_mask_rcnn.mask_rcnn_spotter(folder)), _pages(),
                evaluators=_judged_by(E2E))


def _dld(folder, student, losses, **fields):
    teacher = tiny.checkpoint(folder / 'teacher.pth', student)
    model = MODELS.build(copy.deepcopy({
        'type': 'DLDTextSpotter', 'student': student, 'teacher': teacher, 'losses': losses,
        'selector': tiny_dld.selector_cfg(), 'objective': tiny_dld.DRS, **fields}))
    _finding(model.student)
    weighted = {'type': 'WeightedMultiDatasetsEvaluator', 'dataset_prefixes': ['all'],
                'metrics': [{'type': 'ResolutionStatMetric', 'scale_factors': tiny_dld.SCALES}]}
    return Case(model, _pages(), evaluators=[*_judged_by(E2E), weighted])


@case
def dld_det_rec(folder):
    return _dld(folder, tiny_dld.student_cfg(), {
        **tiny_dld.SKD}, objective={'type': 'GumbelObjective', 'preset': 'paper',
                                    'accuracy': {'combine': 'logits'}, 'cost': {'budget': .4}})


@case
def dld_errors(folder):
    return _dld(folder, tiny_dld.student_cfg(), {}, train_student=False,
                objective={'type': 'ErrorObjective'}, selector=tiny_dld.expecting_cfg())


@case
def dld_stored_errors(folder):
    rated = RatingsFile(folder / 'ratings.jsonl', dict(
        config='c.py', checkpoint='c.pth', identity='1', split='train',
        scales=[*tiny_dld.SCALES, 1.], thresholds=[.5], protocol='e2e'),
        lambda: dict(size=[96, 160], macs=[1, 2, 3, 4], ms=[1., 2., 3., 4.]))
    with rated as file:
        file.write(ImageRating('tiny.png', 2, [[0], [1], [2], [2]], [[0]] * 4, None))
    stored = {'type': 'StoredErrors', 'file': str(folder / 'ratings.jsonl')}
    hook = HOOKS.build({'type': 'BudgetTableHook'})
    made = _dld(folder, tiny_dld.student_cfg(), {}, train_student=False, budget=.5,
                objective={'type': 'ErrorObjective', 'errors': stored},
                selector=tiny_dld.expecting_cfg())

    def fill(model, _):
        runner = mock.Mock(model=model)
        runner.val_dataloader.dataset, runner.message_hub.get_info.return_value = [0], None
        hook.before_val_epoch(runner)
        hook.after_val_iter(runner, 0, None, [TextSpottingDataSample(
            metainfo={'dld_errors': [2., 1., 0.]})])
        hook.after_val_epoch(runner)

    made.before = fill
    return made


@case
def dld_height_errors(folder):
    rated = RatingsFile(folder / 'ratings.jsonl', dict(
        config='c.py', checkpoint='c.pth', identity='1', split='val', scales=[.5, 1.],
        thresholds=[.5], protocol='e2e'), lambda: dict(size=[96, 160], macs=[1, 2], ms=[1., 2.]))
    with rated as file:
        file.write(ImageRating('tiny.png', 2, [[0], [2]], [[0]] * 2, None, [12., 30.]))
    heights = {'type': 'HeightErrors', 'file': str(folder / 'ratings.jsonl')}
    backbone = tiny.dbnet_cfg()['backbone']
    selector = {'type': 'BackboneSelector', 'backbone': backbone,
                'in_channels': MODELS.build(backbone).out_channels,
                'scale_factors': [*tiny_dld.SCALES]}
    return _dld(folder, tiny_dld.student_cfg(), {}, train_student=False,
                objective={'type': 'ErrorObjective', 'errors': heights}, selector=selector)


@case
def dld_full_crops(folder):
    """Detects in small images and reads in large ones, its words denser than its crops."""
    model = tiny_dld.dld(selector=None, losses={}, scale_factors=[.5], student=tiny_dld.student_cfg(
        crop_from='full', crop={'size': (32, 100), 'oversample': 2}))
    _finding(model.student)
    return Case(model, _pages(), evaluators=_judged_by(E2E))


@case
def dld_all_three(folder):
    reader = tiny_recog.checkpoint(folder / 'reader.pth', tiny_dld.student_cfg()['recognizer'])
    taught = {'teacher': {'type': 'RecognizerTeacher', **reader}}
    losses = {'soft': {'loss': {'type': 'SoftLogitsLoss'}, **taught},
              'n-best': {'loss': {'type': 'NBestLoss'}, **taught}}
    return _dld(folder, tiny_dld.student_cfg(), losses, terms=[
        {'loss': {'type': 'MaskETLoss'}},
        {'loss': {'type': 'FitNetLoss'}, 'source': 'neck', 'adaptor': {
            'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 16}}])


@case
def dld_mask_rcnn(folder):
    return _dld(folder, tiny_mask_rcnn.spotter_cfg(folder), {
        **tiny_dld.SKD, 'sequence': {'type': 'SequenceKDLoss', 'search': 'greedy', 'topk': 1,
                                     'reduction': 'mean'}})


@case
def dld_abcnet(folder):
    losses = {**tiny_dld.SKD, 'sequence': {'type': 'SequenceKDLoss'}}
    return _dld(folder, stand_in_abcnet.abcnet_cfg(teach_prob=0.), losses)


def _dld_detector(detector=None, data=None, **fields):
    model = MODELS.build(copy.deepcopy(tiny_dld_detector.dld_cfg(detector, **fields)))
    return Case(model, data or tiny_dld_detector.wide_and_narrow(), evaluators=_judged_by(
        {'type': 'ResolutionStatMetric', 'scale_factors': tiny_dld_detector.SCALES}))


@case
def dld_detector(folder):
    return _dld_detector()


@case
def dld_detector_of_mmdet(folder):
    return _dld_detector(tiny_dld_detector.retina_cfg())


@case
def dld_detector_reading(folder):
    reader = tiny_recog.checkpoint(folder / 'reader.pth', tiny_recog.crnn_cfg(low_res=False))
    return _dld_detector(data=_pages(), recognizer={
        **reader, 'crop': {'size': (32, 100)}, 'color_type': 'grayscale'})


@case
def temperature_hook(folder):
    hook = HOOKS.build({'type': 'GumbelTemperatureHook', 'by_epoch': False})
    made = _dld(folder, tiny_dld.student_cfg(), {})
    made.before = lambda model, _: hook.before_train(_runner(model, hook, iter=3))
    return made


# --- parts that no model above has --------------------------------------------------------------


class OnImages(nn.Module):
    """Lets a part of a model take a step: its features of images, squared."""

    def __init__(self, part):
        super().__init__()
        self.part = MODELS.build(part)

    def train_step(self, data, optim_wrapper):
        features = self.part(data['inputs'].to(next(self.parameters()).device))
        levels = features if isinstance(features, (tuple, list)) else [features]
        loss = sum(level.square().mean() for level in levels)
        optim_wrapper.update_params(loss)
        return {'loss': loss}


PARTS = {
    'low_res_mini_vgg': ({'type': 'LowResMiniVGG', 'leaky_relu': False, 'input_channels': 1},
                         (1, 16, 32)),
    'low_res_resnet31': ({'type': 'LowResResNet31OCR', 'layers': [1, 1, 1, 1],
                          'channels': [4, 8, 8, 8, 8, 8, 8]}, (3, 24, 40)),
    'low_res_shallow_cnn': ({'type': 'LowResShallowCNN', 'input_channels': 1, 'hidden_dim': 8},
                            (1, 16, 32)),
    'low_res_modality': ({'type': 'LowResNRTRModalityTransform'}, (3, 16, 40)),
    'low_res_svtr': ({'type': 'LowResSVTREncoder', 'img_size': [32, 100], 'in_channels': 3,
                      'embed_dims': [8, 8, 8], 'depth': [1, 1, 1], 'num_heads': [1, 1, 1],
                      'mixer_types': ['Local'] * 2 + ['Global'], 'window_size': [[7, 11]] * 3,
                      'out_channels': 8, 'max_seq_len': 25}, (3, 16, 50)),
    'timm_features': ({'type': 'TIMMFeatures', 'model_name': 'mobilenetv3_small_050'}, (3, 64, 64)),
}


def _part(name):
    cfg, size = PARTS[name]
    images = torch.rand(2, *size, generator=torch.Generator().manual_seed(0))
    return Case(OnImages(cfg), {'inputs': images}, predicts=False)


CASES |= {name: lambda folder, name=name: _part(name) for name in PARTS}
