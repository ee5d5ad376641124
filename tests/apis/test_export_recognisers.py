"""Every kind of recogniser reads in ONNX Runtime what it reads in PyTorch, however many words."""
import cv2
import numpy as np
import pytest
import tiny_export
import tiny_readers
from mmocr.apis.inferencers import TextRecInferencer

from mmocr_kd.apis.export import export_checked
from mmocr_kd.apis.read_config import read_config
from mmocr_kd.reader import OnnxFile, Recognizer

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
WORDS = ['a', 'I7', 'stop', 'EXIT 24', 'pharmacy', 'international']  # short ones are padded
# More would saturate it; SVTR's warping multiplies what differs in the last digits.
LIVELY = {'svtr': 2., 'matrn': 2.}


def words():
    """Images of words of very different widths."""
    return [tiny_export.photo((40, 24 + 20 * len(word)), seed, (word, ))
            for seed, word in enumerate(WORDS)]


@pytest.mark.parametrize('name', tiny_readers.NAMES)
def test_reads_as_in_pytorch_in_batches_of_any_size(name, tmp_path):
    model, pipeline = tiny_readers.all_of(tmp_path)[name]
    config, checkpoint = tiny_export.write(tmp_path, name, model, pipeline, LIVELY.get(name, 4.))
    export, check = export_checked(read_config(config, {}), checkpoint, [], 1e-3)
    assert check.passed(1e-3) and check.answers == 8, check
    export.save(tmp_path / 'rec.onnx')
    shape = onnx.load(tmp_path / 'rec.onnx').graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param == 'batch'
    assert bool(shape[3].dim_param) == ('free' in name)
    in_pytorch = TextRecInferencer(config, checkpoint, 'cpu')
    theirs = in_pytorch(words(), progress_bar=False)['predictions']
    assert len({each['text'] for each in theirs}) > 1  # it looks at the images
    for batch in (1, 4, 6):
        ours = Recognizer(OnnxFile(tmp_path / 'rec.onnx'), batch)(words())
        assert [text for text, _ in ours] == [each['text'] for each in theirs]
        np.testing.assert_allclose([score for _, score in ours],
                                   np.nan_to_num([each['scores'] for each in theirs]), atol=1e-3)


def test_padding_matters_and_nothing_else_than_the_file_is_needed(tmp_path):
    """A light installation reads padded words alike; so the share of padding is no constant."""
    model, pipeline = tiny_readers.satrn_cfg(), tiny_readers.PADDED
    config, checkpoint = tiny_export.write(tmp_path, 'rec', model, pipeline, 4.)
    export, _ = export_checked(read_config(config, {}), checkpoint, [], 1e-3)
    export.save(tmp_path / 'rec.onnx')
    for word, image in zip(WORDS, words()):
        cv2.imwrite(str(tmp_path / f'{word}.png'), image)
    code, lines, said = tiny_export.read('.', '--rec', 'rec.onnx', '--json', cwd=tmp_path)
    assert code == 0 and len(lines) == len(WORDS), said
    file = OnnxFile(tmp_path / 'rec.onnx')
    images = np.random.default_rng(0).normal(size=(2, 3, 32, 160)).astype(np.float32)
    images[1] = images[0]
    whole, part = file(images, np.array([1., .5]))
    assert np.abs(whole - part).max() > 1e-3
