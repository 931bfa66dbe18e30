"""What people say of a scene and how they ask for one: captions, lists and spoken-style requests, true by construction."""

from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes import SCENES_VERSION, Scene
from omniforge.pipeline.sources.scenes_phrases import background_phrase, pair_clause, pair_phrase, place, related_pairs, things
from omniforge.pipeline.sources.scenes_words import sentence

CAPTION_FRAMES: tuple[str, ...] = (
    "{things}",
    "{things}",
    "a picture of {things}",
    "an image of {things}",
    "a drawing of {things}",
    "a simple picture with {things}",
    "an image showing {things}",
    "there {are} {things}",
    "there {are} {things} in the picture",
    "the picture shows {things}",
    "this image contains {things}",
    "here {are} {things}",
    "you can see {things}",
    "we see {things} here",
    "I can see {things}",
    "in this picture there {are} {things}",
)

BACKED_FRAMES: tuple[str, ...] = (
    "{things} on {background}",
    "a picture of {things} on {background}",
    "a drawing with {things} on {background}",
    "there {are} {things} on {background}",
    "on {background} there {are} {things}",
    "the image shows {things} in front of {background}",
    "{things} against {background}",
    "{background} with {things} on it",
    "this is {background} with {things}",
)

PROMPT_FRAMES: tuple[str, ...] = (
    "please draw {things}",
    "draw {things}",
    "draw me {things}",
    "draw {things}, please",
    "can you draw {things}?",
    "could you draw {things} for me?",
    "can you make a picture of {things}?",
    "could you please paint {things}?",
    "paint {things}",
    "paint me a picture of {things}",
    "make an image of {things}",
    "make me a drawing with {things}",
    "create a picture with {things}",
    "create an image of {things}, please",
    "generate a picture of {things}",
    "I want a picture of {things}",
    "I would like to see {things}",
    "I need a drawing of {things}",
    "show me {things}",
    "show me a picture of {things}",
    "please show me {things}",
    "would you draw {things}?",
    "let me see {things}",
    "give me a picture with {things}",
    "I would love a drawing of {things}",
)


LIST_FRAMES: tuple[str, ...] = (
    "What is in the picture, from left to right?",
    "What is in this image? Go from left to right.",
    "List everything that you see from left to right.",
    "Name all shapes in the picture from left to right.",
    "Tell me what you see from left to right.",
)


def listing(scene: Scene, seed: int) -> tuple[str, str]:
    """Ask for everything that is in a scene from left to right, and answer: "small red circle, large blue star".

    What a caption may leave out or say in other words is all told here, in one way, so every word has to be seen.
    """
    ordered = sorted(scene.objects, key=lambda item: (item.centre, item.shape))
    question = Chance("listing", SCENES_VERSION, seed).pick(LIST_FRAMES)
    return question, ", ".join(f"{item.size} {item.colour} {item.shape}" for item in ordered)


def captions(scene: Scene, seed: int) -> tuple[str, ...]:
    """Write different captions of one scene: a short one, a full one, one that tells where things are.

    Every number is exact: "two stars" means that no third star is there, and "a star" in a list of things that there is only
    one. What is not told may be anything.
    """
    chance = Chance("captions", SCENES_VERSION, seed)
    short = _framed(chance.pick(CAPTION_FRAMES), things(scene, _detail(scene, chance), chance))
    backed = chance.pick(BACKED_FRAMES).replace("{background}", background_phrase(scene.background, chance))
    full = _framed(backed, things(scene, 2 + chance.below(2), chance))
    return tuple(dict.fromkeys((short, full, _arrangement(scene, chance))))


def prompt(scene: Scene, seed: int) -> str:
    """Write a request for a scene as somebody would speak it: "Could you draw a red circle above a blue star for me?"."""
    chance = Chance("prompt", SCENES_VERSION, seed)
    wanted = _placed_things(scene, chance) if chance.happens(0.6) else None
    if wanted is None:
        wanted, _ = things(scene, 1 + chance.below(3), chance)
    if chance.happens(0.35):
        wanted += f" on {background_phrase(scene.background, chance)}"
    text = chance.pick(PROMPT_FRAMES).format(things=wanted)
    return sentence(text, "" if text.endswith("?") else ".")


def _detail(scene: Scene, chance: Chance) -> int:
    """Choose how much a short caption tells; a single object is at least named."""
    return chance.below(3) if len(scene.objects) > 1 else 1 + chance.below(2)


def _framed(frame: str, listing: tuple[str, bool]) -> str:
    text, plural = listing
    return sentence(frame.format(things=text, are="are" if plural else "is"))


def _placed_things(scene: Scene, chance: Chance) -> str | None:
    """Name all of one or two objects with where they are; None if there are more or no words are clear enough."""
    if len(scene.objects) == 1 and (where := place(scene.objects[0])):
        return f"{things(scene, 1 + chance.below(3), chance)[0]} {where}"
    pairs = related_pairs(scene, chance) if len(scene.objects) == 2 else []
    return pair_phrase(pairs[0], chance) if pairs else None


def _arrangement(scene: Scene, chance: Chance) -> str:
    """Say what there is and where, in one to three sentences."""
    placed = _placed_things(scene, chance)
    if placed and chance.happens(0.6):
        return _framed(chance.pick(CAPTION_FRAMES), (placed, False))
    clauses = [pair_clause(pair, chance) for pair in related_pairs(scene, chance)[: 1 + chance.below(2)]]
    detail = chance.below(4) if clauses else 1 + chance.below(3)
    opening = _framed(chance.pick(CAPTION_FRAMES), things(scene, detail, chance))
    if len(clauses) == 2 and chance.happens(0.5):
        clauses = [" and ".join(clauses)]
    return " ".join((opening, *map(sentence, clauses)))
