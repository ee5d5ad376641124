"""The words of the embedded data set: a small English lexicon, numbers, codes and prices.

But for Chinese, only characters of MMOCR's ``english_digits_symbols`` dictionary occur.
"""
from __future__ import annotations

import string
from typing import Callable

import numpy as np

WORDS = tuple("""
able about above across action active address after again against agency airport album alley
almost along already also always amber anchor animal annual answer antique any apartment apple
april arcade area arena army around arrive artist aspen atlas august aunt autumn avenue away
back bakery balance ball bank barber bargain barn basket bath bay beach bean beauty because bed
beef before begin behind bell below bench best between beyond bicycle big bird black blank block
blue board boat body book boot bottle boulevard bowl box branch brand brave bread break brick
bridge bright bring broken brook brother brown brush build bull burger bus business busy butter
buy cabin cable cafe cake call camera camp canal candle canyon capital card care cargo carpet
carry cash castle cedar cell center central certain chain chair change chapel charge cheap check
cheese chef cherry chicken child choice church cinema circle city class classic clean clear
clinic clock close closed cloth cloud club coach coast coffee cold college color come common
company cook cool copper corner cost cottage cotton count country court cover craft cream credit
cross crown crystal cup custom cycle dairy dance danger dark date daughter dawn day deal dear
deep deli delta dental depot desert design desk diamond diesel diner dinner direct discount
doctor dog dollar door double down dragon dream dress drink drive dry duck dust eagle early
earth east easy echo edge eight electric elm empire empty end energy engine enjoy enter entry
equal estate evening event every exit express extra eye fabric face factory fair fall family
famous farm fashion fast father feather fence ferry festival field fifty film final finance fire
first fish five flag flat floor florist flower fly folk food foot force forest fork form fort
forward four fox frame free fresh friday friend frog front fruit fuel full fun future galaxy
gallery game garage garden gas gate general gentle giant gift ginger girl glass global gold golf
good grace grain grand granite grass gray great green grill grocery group grove growth guard
guest guide guitar habit hair half hall hammer hand happy harbor hardware harvest have hawk hazel
head health heart heavy help herb here heritage high hill history hobby hold holiday home honest
honey hope horse hospital host hotel hour house human hundred ice idea inch indoor inn inside
island item ivory jacket jade january jazz jewel job join journey joy juice july jump june jungle
junior just keep kettle key kind king kitchen kiwi knife know label lady lake lamp land lane
large last late laundry lawn lead leaf learn leather leave left lemon letter level library life
light lily lime limit line lion liquid list little live load loan lobby local lodge long look
lost lotus love low loyal lucky lunch machine magic magnet mail main make mango manor maple
marble march marina mark market master match meadow meal meat media medical melon member memory
menu metal metro middle midnight mild milk mill mineral minute mirror mobile model modern moment
monday money month moon more morning most mother motor mountain mouse move much museum music
narrow nation native natural near neat never new news next nice night nine noble noise noon north
nose note notice november number nurse oak ocean october offer office often oil old olive once
one only open optical orange orchard order organic original other outlet oven over owl owner page
paint palace palm panda paper park parking part party pass past path patio peace peach pearl
people pepper perfect permit person pet pharmacy phone photo piano picture pilot pine pizza place
plain planet plaza please plenty plum pocket point police pond pool popular port post potato
power premium present press price pride prime print private promise public pull pump pure push
quality quarter queen quick quiet rabbit race radio rail rain ranch rapid reach ready real record
red region relax rent repair report rescue reserve rest return ribbon rice rich ride right ring
rise river road robin rock roof room rose round route royal rule run safe sail salad sale salmon
salon salt same sand saturday save scale school science sea season second secret security select
self sell senior service seven shade shadow sharp sheep sheet shelf shell shine ship shirt shoe
shop shore short show shuttle side sign silent silk silver simple since single sister six size
skin sky sleep slow small smart smile smoke snack snow social soda soft solar sold some song soon
soup south space spark special speed spice spirit sport spring square staff stage stair stand
star start state station stay steak steel step stone stop storage store storm story straight
strand stream street strong studio style sugar summer sun sunday supply sure surf sweet swift
table tailor take tall tango taste taxi tea team tech tel temple ten tennis tent test thank
theater there think this thousand three thunder thursday ticket tide tiger time tip toast tobacco
today together token tomato tool top total touch tour towel tower town toy track trade traffic
trail train travel tree trend trip truck true trust tuesday tulip tunnel turn twelve twenty twin
two ultra under union unique unit universal until upper urban useful valley value van vanilla
vehicle velvet venue very video view village vintage violet visa visit vista vital voice wagon
wait walk wall walnut warm warning wash watch water wave way weather web wedding week welcome well
west wheat wheel when white whole wide wild willow win wind window wine wing winter wise wolf
woman wonder wood wool word work world yacht yard year yellow yes yoga young your zebra zero zone
""".split())

# Level 1 of GB 2312: the 3,755 ideographs used most.
_CHINESE = bytes(byte for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)
                 for byte in (row, cell)).decode('gb2312', 'ignore')
_LETTERS = string.ascii_uppercase
_DIGITS = string.digits


def _draw(rng: np.random.Generator, alphabet: str, low: int, high: int) -> str:
    """``low`` to ``high`` (inclusive) random characters of ``alphabet``."""
    length = rng.integers(low, high + 1)
    return ''.join(alphabet[i] for i in rng.integers(len(alphabet), size=length))


def _english(rng: np.random.Generator) -> str:
    word = WORDS[rng.integers(len(WORDS))]
    case = rng.random()
    if case < 0.45:
        return word.upper()
    return word.capitalize() if case < 0.75 else word


def _number(rng: np.random.Generator) -> str:
    return str(rng.integers(1, 10**rng.integers(1, 6)))


def _price(rng: np.random.Generator) -> str:
    return f'${rng.integers(1, 200)}.{rng.choice(["00", "49", "50", "95", "99"])}'


def _percent(rng: np.random.Generator) -> str:
    return f'{5 * rng.integers(1, 20)}%'


def _clock(rng: np.random.Generator) -> str:
    return f'{rng.integers(24)}:{5 * rng.integers(12):02d}'


def _phone(rng: np.random.Generator) -> str:
    return f'{_draw(rng, _DIGITS, 3, 3)}-{_draw(rng, _DIGITS, 4, 4)}'


def _code(rng: np.random.Generator) -> str:
    return _draw(rng, _LETTERS, 1, 3) + _draw(rng, _DIGITS, 1, 4)


def _plate(rng: np.random.Generator) -> str:
    return f'{_draw(rng, _LETTERS, 2, 3)}-{_draw(rng, _DIGITS, 2, 4)}'


def _site(rng: np.random.Generator) -> str:
    return f'{WORDS[rng.integers(len(WORDS))]}.{rng.choice(["com", "org", "net"])}'


def _shout(rng: np.random.Generator) -> str:
    return f'{WORDS[rng.integers(len(WORDS))].upper()}!'


# How often each kind of word occurs; the shares sum to 1.
_KINDS: tuple[tuple[float, Callable[[np.random.Generator], str]], ...] = (
    (0.72, _english), (0.08, _number), (0.05, _price), (0.02, _percent), (0.02, _clock),
    (0.02, _phone), (0.03, _code), (0.02, _plate), (0.02, _site), (0.02, _shout))
_SHARES = np.cumsum([share for share, _ in _KINDS])


def draw_word(rng: np.random.Generator) -> str:
    """Draw one word: English in upper, title or lower case, or a number, price, code, ...

    Args:
        rng: Source of randomness.

    Returns:
        1 to 16 printable ASCII characters without blanks.
    """
    kind = int(np.searchsorted(_SHARES, rng.random(), side='right'))
    return _KINDS[min(kind, len(_KINDS) - 1)][1](rng)


def draw_chinese(rng: np.random.Generator) -> str:
    """Draw two to eight frequent ideographs.

    Args:
        rng: Source of randomness.
    """
    return _draw(rng, _CHINESE, 2, 8)
