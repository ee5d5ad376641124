"""The spotter's config trains and tests as it stands, only shorter."""
import math

from config_zoo import CONFIGS, load
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import MODELS

CONFIG = CONFIGS['dbnet-mobilenetv3-large_crnn-slim-vgg_5e_embedded']


def test_trains_and_tests(tmp_path):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict({
        'work_dir': str(tmp_path), 'train_cfg.max_epochs': 1, 'param_scheduler': [],
        'env_cfg.mp_cfg.mp_start_method': None, 'train_dataloader.batch_size': 2,
        'train_dataloader.dataset.image_size': (96, 96),
        **{f'{part}_dataloader.{field}': value for part in ('train', 'val', 'test')
           for field, value in (('dataset.num_images', 2), ('num_workers', 0),
                                ('persistent_workers', False))}})
    runner = Runner.from_cfg(cfg)
    runner.train()
    for loss in ('det.loss_prob', 'det.loss_thr', 'det.loss_db', 'rec.loss_ctc'):
        assert math.isfinite(runner.message_hub.get_scalar(f'train/{loss}').current())
    scores = runner.test()
    for score in ('det_hmean', 'e2e_none_hmean', 'word_spotting_none_hmean'):
        assert 0 <= scores[f'spotting/{score}'] <= 1
    assert (tmp_path / 'epoch_1.pth').exists()


def test_checkpoints_of_the_parts_own_configs_fit():
    model = load(CONFIG).model
    detector = load(CONFIGS['dbnet_mobilenetv3-large_fpnc_1e_embedded-12k']).model
    recognizer = load(CONFIGS['crnn_slim-vgg_3e_words']).model
    spotter = MODELS.build(model)
    spotter.detector.load_state_dict(MODELS.build(detector).state_dict())
    spotter.recognizer.load_state_dict(MODELS.build(recognizer).state_dict())
