"""Tools that let models run somewhere do so on a GPU, with the same results."""
import argparse

import benchmark_candidates
import compare_models
import pytest
import tiny
import tiny_spotter
import torch
import visualize_distill
from distill_bench import build_bench
from fake_device import FakeDevice
from mmengine.config import Config
from mmocr.registry import DATASETS, MODELS
from tiny_configs import distilling, distilling_words

ARGS = argparse.Namespace(size=[64, 96], polygons=2, letters=3)


def test_visualize_distill(tmp_path):
    config = Config.fromfile(distilling(tmp_path))
    tiny.checkpoint(tmp_path / 'student.pth', config.model)
    item = visualize_distill.load_item(DATASETS.build(config.val_dataloader.dataset), 0)

    def look(device):
        viewer = visualize_distill.Viewer(config, str(tmp_path / 'student.pth'), device)
        maps = viewer.look(item)
        return visualize_distill.picture(item, *maps), maps

    picture, expected = look('cpu')
    with FakeDevice() as fake:
        drawn, found = look(str(fake.device))
    torch.testing.assert_close(found, expected)
    assert drawn.shape == picture.shape


@pytest.mark.parametrize('kind', ['hook', 'wrapper', 'ctc'])
def test_benchmark_distill(kind, tmp_path):
    write = distilling_words if kind == 'ctc' else distilling
    size = [16, 50] if kind == 'ctc' else [64, 96]
    with FakeDevice() as fake:
        bench = build_bench(Config.fromfile(write(tmp_path, kind)), str(tmp_path))
        assert bench.device == fake.device
        batch = bench.made_up(2, argparse.Namespace(**{**vars(ARGS), 'size': size}))
        for prepare in bench.cases(batch).values():
            prepare()()


@pytest.mark.skipif(not torch.cuda.is_available(), reason='traces models: needs a GPU')
def test_compare_models():
    row = compare_models.Row('tiny', Config({}), MODELS.build(tiny.dbnet_cfg()).eval(), {})
    assert compare_models.measure([row], (64, 96), 2, 'cuda')[0][0] == 'tiny'


def test_benchmark_candidates():
    model = tiny_spotter.spotter()
    data = tiny_spotter.batch(tiny_spotter.page([('cat', (10, 36))]))

    def read(device):
        prepared = model.to(device).data_preprocessor(data, True)
        reader = benchmark_candidates.Reader(model.eval(), prepared['inputs'],
                                             prepared['data_samples'], (.5, 1.))
        return reader.batched().cpu(), reader.one_by_one().cpu()

    expected = read('cpu')
    with FakeDevice() as fake:
        torch.testing.assert_close(read(fake.device), expected)
