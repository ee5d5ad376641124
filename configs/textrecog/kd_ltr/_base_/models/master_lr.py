# MASTER that reads crops of 24x80. Its teacher reads 48x160:
# mmocr::textrecog/master/master_resnet31_12e_st_mj_sa.py
_base_ = 'mmocr::textrecog/master/_base_master_resnet31.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

# The teacher's plugins without the pooling before stage 1. Poolings have no weights.
model = dict(
    backbone=dict(
        plugins=[
            dict(
                cfg=dict(type='Maxpool2d', kernel_size=2, stride=(2, 2)),
                stages=(False, True, False, False),
                position='before_stage'),
            dict(
                cfg=dict(type='Maxpool2d', kernel_size=(2, 1), stride=(2, 1)),
                stages=(False, False, True, False),
                position='before_stage'),
            dict(
                cfg=dict(
                    type='ConvModule',
                    kernel_size=3,
                    stride=1,
                    padding=1,
                    norm_cfg=dict(type='BN'),
                    act_cfg=dict(type='ReLU')),
                stages=(True, True, True, True),
                position='after_stage')
        ]))
