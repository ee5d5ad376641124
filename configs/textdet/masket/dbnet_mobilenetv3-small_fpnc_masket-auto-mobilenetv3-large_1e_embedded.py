# MaskET whose weight is solved for: it pulls at the features half as hard as the labels. The log
# shows the teacher's own scores before the first step.
_base_ = ['dbnet_mobilenetv3-small_fpnc_1e_embedded.py', '_base_/distill/masket.py']

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/dbnet_mobilenetv3-large_fpnc_1e_embedded-12k.py',
    checkpoint='mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k',
    evaluate=True)
_base_.custom_hooks[0].terms = [
    dict(
        loss=_base_.custom_hooks[0].pop('loss'),
        source=_base_.custom_hooks[0].pop('source'),
        loss_weight='auto',
        share=0.5,
        every=50)
]
