# The same recogniser for spotters that are tested on the photos of icdar2015-mini: without the
# words that were cut out of its validation photos. Set WORDS and ICDAR2015_MINI.
_base_ = ['crnn_slim-vgg_3e_words.py', '../../textdet/_base_/datasets/icdar2015-mini.py']

icdar2015_words_train = _base_.icdar2015_words_train
icdar2015_words_train.not_on = [_base_.icdar2015_mini_textdet_val]
train_dataloader = _base_.train_dataloader
train_dataloader.dataset.datasets[0].dataset.not_on = [_base_.icdar2015_mini_textdet_val]
