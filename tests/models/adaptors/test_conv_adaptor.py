import torch
from mmocr.registry import MODELS


def test_changes_channels_only():
    adaptor = MODELS.build({'type': 'ConvAdaptor', 'in_channels': 3, 'out_channels': 5})
    adaptor.init_weights()
    x = torch.randn(2, 3, 4, 6)
    expected = torch.einsum('oi,nihw->nohw', adaptor.conv.weight[..., 0, 0], x)
    expected = expected + adaptor.conv.bias[:, None, None]
    assert torch.allclose(adaptor(x), expected, atol=1e-5)
