# CRNN that reads gray crops of 16x50. Its teacher reads 32x100:
# mmocr::textrecog/crnn/crnn_mini-vgg_5e_mj.py
_base_ = 'mmocr::textrecog/crnn/_base_crnn_mini-vgg.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

model = dict(backbone=dict(type='LowResMiniVGG'))
