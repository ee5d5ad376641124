"""SequenceKDLoss on what real recognisers read."""
import copy

import pytest
import tiny_recog
import torch
from mmocr.registry import MODELS

CTC, ATTENTION = tiny_recog.crnn_cfg, tiny_recog.abinet_cfg
PICTURES = {CTC: dict(channels=1, size=(16, 50)), ATTENTION: dict(channels=3, size=(16, 64))}
MODES = [(CTC, dict(search='ctc', topk=3)), (ATTENTION, dict(search='static', topk=3))]


def distiller(folder, cfg, fields):
    teacher = tiny_recog.checkpoint(folder / 'teacher.pth', cfg(low_res=False))
    torch.manual_seed(1)
    return MODELS.build(copy.deepcopy({
        'type': 'LowResRecognizerDistiller', 'student': cfg(), 'teacher': teacher,
        'losses': {'sequence': {'type': 'SequenceKDLoss', **fields}}})).train()


@pytest.mark.parametrize('cfg, fields', MODES)
def test_the_student_learns_to_read_what_its_teacher_reads(tmp_path, cfg, fields):
    model = distiller(tmp_path, cfg, fields)
    data = model.data_preprocessor(tiny_recog.pairs('hello', 'ab', '7', **PICTURES[cfg]), True)
    optimizer, values = torch.optim.Adam(model.parameters(), lr=5e-3), []
    for _ in range(5):
        optimizer.zero_grad()
        losses = model(**data, mode='loss')
        assert list(losses) == ['loss_kd_seq']
        losses['loss_kd_seq'].backward()
        optimizer.step()
        values.append(losses['loss_kd_seq'].item())
    assert values[-1] < .9 * values[0]
    assert all(p.grad is None for p in model.distiller.teachers[0].model.parameters())


def test_a_search_for_the_other_kind_of_decoder_is_refused(tmp_path):
    model = distiller(tmp_path, CTC, dict(search='static'))
    data = model.data_preprocessor(tiny_recog.pairs('hello', 'ab'), True)
    with pytest.raises(ValueError, match="CTC decoder: use one of .'ctc',."):
        model(**data, mode='loss')
