# RobustScanner that reads crops of 24x80. Its teacher reads 48x160:
# mmocr::textrecog/robust_scanner/robustscanner_resnet31_5e_st-sub_mj-sub_sa_real.py
_base_ = 'mmocr::textrecog/robust_scanner/_base_robustscanner_resnet31.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

model = dict(backbone=dict(type='LowResResNet31OCR'))
