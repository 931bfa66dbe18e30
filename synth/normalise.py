"""The one form in which a written text and what a recogniser wrote down are compared."""

import re
import unicodedata

from num2words import num2words

_LONGEST_NUMBER = 15
_CURRENCIES = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", "sen")}
_UNITS = {
    "km": "kilometers",
    "m": "meters",
    "cm": "centimeters",
    "mm": "millimeters",
    "kg": "kilograms",
    "g": "grams",
    "mg": "milligrams",
    "lb": "pounds",
    "lbs": "pounds",
    "oz": "ounces",
    "ft": "feet",
    "mph": "miles per hour",
    "km/h": "kilometers per hour",
    "kmh": "kilometers per hour",
    "ml": "milliliters",
    "l": "liters",
    "°c": "degrees celsius",
    "°f": "degrees fahrenheit",
    "°": "degrees",
    "%": "percent",
}
_SYMBOLS = {"&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "#": " number ", "%": " percent ", "/": " "}
_ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "vs": "versus",
    "ok": "okay",
    "cannot": "can not",
    "jan": "january",
    "feb": "february",
    "apr": "april",
    "aug": "august",
    "sept": "september",
    "oct": "october",
    "nov": "november",
    "dec": "december",
}
_CONTRACTIONS = (
    (r"\bwon't\b", "will not"),
    (r"\bcan't\b", "can not"),
    (r"n't\b", " not"),
    (r"'re\b", " are"),
    (r"'ve\b", " have"),
    (r"'ll\b", " will"),
    (r"'m\b", " am"),
    (r"\blet's\b", "let us"),
    (r"\b(it|he|she|that|there|here|what|where|who|how|when)'s\b", r"\1 is"),
)
_AMERICAN = (
    (r"(col|fav|flav|harb|hon|hum|lab|neighb|parl|rum|sav|vap|vig|arm|behavi|endeav|glam|od|val|splend)our", r"\1or"),
    (r"\b(cent|met|lit|theat|fib|kilomet|centimet|millimet|lust|somb|spect)re(s?)\b", r"\1er\2"),
    (
        r"(organ|real|recogn|special|apolog|memor|emphas|summar|categor|critic|modern|visual|util)is(e|ing|ation)",
        r"\1iz\2",
    ),
    (r"(trave|mode|cance|labe|jewe|marve|leve|dia|signa|fue|tota)ll(ed|er|ers|ing|ery)\b", r"\1l\2"),
    (r"\bgrey", "gray"),
    (r"\btyre", "tire"),
    (r"\bplough", "plow"),
    (r"\b(pyjama)", "pajama"),
    (r"\baeroplane", "airplane"),
    (r"\bmou?stache", "mustache"),
    (r"\bmould", "mold"),
    (r"\bsceptic", "skeptic"),
    (r"\bkerb", "curb"),
    (r"\b(defen|offen|licen)ce\b", r"\1se"),
    (r"\b(catal|dial|anal)ogue", r"\1og"),
    (r"\bprogramme(s?)\b", r"program\1"),
)
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_UNIT = re.compile(rf"({_NUMBER})\s?({'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![\w/])")
_MONEY = re.compile(rf"([$£€¥])\s?({_NUMBER})(?:\s?(thousand|million|billion|trillion)\b)?")
_TIME = re.compile(r"\b(\d{1,2}):(\d{2})\b|\b(\d{1,2})\.(\d{2})(?=\s?[ap]\.?m\b)")
_ORDINAL = re.compile(r"\b(\d{1,6})(?:st|nd|rd|th)\b")
_HALVES = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}
_SMALL = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thir|fif|twen|for|eigh|nine"
_AND_IN_NUMBER = re.compile(rf"\b(hundred|thousand|million|billion) and (?=(?:{_SMALL}))")


def normalise(text: str) -> str:
    """Spell a text as it is said, in lower case, without punctuation and with American spelling.

    Applied to both sides of a comparison, so that `$3.50`, `three dollars and fifty cents` and `3 dollars and 50 cents` are
    one text, and so are `What colour?` and `what color`. Letters of every script stay; accents are removed.

    >>> normalise("It's 3,200 kg — isn't it?")
    'it is three thousand two hundred kilograms is not it'
    """
    text = unicodedata.normalize("NFKC", text).casefold().translate({0x2019: "'", 0x2018: "'", 0x2212: "-", 0x2044: "/"})
    text = re.sub(r"\b([a-z])\.(?=[a-z]\b)", r"\1", text)
    text = _spell_numbers(re.sub(r"\bw/ ?(?=[a-z])", "with ", re.sub(r"\bno\. ?(?=\d)", "number ", text)))
    for pattern, replacement in _CONTRACTIONS:
        text = re.sub(pattern, replacement, text)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    text = unicodedata.normalize("NFKD", text.replace("'", ""))
    text = "".join(character for character in text if not unicodedata.combining(character))
    text = re.sub(r"[\W_]+", " ", text).strip()
    for pattern, replacement in _AMERICAN:
        text = re.sub(pattern, replacement, text)
    text = _AND_IN_NUMBER.sub(r"\1 ", text)
    return " ".join(_ABBREVIATIONS.get(word, word) for word in text.split())


def spell_number(digits: str) -> str:
    """Say a number written in digits: a year between 1100 and 2099 as a year, very long ones digit by digit.

    >>> spell_number("1999"), spell_number("1,250"), spell_number("007"), spell_number("2.5")
    ('nineteen ninety-nine', 'one thousand, two hundred and fifty', 'zero zero seven', 'two point five')
    """
    plain = digits.replace(",", "")
    whole = plain.split(".", 1)[0]
    if len(plain) > _LONGEST_NUMBER or (len(whole) > 1 and whole[0] == "0"):
        return " ".join("point" if digit == "." else num2words(int(digit)) for digit in plain)
    if "." in plain:
        return str(num2words(whole)) + " point " + " ".join(num2words(int(digit)) for digit in plain.split(".", 1)[1])
    if "," not in digits and 1100 <= int(plain) <= 2099:
        return str(num2words(int(plain), to="year"))
    return str(num2words(int(plain)))


def _spell_numbers(text: str) -> str:
    text = re.sub(r"\b[1-3]/[2-4]\b", lambda match: _HALVES.get(match[0], match[0]), text)
    text = _MONEY.sub(_spell_money, text)
    text = _TIME.sub(_spell_time, text)
    text = _UNIT.sub(_spell_measure, text)
    text = _ORDINAL.sub(lambda match: str(num2words(int(match[1]), to="ordinal")), text)
    text = re.sub(r"(?<![\w.])-(?=\d)", "minus ", text)
    text = re.sub(r"(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)", " ", text)
    return re.sub(_NUMBER, lambda match: f" {spell_number(match[0])} ", text)


def _spell_measure(match: re.Match[str]) -> str:
    number, unit = match[1], _UNITS[match[2]]
    if number == "1":
        return "one " + re.sub(r"^feet", "foot", re.sub(r"^\w+s\b", lambda plural: plural[0][:-1], unit))
    # A grouped number is never a year: 2000 kg is two thousand.
    return f"{spell_number(f'{int(number):,}' if number.isdigit() else number)} {unit}"


def _spell_money(match: re.Match[str]) -> str:
    one, part = _CURRENCIES[match[1]]
    if match[3] or not re.fullmatch(r"[\d,]+(?:\.\d\d)?", match[2]):
        return f"{spell_number(match[2])} {match[3] or ''} {_plural(one, 2)}"
    whole, _, rest = match[2].replace(",", "").partition(".")
    if len(whole) > _LONGEST_NUMBER:
        return f"{spell_number(whole)} {_plural(one, 2)}"
    units = f"{num2words(int(whole))} {_plural(one, int(whole))}"
    cents = f"{num2words(int(rest))} {_plural(part, int(rest))}" if rest and int(rest) else ""
    return f"{units} and {cents}" if cents and int(whole) else cents or units


def _plural(unit: str, count: int) -> str:
    if count == 1 or unit in ("yen", "sen"):
        return unit
    return "pence" if unit == "penny" else f"{unit}s"


def _spell_time(match: re.Match[str]) -> str:
    hours, minutes = match[1] or match[3], match[2] or match[4]
    if minutes == "00":
        after = match.string[match.end() : match.end() + 2].strip()[:1]
        return str(num2words(int(hours))) + ("" if after in ("a", "p") else " o'clock")
    spoken = f"oh {num2words(int(minutes))}" if minutes[0] == "0" else num2words(int(minutes))
    return f"{num2words(int(hours))} {spoken}"
