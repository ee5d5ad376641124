# The pipelines of MMOCR's ABINet, whose augmentation is MATRN's, too. Noise and blur come from
# imgaug, which MMOCR installs, in place of albumentations, which it does not. Labels lose what is
# no letter or digit; then, empty ones and those of more than 25 characters are left out, as
# published.
train_pipeline = [
    dict(type='LoadImageFromFile', ignore_empty=True, min_size=2),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(
        type='FilterRecogText',
        charset='0123456789abcdefghijklmnopqrstuvwxyz',
        letter_case='lower',
        oov='remove',
        max_length=25,
        empty='drop'),
    dict(type='Resize', scale=(128, 32)),
    dict(
        type='RandomApply',
        prob=0.5,
        transforms=[
            dict(
                type='RandomChoice',
                transforms=[
                    dict(type='RandomRotate', max_angle=15),
                    dict(
                        type='TorchVisionWrapper',
                        op='RandomAffine',
                        degrees=15,
                        translate=(0.3, 0.3),
                        scale=(0.5, 2.),
                        shear=(-45, 45)),
                    dict(
                        type='TorchVisionWrapper',
                        op='RandomPerspective',
                        distortion_scale=0.5,
                        p=1),
                ])
        ]),
    dict(
        type='RandomApply',
        prob=0.25,
        transforms=[
            dict(type='PyramidRescale'),
            dict(
                type='RandomApply',
                prob=0.5,
                transforms=[
                    dict(
                        type='ImgAugWrapper',
                        args=[dict(cls='AdditiveGaussianNoise', scale=4.47, per_channel=True)])
                ]),
            dict(
                type='RandomApply',
                prob=0.5,
                transforms=[
                    dict(type='ImgAugWrapper', args=[dict(cls='MotionBlur', k=[3, 7])])
                ]),
        ]),
    dict(
        type='RandomApply',
        prob=0.25,
        transforms=[
            dict(
                type='TorchVisionWrapper',
                op='ColorJitter',
                brightness=0.5,
                saturation=0.5,
                contrast=0.5,
                hue=0.1),
        ]),
    dict(
        type='PackTextRecogInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(128, 32)),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(
        type='PackTextRecogInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]
