# What each part of MaskET does, and its rivals, all labels given: docs/evidence/masket.md.
# Runs of plain, masket and kd may be taken over: cp -r work_dirs/compare/masket_td500-mini \
#     work_dirs/compare/masket-arms_td500-mini
#   mmocr-kd compare configs/compare/masket-arms_td500-mini.py
_base_ = 'masket_td500-mini.py'

seeds = [0, 1, 2]
_masket = f'{_base_._student}_masket-ppocr_30e_td500-mini.py'
arms = {
    'cwd': dict(config=f'{_base_._student}_cwd-ppocr_30e_td500-mini.py'),
    'entropy': dict(config=_masket, cfg_options={'custom_hooks.0.loss.kd_weight': 0.0}),
    'kd-in-text': dict(config=_masket, cfg_options={'custom_hooks.0.loss.entropy_weight': 0.0}),
    'everywhere': dict(config=_masket, cfg_options={'custom_hooks.0.loss.mask': 'none'}),
    # Entropy and KD inside text, and KD over all pixels besides.
    'masket-and-kd': dict(
        config=_masket,
        cfg_options={
            'custom_hooks.0.loss': None,
            'custom_hooks.0.terms': [
                dict(loss=dict(type='MaskETLoss', entropy_weight=5.0, kd_weight=5.0)),
                dict(loss=dict(type='BinaryKDLoss', loss_weight=5.0)),
            ]
        }),
    # MaskET's weight is solved for: it pulls half as hard as the labels.
    'auto': dict(
        config=_masket,
        cfg_options={
            'custom_hooks.0.loss': None,
            'custom_hooks.0.terms':
            [dict(loss=dict(type='MaskETLoss'), loss_weight='auto', share=0.5)]
        }),
}
