"""PARSeq's decoder layer against its definition, written with PyTorch's attention."""
import torch
import torch.nn.functional as F
from torch import nn

from mmocr_kd.models.decoders.two_stream_layer import TwoStreamLayer


def build():
    layer = TwoStreamLayer(12, 3, 20, dropout=.4).double().eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=.5)
    return layer


def reference_attention(ours):
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())
    return lambda query, tokens, blocked=None: theirs(query, tokens, tokens, attn_mask=blocked)[0]


def reference(layer, stream, normed, context, image, blocked):
    look, see = map(reference_attention, (layer.self_attn, layer.cross_attn))
    stream = stream + look(normed, context, blocked)
    stream = stream + see(layer.norm1(stream), image)
    return stream + layer.linear2(F.gelu(layer.linear1(layer.norm2(stream))))


def inputs():
    query, content, image = (torch.randn(2, n, 12).double() for n in (4, 5, 7))
    masks = torch.rand(4, 5) < .5, torch.rand(5, 5) < .5
    for mask in masks:
        mask[:, 0] = False
    return query, content, image, masks


def test_both_streams_read_the_normed_content():
    layer, (query, content, image, (query_mask, content_mask)) = build(), inputs()
    context = layer.norm_c(content)
    wanted = (reference(layer, query, layer.norm_q(query), context, image, query_mask),
              reference(layer, content, context, context, image, content_mask))
    got = layer(query, content, layer.cross_attn.project(image), query_mask, content_mask, True)
    torch.testing.assert_close(got, wanted)


def test_content_is_left_alone_where_nobody_reads_it():
    layer, (query, content, image, masks) = build(), inputs()
    memory = layer.cross_attn.project(image)
    updated, _ = layer(query, content, memory, *masks, update_content=True)
    same, left = layer(query, content, memory, *masks, update_content=False)
    assert left is content and torch.equal(updated, same)


def test_dropout_in_training_only():
    layer, (query, content, image, masks) = build().train(), inputs()
    memory = layer.cross_attn.project(image)
    runs = [layer(query, content, memory, *masks, False)[0] for _ in range(2)]
    assert not torch.equal(*runs)
