# What PP-OCR's recogniser teaches a small CRNN that reads words of 16x50: docs/evidence/kd_ltr.md.
#   export WORDS=/path/to/words ICDAR2015_MINI=/path/to/icdar2015_mini STREET=/path/to/street
#   and the commands there for rendered words, the store, pseudo-labels and the start; then
#   mmocr-kd compare configs/compare/kd-ltr_words.py
seeds = [0, 1, 2, 3, 4, 5, 6]
reference = 'labels'
protocol = 'words'
groups = 'dataset'
_student = '../textrecog/kd_ltr/crnn_quarter-vgg-lr'
arms = dict(
    labels=dict(config=f'{_student}-labels_1k_words-by-photo.py'),
    nbest=dict(config=f'{_student}-nbest-ppocr_1k_words-by-photo.py'),
    # KD-LTR, from features of a teacher of ours, which has to be trained first.
    kd_ltr=dict(config=f'{_student}_kd-ltr_1k_words-by-photo.py'),
    # Half of their batches are other words.
    nbest_street=dict(
        config=f'{_student}-nbest-ppocr_1k_words-by-photo-street.py', paired=False),
    pseudo_street=dict(
        config=f'{_student}-pseudo-ppocr_1k_words-by-photo-street.py', paired=False))
# Of all arms: 600 steps.
cfg_options = {
    'train_cfg.max_iters': 600,
    'train_cfg.val_interval': 600,
    'param_scheduler.1.T_max': 600,
    'default_hooks.checkpoint.interval': 300,
}
