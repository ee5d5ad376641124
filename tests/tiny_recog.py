"""Recognisers small enough to train in a test, and batches of words for them."""
import torch
from mmengine.hub import get_config
from mmengine.structures import LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

GREY = {'mean': [127.0], 'std': [127.0]}


def crnn_cfg(low_res=True, width=1 / 16, **fields):
    """Config of a CRNN on a thin VGG; reads 16x50 or, for teachers, 32x100."""
    model = get_config('mmocr::textrecog/crnn/crnn_mini-vgg_5e_mj.py').model
    model.backbone = {'type': 'SlimVGG', 'width': width, 'in_channels': 1, 'norm_all': True,
                      'stem_pool': not low_res}
    model.decoder.in_channels = int(512 * width)
    model.decoder.module_loss.zero_infinity = True
    return {**model.to_dict(), **fields}


def abinet_cfg(low_res=True, **fields):
    """Config of a thin vision-only ABINet; reads 16x64 or, for teachers, 32x128."""
    model = get_config('mmocr::textrecog/abinet/abinet-vision_20e_st-an_mj.py').model
    model.backbone = {'type': 'ResNetABI', 'in_channels': 3, 'stem_channels': 4,
                      'base_channels': 4, 'arch_settings': [1, 1, 1, 1, 1],
                      'strides': [1, 1, 2, 1, 1] if low_res else [2, 1, 2, 1, 1]}
    model.encoder.update(n_layers=1, n_head=2, d_model=64, d_inner=64)
    model.decoder.vision_decoder.update(in_channels=64, num_channels=8)
    model.decoder.d_model = 64
    return {**model.to_dict(), **fields}


def abinet_language_cfg(low_res=True, **fields):
    """Config of a thin ABINet with its language model; reads what ``abinet_cfg`` reads."""
    vision = abinet_cfg(low_res)
    language = get_config('mmocr::textrecog/abinet/abinet_20e_st-an_mj.py').model.decoder
    language.language_decoder.update(d_model=64, n_head=2, d_inner=64, n_layers=1)
    vision['decoder'].update(language_decoder=language.language_decoder.to_dict(), num_iters=1)
    return {**vision, **fields}


def checkpoint(path, cfg, seed=0):
    """Save random weights of a model; a teacher's spec."""
    torch.manual_seed(seed)
    model = MODELS.build(cfg)
    for module in model.modules():  # so that eval and training mode differ
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=.1)
            module.running_var.uniform_(.5, 2)
    torch.save({'state_dict': model.state_dict()}, path)
    return {'config': cfg, 'checkpoint': str(path)}


def sample(text, size=(16, 50), valid_ratio=1.0):
    """A data sample as MMOCR's recognition pipeline packs it."""
    data_sample = TextRecogDataSample()
    data_sample.gt_text = LabelData(item=text)
    data_sample.set_metainfo({'img_shape': size, 'ori_shape': size, 'img_path': f'{text}.png',
                              'valid_ratio': valid_ratio})
    return data_sample


def pairs(*texts, channels=1, size=(16, 50), seed=0):
    """A batch of random small words and the same words twice as large, as data loaders give it."""
    generator = torch.Generator().manual_seed(seed)
    small = [torch.randint(0, 256, (channels, *size), dtype=torch.uint8, generator=generator)
             for _ in texts]
    large = [image.repeat_interleave(2, -1).repeat_interleave(2, -2) for image in small]
    return {'inputs': small, 'hr_inputs': large,
            'data_samples': [sample(text, size) for text in texts]}
