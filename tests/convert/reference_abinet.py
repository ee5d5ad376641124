"""ABINet in its official layout, written anew for tests: keys and computation of the original."""
import torch
from torch import nn

CHARACTERS = 'abcdefghijklmnopqrstuvwxyz1234567890'  # of classes 1 to 36; class 0 ends the word


class Block(nn.Module):

    def __init__(self, before, width, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        if shortcut:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        out = self.bn1(self.conv1(x)).relu()
        out = self.bn2(self.conv2(out))
        return (out + (self.downsample(x) if hasattr(self, 'downsample') else x)).relu()


class ResNet(nn.Module):

    def __init__(self, width, blocks, low_resolution):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        before = width
        strides = (1 if low_resolution else 2, 1, 2, 1, 1)
        for i, (count, stride) in enumerate(zip(blocks, strides)):
            width = self.conv1.out_channels * 2**i
            first = Block(before, width, stride, stride > 1 or before != width)
            rest = [Block(width, width, 1, False) for _ in range(count - 1)]
            self.add_module(f'layer{i + 1}', nn.Sequential(first, *rest))
            before = width

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        for i in range(5):
            x = getattr(self, f'layer{i + 1}')(x)
        return x


class Positions(nn.Module):
    """The sinusoid table, computed as the official code does (exp of log)."""

    def __init__(self, width, length):
        super().__init__()
        rates = torch.exp(torch.arange(0, width, 2) * (-torch.log(torch.tensor(1e4)) / width))
        angles = torch.arange(length)[:, None] * rates
        self.register_buffer(
            'pe', torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, None])

    def forward(self, batch):
        """Table for a batch, shape (L, N, D)."""
        return self.pe.expand(-1, batch, -1)


class ImageEncoder(nn.Module):

    def __init__(self, stem, blocks, layers, heads, inner, places, low_resolution):
        super().__init__()
        width = 16 * stem
        self.resnet = ResNet(stem, blocks, low_resolution)
        self.pos_encoder = Positions(width, places)
        self.transformer = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(width, heads, inner), layers, enable_nested_tensor=False)

    def forward(self, x):
        maps = self.resnet(x)
        tokens = maps.flatten(2).permute(2, 0, 1)
        tokens = self.transformer(tokens + self.pos_encoder(len(x)))
        return tokens.permute(1, 2, 0).reshape(maps.shape)


def down(before, width, stride):
    return nn.Sequential(nn.Conv2d(before, width, 3, stride, 1), nn.BatchNorm2d(width), nn.ReLU())


def up(before, width, **size):
    return nn.Sequential(nn.Upsample(mode='nearest', **size), nn.Conv2d(before, width, 3, 1, 1),
                         nn.BatchNorm2d(width), nn.ReLU())


class PositionAttention(nn.Module):

    def __init__(self, width, hidden, steps, size):
        super().__init__()
        self.k_encoder = nn.Sequential(
            down(width, hidden, (1, 2)), *(down(hidden, hidden, 2) for _ in range(3)))
        self.k_decoder = nn.Sequential(
            *(up(hidden, hidden, scale_factor=2) for _ in range(3)), up(hidden, width, size=size))
        self.pos_encoder = Positions(width, steps)
        self.project = nn.Linear(width, width)

    def forward(self, maps):
        """From (N, D, H, W) to glimpses (N, T, D) and attention (N, T, H*W)."""
        below, keys = [], maps
        for layer in self.k_encoder:
            keys = layer(keys)
            below.append(keys)
        for layer, skip in zip(self.k_decoder[:3], below[2::-1]):
            keys = layer(keys) + skip
        keys = self.k_decoder[3](keys).flatten(2)
        queries = self.project(self.pos_encoder(len(maps)).transpose(0, 1))
        attention = (queries @ keys / maps.shape[1]**.5).softmax(-1)
        return attention @ maps.flatten(2).transpose(1, 2), attention


class Vision(nn.Module):

    def __init__(self, stem=2, blocks=(1, 2, 1, 1, 1), layers=2, heads=8, inner=24, hidden=4,
                 steps=26, size=(8, 32), low_resolution=False):
        super().__init__()
        self.backbone = ImageEncoder(
            stem, blocks, layers, heads, inner, size[0] * size[1], low_resolution)
        self.attention = PositionAttention(16 * stem, hidden, steps, size)
        self.cls = nn.Linear(16 * stem, 37)

    def forward(self, images):
        maps = self.backbone(images)
        glimpses, attention = self.attention(maps)
        return {'maps': maps, 'feature': glimpses, 'attention': attention,
                'logits': self.cls(glimpses)}


class CrossLayer(nn.Module):

    def __init__(self, width, heads, inner):
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, heads)
        self.linear1 = nn.Linear(width, inner)
        self.linear2 = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x, memory, own, padding):
        x = self.norm2(x + self.multihead_attn(
            x, memory, memory, attn_mask=own, key_padding_mask=padding)[0])
        return self.norm3(x + self.linear2(self.linear1(x).relu()))


class CrossLayers(nn.Module):

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)


class Language(nn.Module):

    def __init__(self, width, heads=8, inner=20, layers=2, steps=26):
        super().__init__()
        self.proj = nn.Linear(37, width, bias=False)
        self.token_encoder = Positions(width, steps)
        self.pos_encoder = Positions(width, steps)
        self.model = CrossLayers([CrossLayer(width, heads, inner) for _ in range(layers)])
        self.cls = nn.Linear(width, 37)

    def forward(self, logits):
        """A word is read from the probabilities of its characters; each one from the others."""
        steps = logits.shape[1]
        tokens = self.proj(logits.softmax(-1)).transpose(0, 1) + self.token_encoder(len(logits))
        own = torch.eye(steps, dtype=torch.bool)
        padding = torch.arange(steps) >= lengths(logits)[:, None]
        x = self.pos_encoder(len(logits))
        for layer in self.model.layers:
            x = layer(x, tokens, own, padding)
        x = x.transpose(0, 1)
        return {'feature': x, 'logits': self.cls(x)}


def lengths(logits):
    """Steps up to the first end, itself counted; at least 2."""
    words = logits.argmax(-1).tolist()
    ends = [word.index(0) + 1 if 0 in word else len(word) for word in words]
    return torch.tensor(ends).clamp(min=2)


class Alignment(nn.Module):

    def __init__(self, width):
        super().__init__()
        self.w_att = nn.Linear(2 * width, width)
        self.cls = nn.Linear(width, 37)

    def forward(self, language, vision):
        gate = self.w_att(torch.cat([language, vision], 2)).sigmoid()
        return self.cls(gate * vision + (1 - gate) * language)


class ABINet(nn.Module):
    """Logits (N, T, 37) of the vision model, the last language model and the last fusion."""

    def __init__(self, language=None, **vision):
        super().__init__()
        self.vision = Vision(**vision)
        width = self.vision.cls.in_features
        self.language = Language(width, **language or {})
        self.alignment = Alignment(width)

    def classifiers(self):
        return [self.vision.cls, self.language.cls, self.alignment.cls]

    def forward(self, images, iterations):
        vision = self.vision(images)
        fused = vision['logits']
        for _ in range(iterations):
            language = self.language(fused)
            fused = self.alignment(language['feature'], vision['feature'])
        return vision['logits'], language['logits'], fused


def scramble(model, seed=0):
    """Random values everywhere but in tables of positions: biases and statistics, too.

    Freshly made norms and biases are ones and zeros, which would hide mistakes.
    """
    generator = torch.Generator().manual_seed(seed)
    for key, value in model.state_dict().items():
        noise = torch.randn(value.shape, generator=generator)
        if key.endswith('num_batches_tracked'):
            value.fill_(7)
        elif key.endswith('running_var'):
            value.copy_(noise.abs() + .5)
        elif not key.endswith('.pe'):
            value.add_(.2 * noise * (value.std() if value.dim() > 1 else 1))
            if key.endswith('.project.weight'):
                value.mul_(8)  # each step of the word looks at another place
    return model.eval()


@torch.no_grad()
def balance(model, images):
    """Make all characters and the end about equally likely, so that words are not 'aaaaa'."""
    for i, classifier in enumerate(model.classifiers()):
        classifier.bias -= model(images, 1)[i].mean((0, 1))
    return model


def words(logits):
    """Decode with the official classes."""
    return [''.join(CHARACTERS[c - 1] for c in word[:(word + [0]).index(0)])
            for word in logits.argmax(-1).tolist()]
