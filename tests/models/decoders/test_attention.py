"""Attention with kept keys and values against PyTorch's."""
import pytest
import torch

from mmocr_kd.models.decoders.attention import MultiHeadAttention


@pytest.fixture
def pair():
    theirs = torch.nn.MultiheadAttention(12, 3, dropout=.5, batch_first=True).double()
    torch.nn.init.normal_(theirs.in_proj_bias)
    torch.nn.init.normal_(theirs.out_proj.bias)
    ours = MultiHeadAttention(12, 3, dropout=.5).double()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours.eval(), theirs.eval()


def test_equals_pytorchs(pair):
    ours, theirs = pair
    queries, tokens = torch.randn(2, 5, 12).double(), torch.randn(2, 7, 12).double()
    wanted, _ = theirs(queries, tokens, tokens)
    torch.testing.assert_close(ours(queries, ours.project(tokens)), wanted)


def test_masks_of_queries_and_of_padding(pair):
    ours, theirs = pair
    queries, tokens = torch.randn(2, 5, 12).double(), torch.randn(2, 7, 12).double()
    blocked, padding = torch.rand(5, 7) < .4, torch.rand(2, 7) < .4
    blocked[:, 0], padding[:, 0] = False, False
    wanted, _ = theirs(queries, tokens, tokens, attn_mask=blocked, key_padding_mask=padding)
    got = ours(queries, ours.project(tokens), blocked | padding[:, None, None])
    torch.testing.assert_close(got, wanted)


def test_dropout_in_training_only(pair):
    ours, _ = pair
    queries, context = torch.randn(2, 5, 12).double(), ours.project(torch.randn(2, 7, 12).double())
    assert torch.equal(ours(queries, context), ours(queries, context))
    ours.train()
    assert not torch.equal(ours(queries, context), ours(queries, context))
