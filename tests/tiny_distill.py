"""``mmocr-kd distill det`` in seconds: photos of bars, who sees them, and a student to match."""
from pathlib import Path

import cv2
import numpy as np
import tiny
from click.testing import CliRunner
from mmengine.config import Config

from mmocr_kd.apis import students
from mmocr_kd.apis.distill_photos import distillation
from mmocr_kd.cli import main

SIZE = 96, 128
STEPS = 3  # in an epoch
RECIPE = """
_base_ = {recipe!r}
pipeline = _base_.train_pipeline
pipeline[2].scale, pipeline[3].target_size = (128, 128), (64, 64)
pipeline[5].scale = pipeline[6].size = (64, 64)
train_dataloader = dict(batch_size=2, sampler=dict(groups=6), dataset=dict(pipeline=pipeline))
steps = _base_.test_pipeline
steps[1].scale = (128, 128)
val_dataloader = dict(dataset=dict(pipeline=steps))
test_dataloader = val_dataloader
"""


def bars(index, size=SIZE):
    """A photo with one or two bars, bright on dark, and their boxes (x, y, width, height)."""
    random = np.random.default_rng(index)
    image = random.integers(0, 60, (*size, 3), np.uint8)
    boxes = [(int(random.integers(5, 40)), top, int(random.integers(40, 70)), 18)
             for top in (12, 58)[:1 + index % 2]]
    for x, y, width, height in boxes:
        image[y:y + height, x:x + width] = 230
    return image, boxes


def write_photos(folder, count=6):
    """Photos of bars as files."""
    folder.mkdir()
    for index in range(count):
        cv2.imwrite(str(folder / f'{index}.png'), bars(index)[0])
    return folder


def write_teacher(folder):
    """Config of a training whose teacher, an ONNX file, sees whatever is bright."""
    import onnx
    kind = onnx.TensorProto.FLOAT
    constants = {'half': np.float32(.5), 'slope': np.float32(20)}
    nodes = [onnx.helper.make_node('ReduceMean', ['x'], ['m'], axes=[1]),
             onnx.helper.make_node('Sub', ['m', 'half'], ['d']),
             onnx.helper.make_node('Mul', ['d', 'slope'], ['s']),
             onnx.helper.make_node('Sigmoid', ['s'], ['y'])]
    graph = onnx.helper.make_graph(
        nodes, 'bright', [onnx.helper.make_tensor_value_info('x', kind, ('n', 3, 'h', 'w'))],
        [onnx.helper.make_tensor_value_info('y', kind, None)],
        [onnx.numpy_helper.from_array(np.array(value), name) for name, value in constants.items()])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 13)],
                                     ir_version=8), str(folder / 'bright.onnx'))
    teacher = dict(type='OnnxTeacher', model=str(folder / 'bright.onnx'), mean=[0.] * 3,
                   std=[255.] * 3)
    hook = dict(type='MaskETDistillHook', teacher=teacher)
    Config(dict(model=tiny.dbnet_cfg(), custom_hooks=[hook])).dump(folder / 'teacher.py')
    return folder / 'teacher.py'


def arrange(patch, folder):
    """A small student, a small recipe, a short training."""
    (folder / 'recipe.py').write_text(RECIPE.format(recipe=str(students.shipped(
        students.STUDENTS['mobilenetv3-small'].recipe))))
    Config(dict(model=tiny.dbnet_cfg())).dump(folder / 'student.py')
    small = students.Student(str(folder / 'student.py'), .1, 'tiny', str(folder / 'recipe.py'))
    patch.setitem(students.STUDENTS, 'mobilenetv3-small', small)
    patch.setattr(distillation, '_STEPS', (2 * STEPS, 2 * STEPS))


def distill(folder, *options, out='work'):
    """Call the command on folder/photos."""
    teacher = [] if '--teacher' in options else ['--teacher', str(folder / 'teacher.py')]
    images = [] if '--images' in options else ['--images', str(folder / 'photos')]
    student = [] if '--student' in options else ['--student', 'mobilenetv3-small']
    return CliRunner().invoke(main, ['distill', 'det', *images, *teacher, *student, '--out',
                                     str(Path(folder) / out), *map(str, options)])
