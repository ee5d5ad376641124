# PARSeq's pipelines. Training augments each word with three steps; each step is done for every
# second word and is one of the operations below. Magnitudes are those of the official code, but are
# drawn uniformly up to them, where timm's RandAugment always takes the largest. timm also adds to
# dark pixels ('SolarizeAdd', left out here) and never draws one operation twice for a word.
operations = [
    dict(type='TorchVisionWrapper', op='RandomAutocontrast', p=1.0),
    dict(type='TorchVisionWrapper', op='RandomEqualize', p=1.0),
    dict(type='TorchVisionWrapper', op='RandomInvert', p=1.0),
    dict(type='TorchVisionWrapper', op='RandomPosterize', bits=2, p=1.0),
    dict(type='TorchVisionWrapper', op='RandomSolarize', threshold=128, p=1.0),
    dict(type='TorchVisionWrapper', op='ColorJitter', saturation=0.45),
    dict(type='TorchVisionWrapper', op='ColorJitter', contrast=0.45),
    dict(type='TorchVisionWrapper', op='ColorJitter', brightness=0.45),
    dict(type='TorchVisionWrapper', op='RandomAffine', degrees=15, fill=128),
    dict(type='TorchVisionWrapper', op='RandomAffine', degrees=0, shear=(-24.0, 24.0), fill=128),
    dict(type='TorchVisionWrapper', op='RandomAffine', degrees=0, shear=(0.0, 0.0, -5.7, 5.7),
         fill=128),
    dict(type='TorchVisionWrapper', op='RandomAffine', degrees=0, translate=(0.05, 0.0), fill=128),
    dict(type='TorchVisionWrapper', op='RandomAffine', degrees=0, translate=(0.0, 0.15), fill=128),
    dict(type='ImgAugWrapper', args=[dict(cls='GaussianBlur', sigma=(0.0, 2.0))],
         fix_poly_trans=None),
    dict(type='ImgAugWrapper', args=[dict(cls='AdditivePoissonNoise', lam=(0.0, 21.0))],
         fix_poly_trans=None),
]
augmentation = dict(
    type='RandomApply', prob=0.5, transforms=[dict(type='RandomChoice', transforms=operations)])

# As PARSeq's loader: other characters are taken out of a label, long and empty ones are left out.
filter_labels = dict(
    type='FilterRecogText',
    dictionary=dict(
        type='Dictionary',
        dict_file='{{ fileDirname }}/../../../dicts/english_digits_punctuation.txt'),
    letter_case='unchanged',
    oov='remove',
    max_length=25,
    empty='drop')
resize = dict(
    type='Resize', scale=(128, 32), keep_ratio=False, backend='pillow', interpolation='bicubic')
pack = dict(
    type='PackTextRecogInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio'))

train_pipeline = [
    dict(type='LoadImageFromFile', ignore_empty=True, min_size=2),
    dict(type='LoadOCRAnnotations', with_text=True),
    filter_labels,
    augmentation,
    augmentation,
    augmentation,
    resize,
    pack,
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    resize,
    dict(type='LoadOCRAnnotations', with_text=True),
    pack,
]
# Or each would be in every dumped config a second time.
del operations, augmentation, filter_labels, resize, pack
