# masket_td500-mini.py, twice as long: does MaskET's gain last, at equal wall-clock time too?
# The plan: docs/evidence/masket.md.
#   mmocr-kd compare configs/compare/masket-long_td500-mini.py --arms plain_longer,masket \
#       --against plain_longer
_base_ = 'masket_td500-mini.py'

arms = dict(
    _delete_=True,
    plain=dict(config=f'{_base_._student}_30e_td500-mini.py'),
    masket=dict(config=f'{_base_._student}_masket-ppocr_30e_td500-mini.py'),
    # As long as masket takes with its store: 960 steps.
    plain_longer=dict(
        config=f'{_base_._student}_30e_td500-mini.py',
        cfg_options={
            'train_cfg.max_epochs': 32,
            'train_cfg.val_interval': 32,
            'param_scheduler.0.end': 32,
        }))
# Of the other arms: 900 steps.
cfg_options = {
    'train_cfg.max_epochs': 30,
    'train_cfg.val_interval': 30,
    'param_scheduler.0.end': 30,
    'default_hooks.checkpoint.interval': 5,
}
