"""Models that come with the package: exported by their name alone, they read."""
import json

import cv2
import pytest
from click.testing import CliRunner

from mmocr_kd.apis.model_list import ready_models
from mmocr_kd.cli import main
from mmocr_kd.datasets.embedded import SceneSpec, rectify, render_scene

FRONT = SceneSpec('val', image_size=(256, 192), text_height=(28, 36), num_blocks=(2, 2),
                  difficulty=0)


def of_task(task):
    return [one['name'] for one in ready_models() if one['task'] == task]


def run(*args):
    done = CliRunner().invoke(main, list(map(str, args)))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize('name', of_task('recognition'))
def test_recognisers_read_a_rendered_word(tmp_path, name):
    run('export', name, '--out', tmp_path / 'rec.onnx')
    scenes = [render_scene(FRONT, index) for index in range(6)]
    for index, scene in enumerate(scenes):
        cv2.imwrite(f'{tmp_path}/{index}.png', rectify(scene.image, scene.words[0].quad))
    said = run('read', tmp_path, '--rec', tmp_path / 'rec.onnx', '--json').splitlines()
    right = [json.loads(line)['texts'][0]['text'].lower() == scene.words[0].text.lower()
             for line, scene in zip(said, scenes, strict=True)]
    assert sum(right) >= 3


@pytest.mark.parametrize('name', of_task('detection'))
def test_detectors_find_rendered_text(tmp_path, name):
    run('export', name, '--out', tmp_path / 'det.onnx')
    scene = render_scene(FRONT, 0)
    cv2.imwrite(str(tmp_path / 'photo.png'), scene.image)
    found = json.loads(run('read', tmp_path / 'photo.png', '--det', f'{tmp_path}/det.onnx',
                           '--json'))
    inside = sum(any(cv2.pointPolygonTest(word.quad.astype('float32'), point, False) > 0
                     for word in scene.words)
                 for text in found['texts'] for point in [_middle(text['polygon'])])
    assert inside == len(found['texts']) > 0


def test_an_unknown_name_lists_what_there_is(tmp_path):
    done = CliRunner().invoke(main, ['export', 'mmocr_kd://none', '--out', f'{tmp_path}/a.onnx'])
    assert done.exit_code == 2 and not [*tmp_path.iterdir()]
    assert all(one['name'] in done.output for one in ready_models())


def _middle(polygon):
    return tuple(sum(side) / len(side) for side in zip(*polygon))
