# DB's published recipe as MMOCR has it: SGD from 0.007, poly decay over 1200 epochs, batch 16.
_base_ = [
    'mmocr::textdet/_base_/default_runtime.py',
    'mmocr::textdet/_base_/schedules/schedule_sgd_1200e.py',
]

custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)
auto_scale_lr = dict(base_batch_size=16)
