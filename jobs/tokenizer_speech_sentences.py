"""Sentences to speak for the embedded speech tokenizer: scene descriptions, short answers and general English."""

import json
import logging
import random
import re
from collections.abc import Iterator
from pathlib import Path

from omniforge.jobs.tokenizer_held_out import held_out_text

_LOG = logging.getLogger(__name__)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


_NUMBERS = _words(
    "zero,one,two,three,four,five,six,seven,eight,nine,ten,eleven,twelve,thirteen,fourteen,"
    "fifteen,sixteen,seventeen,eighteen,nineteen,twenty,thirty,forty,fifty,sixty,seventy,eighty,"
    "ninety,hundred"
)
_COLOURS = _words(
    "red,green,blue,yellow,orange,purple,pink,black,white,grey,gray,brown,cyan,magenta,teal,"
    "golden,silver,violet,beige,turquoise,maroon,lime,navy,dark,light"
)
_SHAPES = _words(
    "circle,square,triangle,star,rectangle,diamond,hexagon,pentagon,cross,ring,heart,oval,ellipse,"
    "cube,sphere,arrow,disc,crescent,cylinder,line,dot"
)
_SIZES = ["small", "large", "big", "tiny", "medium", "huge", "little"]
_PLACES = ("left of", "right of", "above", "below", "next to", "under", "over", "behind", "in front of", "near", "inside")
_BACKGROUNDS = ("background", "picture", "image", "scene", "canvas", "drawing", "photo")
_PEOPLE = _words(
    "the teacher,my brother,a young woman,the old man,our neighbour,she,he,they,we,the doctor,everyone,"
    "nobody,the children,a soldier,the captain,your sister,the engineer,a farmer,the judge,this writer,"
    "the queen,some people,a friend,i"
)
_VERBS = _words(
    "found,watched,carried,bought,described,painted,forgot,wanted,changed,heard,opened,followed,"
    "measured,answered,loved,built,sold,pushed,cooked,remembered,noticed,broke,taught,threw,"
    "explained,believed,judged,moved,washed,chose,imagined,reached,showed,visited,showed us,asked for,"
    "looked at,talked about,thought of,walked past,laughed at,finished"
)
_THINGS = _words(
    "house,river,bicycle,letter,garden,window,question,machine,mountain,book,train,horse,dog,cat,"
    "kitchen,chair,table,bridge,song,story,newspaper,picture,church,village,morning,weather,ocean,"
    "island,journey,university,treasure,telephone,computer,language,vegetable,orange juice,"
    "birthday cake,yellow umbrella,television,airplane,hospital,kangaroo,elephant,guitar,camera,shadow,"
    "thunder,leather jacket,feather,measure of gold,garage,beach,shoe,fish,judge,church tower,noise,"
    "voice,boy,cloud,mouse,cow,year,ear,chair,bear,poor man,tour,fire,flower,hour,finger,singer,"
    "ring,king,thing,bath,path,breath,cloth,father,weather,brother,leaf,cave,vase,zoo,prize,nose,"
    "ice,bus,wish,dish,watch,bridge,page,cabin,pocket,bottle,ladder"
)
_ADJECTIVES = _words(
    "beautiful,strange,quiet,heavy,cheap,wooden,broken,ancient,modern,bright,dirty,enormous,famous,"
    "gentle,hungry,important,jealous,kind,lonely,narrow,ordinary,perfect,quick,rich,sharp,thick,"
    "useful,wild,young,warm,cold,deep,empty,flat,great"
)
_WHEN = _words(
    "yesterday,this morning,in the summer,after lunch,before the war,last week,on friday,at night,"
    "in nineteen forty two,every day,for the first time,without a word,as usual,once more,two years ago,"
    "with great pleasure,in the street,at the station,on the other side,because of the rain,"
    "under the old tree,near the sea,until the end,very slowly"
)
_STARTS = ("yes", "no", "maybe", "well", "of course", "i think", "perhaps", "then", "however", "in fact", "there")
_TEXT_KEYS = frozenset({"caption", "question", "content", "text", "answer"})
_SPEAKABLE = re.compile(r"[A-Za-z0-9 ,.'?!-]+")


def _plural(word: str) -> str:
    return word + ("es" if word.endswith(("x", "s", "sh", "ch")) else "s")


def _object(rng: random.Random) -> str:
    words = [rng.choice(_COLOURS), rng.choice(_SHAPES)]
    if rng.random() < 0.6:
        words.insert(0, rng.choice(_SIZES))
    return " ".join(words)


def _scene(rng: random.Random) -> str:
    one, two, shape = _object(rng), _object(rng), rng.choice(_SHAPES)
    colour, place, frame = rng.choice(_COLOURS), rng.choice(_PLACES), rng.choice(_BACKGROUNDS)
    number, other = rng.choice(_NUMBERS), rng.choice(_NUMBERS)
    return rng.choice(
        (
            f"How many {colour} {_plural(shape)} are there?",
            f"How many {_plural(shape)} can you see in the {frame}?",
            f"A {one} {place} a {two}.",
            f"Is the {one} {place} the {two}?",
            f"What colour is the {shape}?",
            f"What is {place} the {one}?",
            f"What shape is {place} the {two}?",
            f"Draw a {one} on a {colour} background.",
            f"Please draw {number} {_plural(one)} and {other} {_plural(two)}.",
            f"There are {number} {colour} {_plural(shape)} in the {frame}.",
            f"The {shape} is {colour}.",
            f"{number} {_plural(one)} {place} a {two} on a {colour} {frame}.",
            f"{number}.",
            f"{colour}.",
            f"a {one}",
            f"{rng.choice(_STARTS)}.",
            f"Yes, the {shape} is {place} the {two}.",
            f"No, there are {number} {_plural(shape)}.",
            f"Show me a picture of a {one} and a {two}.",
        )
    )


def _general(rng: random.Random) -> str:
    def thing() -> str:
        adjective = f"{rng.choice(_ADJECTIVES)} " if rng.random() < 0.6 else ""
        return f"{rng.choice(('the', 'the', 'that', 'every', 'this', 'my', 'one'))} {adjective}{rng.choice(_THINGS)}"

    parts = [rng.choice(_PEOPLE), rng.choice(_VERBS), thing()]
    if rng.random() < 0.3:
        parts.insert(0, rng.choice(_STARTS) + ",")
    if rng.random() < 0.6:
        parts.append(rng.choice(_WHEN))
    if rng.random() < 0.3:
        parts += [rng.choice(("and", "but", "while", "because", "so")), rng.choice(_PEOPLE), rng.choice(_VERBS), thing()]
    return " ".join(parts).capitalize() + rng.choice((".", ".", ".", "?", "!"))


def sentences(texts: list[str], seed: int, *, held_out: bool = False) -> Iterator[str]:
    """Yield sentences without end, the same for the same arguments.

    Args:
        texts: General English to mix in; may be empty.
        seed: Seed of the choices.
        held_out: Yield those that are left for evaluation (`held_out_text`) instead of those to train on.
    """
    rng = random.Random(seed)
    while True:
        draw = rng.random()
        read = bool(texts) and draw < 0.4
        sentence = rng.choice(texts) if read else _scene(rng) if draw < 0.75 else _general(rng)
        if held_out_text(sentence) == held_out:
            yield sentence


def _strings(value: object, wanted: bool = False) -> Iterator[str]:
    if isinstance(value, str):
        if wanted:
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, wanted)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, key in _TEXT_KEYS)


def _file_strings(path: Path) -> Iterator[str]:
    content = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        try:
            yield from _strings(json.loads(content))
        except json.JSONDecodeError as error:
            _LOG.warning("%s holds no sentences for us: damaged JSON (%s)", path, error)
    elif path.suffix == ".tsv":
        header, *rows = content.splitlines()
        names = header.split("\t")
        column = next((names.index(name) for name in ("Prompt", "sentence") if name in names), None)
        if column is not None:
            yield from (cells[column] for row in rows if len(cells := row.split("\t")) > column)
    elif path.name.endswith(".trans.txt"):
        yield from (line.partition(" ")[2].lower() for line in content.splitlines())
    else:
        yield from content.splitlines()


def split_sentences(text: str) -> list[str]:
    """Cut a text behind full stops, question marks and exclamation marks."""
    return re.split(r"(?<=[.?!])\s+", text.strip())


def holds_held_out_text(text: str) -> bool:
    """Tell whether a text or one of its sentences is left for evaluation."""
    return any(map(held_out_text, (text, *split_sentences(text))))


def read_texts(folder: str) -> list[str]:
    """Collect the speakable sentences (2 to 24 words of plain English) of a folder's txt, tsv and json files, sorted.

    Raises:
        ValueError: The folder does not exist.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"data {folder}: no such folder. Give a folder with texts and speech, or none.")
    found: set[str] = set()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".txt", ".tsv", ".json"}:
            for text in _file_strings(path):
                for sentence in split_sentences(text):
                    if 2 <= len(sentence.split()) <= 24 and _SPEAKABLE.fullmatch(sentence):
                        found.add(sentence)
    return sorted(found)
