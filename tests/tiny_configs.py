"""Configs of tiny distillations, as files a tool can read."""
import tiny
import tiny_recog
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


READ_WORDS = [
    {'type': 'LoadImageFromFile', 'color_type': 'grayscale'},
    {'type': 'LoadOCRAnnotations', 'with_text': True},
    {'type': 'FilterRecogText', 'charset': 'abcdefghijklmnopqrstuvwxyz', 'letter_case': 'lower',
     'oov': 'remove', 'empty': 'keep'},
    {'type': 'SynthesizeLR', 'scale': 1},
    {'type': 'PairedResize', 'lr_scale': (50, 16), 'hr_scale': (100, 32)},
    {'type': 'PackPairedTextRecogInputs'}]
PROJECTOR = {'type': 'SemanticContrastiveLoss', 'hidden_channels': 8, 'out_channels': 8}
LABELS = {'type': 'HardLabelLoss', 'loss_weight': 1.0}
# Name -> models, losses of a distillation of small words.
WORDS = {
    'ctc': (tiny_recog.crnn_cfg, {
        'visual': {'type': 'VisualFocusLoss'}, 'semantic': PROJECTOR,
        'logits': {'type': 'SoftLogitsLoss', 'alpha': 0.0}, 'labels': LABELS}),
    'attention': (tiny_recog.abinet_cfg, {
        'visual': {'type': 'VisualFocusLoss'}, 'semantic': {**PROJECTOR, 'in_channels': 64},
        'logits': {'type': 'SoftLogitsLoss'}, 'labels': LABELS}),
}


def distilling_words(folder, kind='ctc', **fields):
    """Write a config that distils recognisers of words, and its teacher's checkpoint.

    Returns:
        Path of the config.
    """
    recogniser, losses = WORDS[kind]
    teacher = tiny_recog.checkpoint(folder / 'teacher.pth', recogniser(low_res=False), seed=1)
    teacher['config'] = recogniser(low_res=False)  # building a model changes its config
    cfg = {'default_scope': 'mmocr',
           'custom_imports': {'imports': ['mmocr_kd'], 'allow_failed_imports': False},
           'model': {'type': 'LowResRecognizerDistiller', 'student': recogniser(),
                     'teacher': teacher, 'losses': losses},
           'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': .01}},
           'train_dataloader': {
               'batch_size': 2, 'num_workers': 0,
               'sampler': {'type': 'DefaultSampler', 'shuffle': False},
               'dataset': {'type': 'EmbeddedTextRecogDataset', 'num_images': 2, 'split': 'train',
                           'image_size': (96, 96), 'pipeline': READ_WORDS}}}
    Config({**cfg, **fields}).dump(str(folder / f'{kind}.py'))
    return folder / f'{kind}.py'
