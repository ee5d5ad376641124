# CRNN with half the channels of MiniVGG, batch normalisation everywhere: learns from scratch on a
# CPU. Reads grey crops of 32x100.
_base_ = 'mmocr::textrecog/crnn/_base_crnn_mini-vgg.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

model = dict(
    backbone=dict(
        _delete_=True, type='SlimVGG', width=0.5, in_channels=1, norm_all=True, stem_pool=True),
    decoder=dict(in_channels=256, module_loss=dict(zero_infinity=True)))
