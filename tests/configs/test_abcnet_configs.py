"""Configs of a spotter whose classes are not installed: readable, consistent, fit for DLD."""
import copy
import sys

import numpy as np
import pytest
import torch
from config_zoo import FILES, ROOT, load
from guides import broken_links
from mmengine.config import Config
from mmengine.registry import HOOKS
from mmengine.structures import InstanceData
from mmocr.registry import METRICS, MODELS, TRANSFORMS
from mmocr.structures import TextDetDataSample
from stand_in_abcnet import abcnet, abcnet_cfg

from mmocr_kd.models.spotters.bezier_cut import fit_outline

FOLDER = ROOT / 'textspotting/abcnet'
MULTISCALE = 'abcnet_resnet50-fpn_multiscale_100e_icdar2015'
DLD = 'abcnet_resnet50-fpn_dld-gamma0.1_50e_icdar2015'
WORD = np.array([8, 8, 60, 8, 60, 40, 8, 40], np.float32)

pytestmark = pytest.mark.filterwarnings('ignore:abcnet failed to import')


@pytest.fixture(params=[MULTISCALE, DLD])
def cfg(request):
    return load(FOLDER / f'{request.param}.py')


def test_are_read_without_the_project(cfg):
    assert 'abcnet' not in sys.modules
    assert cfg.custom_imports.imports == ['mmocr_kd', 'abcnet']
    assert cfg.model.type == 'DLDTextSpotter' and cfg.model.student.type == 'ABCNet'
    assert {path.stem for path in FOLDER.glob('*.py')} == {MULTISCALE, DLD}
    assert not {path.stem for path in FILES} & {MULTISCALE, DLD}


def test_students_have_the_parts_the_adapter_wants(cfg):
    student = cfg.model.student
    assert student.roi_head.type == 'RecRoIHead'
    assert student.roi_head.roi_extractor.type == 'BezierRoIExtractor'
    assert student.roi_head.rec_head.encoder.type == 'ABCNetRecEncoder'
    decoder = student.roi_head.rec_head.decoder
    assert decoder.type == 'ABCNetRecDecoder' and decoder.teach_prob == 0
    assert student.det_head.module_loss.type == 'ABCNetDetModuleLoss'


def test_dictionary_is_found_in_the_checkout(monkeypatch):
    monkeypatch.setenv('ABCNET_ROOT', 'elsewhere/ABCNet')
    cfg = Config.fromfile(FOLDER / f'{DLD}.py')
    student, teacher = cfg.model.student, Config.fromfile(cfg.model.teacher.config).model
    assert student == teacher
    dictionary = student.roi_head.rec_head.decoder.dictionary
    assert dictionary.dict_file == 'elsewhere/ABCNet/dicts/abcnet.txt'
    assert not dictionary.with_end and dictionary.with_padding


def test_features_have_the_strides_the_heads_count_on():
    student = load(FOLDER / f'{DLD}.py').model.student.to_dict()
    backbone, neck = (MODELS.build(student[part]) for part in ('backbone', 'neck'))
    with torch.no_grad():
        levels = neck(backbone(torch.zeros(1, 3, 128, 128)))
    strides = [128 // level.shape[-1] for level in levels]
    extractor = student['roi_head']['roi_extractor']
    assert strides[:3] == extractor['featmap_strides']
    assert strides[1:] == student['det_head']['strides']  # ABCNet's head leaves out the first
    assert {level.shape[1] for level in levels} == {extractor['out_channels']}


def test_start_from_the_teacher_that_is_trained_here():
    dld, multiscale = (load(FOLDER / f'{name}.py') for name in (DLD, MULTISCALE))
    last = multiscale.train_cfg.max_epochs
    assert dld.model.teacher.checkpoint == f'work_dirs/{MULTISCALE}/epoch_{last}.pth'
    assert dld.model.student == multiscale.model.student
    assert dld.model.init_student_from_teacher


def test_preset_is_the_official_one():
    cfg = load(FOLDER / f'{DLD}.py')
    preset = load(ROOT / 'textspotting/_base_/distill/dld_official.py').dld
    assert cfg.model.losses == preset.losses and cfg.model.selector == preset.selector
    assert cfg.model.objective == preset.objective and cfg.model.objective.cost.loss_weight == 0.1
    assert max(s.end for s in cfg.param_scheduler) == cfg.train_cfg.max_epochs == 50


def test_everything_else_is_registered(cfg):
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        assert [TRANSFORMS.build(step) for step in loader.dataset.pipeline]
    assert [METRICS.build(metric) for metric in cfg.val_evaluator]
    for hook in cfg.get('custom_hooks', []):
        assert HOOKS.build(hook)


def test_pipelines_keep_the_words(cfg):
    steps = [step for step in cfg.train_dataloader.dataset.pipeline if 'Load' not in step['type']]
    image = np.random.default_rng(0).integers(0, 255, (100, 160, 3), dtype=np.uint8)
    results = dict(
        img=image, img_shape=(100, 160), ori_shape=(100, 160), img_path='x.png',
        gt_polygons=[WORD], gt_bboxes=np.array([[8, 8, 60, 40]], np.float32),
        gt_bboxes_labels=np.zeros(1, np.int64), gt_ignored=np.zeros(1, bool), gt_texts=['word'])
    for step in steps:
        results = TRANSFORMS.build(step)(results)
    instances = results['data_samples'].gt_instances
    assert instances.texts == ['word'] and isinstance(instances.bboxes, torch.Tensor)
    assert np.isfinite(fit_outline(instances.polygons[0])).all()


def test_fits_the_distiller(cfg, tmp_path):
    """With a stand-in for the classes that are missing: a step of training."""
    model = copy.deepcopy(cfg.model)
    model.student = abcnet_cfg()
    if model.get('selector'):
        model.selector.base_channels = 8
        model.teacher = dict(config=abcnet_cfg(), checkpoint=str(tmp_path / 'teacher.pth'))
        torch.save(abcnet(seed=1).state_dict(), model.teacher.checkpoint)
    instances = InstanceData(
        polygons=[WORD], texts=['word'], labels=torch.zeros(1).long(),
        ignored=torch.zeros(1).bool(), bboxes=torch.tensor([[8., 8, 60, 40]]))
    sample = TextDetDataSample(gt_instances=instances, metainfo=dict(img_shape=(96, 96)))
    losses = MODELS.build(model).train().loss(torch.randn(2, 3, 96, 96), [sample, sample])
    expected = {'det.loss_cls', 'rec.loss_ce'}
    if model.get('selector'):
        expected |= {'loss_kd_roi', 'loss_kd_context', 'loss_kd_seq', 'loss_res_acc',
                     'loss_res_cost'}
    assert {name for name in losses if 'loss' in name} == expected
    assert all(torch.as_tensor(value).isfinite() for value in losses.values())


def test_readme():
    page = FOLDER / 'README.md'
    assert not broken_links(page)
    assert all(name in page.read_text() for name in (MULTISCALE, DLD))
