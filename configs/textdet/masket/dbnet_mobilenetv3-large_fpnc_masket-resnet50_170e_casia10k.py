_base_ = ['dbnet_mobilenetv3-large_fpnc_170e_casia10k.py', '_base_/distill/masket.py']

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/dbnet_resnet50_fpnc_170e_casia10k.py',
    checkpoint='work_dirs/dbnet_resnet50_fpnc_170e_casia10k/epoch_170.pth')
