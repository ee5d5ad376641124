"""PARSeq in its official layout, written anew for tests: keys and computation of the original."""
import string

import torch
import torch.nn.functional as F
from torch import nn

CHARACTERS = string.digits + string.ascii_letters + string.punctuation  # classes 1 to 94
END = 0


class Attention(nn.Module):

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2)
                             for part in self.qkv(x).chunk(3, dim=2))
        weights = (query @ key.transpose(2, 3) / query.shape[-1]**.5).softmax(-1)
        return self.proj((weights @ value).transpose(1, 2).flatten(2))


class Mlp(nn.Module):

    def __init__(self, width, inner):
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):

    def __init__(self, width, heads, inner):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, inner)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):

    def __init__(self, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)


class Encoder(nn.Module):

    def __init__(self, width, heads, inner, depth, patch, tokens):
        super().__init__()
        self.patch_embed = PatchEmbed(patch, width)
        self.pos_embed = nn.Parameter(.02 * torch.randn(1, tokens, width))
        self.blocks = nn.Sequential(*(Block(width, heads, inner) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images):
        x = self.patch_embed.proj(images).flatten(2).transpose(1, 2) + self.pos_embed
        return self.norm(self.blocks(x))


class DecoderLayer(nn.Module):

    def __init__(self, width, heads, inner):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.cross_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.linear1 = nn.Linear(width, inner)
        self.linear2 = nn.Linear(inner, width)
        for name in ('norm1', 'norm2', 'norm_q', 'norm_c'):
            self.add_module(name, nn.LayerNorm(width))

    def stream(self, x, normed, content, image, hidden, padding):
        x = x + self.self_attn(normed, content, content, attn_mask=hidden,
                               key_padding_mask=padding)[0]
        x = x + self.cross_attn(self.norm1(x), image, image)[0]
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))


class Decoder(nn.Module):

    def __init__(self, width, heads, inner, depth):
        super().__init__()
        self.layers = nn.ModuleList([DecoderLayer(width, heads, inner) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)

    def forward(self, query, content, image, hidden, content_hidden, padding):
        for layer in self.layers:
            normed = layer.norm_c(content)
            query = layer.stream(query, layer.norm_q(query), normed, image, hidden, padding)
            content = layer.stream(content, normed, normed, image, content_hidden, padding)
        return self.norm(query)


class TokenEmbedding(nn.Module):

    def __init__(self, tokens, width):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)

    def forward(self, tokens):
        return self.embedding(tokens) * self.embedding.embedding_dim**.5


class PARSeq(nn.Module):

    def __init__(self, width=64, depth=2, inner=96, decoder_depth=1, decoder_inner=80, patch=(4, 8),
                 tokens=128, characters=94, longest=25):
        super().__init__()
        self.encoder = Encoder(width, width // 64, inner, depth, patch, tokens)
        self.decoder = Decoder(width, width // 32, decoder_inner, decoder_depth)
        self.head = nn.Linear(width, characters + 1)
        self.text_embed = TokenEmbedding(characters + 3, width)
        self.pos_queries = nn.Parameter(.02 * torch.randn(1, longest + 1, width))
        self.start, self.pad = characters + 1, characters + 2

    def decode(self, image, context, queries, hidden=None, content_hidden=None, padding=None):
        """Logits of the queries; ``hidden`` is True where a query may not look."""
        content = self.text_embed(context)
        content = torch.cat([content[:, :1],
                             content[:, 1:] + self.pos_queries[:, :content.shape[1] - 1]], 1)
        queries = queries.expand(len(image), -1, -1)
        return self.head(self.decoder(queries, content, image, hidden, content_hidden, padding))

    def forward(self, images, autoregressive, refine):
        """Logits of the first reading, then of the refined one if asked for."""
        image, steps = self.encoder(images), self.pos_queries.shape[1]
        later = torch.ones(steps, steps, dtype=torch.bool).triu(1)
        if autoregressive:
            first = self.left_to_right(image, later)
        else:
            first = self.decode(image, torch.full((len(images), 1), self.start), self.pos_queries)
        if not refine:
            return [first]
        context = torch.cat([torch.full((len(images), 1), self.start),
                             first[:, :-1].argmax(-1)], 1)
        ended = (context == END).cumsum(1) > 0
        length = context.shape[1]
        own = torch.eye(steps + 1, dtype=torch.bool)[1:]  # character i stands at context i + 1
        return [first, self.decode(image, context, self.pos_queries, own[:steps, :length],
                                   later[:length, :length], ended)]

    def left_to_right(self, image, later):
        steps = len(later)
        context = torch.full((len(image), steps), self.pad)
        context[:, 0] = self.start
        logits = []
        for i in range(steps):
            known = i + 1
            logits.append(self.decode(
                image, context[:, :known], self.pos_queries[:, i:known], later[i:known, :known],
                later[:known, :known]))
            if known == steps:
                break
            context[:, known] = logits[-1][:, 0].argmax(-1)
            if (context == END).any(1).all():
                break
        return torch.cat(logits, 1)


def words(logits):
    """Decode with the official classes."""
    return [''.join(CHARACTERS[c - 1] for c in word[:(word + [END]).index(END)])
            for word in logits.argmax(-1).tolist()]
