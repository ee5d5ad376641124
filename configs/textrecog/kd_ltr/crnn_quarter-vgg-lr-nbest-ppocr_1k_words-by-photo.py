# A black box teaches: the labels, and PP-OCR's five best readings of the same words, sharp and in
# colour. They are stored by mmocr-kd cache with the config of the arm that has street words, too.
_base_ = 'crnn_quarter-vgg-lr-labels_1k_words-by-photo.py'

ppocr = dict(
    type='CachedTeacher',
    store='work_dirs/cache/ppocr_words-by-photo-street',
    teacher=dict(type='OnnxTeacher', model='rapidocr', num_readings=5))
model = dict(
    teacher=ppocr,
    losses=dict(
        nbest=dict(type='NBestLoss', temperature=1.0, by_confidence=True, loss_weight=0.2)))
custom_hooks = [dict(type='TeacherDataHook')]
