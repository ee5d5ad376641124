# The first epoch of the schedule of three, 1,737 iterations: the weights that come with the
# package, from which "mmocr-kd distill rec" starts.
_base_ = 'crnn_slim-vgg_3e_embedded-words.py'

train_cfg = dict(max_epochs=1)
