"""What configs/textdet/masket promises: a complete grid, at one budget, with MMOCR's teachers."""
import math
import re

import pytest
import torch
from config_zoo import CONFIGS, build, load, photo_data
from mmengine.hub import get_config
from mmocr.registry import DATASETS

IMAGES = dict(icdar2013=229, icdar2015=1000, td500=300, tdtr=700, totaltext=1255, casia10k=7000)
EPOCHS = dict.fromkeys(IMAGES, 1200) | dict(casia10k=170)
STUDENT = 'dbnet_mobilenetv3-large_fpnc'
TEACHERS = ('resnet18', 'resnet50', 'resnet50-dcnv2')
BASELINES = ('kd', 'cwd', 'masket-entropy', 'fitnet')
ARMS = [f'masket-{t}' for t in TEACHERS] + [f'{b}-resnet50' for b in BASELINES]
GRID = [(arm, data) for data in IMAGES for arm in ARMS]
MMOCR = {
    'dbnet_resnet18_fpnc_1200e_icdar2015': 'dbnet_resnet18_fpnc_1200e_icdar2015',
    'dbnet_resnet18_fpnc_1200e_totaltext': 'dbnet_resnet18_fpnc_1200e_totaltext',
    'dbnet_resnet50_fpnc_1200e_icdar2015': 'dbnet_resnet50_1200e_icdar2015',
    'dbnet_resnet50-dcnv2_fpnc_1200e_icdar2015': 'dbnet_resnet50-dcnv2_fpnc_1200e_icdar2015',
}


def _plain(data: str) -> str:
    return f'{STUDENT}_{EPOCHS[data]}e_{data}'


def _arm(arm: str, data: str) -> str:
    return f'{STUDENT}_{arm}_{EPOCHS[data]}e_{data}'


@pytest.mark.parametrize('data', IMAGES)
@pytest.mark.parametrize('teacher', TEACHERS)
def test_every_data_set_has_its_models(data, teacher):
    cfg = load(CONFIGS[f'dbnet_{teacher}_fpnc_{EPOCHS[data]}e_{data}'])
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        assert loader.dataset.data_root == f'data/{data}'
    assert cfg.train_dataloader.dataset.ann_file == 'textdet_train.json'
    assert cfg.test_dataloader.dataset.ann_file == 'textdet_test.json'
    assert _plain(data) in CONFIGS


@pytest.mark.parametrize('data', IMAGES)
def test_pipelines_run_on_a_photo(data, tmp_path):
    cfg = load(CONFIGS[_plain(data)])
    crop = _first(cfg.train_dataloader.dataset, tmp_path)
    photo = _first(cfg.test_dataloader.dataset, tmp_path)
    assert crop['inputs'].shape == (3, 640, 640)
    assert photo['inputs'].shape == (3, 736, 981)  # 480x640 with a short side of 736
    assert len(photo['data_samples'].gt_instances.polygons) == 2
    assert photo['data_samples'].scale_factor == pytest.approx((736 / 480, 736 / 480), rel=1e-3)


def _first(dataset, folder):
    return DATASETS.build(dict(dataset, data_root=photo_data(folder, dataset.ann_file)))[0]


@pytest.mark.parametrize('arm, data', GRID)
def test_arm_distils_what_its_name_says(arm, data):
    cfg = load(CONFIGS[_arm(arm, data)])
    method, _, backbone = re.fullmatch(r'(.+?)(-entropy)?-(resnet.+)', arm).groups()
    part = cfg.model if method == 'fitnet' else cfg.custom_hooks[0]
    loss = part.terms[0].loss if method == 'fitnet' else part.loss
    types = dict(masket='MaskETLoss', kd='BinaryKDLoss', cwd='CWDLoss', fitnet='FitNetLoss')
    assert loss.type == types[method]
    assert f'/dbnet_{backbone}_fpnc_{EPOCHS[data]}e_{data}.py' in part.teacher.config
    teacher = load(part.teacher.config)
    assert teacher.train_dataloader.dataset == cfg.train_dataloader.dataset
    if method == 'masket':
        assert (loss.kd_weight == 0) == ('entropy' in arm)


@pytest.mark.parametrize('ours, theirs', MMOCR.items())
def test_teacher_is_mmocrs_own(ours, theirs):
    """So MMOCR's published weights fit, and its published numbers are the ones to hit."""
    ours = load(CONFIGS[ours])
    theirs = get_config(f'mmocr::textdet/dbnet/{theirs}.py')
    for part in ('model', 'optim_wrapper', 'train_cfg', 'param_scheduler', 'train_pipeline'):
        got, want = _plain_types(ours[part]), _plain_types(theirs[part])
        if part == 'model':  # text_repr_type changes the output format, not the weights
            got['det_head'].pop('postprocessor'), want['det_head'].pop('postprocessor')
        assert got == want, part
    assert ours.train_dataloader.batch_size == theirs.train_dataloader.batch_size


def _plain_types(node):
    """Without the ``_scope_`` marks MMEngine leaves on what came from another package."""
    if isinstance(node, dict):
        return {k: _plain_types(v) for k, v in node.items() if k != '_scope_'}
    return [_plain_types(v) for v in node] if isinstance(node, (list, tuple)) else node


def test_casia10k_runs_the_iterations_of_icdar2015():
    iterations = {
        data: load(CONFIGS[_plain(data)]).train_cfg.max_epochs * math.ceil(IMAGES[data] / 16)
        for data in ('icdar2015', 'casia10k')}
    assert iterations['casia10k'] == pytest.approx(iterations['icdar2015'], rel=0.02)


@pytest.mark.parametrize('name', [n for n in CONFIGS if n.endswith('_totaltext')])
def test_totaltext_is_about_polygons(name):
    cfg = load(CONFIGS[name])
    assert cfg.model.det_head.postprocessor.text_repr_type == 'poly'
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        types = [step.type for step in loader.dataset.pipeline]
        assert types.index('FixInvalidPolygon') == types.index('LoadOCRAnnotations') + 1


@pytest.mark.parametrize('name', [n for n in CONFIGS if '_fitnet-' in n])
def test_fitnet_adaptor_joins_the_two_necks(name):
    cfg = load(CONFIGS[name])
    adaptor, images = cfg.model.terms[0].adaptor, torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        student = build(cfg).eval().extract_feat(images)
        teacher = build(load(cfg.model.teacher.config)).eval().extract_feat(images)
    assert student.shape[1] == adaptor.in_channels
    assert teacher.shape[1] == adaptor.out_channels
    assert student.shape[2:] == teacher.shape[2:]
