import itertools
import time

import benchmark_loader
import pytest
from mmengine.config import Config

CONFIG = """
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='EmbeddedTextDetDataset', num_images=4, image_size=(64, 64),
                 text_height=(8, 16),
                 pipeline=[dict(type='LoadImageFromFile'),
                           dict(type='LoadOCRAnnotations', with_bbox=True, with_label=True,
                                with_polygon=True),
                           dict(type='PackTextDetInputs', meta_keys=('img_path', 'img_shape'))]))
"""


def slow(images, seconds):
    while True:
        time.sleep(seconds)
        yield {'inputs': [0] * images}


def test_counts_the_images_of_each_turn():
    speeds = benchmark_loader.measure({'a': slow(2, .002), 'b': slow(2, .02)}, 3, 4)
    assert {name: len(found) for name, found in speeds.items()} == {'a': 3, 'b': 3}
    assert all(0 < value < 2 / .02 for value in speeds['b'])
    assert max(speeds['b']) < min(speeds['a'])


def test_what_was_loaded_ahead_is_not_counted():
    ready = itertools.chain([{'inputs': [0] * 1000}], slow(1, .01))
    assert benchmark_loader.measure({'a': ready}, 1, 1)['a'][0] < 1000


def test_prints_a_row_for_each_config_and_number_of_workers(tmp_path, capsys):
    config = tmp_path / 'photos.py'
    config.write_text(CONFIG)
    benchmark_loader.main([str(config), str(config), '--names', 'a', 'b', '--workers', '1',
                           '--rounds', '1', '--batches', '2'])
    rows = [line.split('|') for line in capsys.readouterr().out.splitlines() if '|' in line][2:]
    assert [[cell.strip() for cell in row[1:3]] for row in rows] == [['a', '1'], ['b', '1']]
    assert all(float(row[3]) > 0 for row in rows) and 'x 1.00' in rows[0][6]


def test_goes_on_without_end_whatever_the_configs_sampler(tmp_path):
    config = tmp_path / 'photos.py'
    config.write_text(CONFIG)
    batches = benchmark_loader.batches_of(Config.fromfile(config), 1, 3)
    sizes = [len(batch['inputs']) for batch in itertools.islice(batches, 5)]
    assert sizes == [3] * 5  # of 4 images


def test_as_many_names_as_configs():
    with pytest.raises(SystemExit):
        benchmark_loader.parse_args(['a.py', 'b.py', '--names', 'a'])
