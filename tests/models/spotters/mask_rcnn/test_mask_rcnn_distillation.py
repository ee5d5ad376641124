"""DLD with the spotter it was published with."""
import copy

import pytest
import torch
from mmocr.registry import MODELS
from tiny_dld import DRS, SKD, pages, prepared, selector_cfg
from tiny_mask_rcnn import mask_rcnn_spotter, spotter_cfg

LOSSES = {**SKD, 'sequence': {'type': 'SequenceKDLoss', 'search': 'greedy', 'topk': 1,
                              'reduction': 'mean'}}


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
    """Folder of the dictionary, and the teacher."""
    folder = tmp_path_factory.mktemp('dld')
    model = mask_rcnn_spotter(folder)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=.1)
            module.running_var.uniform_(.5, 2)
    torch.save({'state_dict': model.state_dict()}, folder / 'teacher.pth')
    return folder, {'config': spotter_cfg(folder), 'checkpoint': str(folder / 'teacher.pth')}


def build(parts, scale_factors=None):
    """With a selector, unless there are scales."""
    folder, teacher = parts
    choosing = ({'scale_factors': scale_factors} if scale_factors else
                {'selector': selector_cfg((.3, .5, .8)), 'objective': DRS})
    torch.manual_seed(1)
    model = MODELS.build(copy.deepcopy({
        'type': 'DLDTextSpotter', 'student': spotter_cfg(folder), 'teacher': teacher,
        'losses': LOSSES, **choosing}))
    model.init_weights()
    return model


def test_a_step_of_everything(parts):
    model = build(parts).train()
    losses = model.loss(*prepared(model))
    assert {'det.loss_mask', 'rec.loss_ce', 'loss_kd_roi', 'loss_kd_context', 'loss_kd_seq',
            'loss_res_acc', 'loss_res_cost'} <= set(losses)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_roi_features_of_the_same_model_at_full_size_are_the_teachers(parts):
    """In eval mode student and teacher are the same function, at whatever scale both work."""
    model = build(parts, scale_factors=[1.]).eval()
    losses = model.loss(*prepared(model))
    assert losses['loss_kd_roi'] < 1e-10 and losses['loss_kd_context'] < 1e-10
    small = build(parts, scale_factors=[.5]).eval()
    assert small.loss(*prepared(small))['loss_kd_roi'] > 1e-4


@pytest.mark.parametrize('loss, part, reached', [
    ('loss_kd_roi', 'roi_extractor', True), ('loss_kd_roi', 'recognizer', False),
    ('loss_kd_context', 'recognizer.encoder', True),
    ('loss_kd_context', 'recognizer.decoder', False),
    ('loss_kd_seq', 'recognizer.decoder', True), ('loss_kd_seq', 'detector.backbone', True),
    ('loss_kd_seq', 'detector.rpn_head', False), ('loss_res_acc', 'recognizer', False),
])
def test_who_learns_from_what(parts, loss, part, reached):
    model = build(parts).train()
    model.loss(*prepared(model))[loss].backward()
    grads = [p.grad for p in model.student.get_submodule(part).parameters()]
    moved = any(grad is not None and grad.abs().sum() > 0 for grad in grads)
    assert moved is reached


def test_a_batch_without_text(parts):
    model = build(parts).train()
    images = pages()[1:2] * 2
    total, _ = model.parse_losses(model.loss(*prepared(model, *images)))
    total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all()
               for p in model.student.parameters())


def test_prediction_names_its_scale_and_needs_no_teacher(parts):
    model = build(parts).eval()
    results = model.predict(*prepared(model))
    assert [one.dld_scale in (.3, .5, .8) for one in results] == [True] * 3
    for one in results:
        assert len(one.pred_instances.texts) == len(one.pred_instances.polygons)
    assert not any('teacher' in name for name in model.state_dict())
