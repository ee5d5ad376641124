"""What a viewer shows of teacher and student."""
import cv2
import numpy as np
import pytest
import tiny
import torch
from mmengine.config import Config
from mmocr.registry import DATASETS, MODELS
from tiny_configs import distilling

from mmocr_kd.apis import viewer as module
from mmocr_kd.apis.viewer import Viewer, heat, load_item, picture
from mmocr_kd.losses import binary_entropy


def saved(tmp_path, kind='hook', **fields):
    """Config and checkpoint of a tiny student."""
    config = distilling(tmp_path, kind, **fields)
    tiny.checkpoint(tmp_path / 'student.pth', Config.fromfile(config).model)
    return config, tmp_path / 'student.pth'


def dataset(config, split):
    return DATASETS.build(Config.fromfile(config)[f'{split}_dataloader'].dataset)


def test_maps_are_those_of_the_two_models(tmp_path):
    config, checkpoint = saved(tmp_path)
    item = load_item(dataset(config, 'val'), 0)
    viewer = Viewer(Config.fromfile(config), str(checkpoint))
    teacher, student, mask = viewer.look(item)
    for logits, cfg, path in ((teacher, tiny.dbnet_cfg(width=.5, neck=8), 'teacher.pth'),
                              (student, tiny.dbnet_cfg(), 'student.pth')):
        model = MODELS.build(cfg).eval()
        model.load_state_dict(torch.load(tmp_path / path)['state_dict'])
        data = model.data_preprocessor({'inputs': [item['inputs']], 'data_samples': []})
        with torch.no_grad():
            probability = model(data['inputs'], None, mode='tensor')
        torch.testing.assert_close(logits.sigmoid(), probability[0], rtol=1e-3, atol=1e-5)
    assert set(mask.unique().tolist()) == {0, 1}


def test_annotation_and_mask_lie_on_the_resized_image(tmp_path):
    """The val images are twice as large as their annotation says."""
    config, checkpoint = saved(tmp_path)
    data = dataset(config, 'val')
    viewer = Viewer(Config.fromfile(config), str(checkpoint))
    for index in range(len(data)):
        item = load_item(data, index)
        words = data.get_data_info(index)['instances']
        polygons = [np.array(word['polygon']) * 2 for word in words]
        np.testing.assert_allclose(np.stack(item['data_samples'].gt_instances.polygons),
                                   np.stack(polygons))
        drawn = np.zeros((128, 192), np.uint8)
        for word, polygon in zip(words, polygons):
            if not word['ignore']:
                cv2.fillPoly(drawn, [polygon.reshape(-1, 2).round().astype(np.int32)], 1)
        np.testing.assert_array_equal(viewer.look(item)[2].numpy(), drawn)


def test_padding_is_cut_off(tmp_path):
    config, checkpoint = saved(tmp_path)
    data = dataset(config, 'val')
    data.pipeline.transforms[1].scale = (120, 80)
    item = load_item(data, 0)
    viewer = Viewer(Config.fromfile(config), str(checkpoint))
    assert {each.shape for each in viewer.look(item)} == {(80, 120)}


def test_mask_is_everything_for_a_loss_without_one(tmp_path):
    teacher = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))
    hook = {'type': 'MaskETDistillHook', 'teacher': teacher, 'loss': {'type': 'CWDLoss'}}
    config, checkpoint = saved(tmp_path, 'cwd', custom_hooks=[hook])
    viewer = Viewer(Config.fromfile(config), str(checkpoint))
    assert viewer.look(load_item(dataset(config, 'val'), 0))[2].all()


def test_small_maps_fill_the_picture(tmp_path):
    """PSENet's map has a quarter of the input's size."""
    teacher = tiny.checkpoint(tmp_path / 'pse.pth', tiny.pan_cfg('PSE'))
    hook = {'type': 'MaskETDistillHook', 'teacher': teacher}
    config, checkpoint = saved(tmp_path, 'pse', model=tiny.pan_cfg('PSE'), custom_hooks=[hook])
    item = load_item(dataset(config, 'val'), 0)
    viewer = Viewer(Config.fromfile(config), str(checkpoint))
    _, student, _ = viewer.look(item)
    assert student.shape == (128, 192)
    assert student[:4, :4].unique().numel() == 1 and student.unique().numel() > 100


def test_picture_shows_what_it_labels():
    size = (40, 60)
    item = tiny.batch(1, size)
    item = {'inputs': item['inputs'][0] // 4, 'data_samples': tiny.sample(
        [tiny.box(5, 5, 20, 10), tiny.box(30, 20, 20, 10)], [False, True], size)}
    logits = torch.linspace(-4, 4, 2400).view(size)
    mask = torch.zeros(size)
    mask[:, 30:] = 1
    image = picture(item, logits, -logits, mask)
    top, bottom = np.vsplit(image, 2)
    label = module._LABEL
    panels = [part[label:-2, 2:-2] for row in (top, bottom) for part in np.hsplit(row, 3)]
    shown, teacher, student, where, teacher_entropy, student_entropy = panels
    assert (shown[5, 10] == module.GREEN).all()
    assert (shown[20, 40] == module.RED).all()
    np.testing.assert_array_equal(shown[2], item['inputs'].permute(1, 2, 0).numpy()[2])
    np.testing.assert_array_equal(teacher, student[::-1, ::-1])
    assert not (teacher == student).all()
    # E(p) = E(1 - p)
    np.testing.assert_array_equal(teacher_entropy, student_entropy)
    expected = heat(binary_entropy(logits), cv2.COLORMAP_INFERNO)
    np.testing.assert_array_equal(teacher_entropy, expected)
    assert (where[:, 30:] == 255).all() and (where[:, :30] == 0).all()


def test_of_several_terms_one_is_shown(tmp_path):
    config, checkpoint = saved(tmp_path)
    other = tiny.checkpoint(tmp_path / 'other.pth', tiny.dbnet_cfg(), seed=3)
    cfg = Config.fromfile(config)
    cfg.custom_hooks[0]['terms'] = [{}, {'mask': 'none', 'teacher': other}]
    item = load_item(dataset(config, 'val'), 0)
    first, second = (Viewer(cfg, str(checkpoint), term=term).look(item)
                     for term in (0, 1))
    assert first[2].min() == 0 and second[2].min() == 1
    assert not torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    with pytest.raises(ValueError, match='--term 2: the config has 2 terms'):
        Viewer(cfg, str(checkpoint), term=2)
