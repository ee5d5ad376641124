"""``mmocr-kd distill rec`` in seconds: bars are words, bright ones say 'a', darker ones 'b'."""
from pathlib import Path

import cv2
import numpy as np
import tiny_distill
import tiny_recog
from click.testing import CliRunner
from mmengine.config import Config

from mmocr_kd.apis import students
from mmocr_kd.apis.distill_photos import config_file, distillation, recognizer
from mmocr_kd.cli import main

STEPS = 3  # in an epoch
BRIGHT = {'a': 230, 'b': 170}
RECIPE = """
_base_ = {recipe!r}
train_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False,
                        sampler=dict(groups=6))
"""


def words(index):
    """A photo with two or three words: their texts, and boxes (x, y, w, h)."""
    random = np.random.default_rng(index)
    image = random.integers(0, 40, (120, 128, 3), np.uint8)
    found = []
    for top in (10, 48, 86)[:2 + index % 2]:
        text, left, width = random.choice(['a', 'b']), int(random.integers(8, 30)), 60
        image[top:top + 16, left:left + width] = BRIGHT[text]
        found.append((str(text), (left, top, width, 16)))
    return image, found


def write_photos(folder, count=6):
    """Photos of words as files."""
    folder.mkdir()
    for index in range(count):
        cv2.imwrite(str(folder / f'{index}.png'), words(index)[0])
    return folder


def write_reader(folder):
    """Config of a training whose teacher, an ONNX file, reads by the brightest pixel."""
    import onnx
    kind, node = onnx.TensorProto.FLOAT, onnx.helper.make_node
    constants = {'level': np.float32(.55), 'floor': np.float32(.15), 'slope': np.float32(60),
                 'zero': np.float32(0), 'axis': np.array([2])}
    nodes = [node('ReduceMean', ['x'], ['grey'], axes=[1]),
             node('ReduceMax', ['grey'], ['v'], axes=[2, 3]),
             node('Sub', ['v', 'level'], ['over']), node('Sub', ['level', 'v'], ['under']),
             node('Sub', ['v', 'floor'], ['more']), node('Min', ['under', 'more'], ['between']),
             node('Mul', ['over', 'slope'], ['a']), node('Mul', ['between', 'slope'], ['b']),
             node('Mul', ['v', 'zero'], ['blank']),
             node('Concat', ['blank', 'a', 'b'], ['classes'], axis=1),
             node('Squeeze', ['classes', 'axis'], ['flat']),
             node('Transpose', ['flat'], ['steps'], perm=[0, 2, 1]),
             node('Softmax', ['steps'], ['y'], axis=2)]
    graph = onnx.helper.make_graph(
        nodes, 'reader', [onnx.helper.make_tensor_value_info('x', kind, ('n', 3, 48, 'w'))],
        [onnx.helper.make_tensor_value_info('y', kind, ('n', 't', 3))],
        [onnx.numpy_helper.from_array(np.array(value), name) for name, value in constants.items()])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 13)],
                                     ir_version=8), str(folder / 'reader.onnx'))
    (folder / 'ab.txt').write_text('a\nb\n')
    teacher = dict(type='OnnxTeacher', model=str(folder / 'reader.onnx'), mean=[127.5] * 3,
                   std=[127.5] * 3, dictionary=str(folder / 'ab.txt'))
    Config(dict(model=dict(type='LowResRecognizerDistiller', losses=dict(), teacher=teacher))
           ).dump(folder / 'reader.py')


def arrange(patch, folder):
    """Who finds and who reads; a small student that starts from nothing; a short training."""
    tiny_distill.write_teacher(folder)
    write_reader(folder)
    known = students.RECOGNISERS['crnn']
    (folder / 'rec_recipe.py').write_text(RECIPE.format(
        recipe=str(students.shipped(known.recipe))))
    Config(dict(model=tiny_recog.crnn_cfg(low_res=False))).dump(folder / 'rec_student.py')
    small = students.Student(str(folder / 'rec_student.py'), .1, 'tiny',
                             str(folder / 'rec_recipe.py'))
    patch.setitem(students.RECOGNISERS, 'svtr-tiny', small)
    patch.setattr(recognizer, 'FINDER', str(folder / 'teacher.py'))
    patch.setattr(recognizer, 'ENOUGH', 0)
    patch.setattr(distillation, '_STEPS', (2 * STEPS, 2 * STEPS))
    config_file._recipe.cache_clear()


def distill(folder, *options, out='work'):
    """Call the command on folder/photos."""
    given = {'--teacher': folder / 'reader.py', '--images': folder / 'photos',
             '--student': 'svtr-tiny'}
    chosen = [part for key, value in given.items() if key not in options for part in (key, value)]
    return CliRunner().invoke(main, ['distill', 'rec', '--out', str(Path(folder) / out),
                                     *map(str, [*chosen, *options])])
