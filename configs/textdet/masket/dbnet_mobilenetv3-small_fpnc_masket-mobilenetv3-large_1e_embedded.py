# As configs/masket_dbnet_mbv3.py, from a teacher that has seen five times as many images.
_base_ = ['dbnet_mobilenetv3-small_fpnc_1e_embedded.py', '_base_/distill/masket.py']

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/dbnet_mobilenetv3-large_fpnc_1e_embedded-12k.py',
    checkpoint='work_dirs/dbnet_mobilenetv3-large_fpnc_1e_embedded-12k/epoch_1.pth')
