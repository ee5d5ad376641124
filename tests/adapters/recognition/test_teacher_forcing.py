import pytest
import tiny_recog
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.registry import MODELS

from mmocr_kd.adapters.recognition import teacher_forcing


@pytest.mark.parametrize('training', [True, False])
def test_decoders_alone_train_and_are_afterwards_what_they_were(training):
    model = MODELS.build(tiny_recog.abinet_cfg()).train(training)
    model.decoder.vision_decoder.train(not training)
    before = [module.training for module in model.modules()]
    with pytest.raises(KeyError), teacher_forcing(model):
        for module, was in zip(model.modules(), before):
            assert module.training is (True if isinstance(module, BaseDecoder) else was)
        raise KeyError('a step that fails')
    assert [module.training for module in model.modules()] == before
