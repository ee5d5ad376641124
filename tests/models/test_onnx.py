"""Graphs for ONNX compute what the models do, also for images they were not drawn from."""
import numpy as np
import pytest
import tiny
import tiny_dld_detector
import tiny_matrn
import tiny_parseq
import tiny_recog
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmocr.models.textrecog.decoders import ABILanguageDecoder
from mmocr.registry import MODELS

from mmocr_kd.models.dld.shrinking import Shrinker

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
EXPORTERS = [False, pytest.param(True, marks=pytest.mark.slow)]  # dynamo=...


class Raw(torch.nn.Module):
    """A model's ``mode='tensor'``."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(images, mode='tensor')


def graph(model, images, path, dynamo=False, **fields):
    """Draw the graph of a module, and return what runs it."""
    if dynamo:
        pytest.importorskip('onnxscript')
    torch.onnx.export(model.eval(), (images, ), str(path), dynamo=dynamo, verbose=False, **fields)
    onnx.checker.check_model(str(path))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, ['CPUExecutionProvider'])
    (name, ) = [given.name for given in session.get_inputs()]
    return lambda images: session.run(None, {name: images.numpy()})[0]


@torch.no_grad()
def check(model, shape, path, dynamo=False):
    """Compare on several images; returns what the model says of each."""
    raw = Raw(model).eval()
    run = graph(raw, torch.randn(shape), path, dynamo)
    said = []
    for contrast in (0., .1, 1., 1., 3., 10.):
        images = torch.randn(shape) * contrast
        said.append(raw(images))
        np.testing.assert_allclose(run(images), said[-1].numpy(), rtol=0, atol=1e-4)
    assert max((one - said[0]).abs().max() for one in said) > 1e-3  # it looks at the images
    return said


def sure(model):
    """Weights that make images matter, so that words differ in length."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if 'norm' not in name and parameter.dim() > 1:
                parameter.normal_(std=2. * parameter.shape[-1]**-.5)
    return model


def lively(model, shape):
    """Statistics of batches and a sharp classifier, so that images matter."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # means of all batches
    with torch.no_grad():
        for _ in range(3):
            model.train().extract_feat(torch.randn(shape))
        getattr(model.decoder, 'semantic_visual', model.decoder).cls.weight.mul_(30)
    return model


@pytest.mark.parametrize('dynamo', EXPORTERS)
@pytest.mark.parametrize('fields', [{}, {'decode_ar': False}, {'refine_iters': 2, 'depth': 2}])
def test_parseq(fields, dynamo, tmp_path):
    model = sure(MODELS.build(tiny_parseq.recognizer_cfg(tmp_path, **fields)))
    said = check(model, (3, 3, 8, 32), tmp_path / 'parseq.onnx', dynamo)
    ends = {int((word.argmax(-1) == tiny_parseq.END).float().argmax()) for one in said
            for word in one}
    assert len(ends) > 1


@torch.no_grad()
def test_parseq_without_refinement_reads_to_the_last_step(tmp_path):
    """What comes after the end of the longest word is not compared: the model stops there."""
    raw = Raw(sure(MODELS.build(tiny_parseq.recognizer_cfg(tmp_path, refine_iters=0)))).eval()
    run = graph(raw, torch.zeros(2, 3, 8, 32), tmp_path / 'parseq.onnx')
    for _ in range(5):
        images = torch.randn(2, 3, 8, 32)
        read, drawn = raw(images).numpy(), run(images)
        assert drawn.shape[1] == 9
        np.testing.assert_allclose(drawn[:, :read.shape[1]], read, rtol=0, atol=1e-4)


@pytest.mark.parametrize('dynamo', EXPORTERS)
def test_matrn(dynamo, tmp_path):
    shape = 2, 3, 16, 32
    model = lively(MODELS.build(tiny_matrn.matrn_cfg()), shape)
    check(model, shape, tmp_path / 'matrn.onnx', dynamo)


@pytest.mark.parametrize('dynamo', EXPORTERS)
def test_abinet(dynamo, tmp_path):
    cfg = tiny_recog.abinet_language_cfg()
    cfg['decoder']['language_decoder']['type'] = 'ExportableABILanguageDecoder'
    shape = 2, 3, 16, 64
    check(lively(MODELS.build(cfg), shape), shape, tmp_path / 'abinet.onnx', dynamo)


@pytest.fixture(scope='module')
def language_decoders():
    """MMOCR's and ours, with the same weights."""
    cfg = tiny_recog.abinet_language_cfg()['decoder']
    fields = dict(dictionary=cfg['dictionary'], max_seq_len=5, **{
        key: value for key, value in cfg['language_decoder'].items() if key != 'type'})
    theirs, ours = (MODELS.build(dict(fields, type=kind)) for kind in (
        'ABILanguageDecoder', 'ExportableABILanguageDecoder'))
    assert isinstance(ours, ABILanguageDecoder)
    ours.load_state_dict(theirs.state_dict())
    return theirs.eval(), ours.eval()


@given(ends=st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=4))
def test_exportable_language_decoder_counts_as_mmocrs_does(language_decoders, ends):
    theirs, ours = language_decoders
    logits = torch.randn(len(ends), 5, theirs.dictionary.num_classes)
    logits[..., theirs.dictionary.end_idx] = torch.where(torch.tensor(ends), 100., -100.)
    assert ours._get_length(logits).tolist() == theirs._get_length(logits).tolist()
    read, expected = (model(None, logits) for model in (ours, theirs))
    assert torch.equal(read['logits'], expected['logits'])


@pytest.mark.parametrize('dynamo', EXPORTERS)
def test_crnn(dynamo, tmp_path):
    check(sure(MODELS.build(tiny_recog.crnn_cfg())), (2, 1, 16, 50), tmp_path / 'crnn.onnx', dynamo)


@pytest.mark.parametrize('dynamo', EXPORTERS)
def test_dbnet(dynamo, tmp_path):
    check(MODELS.build(tiny.dbnet_cfg()), (1, 3, 64, 96), tmp_path / 'dbnet.onnx', dynamo)


class TestDLD:
    """A choice of sizes is no graph; its parts are, and so is a single size."""

    @pytest.mark.parametrize('dynamo', EXPORTERS)
    def test_one_scale(self, dynamo, tmp_path):
        model = tiny_dld_detector.dld(test_scale=.5)
        check(model, (1, 3, 128, 96), tmp_path / 'dld.onnx', dynamo)

    def test_a_choice_is_refused(self, tmp_path):
        raw = Raw(tiny_dld_detector.dld()).eval()
        with pytest.raises(RuntimeError, match='export model.selector and model.student'):
            graph(raw, torch.randn(1, 3, 64, 96), tmp_path / 'dld.onnx')
        with pytest.raises(RuntimeError, match='export model.selector'):
            torch.jit.trace(raw, torch.randn(1, 3, 64, 96))

    @torch.no_grad()
    def test_two_graphs_do_what_the_model_does(self, tmp_path):
        """As docs/tools.md shows."""
        model = tiny_dld_detector.dld().eval()
        sizes = dict(input_names=['images'], dynamic_axes={'images': {2: 'height', 3: 'width'}})
        images = torch.randn(1, 3, 64, 96)
        choose = graph(model.selector, images, tmp_path / 'selector.onnx', **sizes)
        detect = graph(Raw(model.student), images, tmp_path / 'detector.onnx', **sizes)
        for size in ((64, 96), (160, 96), (100, 230)):
            images = torch.randn(1, 3, *size)
            scale = model.selector.scale_factors[int(choose(images).argmax())]
            small = Shrinker(pad_divisor=32, max_long_edge=3000)(images, None, [scale]).inputs
            np.testing.assert_allclose(
                detect(small), model(images, mode='tensor').numpy(), rtol=0, atol=1e-4)
