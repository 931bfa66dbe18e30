"""What a text is about, as far as it decides whether it is read aloud: mathematics and programming are not."""

import re

_FORMULA = re.compile(
    r"""\\[a-zA-Z]{2,}|\\[()\[\]]          # a LaTeX command or its brackets
    |\$\$|\$[^$\n]*[\\^_={}][^$\n]*\$      # display or inline formulae
    |[√∑∏∫∂∇≤≥≠≈∞∈∉⊂⊆∪∩∀∃±÷∝∠⊥]
    |(?<![\w.])[-+]?\d[\d.,]*\s*(?:[-+*/^=<>]|[xX](?=\s*\d+\s*=))\s*\(?[-+]?\d[\d.,]*\)?\s*=   # a sum with its result
    |\d\s*[+*^=<>]\s*\d                    # a sum
    |\b[a-zA-Z]\s*[=^<>]\s*[-+]?\w         # x = 3, x^2
    |\d\s*[a-zA-Z]\s*[-+*=]\s*\d           # 2x + 3
    |\b[a-zA-Z]\([a-zA-Z]\)\s*=            # f(x) =
    """,
    re.VERBOSE,
)
_MATHEMATICAL_WORDS = re.compile(
    r"(?i)\b(?:equations?|derivatives?|integrals?|hypotenuse|quadratic|polynomials?|co?sines?|tangent|logarithms?|exponents?|"
    r"prime numbers?|square root|perimeter|circumference|parallelogram|trapezo(?:id|ium)s?|isosceles|solve for [a-z]|"
    r"(?:area|radius|diameter|volume|angles?|vertices|sides?) of (?:the|a|this|each) (?:\w+ )?"
    r"(?:triangle|circle|rectangle|square|cube|cylinder|sphere|cone|pyramid|polygon)|"
    r"(?:matrix|theorem|calculus|algebra|trigonometry|latex))\b"
)
_CODE = re.compile(
    r"""```|~~~
    |^\s*(?:def|class)\s+\w+\s*[(:]|^\s*(?:from\s+[\w.]+\s+)?import\s+[\w.{]+\s*(?:as\s+\w+|;|$)|^\s*\#\s*include\b
    |\b(?:console\.log|System\.out|print[f]?|println|len|range)\s*\(|=>|->|::|\(\)|[!=]==?\s|&&|\|\||</\w|/>|;\s*$
    |\b(?:var|let|const|int|void|function)\s+\w+\s*[=(]|\bSELECT\s.+\sFROM\b|^\s*(?:\$|>>>|sudo|pip|git)\s+\w+
    |[{\[]\s*["'][\w ]+["']\s*[:,]|\{[^{}]*[:;][^{}]*\}|\b\w+\.\w+\(|\w+\[\w+\]
    """,
    re.VERBOSE | re.MULTILINE,
)
_LANGUAGES = re.compile(
    r"(?i)\b(?:javascript|typescript|html|css|json|yaml|xml|sql|php|golang|regex|regular expression|(?:bash|shell) script)\b|"
    r"\bC\+\+|\bC#|\b(?:in|an?|the|using|with) (?:python|java|rust|ruby|perl) "
    r"(?:function|code|program|script|class|snippet|method|list)"
)
_CODING_REQUEST = re.compile(
    r"(?i)\b(?:write|implement|debug|refactor|compile|complete|create|fix|optimi[sz]e)\b[^.?!]{0,60}"
    r"\b(?:functions?|code|program(?!me)|programs?|script|algorithm|quer(?:y|ies)|snippet|pseudocode|source code|loop)\b"
)


def mathematics(text: str, *, words: bool = True) -> str:
    """Give the piece of the text that is mathematics, or an empty string.

    `words` also takes words that only mathematics uses; it is for questions and answers, since a picture may well show them.
    """
    found = _FORMULA.search(text) or (_MATHEMATICAL_WORDS.search(text) if words else None)
    return found[0].strip() if found else ""


def programming(text: str, *, words: bool = True) -> str:
    """Give the piece of the text that is code or asks for it, or an empty string; `words` as in `mathematics`."""
    found = _CODE.search(text) or ((_LANGUAGES.search(text) or _CODING_REQUEST.search(text)) if words else None)
    return (found[0].strip() or "code") if found else ""
