# Detector and selector learn together: the detector sees each photo at a scale that is drawn, and
# learns by MaskET what PP-OCR sees in the full photo. Once, before the first training:
#   pip install mmocr_kd[rapidocr] && mmocr-kd cache <this file>
_base_ = 'dbnet_efficientnet-lite0_fpnc64_selector-passes_5e_td500-mini.py'

teacher = dict(
    type='CachedTeacher',
    store='work_dirs/cache/ppocr_td500-mini',
    teacher=dict(type='OnnxTeacher', model='rapidocr'))
model = dict(
    train_student=True,
    # Targets are drawn at each scale, not by the workers.
    detector=dict(det_head=dict(module_loss=dict(_delete_=True, type='DBModuleLoss'))),
    terms=[
        dict(
            teacher=teacher,
            loss=dict(type='MaskETLoss', entropy_weight=5.0, kd_weight=5.0),
            source='text_logits')
    ])
custom_hooks = [*_base_.custom_hooks, dict(type='TeacherDataHook')]

optim_wrapper = dict(optimizer=dict(lr=2e-4))
train_cfg = dict(max_epochs=10, val_interval=10)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=10, by_epoch=True, convert_to_iter_based=True)
]
