"""The pictures that the tool writes."""
import cv2
import pytest
import tiny
import visualize_distill
from mmengine.config import Config
from tiny_configs import distilling

from mmocr_kd.apis import viewer


def saved(tmp_path, kind='hook', **fields):
    """Config and checkpoint of a tiny student."""
    config = distilling(tmp_path, kind, **fields)
    tiny.checkpoint(tmp_path / 'student.pth', Config.fromfile(config).model)
    return config, tmp_path / 'student.pth'


@pytest.mark.parametrize('kind, split, size', [('hook', 'val', (128, 192)),
                                               ('wrapper', 'test', (64, 96))])
def test_writes_one_picture_per_image(kind, split, size, tmp_path, capsys):
    config, checkpoint = saved(tmp_path, kind)
    visualize_distill.main([str(config), str(checkpoint), str(tmp_path / 'deep/out'), '--num',
                            '3', '--split', split])
    paths = sorted((tmp_path / 'deep/out').iterdir())
    assert len(paths) == 3 and [str(path) for path in paths] == capsys.readouterr().out.split()
    label = viewer._LABEL
    for path in paths:
        assert cv2.imread(str(path)).shape == (2 * (size[0] + label + 2), 3 * (size[1] + 4), 3)


def test_no_more_pictures_than_images(tmp_path):
    config, checkpoint = saved(tmp_path)
    visualize_distill.main([str(config), str(checkpoint), str(tmp_path / 'out'), '--num', '99'])
    assert len(list((tmp_path / 'out').iterdir())) == 4


def test_missing_student_and_teacher_are_named(tmp_path):
    config, checkpoint = saved(tmp_path)
    with pytest.raises(SystemExit, match='none.pth cannot be read'):
        visualize_distill.main([str(config), 'none.pth', str(tmp_path / 'out')])
    (tmp_path / 'teacher.pth').unlink()
    with pytest.raises(SystemExit, match='teacher.checkpoint: .*teacher.pth. does not exist'):
        visualize_distill.main([str(config), str(checkpoint), str(tmp_path / 'out')])
