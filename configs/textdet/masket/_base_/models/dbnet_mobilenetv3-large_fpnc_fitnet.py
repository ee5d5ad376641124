# FitNets (Romero et al.) on the student: the fused neck features, brought to the teacher's channels
# by a trained 1x1 convolution. Its parameters have to be in the optimizer, hence a wrapper model
# and not a hook. Each leaf names the teacher.
_base_ = 'dbnet_mobilenetv3-large_fpnc.py'

model = dict(
    type='DBNetDistiller',
    teacher=dict(config=None, checkpoint=None),
    terms=[
        dict(
            loss=dict(type='FitNetLoss', loss_weight=1.0),
            source='neck',
            adaptor=dict(type='ConvAdaptor', in_channels=256, out_channels=256))
    ],
    schedule=dict(by_epoch=True, start=0, stop=None, warmup=0, decay=0))
