# What loses how much? One thing is changed at a time, against MaskET: docs/evidence/masket.md.
# Before, as for masket_td500-mini.py, whose runs of plain and masket may be taken over; besides
#   M=configs/textdet/masket/dbnet_efficientnet-lite0_fpnc64_masket-ppocr_30e_td500-mini.py
#   T=custom_hooks.0.teacher
#   for side in 640 320; do
#       mmocr-kd cache $M --out work_dirs/cache/ppocr-${side}_td500-mini \
#           --cfg-options $T.long_side=$side
#   done
#   mmocr-kd cache $M --out work_dirs/cache/ppocr-v4_td500-mini \
#       --cfg-options $T.teacher.model=work_dirs/pretrained/ch_PP-OCRv4_det_infer.onnx \
#       --cfg-options $T.teacher.mean=127.5,127.5,127.5 \
#       --cfg-options $T.teacher.std=127.5,127.5,127.5
#   mmocr-kd compare configs/compare/masket-ablations_td500-mini.py
seeds = [0, 1, 2]
reference = 'masket'
protocol = 'detection'

_student = '../textdet/masket/dbnet_efficientnet-lite0_fpnc64'
_plain, _masket = f'{_student}_30e_td500-mini.py', f'{_student}_masket-ppocr_30e_td500-mini.py'
_hook, _steps = 'custom_hooks.0', 'train_dataloader.dataset.pipeline'
_cache = 'work_dirs/cache/ppocr'
_changes = {
    'weights-1': {f'{_hook}.loss.entropy_weight': 1.0, f'{_hook}.loss.kd_weight': 1.0},
    'weights-20': {f'{_hook}.loss.entropy_weight': 20.0, f'{_hook}.loss.kd_weight': 20.0},
    'temperature-2': {f'{_hook}.loss.temperature': 2.0},
    'temperature-4': {f'{_hook}.loss.temperature': 4.0},
    'mask-kernel': {f'{_hook}.loss.mask': 'kernel'},
    'mask-teacher': {f'{_hook}.loss.mask': 'teacher'},
    'mask-none': {f'{_hook}.loss.mask': 'none'},
    'stop-after-third': {f'{_hook}.schedule.stop': 5},
    'stop-after-two-thirds': {f'{_hook}.schedule.stop': 10},
    **{
        f'cache-{_side}': {
            f'{_hook}.teacher.long_side': _side,
            f'{_hook}.teacher.store': f'{_cache}-{_side}_td500-mini'
        }
        for _side in (640, 320)
    },
    # PP-OCRv4's mobile detector, of another package.
    'teacher-v4': {
        f'{_hook}.teacher.store': f'{_cache}-v4_td500-mini',
        f'{_hook}.teacher.teacher': dict(
            model='work_dirs/pretrained/ch_PP-OCRv4_det_infer.onnx',
            mean=[127.5] * 3,
            std=[127.5] * 3),
    },
}
# Augmentation changes what a plain student sees, too: these four come in pairs.
_augmentation = dict(
    weak={
        f'{_steps}.2.ratio_range': (1.0, 1.25),
        f'{_steps}.4.args': [['Fliplr', 0.5]],
    },
    strong={
        f'{_steps}.2.ratio_range': (0.5, 2.5),
        f'{_steps}.4.args': [['Fliplr', 0.5], dict(cls='Affine', rotate=[-25, 25])],
        f'{_steps}.7.contrast': 0.5,
        f'{_steps}.7.hue': 0.1,
    })
arms = dict(masket=dict(config=_masket), plain=dict(config=_plain))
for _name, _change in _changes.items():
    arms[_name] = dict(config=_masket, cfg_options=_change)
for _name, _change in _augmentation.items():
    arms[f'masket-{_name}'] = dict(config=_masket, cfg_options=_change, paired=False)
    arms[f'plain-{_name}'] = dict(config=_plain, cfg_options=_change, paired=False)
# Of all arms: 450 steps.
cfg_options = {
    'train_cfg.max_epochs': 15,
    'train_cfg.val_interval': 15,
    'param_scheduler.0.end': 15,
    'default_hooks.checkpoint.interval': 5,
}
