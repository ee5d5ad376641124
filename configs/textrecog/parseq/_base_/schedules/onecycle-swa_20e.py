# PARSeq's recipe. The learning rate belongs to 2 GPUs with 384 words each; for others it is
# 7e-4 * sqrt(GPUs) * words per GPU / 256, which is not what --auto-scale-lr does.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1.485e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    clip_grad=dict(max_norm=20))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# One cycle of 20 epochs as warm-up and cosine, because checkpoints with MMEngine's OneCycleLR
# cannot be loaded safely (torch.load with weights_only). Officially, the warm-up is a cosine, too.
# From epoch 15 on the rate is held, while weights are averaged.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.04,
        by_epoch=True,
        begin=0,
        end=1.5,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        T_max=18.5,
        eta_min=0.0,
        by_epoch=True,
        begin=1.5,
        end=15,
        convert_to_iter_based=True),
]
# Stochastic weight averaging of the last quarter; checkpoints hold the averaged weights. Each
# iteration counts, in the official code (PyTorch Lightning's) each epoch's last.
custom_hooks = [dict(type='EMAHook', ema_type='StochasticWeightAverage', begin_epoch=16)]
