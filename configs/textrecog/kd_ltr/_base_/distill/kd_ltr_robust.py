# As official, but the soft labels of the whole word count, also where an unsure teacher's best path
# is short: the ground truth says how long a word is.
_base_ = 'kd_ltr_official.py'

kd_ltr_losses = dict(logits=dict(mask_source='gt'))
