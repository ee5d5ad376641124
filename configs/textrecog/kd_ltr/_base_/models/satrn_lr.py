# SATRN that reads crops of 16x50. Its teacher reads 32x100:
# mmocr::textrecog/satrn/satrn_shallow_5e_st_mj.py
_base_ = 'mmocr::textrecog/satrn/_base_satrn_shallow.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

model = dict(backbone=dict(type='LowResShallowCNN'))
