# NRTR with modality transform that reads crops of 16x80. Its teacher reads 32x160:
# mmocr::textrecog/nrtr/nrtr_modality-transform_6e_st_mj.py
_base_ = 'mmocr::textrecog/nrtr/_base_nrtr_modality-transform.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

model = dict(backbone=dict(type='LowResNRTRModalityTransform'))
