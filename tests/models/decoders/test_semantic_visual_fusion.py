"""The fusion equals one written with PyTorch's own layers, and routes gradients as published."""
import pytest
import tiny_matrn
import torch
from mmocr.registry import MODELS, TASK_UTILS
from tiny_matrn import HEIGHT_OF_MAP, STEPS, WIDTH, WIDTH_OF_MAP
from torch import nn
from torch.nn import functional as F

SIZE = HEIGHT_OF_MAP * WIDTH_OF_MAP


def fusion(**fields):
    dictionary = TASK_UTILS.build(tiny_matrn.DICTIONARY)
    cfg = tiny_matrn.fusion_cfg(dictionary=dictionary, max_seq_len=STEPS, **fields)
    return MODELS.build(cfg)


def inputs(words=2):
    attention = torch.randn(words, STEPS, SIZE).softmax(2)
    return (tiny_matrn.features(words), attention.unflatten(2, (HEIGHT_OF_MAP, WIDTH_OF_MAP)),
            torch.randn(words, STEPS, WIDTH), torch.full((words,), 3))


def sinusoids():
    """Position p, channel c: sine (even c) or cosine (odd c) of p / 10000^(2 * (c // 2) / E)."""
    table = torch.empty(SIZE, WIDTH, dtype=torch.double)
    for channel in range(WIDTH):
        angle = torch.arange(SIZE).double() / 10000 ** (2 * (channel // 2) / WIDTH)
        table[:, channel] = angle.cos() if channel % 2 else angle.sin()
    return table.float()


def torch_layer(ours):
    """PyTorch's post-norm encoder layer with the weights of ours."""
    layer = nn.TransformerEncoderLayer(WIDTH, nhead=2, dim_feedforward=32, batch_first=True)
    layer.self_attn.load_state_dict(ours.attentions[0].attn.state_dict())
    layer.linear1.load_state_dict(ours.ffns[0].layers[0][0].state_dict())
    layer.linear2.load_state_dict(ours.ffns[0].layers[1].state_dict())
    layer.norm1.load_state_dict(ours.norms[0].state_dict())
    layer.norm2.load_state_dict(ours.norms[1].state_dict())
    return layer.eval()


def test_equals_a_direct_computation():
    module, (visual, attention, semantic, lengths) = fusion(n_layers=2).eval(), inputs()
    out = module(visual, attention, semantic, lengths)
    place = torch.einsum('nthw,hwe->nte', attention,
                         sinusoids().view(HEIGHT_OF_MAP, WIDTH_OF_MAP, WIDTH))
    tokens = torch.cat([visual.flatten(2).permute(0, 2, 1), semantic + place], 1)
    for layer in module.layers:
        tokens = torch_layer(layer)(tokens)
    grid = tokens[:, :SIZE].permute(0, 2, 1).reshape(2, WIDTH, HEIGHT_OF_MAP, WIDTH_OF_MAP)
    seen, said = module.vision_decoder(None, grid), tokens[:, SIZE:]
    for_visual, for_semantic = module.w_att.weight.split(WIDTH, dim=1)
    gate = torch.sigmoid(seen['feature'] @ for_visual.T + said @ for_semantic.T
                         + module.w_att.bias)
    mixed = said + gate * (seen['feature'] - said)
    wanted = {'feature': mixed, 'logits': module.cls(mixed), 'visual_logits': seen['logits'],
              'semantic_logits': F.linear(said, module.cls_sem.weight, module.cls_sem.bias)}
    assert set(out) == set(wanted)
    for name, value in wanted.items():
        torch.testing.assert_close(out[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_layers_start_different():
    first, second = (layer.ffns[0].layers[1].weight for layer in fusion(n_layers=2).layers)
    assert not torch.equal(first, second)


def test_gradients_reach_both_features_but_not_the_attention():
    module, arguments = fusion(), inputs()
    for tensor in arguments[:3]:
        tensor.requires_grad_()
    module(*arguments)['logits'].square().sum().backward()
    visual, attention, semantic, _ = arguments
    assert visual.grad.abs().sum() > 0 and semantic.grad.abs().sum() > 0
    assert attention.grad is None


@pytest.mark.parametrize('training', [False, True])
def test_inputs_stay_as_they_are(training):
    arguments = inputs()
    before = [tensor.clone() for tensor in arguments]
    fusion().train(training)(*arguments)
    assert all(map(torch.equal, before, arguments))


def test_masking_alone_decides_whether_training_is_random():
    module, arguments = fusion(), inputs()
    module.vision_decoder.eval()
    with torch.no_grad():
        assert not torch.equal(module(*arguments)['logits'], module(*arguments)['logits'])
        module.masking.eval()
        assert torch.equal(module(*arguments)['logits'], module(*arguments)['logits'])


def test_words_do_not_influence_each_other_in_eval_mode():
    module, arguments = fusion().eval(), inputs(3)
    alone = module(*(tensor[1:2] for tensor in arguments))['logits']
    torch.testing.assert_close(alone, module(*arguments)['logits'][1:2], rtol=1e-4, atol=1e-5)


def test_wrong_size_of_the_feature_map_is_explained():
    visual, *others = inputs()
    with pytest.raises(ValueError, match=r'\(8, 8\).*\(8, 16\)'):
        fusion()(visual[..., :8], *others)


@pytest.mark.parametrize('field, value', [
    ('attn_height', 12), ('attn_height', 0), ('attn_width', 24), ('mask_candidates', SIZE + 1),
    ('mask_word_prob', 1.5)])
def test_bad_fields(field, value):
    with pytest.raises(ValueError, match=field.removeprefix('mask_word_')):
        fusion(**{field: value})
