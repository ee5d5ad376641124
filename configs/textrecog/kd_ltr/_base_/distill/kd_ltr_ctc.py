# KD-LTR for CTC decoders (CRNN, SVTR), an extension: characters are aligned with frames by the
# teacher, the visual mask is where the teacher reads no blank, frames between characters count a
# tenth. No sequence term (alpha); with alpha > 0 it is taken over the teacher's best labels.
_base_ = 'kd_ltr_official.py'

kd_ltr_losses = dict(logits=dict(alpha=0.0, blank_weight=0.1))
