"""What a stranger does first, with whatever is installed: distil, detect, build a spotter.

    python trial.py FOLDER
"""
import platform
import sys
import warnings
from pathlib import Path

warnings.simplefilter('ignore')

import mmcv  # noqa: E402
import mmdet  # noqa: E402
import mmengine  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmengine import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from mmocr.apis import TextDetInferencer  # noqa: E402
from mmocr.registry import MODELS  # noqa: E402

import mmocr_kd  # noqa: E402

CONFIGS = Path(mmocr_kd.__file__).parent / '.mim' / 'configs'
DETECTORS = CONFIGS / 'textdet' / 'masket'


def distil(folder):
    """One epoch of two steps of MaskET, saved and resumed for another epoch."""
    cfg = Config.fromfile(CONFIGS / 'masket_dbnet_mbv3.py')
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.num_images = 4
    cfg.train_dataloader.batch_size = 2
    for epochs in (1, 2):
        cfg.merge_from_dict({'work_dir': str(folder), 'resume': epochs > 1,
                             'train_cfg.max_epochs': epochs, 'env_cfg.mp_cfg': {}})
        runner = Runner.from_cfg(cfg.copy())
        runner.train()
    assert runner.iter == 4
    assert 'train/loss_entropy' in runner.message_hub.log_scalars
    return folder / 'epoch_2.pth'


def detect(weights):
    detector = TextDetInferencer(
        str(DETECTORS / 'dbnet_mobilenetv3-small_fpnc_1e_embedded.py'), str(weights), device='cpu')
    found = detector(np.full((64, 96, 3), 128, np.uint8))
    assert 'polygons' in found['predictions'][0]


def deform():
    """MMOCR's own config, found by its name; with deformable convolutions."""
    cfg = mmengine.hub.get_config(
        'mmocr::textdet/dbnet/dbnet_resnet50-dcnv2_fpnc_1200e_icdar2015.py').model
    cfg.backbone.init_cfg = None
    MODELS.build(cfg)(torch.randn(1, 3, 64, 64)).mean().backward()


def spot():
    for path in ('det_rec/dbnet-mobilenetv3-large_crnn-slim-vgg_5e_embedded.py',
                 'mask_rcnn/mask-rcnn-resnet18_crnn-attn_5e_embedded.py'):
        model = Config.fromfile(CONFIGS / 'textspotting' / path).model
        MODELS.build(model)


if __name__ == '__main__':
    folder = Path(sys.argv[1])
    init_default_scope('mmocr')
    deform()
    spot()
    detect(distil(folder))
    print('WORKS: Python', platform.python_version(), *(
        f'{module.__name__} {module.__version__}' for module in (torch, np, mmcv, mmdet, mmengine)))
