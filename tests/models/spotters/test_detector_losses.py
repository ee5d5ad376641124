"""Samples for MMDetection's losses, and the losses of a spotter's parts."""
import copy

import numpy as np
import pytest
import torch
from mmengine.hub import get_config
from mmengine.structures import InstanceData
from tiny_spotter import batch, page, sample, spotter
from torch import nn

from mmocr_kd.models.spotters.detector_losses import idle_loss, mmdet_samples, name_losses

HIGH = [10, 10, 20, 12, 20, 40, 10, 38]
WIDE = [30, 10, 80, 10, 80, 20, 30, 20]


def _mask_rcnn():
    """MMOCR's Mask R-CNN with very few channels and proposals."""
    model = get_config('mmocr::textdet/maskrcnn/mask-rcnn_resnet50_fpn_160e_icdar2015.py').model
    cfg = model.cfg
    cfg.backbone.update(depth=18, base_channels=4, frozen_stages=-1, norm_eval=False,
                        init_cfg=None)
    cfg.neck.update(in_channels=[4, 8, 16, 32], out_channels=8)
    cfg.rpn_head.update(in_channels=8, feat_channels=8)
    cfg.roi_head.bbox_roi_extractor.out_channels = 8
    cfg.roi_head.bbox_head.update(in_channels=8, fc_out_channels=8)
    cfg.roi_head.mask_roi_extractor.out_channels = 8
    cfg.roi_head.mask_head.update(in_channels=8, conv_out_channels=8, num_convs=1)
    cfg.train_cfg.rpn_proposal.update(nms_pre=20, max_per_img=10)
    cfg.test_cfg.rpn.update(nms_pre=20, max_per_img=10)
    cfg.train_cfg.rcnn.sampler.num = 8
    return model


def test_ignored_instances_are_set_apart():
    one, = mmdet_samples([sample([HIGH, WIDE], ['a', 'b'], ignored=[True, False])])
    assert one.gt_instances.bboxes.tolist() == [[30, 10, 80, 20]]
    assert one.ignored_instances.bboxes.tolist() == [[10, 10, 20, 40]]
    mask = one.gt_instances.masks.to_ndarray()[0]
    assert mask.shape == (96, 160) and mask[12, 40] and not mask[30, 15]


@pytest.mark.parametrize('flat', [[10, 10, 40, 10, 40, 10, 10, 10], [10, 10, 10, 30, 10, 20],
                                  [10, 10] * 4], ids=['level', 'upright', 'point'])
def test_words_without_extent_are_set_apart(flat):
    """Coders of boxes take the logarithm of width and height."""
    one, = mmdet_samples([sample([flat, WIDE], ['a', 'b'])])
    assert one.gt_instances.bboxes.tolist() == [[30, 10, 80, 20]]
    assert len(one.ignored_instances.bboxes) == 1


def test_no_instances():
    one, = mmdet_samples([sample()])
    for instances in (one.gt_instances, one.ignored_instances):
        assert instances.bboxes.shape == (0, 4) and len(instances.masks) == 0


def test_a_spotter_with_mask_rcnn_trains_and_predicts():
    model = spotter(detector=_mask_rcnn())
    pages = [page([('cat', (10, 36))]), page([], size=(64, 120))]
    data = model.data_preprocessor(batch(*copy.deepcopy(pages)), True)
    losses = model.train()(**data, mode='loss')
    assert {'det.loss_rpn_cls', 'det.loss_bbox', 'det.loss_mask', 'rec.loss_ctc'} <= set(losses)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    results = model.eval()(**data, mode='predict')
    assert all(len(one.pred_instances.texts) == len(one.pred_instances.polygons)
               for one in results)


def test_found_masks_become_polygons_of_the_original_image():
    model = spotter(detector=_mask_rcnn()).eval()
    one = page([('cat', (10, 36))], scale=(.5, .5))
    data = model.data_preprocessor(batch(one), False)
    mask = torch.zeros(1, 96, 160, dtype=torch.bool)
    mask[0, 20:40, 30:90] = True
    found = InstanceData(masks=mask, scores=torch.tensor([.7]), bboxes=torch.zeros(1, 4))

    def detect(inputs, samples, mode):
        assert samples[0].ori_shape == (96, 160) and samples[0].scale_factor == (1., 1.)
        samples[0].pred_instances = found
        return samples

    model.detector.wrapped_model.forward = detect
    polygon, = model(**data, mode='predict')[0].pred_instances.polygons
    points = np.reshape(polygon, (-1, 2))
    np.testing.assert_allclose([points.min(0), points.max(0)], [[60, 40], [178, 78]], atol=4)


def test_names_and_weights():
    losses = {'loss_a': torch.tensor(2.), 'loss_b': [torch.tensor(1.), torch.tensor(3.)],
              'acc': torch.tensor(90.)}
    named = name_losses('det', losses, .5)
    assert named == {'det.loss_a': 1., 'det.loss_b': [.5, 1.5], 'det.acc': 90.}


def test_idle_parts_get_gradients_of_zero():
    parts = [nn.Linear(2, 3), nn.BatchNorm1d(3)]
    parts[0].bias.requires_grad_(False)
    loss = idle_loss(parts, torch.zeros(1, dtype=torch.float64))
    assert loss == 0 and loss.dtype == torch.float64
    loss.backward()
    assert (parts[0].weight.grad == 0).all() and (parts[1].weight.grad == 0).all()
    assert parts[0].bias.grad is None
