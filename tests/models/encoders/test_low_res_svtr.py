import torch
from mmocr.models.textrecog.encoders import SVTREncoder

from mmocr_kd.models.encoders import LowResSVTREncoder

FIELDS = dict(img_size=[32, 100], embed_dims=[16, 16, 32], depth=[1, 1, 1], num_heads=[2, 2, 2],
              mixer_types=['Local', 'Local', 'Global'], out_channels=12, max_seq_len=25)


def test_half_the_size_gives_the_same_frames_with_the_parents_weights():
    parent, encoder = SVTREncoder(**FIELDS).eval(), LowResSVTREncoder(**FIELDS).eval()
    encoder.load_state_dict(parent.state_dict())
    frames = encoder(torch.randn(2, 3, 16, 50))
    assert frames.shape == parent(torch.randn(2, 3, 32, 100)).shape == (2, 12, 1, 25)


def test_is_the_parent_but_for_one_stride():
    # With the parent's stride put back it gives what the parent gives.
    parent, encoder = SVTREncoder(**FIELDS).eval(), LowResSVTREncoder(**FIELDS).eval()
    encoder.load_state_dict(parent.state_dict())
    encoder.patch_embed.net.ConvModule0.conv.stride = (2, 2)
    image = torch.randn(1, 3, 32, 100)
    assert torch.equal(encoder(image), parent(image))
