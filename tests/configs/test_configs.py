"""Every shipped config parses, builds, survives being dumped, and refers to what exists."""
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from config_zoo import (
    CONFIGS,
    DETECTORS,
    DISTILLED,
    FILES,
    TAUGHT,
    build,
    load,
    shallow,
    teacher_of,
    without_pretrained,
)
from mmengine.config import Config, ConfigDict
from mmengine.registry import HOOKS, OPTIM_WRAPPERS, PARAM_SCHEDULERS
from mmengine.structures import InstanceData
from mmocr.registry import MODELS, TRANSFORMS
from mmocr.structures import TextDetDataSample

# Networks do not depend on the data set.
_OTHERS = ('_icdar2013', '_icdar2015', '_td500', '_tdtr', '_casia10k')
_ONE_DATA_SET = [name for name in DETECTORS if not name.endswith(_OTHERS)]


@pytest.fixture(params=CONFIGS)
def cfg(request):
    return load(CONFIGS[request.param])


def test_basenames_are_unique():
    # mim finds a packaged config by its basename and refuses ambiguous ones.
    assert len(FILES) == len(CONFIGS) > 60


def test_imports_the_plugin(cfg):
    assert cfg.custom_imports == dict(imports=['mmocr_kd'], allow_failed_imports=False)
    assert cfg.default_scope == 'mmocr'


def test_model_builds(cfg):
    # Dozens of models of KD-LTR and DLD are alike and large: cut down, and not kept.
    many = '/kd_ltr/' in cfg.filename or cfg.model.type == 'DLDTextSpotter'
    model = MODELS.build(shallow(without_pretrained(cfg.model.to_dict()))) if many else build(cfg)
    assert sum(p.numel() for p in model.parameters()) > 1e5


def test_hooks_build_without_any_teacher_file(cfg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hooks = [HOOKS.build(hook) for hook in cfg.get('custom_hooks', [])]
    assert [type(h).__name__ for h in hooks] == [h.type for h in cfg.get('custom_hooks', [])]


def test_words_are_scored_as_the_benchmarks_do(cfg):
    """MMOCR's metrics take '^' for a letter."""
    evaluators = [cfg.get(f'{part}_evaluator') for part in ('val', 'test')]
    types = {word for word in re.findall(r"'type': '(\w+)'", str(evaluators))}
    assert not types & {'WordMetric', 'CharMetric'}


@pytest.mark.parametrize('name', DETECTORS)
def test_learning_rate_spans_the_whole_training(name):
    """It is positive throughout, starts falling at its peak and ends at the last epoch."""
    cfg = load(CONFIGS[name])
    epochs, weight = cfg.train_cfg.max_epochs, torch.nn.Parameter(torch.zeros(1))
    wrapper = OPTIM_WRAPPERS.build(dict(cfg.optim_wrapper, optimizer=_optimizer(cfg, [weight])))
    schedulers = [
        PARAM_SCHEDULERS.build(ConfigDict(s, convert_to_iter_based=False),
                               default_args=dict(optimizer=wrapper))
        for s in cfg.param_scheduler]
    rates = []
    for _ in range(epochs):
        rates.append(wrapper.get_lr()['lr'][0])
        for scheduler in schedulers:
            scheduler.step()
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(cfg.optim_wrapper.optimizer.lr, rel=1e-3)
    assert peak <= epochs / 10
    assert all(a >= b for a, b in itertools.pairwise(rates[peak:]))
    assert len(set(rates)) >= epochs - 1  # at most the peak is held
    assert 0 < rates[-1] < max(rates) * 0.05 * (1200 / epochs)
    assert max(s.end for s in cfg.param_scheduler) == epochs


def _optimizer(cfg, params):
    kwargs = dict(cfg.optim_wrapper.optimizer)
    kwargs.pop('_scope_', None)
    return getattr(torch.optim, kwargs.pop('type'))(params, **kwargs)


@pytest.mark.parametrize('name', [
    'masket_dbnet_mbv3',
    'dbnet_mobilenetv3-large_fpnc_6e_icdar2015-mini',
    'dbnet_mobilenetv3-large_fpnc_masket-resnet50_1200e_totaltext',
    'dbnet_mobilenetv3-large_fpnc_fitnet-resnet50_170e_casia10k',
    'dbnet_resnet50_fpnc_1200e_icdar2015',
    'parseq-tiny-lr_kd-ltr_100e_textzoom_str-degraded',
    'abinet-mmocr-lr-plain_100e_textzoom',
    'nrtr-r31-lr_kd-ltr_3e_embedded',
    'dbnet-efficientnet-lite0_crnn-slim-vgg_skd_1e_icdar2015-mini',
    'mask-rcnn-resnet50_crnn-attn_dld-paper-gamma0.3_50e_dld-mixture',
])
def test_dump_is_the_same_config(name, tmp_path):
    # mim gridsearch trains from the dumped text, in another folder.
    cfg = load(CONFIGS[name])
    text = tmp_path / 'dumped.py'
    text.write_text(cfg.pretty_text)
    again = Config.fromfile(text, import_custom_modules=False)
    assert again.to_dict() == cfg.to_dict()


@pytest.mark.parametrize('name', TAUGHT)
def test_teacher_exists_and_reads_the_same_data_set(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # teachers are found from any folder
    student = load(CONFIGS[name])
    teacher = load(teacher_of(student)['config'])
    assert build(teacher) is not build(student)
    assert teacher.test_dataloader.dataset == student.test_dataloader.dataset


@pytest.mark.parametrize('name', DISTILLED)
def test_distilled_differs_from_plain_in_distillation_only(name):
    """Same model, data, recipe and length: whatever is compared has had the same budget."""
    plain, distilled = (load(CONFIGS[n]).to_dict() for n in (_plain(name), name))
    distilled.pop('custom_hooks', None)
    if distilled['model']['type'] == 'DBNetDistiller':
        distilled['model']['type'] = 'DBNet'
        for key in ('teacher', 'terms', 'schedule'):
            distilled['model'].pop(key)
    assert distilled == plain


def _plain(name):
    """Name of the student without distillation: the same, without '<method>-<teacher>'."""
    if name == 'masket_dbnet_mbv3':
        return 'dbnet_mobilenetv3-small_fpnc_1e_embedded'
    return re.sub(r'_(masket|masket-entropy|kd|cwd|fitnet)-[^_]+', '', name)


@pytest.mark.parametrize('name', TAUGHT)
def test_teacher_checkpoint_is_where_mmocr_will_have_saved_it(name):
    teacher = teacher_of(load(CONFIGS[name]))
    stem = Path(teacher['config']).stem
    epochs = load(teacher['config']).train_cfg.max_epochs
    assert teacher['checkpoint'] in (f'work_dirs/{stem}/epoch_{epochs}.pth', f'mmocr_kd://{stem}')


def test_every_transform_is_known(cfg):
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        pipelines = list(_pipelines(loader.dataset))
        assert pipelines
        for pipeline in pipelines:
            assert [TRANSFORMS.build(step) for step in pipeline]


def _pipelines(dataset):
    """Pipelines of a data set, or of those it consists of."""
    if dataset.get('pipeline'):
        yield dataset.pipeline
    for part in (*dataset.get('datasets', []), dataset.get('dataset')):
        if part is not None:
            yield from _pipelines(part)


@pytest.mark.parametrize('name', [n for n in _ONE_DATA_SET if n not in DISTILLED])
def test_network_gives_losses_and_maps(name):
    model, images = build(load(CONFIGS[name])).train(), torch.randn(2, 3, 128, 128)
    losses = model.loss(images, [_sample(), _sample()])
    assert {'loss_prob', 'loss_thr', 'loss_db'} <= set(losses)
    sum(losses.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    with torch.no_grad():
        maps = model.eval()(images, None, mode='tensor')
    assert maps.shape == (2, 128, 128) and 0 <= maps.min() and maps.max() <= 1


def _sample():
    instances = InstanceData(
        polygons=[np.array([12, 16, 100, 20, 98, 60, 14, 56], np.float32)],
        labels=torch.zeros(1, dtype=torch.long), ignored=torch.zeros(1, dtype=torch.bool))
    meta = dict(img_shape=(128, 128), ori_shape=(128, 128), scale_factor=(1.0, 1.0))
    return TextDetDataSample(gt_instances=instances, metainfo=meta)
