_base_ = ['dbnet_mobilenetv3-small_fpnc_1e_embedded.py', '_base_/distill/masket-entropy.py']

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/dbnet_mobilenetv3-large_fpnc_1e_embedded-12k.py',
    checkpoint='mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k')
