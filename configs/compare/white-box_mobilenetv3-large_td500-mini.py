# A teacher whose features can be seen, and a student of another family: docs/evidence/white-box.md.
# Before: the photos of few-labels_td500-mini.py, then
#   mim train mmocr \
#       configs/textdet/masket/dbnet_efficientnet-lite0_fpnc_masket-ppocr_100e_td500-mini-photos.py
#   mmocr-kd compare configs/compare/white-box_mobilenetv3-large_td500-mini.py
seeds = [0, 1, 2]
reference = 'plain'
protocol = 'detection'

_name = 'dbnet_efficientnet-lite0_fpnc_masket-ppocr_100e_td500-mini-photos'
_teacher = dict(
    config='{{ fileDirname }}' + f'/../textdet/masket/{_name}.py',
    checkpoint=f'work_dirs/{_name}/epoch_100.pth')
_adaptor = dict(type='ConvAdaptor', in_channels=64, out_channels=128)
_masket = dict(type='MaskETLoss', entropy_weight=5.0, kd_weight=5.0)
# Features differ in size from one network to the next: their weights are solved for.
_auto = dict(loss_weight='auto', share=0.5)
_terms = {
    'kd': [dict(loss=dict(type='BinaryKDLoss', loss_weight=5.0))],
    'masket': [dict(loss=_masket)],
    'masket-auto': [dict(loss=dict(type='MaskETLoss'), **_auto)],
    'cwd': [dict(loss=dict(type='CWDLoss'), **_auto)],
    'cwd-features': [dict(loss=dict(type='CWDLoss'), source='neck', adaptor=_adaptor, **_auto)],
    'fitnet': [dict(loss=dict(type='FitNetLoss'), source='neck', adaptor=_adaptor, **_auto)],
    'masket-fitnet': [
        dict(loss=_masket),
        dict(loss=dict(type='FitNetLoss'), source='neck', adaptor=_adaptor, **_auto)
    ],
}
_student = '../textdet/masket/dbnet_mobilenetv3-large_fpnc64_30e_td500-mini.py'
arms = dict(plain=dict(config=_student))
for _arm, _list in _terms.items():
    arms[_arm] = dict(
        config=_student,
        cfg_options={
            'model.type': 'DBNetDistiller',
            'model.teacher': _teacher,
            'model.terms': _list
        })
# Of all arms: 900 steps.
cfg_options = {
    'default_hooks.checkpoint.interval': 5,
    'train_cfg.val_interval': 30,
}
