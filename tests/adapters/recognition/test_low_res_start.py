import pytest
import torch
from mmocr.models.textrecog.backbones import ResNetABI
from mmocr.models.textrecog.preprocessors import STN
from torch import nn

from mmocr_kd.adapters.recognition import start_from_teacher
from mmocr_kd.distill import InheritanceError
from mmocr_kd.models.backbones import PARSeqViT

SLIM = dict(stem_channels=8, base_channels=8, arch_settings=[1, 1, 1, 1, 1])


def recognizer(**parts):
    model = nn.Module()
    for name, part in parts.items():
        model.add_module(name, part)
    return model.eval()


def vit(img_size=(32, 128), patch_size=(4, 8)):
    return recognizer(backbone=PARSeqViT(
        img_size=img_size, patch_size=patch_size, embed_dims=12, depth=2, num_heads=2))


def test_summed_patches_read_like_the_teacher_on_the_enlarged_image():
    # Exact (KD-LTR starts this layer at random): float64 shows that nothing else differs.
    teacher, student = vit().double(), vit((16, 64), (2, 4)).double()
    nn.init.normal_(teacher.backbone.patch_embed.proj.bias)
    result = start_from_teacher(student, teacher.state_dict())
    assert result.converted == ['backbone.patch_embed.proj.weight']
    assert not result.reinitialised and not result.dropped
    small = torch.randn(2, 3, 16, 64, dtype=torch.double)
    large = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(student.backbone(small), teacher.backbone(large), atol=1e-12)


def test_random_patches_stay_random():
    teacher, student = vit(), vit((16, 64), (2, 4))
    before = student.backbone.patch_embed.proj.weight.clone()
    result = start_from_teacher(student, teacher.state_dict(), patch_init='random')
    assert result.reinitialised == ['backbone.patch_embed.proj.weight']
    assert torch.equal(student.backbone.patch_embed.proj.weight, before)
    # The bias is inherited, as in the official code.
    assert torch.equal(student.backbone.patch_embed.proj.bias,
                       teacher.backbone.patch_embed.proj.bias)


def test_abinets_first_shortcut_is_dropped():
    teacher = recognizer(backbone=ResNetABI(**SLIM))
    student = recognizer(backbone=ResNetABI(strides=[1, 1, 2, 1, 1], **SLIM))
    result = start_from_teacher(student, teacher.state_dict())
    assert len(result.dropped) == 6
    assert all(key.startswith('backbone.layer1.0.downsample.') for key in result.dropped)
    assert len(result.copied) == len(student.state_dict())


def test_pixel_table_of_the_rectification_is_the_students_own():
    teacher = recognizer(preprocessor=STN(3, output_image_size=(32, 100)))
    student = recognizer(preprocessor=STN(3, output_image_size=(16, 50)))
    nn.init.normal_(teacher.preprocessor.stn_fc2.bias, 0.5, 0.1)
    assert start_from_teacher(student, teacher.state_dict()).reinitialised == [
        'preprocessor.tps.target_coordinate_repr']
    # Both bend a smooth image alike: same control points, other raster.
    ramp = torch.linspace(-1, 1, 256).expand(1, 3, 64, 256)
    fine, coarse = (model.preprocessor(ramp)[..., [0, 0, -1, -1], [0, -1, 0, -1]]
                    for model in (teacher, student))
    assert torch.allclose(fine, coarse, atol=1e-5)


def test_another_network_is_no_teacher():
    narrow, wide = (recognizer(backbone=ResNetABI(**dict(SLIM, base_channels=channels)))
                    for channels in (8, 16))
    with pytest.raises(InheritanceError, match='backbone.layer2.0.conv1.weight: shape'):
        start_from_teacher(narrow, wide.state_dict())


def test_unknown_patch_init():
    with pytest.raises(ValueError, match="patch_init='mean' is unknown.*'sum_pool'"):
        start_from_teacher(vit(), vit().state_dict(), patch_init='mean')
