import pytest
from distill_bench import build_bench, pair_sizes
from mmengine.config import Config
from tiny_configs import distilling_words


def loading(*steps):
    inner = {'type': 'OCRDataset', 'pipeline': [{'type': 'LoadImageFromFile'}, *steps]}
    repeated = {'type': 'RepeatDataset', 'dataset': inner}
    return Config({'train_dataloader': {'batch_size': 2, 'dataset': {
        'type': 'ConcatDataset', 'datasets': [repeated]}}})


@pytest.mark.parametrize('fields, sizes', [
    ({'lr_scale': (50, 16), 'hr_scale': (150, 48)}, ((16, 50), (48, 150))),
    ({}, ((16, 64), (32, 128))),
])
def test_sizes_are_those_of_the_pipeline(fields, sizes):
    cfg = loading({'type': 'PairedResize', **fields})
    assert pair_sizes(cfg, None) == sizes
    assert pair_sizes(cfg, [8, 40]) == ((8, 40), (16, 80))


def test_without_a_pipeline_the_size_is_asked_for():
    with pytest.raises(ValueError, match='no PairedResize in train_dataloader: give --size'):
        pair_sizes(loading(), None)


def test_config_that_does_not_distil(tmp_path):
    cfg = Config.fromfile(distilling_words(tmp_path))
    cfg.model = cfg.model.student
    with pytest.raises(ValueError, match='exactly one hook, or a DBNetDistiller'):
        build_bench(cfg, str(tmp_path))
    cfg = Config.fromfile(distilling_words(tmp_path))
    cfg.model.losses = {'hard': cfg.model.losses.labels}
    with pytest.raises(ValueError, match='distils nothing'):
        build_bench(cfg, str(tmp_path))
