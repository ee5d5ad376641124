# The same selector, rated by how a frozen CRNN reads the annotated words in the shrunk image.
_base_ = 'det.py'

dld = dict(
    acc_source='rec_lr',
    recognizer=dict(
        _delete_=True,
        config='{{ fileDirname }}/../../../../textrecog/kd_ltr/crnn_slim-vgg_3e_words.py',
        checkpoint='work_dirs/crnn_slim-vgg_3e_words/epoch_3.pth',
        crop=dict(size=(32, 100), margin=0.1, corners='annotated', vertical_ratio=1.5),
        color_type='grayscale',
        texts=dict(unknown='drop', max_length=25)),
    losses=dict(
        accuracy=dict(
            _delete_=True,
            type='ResolutionAccuracyLoss',
            mode='ce',
            combine='loss',
            loss_weight=1.0)))
