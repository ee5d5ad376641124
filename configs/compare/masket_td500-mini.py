# What a detector of PP-OCRv6 teaches a small DBNet, all labels given: docs/evidence/masket.md.
#   export TD500_MINI=/path/to/td500_mini && python tools/export_lite0.py
#   mmocr-kd cache \
#       configs/textdet/masket/dbnet_efficientnet-lite0_fpnc64_masket-ppocr_30e_td500-mini.py
#   mmocr-kd compare configs/compare/masket_td500-mini.py
seeds = [0, 1, 2, 3, 4, 5, 6]
reference = 'plain'
protocol = 'detection'
_student = '../textdet/masket/dbnet_efficientnet-lite0_fpnc64'
arms = dict(
    plain=dict(config=f'{_student}_30e_td500-mini.py'),
    masket=dict(config=f'{_student}_masket-ppocr_30e_td500-mini.py'),
    kd=dict(config=f'{_student}_kd-ppocr_30e_td500-mini.py'),
    # As long as masket takes with its store: 510 steps.
    plain_longer=dict(
        config=f'{_student}_30e_td500-mini.py',
        cfg_options={
            'train_cfg.max_epochs': 17,
            'train_cfg.val_interval': 17,
            'param_scheduler.0.end': 17,
        }))
# Of the other arms: 450 steps.
cfg_options = {
    'train_cfg.max_epochs': 15,
    'train_cfg.val_interval': 15,
    'param_scheduler.0.end': 15,
    'default_hooks.checkpoint.interval': 5,
}
