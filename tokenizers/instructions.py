"""What a user asks for in each task: the reference's own wording first, then paraphrases of ours."""

import re
from collections.abc import Mapping

INSTRUCTIONS: Mapping[str, tuple[str, ...]] = {
    "t2i": (
        "Generate an image based on the provided text description.",
        "Create a picture that matches this description.",
        "Draw what the following text describes.",
        "Make an image of this.",
        "Please paint the scene described below.",
        "Turn this description into a picture.",
        "Produce an image for the following caption.",
        "Show me a picture of the following.",
    ),
    "caption": (
        "Describe the picture.",
        "What is shown?",
        "Describe this image in one sentence.",
        "Write a caption for this picture.",
        "What can you see in the image?",
        "Give a short description of the picture.",
        "What does this picture show?",
        "Please tell me what is in this image.",
    ),
    "asr": (
        "Convert the speech to text.",
        "Transcribe the recording.",
        "Write down what is said.",
        "What does the speaker say?",
        "Please transcribe this audio.",
        "Turn this speech into text.",
        "Give the words spoken in this recording.",
        "Put what you hear into writing.",
    ),
    "tts": (
        "Convert the text to speech.",
        "Read this text aloud.",
        "Say the following.",
        "Please speak these words.",
        "Turn this text into speech.",
        "Pronounce the sentence below.",
        "Give this text a voice.",
        "Speak the following text.",
    ),
    "svqa": (
        "Please response the input audio based on the given image.",
        "Answer the spoken question about the picture.",
        "Listen to the question and answer it from the image.",
        "Reply in speech to the question about this picture.",
        "Use the picture to answer what is asked aloud.",
        "Answer the question in the recording by looking at the image.",
    ),
    "s2i": (
        "Please generate an image based on the input audio.",
        "Draw what the speaker asks for.",
        "Listen to the request and create the picture.",
        "Make the image that is described in the recording.",
        "Turn the spoken description into a picture.",
        "Paint what you hear.",
    ),
    "chat": (
        "Please response the input audio.",
        "Answer the speaker.",
        "Listen and reply.",
        "Respond to what is said in the recording.",
    ),
}
"""Instructions by task (vocabulary.json, `tasks`); in svqa, s2i and chat they are the system prompt. The reference words no
instruction of its own for captions. Tasks that are absent here have none: the question alone says what to do."""

_DESCRIPTION = re.compile(
    r"(?:(?:please|can you|could you|would you)\s+)*"
    r"(?:(?:describe|caption|summari[sz]e|characteri[sz]e)\s+(?:this|the|what)\b"
    r"|(?:give|write|provide|create|generate|compose)\b.*\b(?:caption|description)\b"
    r"|what (?:is|can be|can you|do you|does)\b.*\b(?:see|seen|shown?|depict(?:ed)?)\b"
    r"|what(?: is|'s) (?:in|happening in|going on in) (?:this|the) (?:image|picture|photo\w*)\b"
    r"|(?:tell me|explain) what\b.*\b(?:image|picture|photo\w*)\b)",
    re.IGNORECASE,
)
_TRANSCRIPT = re.compile(
    r"\btranscri(?:be|pt|ption)\b"
    r"|\b(?:speech|audio|recording)\s+(?:in)?to\s+(?:text|words|writing)\b"
    r"|\bwrite down\b.*\b(?:said|say|hear|spoken|speech|audio|recording)\b"
    r"|\bwhat (?:does|did) (?:the|this) (?:speaker|person|voice)\b.*\bsay\b"
    r"|\bwhat (?:is|was) (?:being )?said\b",
    re.IGNORECASE,
)


def asks_for_description(question: str) -> bool:
    """Whether `question`, asked with a picture, wants nothing but a description of it."""
    return question in INSTRUCTIONS["caption"] or _DESCRIPTION.match(question) is not None


def asks_for_transcript(question: str) -> bool:
    """Whether `question`, asked with a sound, wants the words that are spoken in it."""
    return question in INSTRUCTIONS["asr"] or _TRANSCRIPT.search(question) is not None
