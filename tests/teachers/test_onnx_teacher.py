"""A teacher in an ONNX file says what the file says, of what a student sees."""
import copy
import json
import pickle
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tiny
import tiny_recog
import torch
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample

from mmocr_kd.adapters import text_logits
from mmocr_kd.adapters.recognition import hypotheses
from mmocr_kd.distill import RecordingError, Source, TeacherOutputError
from mmocr_kd.losses import best_labels
from mmocr_kd.teachers import OnnxTeacher
from mmocr_kd.teachers import rapidocr_models as models

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
PLAIN = {'mean': [0.], 'std': [1.]}
WORDS = ['Hello', 'world', 'a-really-long-word-on-a-sign', '42']


class Part(torch.nn.Module):
    """What a function makes of a model and images, as a module."""

    def __init__(self, model, function):
        super().__init__()
        self.model, self.function = model, function

    def forward(self, images):
        return self.function(self.model, images)


def export(model, path, shape, dynamic=True):
    axes = {'images': {0: 'n', 2: 'h', 3: 'w'}} if dynamic else None
    torch.onnx.export(model.eval(), (torch.randn(shape), ), str(path), dynamo=False, verbose=False,
                      input_names=['images'], output_names=['out'], dynamic_axes=axes)
    return str(path)


def graph(path, *operations, shape=('n', 1, 'h', 'w'), **constants):
    """Save a small graph from 'x' to 'y'; an operation is its name, inputs, output, attributes."""
    dtype = onnx.TensorProto.FLOAT
    nodes = [onnx.helper.make_node(name, inputs, [output], **fields)
             for name, inputs, output, fields in operations]
    made = onnx.helper.make_graph(
        nodes, 'g', [onnx.helper.make_tensor_value_info('x', dtype, shape)],
        [onnx.helper.make_tensor_value_info('y', dtype, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid('', 13)],
                                   ir_version=8)
    onnx.save(model, str(path))
    return str(path)


def sigmoid(path, **fields):
    """A detector: the probability of a pixel is its sigmoid."""
    return graph(path, ('Sigmoid', ['x'], 'y', {}), **fields)


def student(mean=(0., ), std=(1., ), rgb=False):
    kinds = {'type': 'TextDetDataPreprocessor', 'mean': mean, 'std': std, 'bgr_to_rgb': rgb}
    model = torch.nn.Module()
    model.data_preprocessor = MODELS.build(kinds)
    return model


def ask(teacher, what, inputs, samples=None, of=None):
    teacher.bind(of or torch.nn.Module(), {'term': what})
    return teacher(inputs, samples)['term']


def see(path, inputs, **fields):
    return ask(OnnxTeacher(path, **{**PLAIN, **fields}), text_logits, inputs)


def photo(height, width, seed=0):
    image = np.full((height, width, 3), 90, np.uint8)
    image += np.random.RandomState(seed).randint(0, 20, image.shape).astype(np.uint8)
    cv2.putText(image, 'EXIT', (width // 8, height // 2), cv2.FONT_HERSHEY_SIMPLEX, height / 80,
                (250, 240, 235), 3)
    return image


def word(text):
    image = np.full((40, 20 * len(text) + 10, 3), 230, np.uint8)
    cv2.putText(image, text, (5, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (40, 20, 0), 2)
    return image


def batch(image, mean=(0., ), std=(1., ), rgb=False):
    """As a student's preprocessor normalises it."""
    planes = torch.from_numpy(image[..., ::-1].copy() if rgb else image).permute(2, 0, 1).float()
    return ((planes - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1))[None]


# Detectors


@pytest.mark.parametrize('output', ['probabilities', 'logits'])
def test_teaches_what_the_model_in_pytorch_does(tmp_path, output):
    model = MODELS.build(tiny.dbnet_cfg()).eval()
    logits = Part(model, lambda model, images: model.det_head.binarize(model.extract_feat(images)))
    given = Part(logits, lambda logits, images: (
        logits(images) if output == 'logits' else logits(images).sigmoid()))
    path = export(given, tmp_path / 'd.onnx', (1, 3, 64, 64))
    teacher = OnnxTeacher(path, **tiny.IMAGENET, bgr_to_rgb=True, output=output)
    images = tiny.prepared(model)['inputs']
    taught = ask(teacher, text_logits, images, of=model)
    torch.testing.assert_close(taught, logits(images)[:, 0], atol=2e-4, rtol=2e-4)
    assert taught.std() > .01


def test_undoes_the_normalisation_of_the_student(tmp_path):
    """The model's map is the sigmoid of the channel that it takes for blue."""
    path = graph(tmp_path / 'd.onnx',
                 ('Gather', ['x', 'first'], 'blue', {'axis': 1}), ('Sigmoid', ['blue'], 'y', {}),
                 shape=('n', 3, 'h', 'w'), first=np.array([0]))
    mean, std = [10., 20., 30.], [2., 4., 5.]
    image = photo(32, 32)
    for rgb in (False, True):
        teacher = OnnxTeacher(path, mean=[100., 0., 0.], std=[50.] * 3, bgr_to_rgb=rgb)
        taught = ask(teacher, text_logits, batch(image, mean, std, rgb=True),
                     of=student(mean, std, rgb=True))
        expected = batch(image, [100., 0., 0.], [50.] * 3, rgb)[:, 0]
        torch.testing.assert_close(taught, expected, atol=1e-3, rtol=1e-3)


def test_map_has_the_students_size_and_large_images_are_shrunk(tmp_path):
    """Of a ramp, which no resizing changes but at its ends."""
    path = sigmoid(tmp_path / 'd.onnx')
    ramp = torch.linspace(-3, 3, 300)[None, None, None].repeat(2, 1, 100, 1)
    for fields in ({}, {'max_side': 128}):
        taught = see(path, ramp, **fields)
        assert taught.shape == (2, 100, 300)
        assert (taught - ramp[:, 0]).abs()[..., 10:-10].max() < .05
    teacher = OnnxTeacher(path, **PLAIN, max_side=128)
    teacher.bind(torch.nn.Module(), {'t': text_logits})
    sides = [teacher._detector_size(*size) for size in ((100, 300), (20, 20), (128, 64))]
    assert sides == [(32, 128), (32, 32), (128, 64)]


def test_certain_pixels_stay_finite(tmp_path):
    taught = see(sigmoid(tmp_path / 'd.onnx'), torch.tensor([-900., 900.]).view(1, 1, 1, 2).repeat(
        1, 1, 32, 16))
    assert taught.isfinite().all() and taught.abs().max() < 10


def test_axes_that_the_file_fixes_are_kept(tmp_path):
    path = sigmoid(tmp_path / 'd.onnx', shape=(2, 1, 64, 32))
    flat = torch.tensor([-1., 0., 2.]).view(3, 1, 1, 1).expand(3, 1, 40, 90)
    taught = see(path, flat)
    assert taught.shape == (3, 40, 90)
    torch.testing.assert_close(taught, flat[:, 0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('size', [(96, 160), (90, 150)], ids=['kept', 'resized'])
def test_rapidocr_detects_as_its_own_package_does(size):
    pytest.importorskip('rapidocr')
    from rapidocr.ch_ppocr_det.utils import DetPreProcess
    image = photo(*size)
    session = onnxruntime.InferenceSession(str(models.rapidocr_model('det').path),
                                           providers=['CPUExecutionProvider'])
    theirs = session.run(None, {'x': DetPreProcess(960, 'max')(image)})[0][0, 0]
    theirs = cv2.resize(theirs, size[::-1])
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    ours = ask(OnnxTeacher('rapidocr'), text_logits, batch(image, mean, std, rgb=True),
               of=student(mean, std, rgb=True))
    assert theirs.max() > .7  # it saw the text
    difference = np.abs(ours[0].sigmoid().numpy() - theirs)
    if size == (96, 160):
        assert difference.max() < .001
    else:  # they round what they resize to 8 bits
        assert difference.mean() < .005 and difference.max() < .3


# Recognisers


def test_rapidocr_reads_as_its_own_package_does():
    pytest.importorskip('rapidocr')
    from rapidocr.ch_ppocr_rec.main import TextRecognizer
    from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode
    session = onnxruntime.InferenceSession(str(models.rapidocr_model('rec').path),
                                           providers=['CPUExecutionProvider'])
    characters = session.get_modelmeta().custom_metadata_map['character'].splitlines()
    decode, stub = CTCLabelDecode(character=characters), SimpleNamespace(
        rec_image_shape=[3, 48, 320])
    teacher = OnnxTeacher('rapidocr', num_readings=3)
    for text in WORDS:
        image = word(text)
        ratio = max(320 / 48, image.shape[1] / image.shape[0])
        theirs = session.run(None, {'x': TextRecognizer.resize_norm_img(stub, image, ratio)[None]})
        (reading, _), = decode(theirs[0])[0]
        (ours, ) = ask(teacher, hypotheses, batch(image), of=student())
        assert ours[0][0] == reading == text
        assert [p for _, p in ours] == sorted((p for _, p in ours), reverse=True)
        assert len({text for text, _ in ours}) == len(ours) == 3
        assert sum(np.exp(p) for _, p in ours) <= 1 + 1e-4
        assert ours[0][1] > -1


def test_reading_does_not_depend_on_the_batch_nor_on_how_a_word_was_squeezed():
    """Words come stretched to one size; ``ori_shape`` tells what they were, padding is left out."""
    pytest.importorskip('rapidocr')
    teacher, images, samples = OnnxTeacher('rapidocr', num_readings=2), [], []
    for text in WORDS:
        image = word(text)
        sample = TextDetDataSample(metainfo={'ori_shape': image.shape[:2], 'valid_ratio': .75})
        squeezed = np.zeros((64, 320, 3), np.uint8)
        squeezed[:, :240] = cv2.resize(image, (240, 64))
        images.append(batch(squeezed))
        samples.append(sample)
    together = ask(teacher, hypotheses, torch.cat(images), samples, student())
    assert [reading[0][0] for reading in together] == WORDS
    for image, sample, reading in zip(images, samples, together):
        (alone, ) = teacher(image, [sample])['term']
        assert [text for text, _ in alone] == [text for text, _ in reading]
        assert [p for _, p in alone] == pytest.approx([p for _, p in reading], abs=1e-3)


def test_crnn_of_mmocr(tmp_path):
    """Grey, stretched to one size, logits, blank at the end, dictionary in a file."""
    model = MODELS.build(tiny_recog.crnn_cfg(low_res=False)).eval()
    dictionary = model.decoder.dictionary
    (tmp_path / 'd.txt').write_text('\n'.join(dictionary.dict[:-1]) + '\n')
    path = export(Part(model, lambda model, images: model(images, mode='tensor').log()),
                  tmp_path / 'r.onnx', (1, 1, 32, 100), dynamic=False)
    teacher = OnnxTeacher(path, mean=[127.], std=[127.], output='logits', blank_idx=-1,
                          dictionary=str(tmp_path / 'd.txt'), keep_ratio=False,
                          word_size=(32, 100), num_readings=4)
    images = torch.randn(3, 1, 32, 100)
    taught = ask(teacher, hypotheses, images, of=model)
    probs = model(images, mode='tensor')
    best = best_labels(probs.log(), torch.full((3, ), probs.shape[1]), dictionary.padding_idx, 4)
    for reading, indexes, lengths, log_probs in zip(taught, *vars(best).values()):
        expected = [dictionary.idx2str(label[:length].tolist())
                    for label, length in zip(indexes, lengths)]
        assert [text for text, _ in reading] == expected
        assert [p for _, p in reading] == pytest.approx(log_probs.tolist(), abs=1e-3)


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda teacher: pickle.loads(
    pickle.dumps(teacher))], ids=['deepcopy', 'pickle'])
def test_one_that_was_used_can_be_copied(tmp_path, copied):
    """With the model that it teaches, as EMAHook does."""
    teacher = OnnxTeacher(sigmoid(tmp_path / 'det.onnx'), **PLAIN)
    images = torch.rand(2, 1, 32, 64)
    expected = ask(teacher, text_logits, images)
    torch.testing.assert_close(copied(teacher)(images, None)['term'], expected)


def test_identity_changes_with_whatever_changes_answers(tmp_path):
    """And with nothing else: not with where the file lies."""
    (tmp_path / 'ab.txt').write_text('a\nb\n')
    path, fields = sigmoid(tmp_path / 'd.onnx'), {**PLAIN, 'dictionary': str(tmp_path / 'ab.txt')}

    def identity(path=path, **changed):
        return json.dumps(OnnxTeacher(path, **{**fields, **changed}).identity())

    first = identity()
    (tmp_path / 'moved.onnx').write_bytes((tmp_path / 'd.onnx').read_bytes())
    assert identity(str(tmp_path / 'moved.onnx')) == first
    changes = [{'mean': [1.]}, {'std': [2.]}, {'bgr_to_rgb': True}, {'output': 'logits'},
               {'max_side': 32}, {'word_size': (32, 100)}, {'keep_ratio': False},
               {'dictionary': None}, {'blank_idx': -1}, {'num_readings': 2}]
    others = [identity(**change) for change in changes]
    others.append(identity(graph(tmp_path / 'other.onnx', ('Identity', ['x'], 'y', {}))))
    (tmp_path / 'ab.txt').write_text('b\na\n')
    others.append(identity())
    assert len({first, *others}) == 1 + len(others)


# What cannot be


def read(path, **fields):
    teacher = OnnxTeacher(path, **{**PLAIN, 'dictionary': None, **fields})
    return ask(teacher, hypotheses, torch.rand(2, 1, 48, 320))


@pytest.mark.parametrize('fields, message', [
    ({'output': 'scores'}, "output='scores'"),
    ({'max_side': 0}, 'max_side=0'),
    ({'num_readings': 0}, 'num_readings=0'),
    ({'word_size': (48, 0)}, 'word_size'),
    ({'mean': None}, 'needs mean and std'),
])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        OnnxTeacher('model.onnx', **{**PLAIN, **fields})


def test_only_maps_and_readings_are_known(tmp_path):
    teacher = OnnxTeacher(sigmoid(tmp_path / 'd.onnx'), **PLAIN)
    with pytest.raises(RecordingError, match="'neck'.*features need a ModelTeacher"):
        teacher.bind(torch.nn.Module(), {'neck': Source('neck'), 'logits': text_logits})
    with pytest.raises(RecordingError, match='two teachers'):
        teacher.bind(torch.nn.Module(), {'text': text_logits, 'words': hypotheses})


def test_missing_packages_are_named_with_the_line_to_type(tmp_path, monkeypatch):
    path = sigmoid(tmp_path / 'd.onnx')
    monkeypatch.setattr(models, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'mmocr_kd\[rapidocr\]'"):
        ask(OnnxTeacher('rapidocr'), text_logits, torch.zeros(1, 3, 32, 32))
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match=r"pip install 'mmocr_kd\[onnx\]'"):
        see(path, torch.zeros(1, 1, 32, 32))


def test_another_version_of_rapidocr(tmp_path, monkeypatch):
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(models, 'find_spec', lambda name: spec)
    with pytest.raises(ImportError, match='config.yaml'):
        models.rapidocr_model('det')
    (tmp_path / 'config.yaml').write_text('Det: {ocr_version: v9, model_type: big}')
    with pytest.raises(ImportError, match='no v9_det_big.onnx'):
        models.rapidocr_model('det')


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.onnx'):
        see(str(tmp_path / 'none.onnx'), torch.zeros(1, 1, 32, 32))
    (tmp_path / 'broken.onnx').write_bytes(b'not a graph')
    with pytest.raises(ValueError, match='broken.onnx.*cannot be loaded'):
        see(str(tmp_path / 'broken.onnx'), torch.zeros(1, 1, 32, 32))
    flat = sigmoid(tmp_path / 'flat.onnx', shape=('n', 10))
    with pytest.raises(ValueError, match=r'expected one input of float images'):
        see(flat, torch.zeros(1, 1, 32, 32))


def test_what_a_detector_must_not_give(tmp_path):
    image = torch.full((2, 1, 32, 32), -1.)
    samples = [tiny.sample([])] * 2
    nan = graph(tmp_path / 'nan.onnx', ('Log', ['x'], 'y', {}))
    teacher = OnnxTeacher(nan, **PLAIN)
    with pytest.raises(TeacherOutputError, match='NaN or Inf.*tiny.png'):
        ask(teacher, text_logits, image, samples)
    same = graph(tmp_path / 'same.onnx', ('Identity', ['x'], 'y', {}))
    with pytest.raises(TeacherOutputError, match="output='logits'"):
        see(same, image)
    assert see(same, image, output='logits').mean() == pytest.approx(-1, abs=1e-4)
    channels = sigmoid(tmp_path / 'channels.onnx', shape=('n', 3, 'h', 'w'))
    with pytest.raises(ValueError, match='is it a text detector'):
        ask(OnnxTeacher(channels, mean=[0.] * 3, std=[1.] * 3), text_logits,
            torch.zeros(2, 3, 32, 32))
    once = graph(tmp_path / 'once.onnx', ('ReduceMax', ['x'], 'y', {'axes': [0]}))
    with pytest.raises(ValueError, match='one entry for each'):
        see(once, torch.zeros(2, 1, 32, 32))


def test_what_a_recogniser_must_not_give(tmp_path):
    softmax = graph(tmp_path / 'r.onnx', ('ReduceMean', ['x'], 'm', {'axes': [1], 'keepdims': 0}),
                    ('Softmax', ['m'], 'y', {'axis': 2}))
    with pytest.raises(ValueError, match='no dictionary in its metadata'):
        read(softmax)
    (tmp_path / 'ab.txt').write_text('a\nb\n')
    with pytest.raises(ValueError, match='320 classes.*2 characters'):
        read(softmax, dictionary=str(tmp_path / 'ab.txt'))
    with pytest.raises(ValueError, match='is it a CTC recogniser'):
        read(sigmoid(tmp_path / 'd.onnx'), dictionary=str(tmp_path / 'ab.txt'))
    with pytest.raises(ValueError, match='cannot be run on images of shape'):
        outside = graph(tmp_path / 'o.onnx', ('Gather', ['x', 'at'], 'y', {'axis': 1}),
                        shape=('n', 'c', 'h', 'w'), at=np.array([7]))
        read(outside, dictionary=str(tmp_path / 'ab.txt'))


def test_space_and_blank(tmp_path):
    """Columns of an image as classes: blank, a, b and the space."""
    path = graph(tmp_path / 'r.onnx', ('ReduceMean', ['x'], 'm', {'axes': [1], 'keepdims': 0}),
                 ('Softmax', ['m'], 'y', {'axis': 2}), shape=('n', 1, 5, 4))
    (tmp_path / 'ab.txt').write_text('a\nb\n')
    frames = torch.full((1, 1, 5, 4), -20.)
    for frame, column in enumerate([1, 0, 1, 3, 2]):
        frames[0, 0, frame, column] = 20.
    teacher = OnnxTeacher(path, **PLAIN, dictionary=str(tmp_path / 'ab.txt'))
    assert ask(teacher, hypotheses, frames)[0][0] == ('aa b', pytest.approx(0, abs=1e-4))
    last = OnnxTeacher(path, **PLAIN, dictionary=str(tmp_path / 'ab.txt'), blank_idx=-1)
    assert ask(last, hypotheses, frames)[0][0][0] == 'bab '
