"""BiLSTMs between backbone and decoder."""
import pytest
import torch

from mmocr_kd.models.encoders import BiLSTMEncoder


def test_full_size():
    model = BiLSTMEncoder()
    assert model(torch.randn(2, 256, 1, 33)).shape == (2, 33, 256)
    lstm = 2 * (4 * 256 * (256 + 256) + 2 * 4 * 256)
    assert sum(p.numel() for p in model.parameters()) == 2 * (lstm + 512 * 256 + 256)


def test_is_lstm_and_projection_in_turn():
    model, feature = BiLSTMEncoder(3, 5, 4, num_layers=2), torch.randn(2, 3, 1, 7)
    sequence = feature[:, :, 0].permute(0, 2, 1)
    for i in range(2):
        sequence = model.projections[i](model.lstms[i](sequence)[0])
    torch.testing.assert_close(model(feature), sequence)


def test_sees_both_sides_of_each_word_but_no_other_word():
    model, feature = BiLSTMEncoder(3, 4, 4), torch.randn(2, 3, 1, 6)
    before = model(feature)
    feature[0, :, :, 3] += 1
    changed = (model(feature) - before).abs().amax(-1) > 1e-6
    assert changed[0].all() and not changed[1].any()


def test_bad_fields():
    with pytest.raises(ValueError, match='num_layers=0 must be at least 1'):
        BiLSTMEncoder(num_layers=0)
    with pytest.raises(ValueError, match=r'shape \(1, 3, 2, 7\): expected \(N, C, 1, W\)'):
        BiLSTMEncoder(3)(torch.randn(1, 3, 2, 7))
