# SAR that reads crops of 24x80. Its teacher reads 48x160:
# mmocr::textrecog/sar/sar_resnet31_parallel-decoder_5e_st-sub_mj-sub_sa_real.py
_base_ = 'mmocr::textrecog/sar/_base_sar_resnet31_parallel-decoder.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

model = dict(backbone=dict(type='LowResResNet31OCR'))
