"""Configs of tiny distillations, as files a tool can read."""
import tiny
from mmengine.config import Config

EMBEDDED = {'type': 'EmbeddedTextDetDataset', 'num_images': 4, 'image_size': (96, 64),
            'text_height': (12, 24), 'num_blocks': (1, 2)}
LOAD = {'type': 'LoadImageFromFile'}
ANNOTATE = {'type': 'LoadOCRAnnotations', 'with_polygon': True, 'with_bbox': True,
            'with_label': True}
PACK = {'type': 'PackTextDetInputs',
        'meta_keys': ('img_path', 'ori_shape', 'img_shape', 'scale_factor')}


def loader(split, scale=(96, 64)):
    """A data loader of embedded images."""
    resize = {'type': 'Resize', 'scale': scale}
    # As MMOCR orders them: annotations to train on are resized, those to evaluate with are not.
    order = [ANNOTATE, resize] if split == 'train' else [resize, ANNOTATE]
    return {'batch_size': 2, 'num_workers': 0,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'dataset': {**EMBEDDED, 'split': split, 'pipeline': [LOAD, *order, PACK]}}


def distilling(folder, kind='hook', model=None, **fields):
    """Write a config that distils, by hook or wrapper, and its teacher's checkpoint.

    Returns:
        Path of the config.
    """
    teacher = tiny.checkpoint(folder / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8), seed=1)
    cfg = {'default_scope': 'mmocr', 'model': model or tiny.dbnet_cfg(),
           'custom_imports': {'imports': ['mmocr_kd'], 'allow_failed_imports': False},
           'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': .01}},
           'train_dataloader': loader('train'), 'test_dataloader': loader('test'),
           'val_dataloader': loader('val', scale=(192, 128))}
    if kind == 'hook':
        cfg['custom_hooks'] = [{'type': 'MaskETDistillHook', 'teacher': teacher,
                                'schedule': {'start': 5}}]
    elif kind == 'wrapper':
        adaptor = {'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 32}
        cfg['model'].update(type='DBNetDistiller', teacher=teacher, schedule={'start': 5}, terms=[
            {'loss': {'type': 'FitNetLoss'}, 'source': 'neck', 'adaptor': adaptor}])
    Config({**cfg, **fields}).dump(str(folder / f'{kind}.py'))
    return folder / f'{kind}.py'
