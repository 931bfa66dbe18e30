"""A small grammar of plain English: every expansion of a rule is a sentence that somebody could say."""

import re

from omniforge.pipeline.sources.chance import Chance

GRAMMAR: dict[str, tuple[str, ...]] = {
    "sentence": (
        *("{statement}", "{statement}", "{statement}", "{story}", "{story}", "{question}", "{question}"),
        *("{request}", "{number_fact}", "{shape_fact}", "{reply}"),
    ),
    "statement": (
        *(
            "{The} {quality} {object} is {located}.",
            "There is a {colour} {object} {located}.",
            "The {animal} is {located} again.",
        ),
        *(
            "My {relative} has a {colour} {object}.",
            "I like the {colour} {object} best.",
            "Our {colour} {object} is {quality} now.",
        ),
        *("It is {climate} in the {place} {when2}.", "It was {weather} {when}.", "The weather was {weather} {when}."),
        *(
            "I would like a {food}, please.",
            "{Person} likes {food2} with {food2}.",
            "{Person} and {person} live near the {place}.",
        ),
        *(
            "The {animal} {animaldid} the {object}.",
            "A {colour} {animal} {animaldid} the {animal}.",
            "{Animals} and {animals} live here.",
        ),
        *("The {colour} {object} belongs to {person}.", "{Person} is a {job} and lives near the {place}."),
        *("This {object} is {quality}, but that one is {quality}.", "There was no {food2} left for {meal}."),
    ),
    "story": (
        *("{Who} {did} {when}.", "{When}, {who} {did}.", "{Who} {did} and {did}.", "{Who} {did} because {reason}."),
        *("{Who} {did}, and then {who} {did}.", "When {reason}, {who} {did}.", "{Who} {did} while {person} {did}."),
    ),
    "question": (
        *("Did {who3} {do}?", "Can you {do} {when2}?", "Will {who3} {do}?", "Why did {who3} {do}?", "When will we {do}?"),
        *("Where is the {colour} {object}?", "Is the {object} {located}?", "Have you seen my {colour} {object}?"),
        *(
            "Who left the {object} {located}?",
            "How many {objects} does {person} have?",
            "What color is the {object} {located}?",
        ),
        *(
            "Do you like {food2} or {food2}?",
            "Could I have {number} {foods}, please?",
            "Which {object} is {quality}, this or that one?",
        ),
    ),
    "request": ("Please {do}.", "Please {do} {when2}.", "Let us {do} {when2}.", "Don't forget to {do}.", "I want to {do}."),
    "number_fact": (
        *("I have {number} {objects} and {number} {objects}.", "We counted {number} {animals} in the {place}.", "{Price}."),
        *("{Number} and {number} are two numbers.", "The train leaves at {clock}.", "Come back at {clock} {when2}."),
        *("It is {clock} in {city}.", "{Who} slept for {number} hours {when}.", "{Person} is {number} years old."),
    ),
    "shape_fact": (
        *("The {size} {shape} is {colour}.", "The {shape} is next to the {shape}.", "I drew a {size} {colour} {shape}."),
        *(
            "The {colour} {shape} is {size}.",
            "There are {number} {colour} {shapes} on the wall.",
            "{Person} painted {number} {size} {shapes}.",
        ),
    ),
    "reply": (
        *("Yes, it is {quality}.", "No, it is not {quality}.", "Yes, there are {number}.", "No, there is only one {object}."),
        *(
            "It is {colour} and {colour}.",
            "I think it is {quality}.",
            "I am not sure about the {object}.",
            "The answer is {number}.",
        ),
        *(
            "The answer is {colour}.",
            "Yes, I can see {number} {shapes}.",
            "No, I can't see a {shape}.",
            "It is a {colour} {shape}.",
        ),
        *(
            "I see {number} of them.",
            "The {shape} is on the left.",
            "The {shape} is on the right.",
            "It is above the {colour} {shape}.",
        ),
    ),
    "who": (
        "I",
        "we",
        "they",
        "she",
        "he",
        "{person}",
        "my {relative}",
        "the {job}",
        "our {job}",
        "her {relative}",
        "the children",
    ),
    "who3": ("you", "she", "he", "they", "we", "{person}", "your {relative}", "the {job}", "the children"),
    "the": ("the", "my", "your", "our", "this", "that"),
    "person": (
        *("Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Julia", "Lucas", "Maria", "Nina"),
        *("Oscar", "Paul", "Rosa", "Sam", "Tom", "Laura", "Peter", "Sarah"),
    ),
    "relative": (
        "mother",
        "father",
        "sister",
        "brother",
        "aunt",
        "uncle",
        "cousin",
        "grandmother",
        "grandfather",
        "friend",
        "neighbor",
    ),
    "job": (
        "teacher",
        "doctor",
        "baker",
        "farmer",
        "driver",
        "painter",
        "singer",
        "nurse",
        "pilot",
        "captain",
        "waiter",
        "gardener",
    ),
    "did": (
        *("found a {colour} {object}", "bought a {quality} {object}", "painted the {object} {colour}", "lost the {object}"),
        *("put the {object} {located}", "saw a {animal} {located}", "fed the {animal}", "followed a {quality} {animal}"),
        *("ate a {food}", "made {food2} for {meal}", "bought {number} {foods}", "cooked {meal} for the {job}"),
        *("walked to the {place}", "waited at the {place}", "drove past the {place}", "went to the {place} with {person}"),
        *("called {person}", "wrote a letter to {person}", "told {person} a {quality} story", "laughed about the {object}"),
        *("read a book about {animals}", "sang a long song", "slept for {number} hours", "learned {number} new words"),
        *(
            "opened the window",
            "closed the door",
            "cleaned the kitchen",
            "drew a {colour} {shape}",
            "counted {number} {objects}",
        ),
    ),
    "do": (
        *("open the window", "close the door", "find the {object}", "bring the {object}", "put the {object} {located}"),
        *(
            "draw a {colour} {shape}",
            "draw {number} {shapes}",
            "paint the {object} {colour}",
            "call {person}",
            "feed the {animal}",
        ),
        *(
            "go to the {place}",
            "meet at the {place}",
            "wait for {person}",
            "buy {number} {foods}",
            "make {meal}",
            "read a book",
        ),
        *("count the {objects}", "tell a story", "look at the {animal}", "help the {job}", "sing a song", "take a picture"),
    ),
    "reason": (
        *(
            "it was {weather}",
            "the {place} was closed",
            "{person} was {feeling}",
            "the {object} was {quality}",
            "it was too late",
        ),
        *("there was no {food2} left", "the {animal} was {feeling}", "the bus was late"),
    ),
    "when": ("yesterday", "this morning", "last week", "last night", "on {day}", "after {meal}", "before {meal}", "in {month}"),
    "when2": ("today", "tomorrow", "tonight", "after {meal}", "before {meal}", "on {day}", "next week", "this evening", "now"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "month": ("January", "March", "April", "May", "June", "July", "August", "October", "December", "the spring", "the winter"),
    "meal": ("breakfast", "lunch", "dinner", "supper"),
    "object": (
        *(
            "book",
            "chair",
            "table",
            "lamp",
            "key",
            "bag",
            "box",
            "cup",
            "bottle",
            "hat",
            "coat",
            "shoe",
            "clock",
            "phone",
            "pencil",
        ),
        *(
            "letter",
            "ball",
            "bicycle",
            "umbrella",
            "camera",
            "blanket",
            "basket",
            "mirror",
            "ladder",
            "guitar",
            "kite",
            "ticket",
        ),
    ),
    "objects": (
        *(
            "books",
            "chairs",
            "keys",
            "boxes",
            "cups",
            "bottles",
            "hats",
            "coats",
            "pencils",
            "letters",
            "balls",
            "baskets",
            "coins",
        ),
        *("tickets", "stamps", "flowers", "stones", "cards", "shells", "buttons"),
    ),
    "animal": (
        *(
            "dog",
            "cat",
            "horse",
            "bird",
            "duck",
            "cow",
            "sheep",
            "rabbit",
            "mouse",
            "fox",
            "bear",
            "frog",
            "goat",
            "owl",
            "elephant",
        ),
        *("monkey", "turtle", "lion"),
    ),
    "animals": (
        "dogs",
        "cats",
        "horses",
        "birds",
        "ducks",
        "cows",
        "rabbits",
        "foxes",
        "bears",
        "frogs",
        "goats",
        "owls",
        "monkeys",
    ),
    "animaldid": ("looked at", "ran past", "jumped over", "walked around", "slept beside", "sat near"),
    "food": (
        "sandwich",
        "apple",
        "orange",
        "banana",
        "pancake",
        "cookie",
        "cup of tea",
        "glass of water",
        "bowl of soup",
        "slice of cake",
    ),
    "foods": ("apples", "oranges", "bananas", "pancakes", "cookies", "eggs", "tomatoes", "potatoes", "carrots", "lemons"),
    "food2": ("bread", "cheese", "rice", "soup", "salad", "fish", "honey", "butter", "milk", "coffee", "tea", "chocolate"),
    "place": (
        *(
            "station",
            "market",
            "school",
            "library",
            "park",
            "beach",
            "river",
            "bridge",
            "hospital",
            "museum",
            "bakery",
            "garden",
        ),
        *("theater", "airport", "farm", "village"),
    ),
    "city": ("Paris", "London", "Rome", "Berlin", "Madrid", "Boston", "Chicago", "Dublin", "Cairo", "Tokyo", "Sydney"),
    "located": (
        *("on the table", "under the bed", "in the garden", "near the window", "behind the door", "next to the {object}"),
        *("in the {colour} box", "on the roof", "beside the river", "in the kitchen", "under the old tree", "at the {place}"),
    ),
    "quality": (
        *(
            "big",
            "small",
            "new",
            "old",
            "nice",
            "heavy",
            "light",
            "clean",
            "broken",
            "pretty",
            "strange",
            "quiet",
            "loud",
            "cold",
        ),
        *("warm", "good", "funny", "simple", "beautiful", "expensive"),
    ),
    "feeling": ("tired", "hungry", "happy", "sad", "late", "thirsty", "sick", "afraid", "busy"),
    "climate": ("warm", "cold", "quiet", "nice", "dark", "noisy", "windy"),
    "weather": ("sunny", "cloudy", "cold", "warm", "windy", "foggy", "very hot", "too wet", "dry and warm"),
    "colour": ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "brown", "black", "white", "gray"),
    "shape": ("circle", "square", "triangle", "star", "heart", "ring", "cross", "diamond", "moon"),
    "shapes": ("circles", "squares", "triangles", "stars", "hearts", "rings", "crosses", "diamonds", "moons"),
    "size": ("small", "medium", "large", "little", "big"),
    "number": (
        *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "fifteen", "twenty"),
        *("thirty", "forty", "fifty", "one hundred", "{tens} {unit}"),
    ),
    "tens": ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
    "unit": ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "hour": ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    "clock": ("{hour} o'clock", "half past {hour}", "a quarter to {hour}", "a quarter past {hour}", "ten minutes past {hour}"),
    "price": (
        "The {object} costs {number} dollars",
        "{Number} {foods} cost {number} cents",
        "{The} {objects} cost {number} dollars",
    ),
}
"""Expansions of every symbol; `{Symbol}` is `{symbol}` with a capital letter."""

_SYMBOL = re.compile(r"\{(\w+)\}")
_VOWEL = re.compile(r"\b([Aa]) (?=[aeiou])")


def expand(symbol: str, chance: Chance) -> str:
    """Write one expansion of a symbol of the grammar, with "a" or "an" as the next word needs."""
    return _VOWEL.sub(r"\1n ", _expand(symbol, chance))


def _expand(symbol: str, chance: Chance) -> str:
    said: set[str] = set()

    def expanded(match: re.Match[str]) -> str:
        name = match[1]
        text = _expand(name.lower(), chance)
        while text in said:  # "a star above a star" says less than it could
            text = _expand(name.lower(), chance)
        said.add(text)
        return text if name.islower() else text[0].upper() + text[1:]

    return _SYMBOL.sub(expanded, chance.pick(GRAMMAR[symbol]))
