# The same selector: a word that is found counts as far as a frozen CRNN reads it in the shrunk
# image.
_base_ = 'det.py'

dld = dict(
    recognizer=dict(
        _delete_=True,
        config='{{ fileDirname }}/../../../../textrecog/kd_ltr/crnn_slim-vgg_3e_words.py',
        checkpoint='work_dirs/crnn_slim-vgg_3e_words/epoch_3.pth',
        crop=dict(size=(32, 100), margin=0.1, corners='annotated', vertical_ratio=1.5),
        color_type='grayscale',
        texts=dict(unknown='drop', max_length=25)))
