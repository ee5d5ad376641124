# Another 2,000 steps of crnn_quarter-vgg-lr-start_2k_words-by-photo.py from its weights, because
# CTC needs the first ones to find out that there are characters at all.
_base_ = 'crnn_quarter-vgg-lr-start_2k_words-by-photo.py'

load_from = 'work_dirs/crnn_quarter-vgg-lr-start_2k_words-by-photo/iter_2000.pth'
