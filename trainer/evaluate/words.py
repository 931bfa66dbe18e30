"""Word errors, as numbers that can be added up."""

import jiwer

from omniforge.trainer.evaluate.scores import Share


def word_errors(reference: str, heard: str) -> Share:
    """Return word errors and words of the reference; both texts normalised.

    Where only the word breaks differ there is no error. Errors can exceed the words, by insertions.

    Raises:
        ValueError: The reference has no words.
    """
    words = len(reference.split())
    if not words:
        raise ValueError("word errors: the reference is empty, so there is no rate; leave it out")
    if reference.replace(" ", "") == heard.replace(" ", ""):
        return 0.0, float(words)
    found = jiwer.process_words(reference, heard)
    return float(found.substitutions + found.deletions + found.insertions), float(words)
