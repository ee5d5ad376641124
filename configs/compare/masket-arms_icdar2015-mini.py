# MaskET, its parts and soft targets on photos that are labelled by word, from a teacher of words
# (PP-OCR finds lines): docs/evidence/masket.md.
#   export ICDAR2015_MINI=/path/to/icdar2015_mini && python tools/export_lite0.py
#   mim train mmocr configs/textdet/masket/dbnet_efficientnet-lite0_fpnc_30e_icdar2015-mini.py
#   mmocr-kd compare configs/compare/masket-arms_icdar2015-mini.py
seeds = [0, 1, 2, 3, 4, 5, 6]
reference = 'plain'
protocol = 'detection'
_student = '../textdet/masket/dbnet_mobilenetv3-large_fpnc'
_teacher = 'efficientnet-lite0_6e_icdar2015-mini.py'
arms = {
    'plain': dict(config=f'{_student}_6e_icdar2015-mini.py'),
    'masket': dict(
        config=f'{_student}_masket-{_teacher}',
        cfg_options={
            'custom_hooks.0.loss.entropy_weight': 5.0,
            'custom_hooks.0.loss.kd_weight': 5.0
        }),
    'kd': dict(
        config=f'{_student}_kd-{_teacher}', cfg_options={'custom_hooks.0.loss.loss_weight': 5.0}),
    'entropy': dict(
        config=f'{_student}_masket-entropy-{_teacher}',
        cfg_options={'custom_hooks.0.loss.entropy_weight': 5.0}),
    'everywhere': dict(
        config=f'{_student}_masket-{_teacher}',
        cfg_options={
            'custom_hooks.0.loss.entropy_weight': 5.0,
            'custom_hooks.0.loss.kd_weight': 5.0,
            'custom_hooks.0.loss.mask': 'none'
        }),
    'auto': dict(
        config=f'{_student}_masket-{_teacher}',
        cfg_options={
            'custom_hooks.0.loss': None,
            'custom_hooks.0.terms':
            [dict(loss=dict(type='MaskETLoss'), loss_weight='auto', share=0.5)]
        }),
}
# Of all arms: 600 steps. There is no test file: choices are made on the first 50 of the 100 photos
# of the validation file, and the other 50 are the test.
cfg_options = {
    'train_cfg.max_epochs': 12,
    'train_cfg.val_interval': 12,
    'param_scheduler.0.end': 12,
    'default_hooks.checkpoint.interval': 4,
    'val_dataloader.dataset.indices': 50,
    'test_dataloader.dataset.indices': -50,
}
