"""PARSeq's decoder: which characters an output depends on, in training and in each way to read."""
import pytest
import tiny_parseq
import torch
from tiny_parseq import CHARS, END, START, forced, samples

WORDS = ('bad', 'a', 'decade')


@pytest.fixture
def build(tmp_path):
    return lambda **fields: tiny_parseq.decoder(tmp_path, **fields).double()


@pytest.fixture
def image():
    return torch.randn(3, 5, 16).double()


def tokens(word):
    return torch.tensor([START, *map(CHARS.index, word)])


def read_alone(model, image, known, position):
    """Input of the classifier for one position, from the tokens at the ``known`` positions."""
    content = model.embed(known_tokens(known))[:, sorted(known)]
    memory = model.remember(image[None], None)
    return model.read(memory, content, model.pos_queries[:, position - 1:position])[0, 0]


def known_tokens(known):
    return torch.tensor([[known.get(place, START) for place in range(max(known) + 1)]])


class TestTraining:

    def test_equals_reading_each_character_from_those_before_it(self, build, image):
        model = forced(build())
        model.orders = model.draw_orders(samples(*WORDS))
        out, orders = model(image, None, samples(*WORDS)), model.orders.tolist()
        assert [len(out[key]) for key in ('logits', 'features')] == [len(orders)] * 2 == [6, 6]
        for order, features, logits in zip(orders, out['features'], out['logits']):
            assert features.shape == (3, 7, 16) and logits.shape == (3, 7, 27)
            torch.testing.assert_close(logits, model.head(features))
            for number, word in enumerate(WORDS):
                known = dict(enumerate(tokens(word).tolist()))
                for place in range(1, len(word) + 2):
                    before = order[:order.index(place)]
                    wanted = read_alone(model, image[number],
                                        {p: known[p] for p in before if p in known}, place)
                    torch.testing.assert_close(features[number, place - 1], wanted)

    @pytest.mark.parametrize('depth', [1, 3])
    def test_nothing_read_later_leaks(self, build, depth):
        """With several layers it could, through the content stream."""
        model, image, word = forced(build(depth=depth)), torch.randn(1, 5, 16).double(), 'decade'
        model.orders = model.draw_orders(samples(word))
        before = model(image, None, samples(word))['logits']
        for place in range(1, 7):
            changed = word[:place - 1] + 'z' + word[place:]
            after = model(image, None, samples(changed))['logits']
            for order, old, new in zip(model.orders.tolist(), before, after):
                differs = (old - new).abs().amax((0, 2)) > 1e-9
                later = [order.index(t) > order.index(place) for t in range(1, 8)]
                assert differs.tolist() == later

    def test_shorter_words_do_not_depend_on_the_batch(self, build, image):
        model = forced(build(depth=2))
        model.orders = torch.tensor([[0, 3, 1, 2, 4]])
        alone = model(image[:1], None, samples('bad'))['logits'][0]
        model.orders = torch.tensor([[0, 3, 1, 5, 2, 6, 4, 7]])
        together = model(image, None, samples(*WORDS))['logits'][0]
        torch.testing.assert_close(together[:1, :3], alone[:, :3])

    def test_draws_new_orders_unless_they_are_given(self, build, image):
        model = forced(build())
        first, second = (model(image, None, samples(*WORDS))['logits'] for _ in range(2))
        assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
        assert not torch.equal(first[2], second[2])
        model.orders = model.draw_orders(samples(*WORDS))
        first, second = (model(image, None, samples(*WORDS))['logits'] for _ in range(2))
        assert all(map(torch.equal, first, second))

    @pytest.mark.parametrize('word, orders', [('', 1), ('a', 1), ('ab', 2), ('abc', 6)])
    def test_short_words_in_a_batch_of_one(self, build, word, orders):
        logits = forced(build())(torch.randn(1, 5, 16).double(), None, samples(word))['logits']
        assert [tuple(each.shape) for each in logits] == [(1, len(word) + 1, 27)] * orders

    def test_gradient_reaches_everything(self, build, image):
        model, batch = build(depth=2).train(), samples('abcdefgh', 'a', 'xyz')
        image.requires_grad_()
        model.loss(image, None, batch)['loss_ce'].backward()
        assert all(p.grad.abs().sum() > 0 for p in model.parameters())
        assert image.grad.abs().sum() > 0 and model.pos_queries.grad.abs().amax(2).all()

    def test_autocast(self, tmp_path):
        model = tiny_parseq.decoder(tmp_path).train()
        with torch.autocast('cpu', torch.bfloat16):
            model.loss(torch.randn(2, 5, 16), None, samples('ab', 'c'))['loss_ce'].backward()
        assert all(p.grad.isfinite().all() for p in model.parameters())

    def test_orders_of_another_batch(self, build, image):
        model = forced(build())
        model.orders = model.draw_orders(samples('abc'))
        with pytest.raises(ValueError, match=r'orders has shape \(6, 5\).*6 characters.*\(P, 8\)'):
            model(image, None, samples(*WORDS))

    def test_no_labels(self, build, image):
        with pytest.raises(ValueError, match='give it the data_samples'):
            build().forward_train(image)


class TestReading:

    def build(self, tmp_path, end=0., **fields):
        """A decoder that likes to end words; ``refine_iters`` is 0 unless given."""
        model = tiny_parseq.decoder(tmp_path, **{'refine_iters': 0, **fields}).double()
        with torch.no_grad():
            model.head.bias[END] += end
        return model

    def images(self):
        """Images that differ enough to be read as words of many lengths."""
        return torch.randn(24, 5, 16).double() * 5

    def test_stepwise_is_greedy_left_to_right(self, tmp_path, image):
        model = self.build(tmp_path, depth=2)
        read = model(image)
        assert read.shape == (3, 9, 27)
        words = [''.join(CHARS[i] for i in row[:8]) for row in no_end(read)]
        forced(model).orders = torch.arange(10)[None]
        taught = model(image, None, samples(*words))['logits'][0].softmax(-1)
        torch.testing.assert_close(read[:, :8], taught[:, :8])

    @pytest.mark.parametrize('depth', [1, 2])
    def test_at_once_is_reading_without_context(self, tmp_path, image, depth):
        model = self.build(tmp_path, decode_ar=False, depth=depth)
        read = model(image)
        torch.testing.assert_close(read.sum(-1), torch.ones(3, 9).double())
        forced(model)
        for place in range(1, 10):
            rest = [p for p in range(1, 10) if p != place]
            model.orders = torch.tensor([[0, place, *rest]])
            taught = model(image, None, samples(*['hgfedcba'] * 3))['logits'][0].softmax(-1)
            torch.testing.assert_close(read[:, place - 1], taught[:, place - 1])

    @pytest.mark.parametrize('fields', [{}, {'refine_iters': 2}, {'refine_iters': 1, 'depth': 2},
                                        {'decode_ar': False, 'refine_iters': 1}])
    def test_a_word_does_not_depend_on_its_batch(self, tmp_path, fields):
        model, image = self.build(tmp_path, end=1., **fields), self.images()
        together, lengths = model(image), set()
        for number in range(24):
            alone = model(image[number:number + 1])[0]
            used = length_of(alone)
            lengths.add(used)
            assert length_of(together[number]) == used
            torch.testing.assert_close(together[number, :used], alone[:used])
        assert len(lengths) > 3

    def test_stops_when_all_words_have_ended(self, tmp_path):
        model, image = self.build(tmp_path, end=1.), self.images()
        ends = [model(one[None]).size(1) for one in image]
        assert min(ends) < max(ends) == model(image).size(1)
        short = image[torch.tensor(ends) < 5]
        assert model(short).size(1) == max(n for n in ends if n < 5)

    def test_all_words_empty(self, tmp_path, image):
        assert self.build(tmp_path, end=100.)(image).argmax(-1).tolist() == [[END]] * 3
        refined = self.build(tmp_path, end=100., refine_iters=1)(image)
        assert refined.shape == (3, 9, 27) and refined[:, 0].argmax(-1).tolist() == [END] * 3

    def test_refinement_hides_the_own_token_and_what_follows_the_end(self, tmp_path, image):
        model = self.build(tmp_path, decode_ar=False)
        first = model(image).argmax(-1)
        first[0, 3], first[1, 5] = END, END
        logits = torch.nn.functional.one_hot(first, 27).double()
        refined = model._refine(model.remember(image, None), logits)
        for number, row in enumerate(first.tolist()):
            stop = row.index(END) if END in row else 8
            known = dict(enumerate([START, *row[:stop]]))
            for place in range(1, 10):
                others = {p: t for p, t in known.items() if p != place}
                wanted = model.head(read_alone(model, image[number], others, place))
                torch.testing.assert_close(refined[number, place - 1], wanted)

    def test_refinement_leaves_the_content_stream_its_own_mask(self, tmp_path, image):
        """A content token must still see itself; the official code masks it once refined."""
        model = self.build(tmp_path, depth=2, refine_iters=1)
        guess = torch.randint(0, 26, (3, 9))
        logits = torch.nn.functional.one_hot(guess, 27).double()
        refined = model._refine(model.remember(image, None), logits)
        context = torch.cat([torch.full((3, 1), START), guess[:, :-1]], 1)
        sees = torch.tensor([[c <= t for c in range(9)] for t in range(9)])
        hidden = torch.tensor([[c == t + 1 for c in range(9)] for t in range(9)])
        wanted = model.head(model.read(model.remember(image, None), model.embed(context),
                                       model.pos_queries, hidden, ~sees))
        torch.testing.assert_close(refined, wanted)

    def test_repeats_itself(self, tmp_path, image):
        model = self.build(tmp_path, refine_iters=1)
        assert torch.equal(model(image), model(image))

    def test_encoder_output_counts_if_there_is_one(self, tmp_path, image):
        model = self.build(tmp_path)
        assert torch.equal(model(torch.zeros_like(image), image), model(image))


def no_end(probabilities):
    return probabilities[..., :END].argmax(-1).tolist()


def length_of(probabilities):
    """Steps up to the end token, itself included."""
    read = probabilities.argmax(-1).tolist()
    return read.index(END) + 1 if END in read else len(read)


def test_parameters_are_named_as_in_the_official_code(build):
    attention = [f'{kind}_attn.{name}' for kind in ('self', 'cross') for name in (
        'in_proj_weight', 'in_proj_bias', 'out_proj.weight', 'out_proj.bias')]
    affine = [f'{name}.{kind}' for name in ('linear1', 'linear2', 'norm1', 'norm2', 'norm_q',
                                            'norm_c') for kind in ('weight', 'bias')]
    layers = [f'layers.{i}.{name}' for i in range(2) for name in (*attention, *affine)]
    assert set(build(depth=2).state_dict()) == {
        *layers, 'text_embed.embedding.weight', 'pos_queries', 'norm.weight', 'norm.bias',
        'head.weight', 'head.bias'}


def test_initialised_as_the_official_code_does(tmp_path):
    cfg = tiny_parseq.decoder_cfg(tmp_path, embed_dims=192, max_seq_len=25)
    model = tiny_parseq.MODELS.build(cfg)
    layer = model.layers[0]
    for weight in (layer.linear1.weight, layer.self_attn.out_proj.weight, model.head.weight,
                   model.text_embed.embedding.weight, model.pos_queries):
        assert weight.std().item() == pytest.approx(.02, rel=.05)
    xavier = (2 / (4 * 192))**.5
    assert layer.cross_attn.in_proj_weight.std().item() == pytest.approx(xavier, rel=.05)


@pytest.mark.parametrize('fields, message', [
    ({'num_orders': 5}, 'num_orders=5 is odd'),
    ({'num_orders': 0}, 'num_orders=0'),
    ({'refine_iters': -1}, 'refine_iters=-1'),
    ({'num_heads': 3}, 'num_heads=3 does not divide embed_dims=16'),
    ({'depth': 0}, 'depth=0'),
])
def test_refuses(build, fields, message):
    with pytest.raises(ValueError, match=message):
        build(**fields)


def test_refuses_a_dictionary_without_end(tmp_path):
    cfg = tiny_parseq.decoder_cfg(tmp_path, module_loss=None)
    cfg['dictionary']['with_end'] = False
    with pytest.raises(ValueError, match='with_end=True'):
        tiny_parseq.MODELS.build(cfg)


@pytest.mark.parametrize('shape', [(2, 16, 4, 8), (2, 5, 12)])
def test_refuses_other_features(build, shape):
    with pytest.raises(ValueError, match=r'needs tokens \(N, S, 16\)'):
        build()(torch.zeros(shape))
