# DLD as published: its spotter, its data, the official code's losses and schedule. The selector
# sees the whole image, as in the official code.
_base_ = [
    '../_base_/models/mask-rcnn-resnet50_crnn-attn.py',
    '../_base_/recipes/dld-mixture-joint.py',
    '../_base_/distill/dld_official.py',
]

dld = _base_.dld
name = 'mask-rcnn-resnet50_crnn-attn_multiscale_100e_dld-mixture'
model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/../mask_rcnn/' + name + '.py',
        checkpoint=f'work_dirs/{name}/epoch_100.pth'),
    scale_factors=None,
    test_scale=None,
    **dld)
# All of it comes from the teacher.
model['student'].detector.backbone.init_cfg = None
