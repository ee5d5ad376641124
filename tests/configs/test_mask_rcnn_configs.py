"""The Mask R-CNN that reads: its config is the paper's, and the small one trains as it stands."""
import math

import cv2
import numpy as np
import pytest
import torch
from config_zoo import CONFIGS, ROOT, build, load
from guides import broken_links
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import LabelData
from mmocr.registry import TRANSFORMS
from mmocr.structures import TextRecogDataSample
from torch import nn

FULL = 'mask-rcnn-resnet50_crnn-attn_multiscale_100e_dld-mixture'
SMALL = 'mask-rcnn-resnet18_crnn-attn_5e_embedded'
FOLDER = ROOT / 'textspotting/mask_rcnn'


@pytest.fixture(scope='module')
def full():
    return build(load(CONFIGS[FULL]))


class TestFullSize:

    def test_dictionary_is_case_sensitive_and_has_97_classes(self, full):
        dictionary = full.rec_decoder.dictionary
        assert dictionary.num_classes == 97
        assert (dictionary.start_idx, dictionary.end_idx, dictionary.padding_idx) == (0, 1, 0)
        assert set(map(chr, range(32, 127))) == set(dictionary.dict[2:])
        assert full.rec_decoder.module_loss.letter_case == 'unchanged'

    def test_recognition_branch(self, full):
        full.recognizer.eval()
        roi = torch.randn(2, 256, 8, 32)
        with torch.no_grad():
            visual = full.recognizer.backbone(roi)
            context = full.recognizer.encoder(visual)
            samples = _words('Hi!', 'a' * 32)
            full.rec_decoder.module_loss.get_targets(samples)
            logits = full.rec_decoder.forward_train(None, context, samples)
        assert visual.shape == (2, 256, 1, 33)
        assert context.shape == (2, 33, 256)
        assert logits.shape == (2, 33, 97)
        assert full.roi_extractor.output_size == (8, 32)

    def test_nothing_is_frozen_but_the_statistics_of_the_backbone(self, full):
        assert all(p.requires_grad for p in full.parameters())
        full.train()
        norms = {name: module.training for name, module in full.named_modules()
                 if isinstance(module, nn.BatchNorm2d)}
        backbone = {name for name in norms if name.startswith('detector.backbone.')}
        assert len(backbone) == 53 and not any(norms[name] for name in backbone)
        others = norms.keys() - backbone
        assert len(others) == 7 and all(norms[name] for name in others)

    def test_detector(self, full):
        detector, train, test = (full.detector, full.detector.train_cfg, full.detector.test_cfg)
        anchors = detector.rpn_head.prior_generator
        assert anchors.num_base_priors == [6] * 5
        assert anchors.ratios.tolist() == pytest.approx([.1, .2, .4, .8, 1.6, 3.2])
        assert [stride[0] for stride in anchors.strides] == [4, 8, 16, 32, 64]
        head = detector.roi_head
        assert head.bbox_head.num_classes == head.mask_head.num_classes == 1
        assert head.bbox_head.fc_reg.out_features == 4 and not head.bbox_head.reg_class_agnostic
        assert len(head.mask_head.convs) == 4
        proposals = train.rpn_proposal
        assert (proposals.nms_pre, proposals.max_per_img) == (2000, 1000)
        assert (test.rpn.nms_pre, test.rpn.max_per_img) == (2000, 2000)
        assert (test.rcnn.score_thr, test.rcnn.nms.iou_threshold) == (.5, .3)
        assert (train.rcnn.sampler.num, train.rcnn.sampler.pos_fraction) == (512, .25)
        assert (train.rpn.sampler.num, train.rpn.sampler.pos_fraction) == (256, .5)

    def test_schedule(self):
        cfg = load(CONFIGS[FULL])
        warm_up, steps = cfg.param_scheduler
        assert (warm_up.start_factor, warm_up.end, warm_up.by_epoch) == (1 / 3, 500, False)
        assert steps.milestones == [60, 80] and cfg.train_cfg.max_epochs == 100
        optimizer = cfg.optim_wrapper.optimizer
        assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 1e-3, 0)
        assert cfg.optim_wrapper.clip_grad.max_norm == 35

    def test_data(self):
        cfg = load(CONFIGS[FULL])
        trained = [part.data_root for part in cfg.train_dataloader.dataset.datasets]
        assert trained == ['data/icdar2013', 'data/icdar2015', 'data/mlt2017', 'data/totaltext']
        scales = next(step.scales for step in cfg.train_dataloader.dataset.pipeline
                      if step.type == 'RandomChoiceResize')
        assert scales == [(1600, short) for short in range(320, 897, 64)]
        tested = cfg.test_dataloader.dataset.datasets
        assert len(tested) == len(cfg.test_evaluator.dataset_prefixes)
        shorts = [step.scale for part in tested for step in part.pipeline if step.type == 'Resize']
        assert shorts == [(3000, 768), (3000, 1280), (3000, 896)]

    @pytest.mark.parametrize('short', [320, 896])
    def test_pipeline_keeps_words_and_texts_together(self, short, tmp_path):
        """From the annotations on; images are made up."""
        path = str(tmp_path / 'photo.png')
        cv2.imwrite(path, np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8))
        boxes = [[20, 20, 120, 60], [200, 100, 350, 160]]
        instances = [dict(bbox=box, bbox_label=0, ignore=False, text=text, polygon=[
            box[0], box[1], box[2], box[1], box[2], box[3], box[0], box[3]])
            for box, text in zip(boxes, ['Left', 'Right'])]
        pipeline = load(CONFIGS[FULL]).train_dataloader.dataset.pipeline
        results = dict(img_path=path, instances=instances, height=300, width=400)
        for step in pipeline:
            if step.type == 'RandomChoiceResize':
                step = dict(step, scales=[(1600, short)])
            results = TRANSFORMS.build(step)(results)
        packed = results['data_samples'].gt_instances
        assert len(packed.texts) == len(packed.polygons) == len(packed.labels) >= 1
        height, width = results['data_samples'].img_shape
        assert min(height, width) == short or max(height, width) == 1600
        for polygon, text in zip(packed.polygons, packed.texts):
            points = polygon.reshape(-1, 2)
            assert (points > -2).all() and (points < [width + 2, height + 2]).all()
            assert text in ('Left', 'Right')


def _words(*texts):
    return [TextRecogDataSample(gt_text=LabelData(item=text)) for text in texts]


def test_same_architecture_in_small(full):
    small = build(load(CONFIGS[SMALL]))
    types = [[type(getattr(model, part)).__name__ for part in
              ('detector', 'roi_extractor', 'recognizer', 'rec_decoder')]
             for model in (full, small)]
    assert types[0] == types[1]
    assert sum(p.numel() for p in small.parameters()) < 6e6
    assert small.detector.backbone.init_cfg is None or 'Pretrained' not in str(
        small.detector.backbone.init_cfg)


def test_small_one_trains_and_tests(tmp_path):
    cfg = Config.fromfile(CONFIGS[SMALL])
    cfg.merge_from_dict({
        'work_dir': str(tmp_path), 'train_cfg.max_epochs': 1, 'param_scheduler': [],
        'env_cfg.mp_cfg.mp_start_method': None, 'train_dataloader.batch_size': 2,
        'train_dataloader.dataset.image_size': (96, 96),
        **{f'{part}_dataloader.{field}': value for part in ('train', 'val', 'test')
           for field, value in (('dataset.num_images', 2), ('num_workers', 0),
                                ('persistent_workers', False))}})
    runner = Runner.from_cfg(cfg)
    runner.train()
    for loss in ('det.loss_rpn_cls', 'det.loss_bbox', 'det.loss_mask', 'rec.loss_ce'):
        assert math.isfinite(runner.message_hub.get_scalar(f'train/{loss}').current())
    assert 0 <= runner.test()['spotting/e2e_none_hmean'] <= 1


def test_guide():
    guide = FOLDER / 'README.md'
    assert not broken_links(guide)
    for config in FOLDER.glob('*.py'):
        assert config.stem in guide.read_text()
