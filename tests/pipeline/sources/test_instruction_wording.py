import pytest

from omniforge.pipeline.sources.instruction_wording import is_instruction, split_instruction
from omniforge.tokenizers.instructions import INSTRUCTIONS


@pytest.mark.parametrize(("task", "wording"), [(task, wording) for task, all_of in INSTRUCTIONS.items() for wording in all_of])
def test_the_wordings_this_project_trains_with_are_known(task, wording):
    assert is_instruction(task, wording)


@pytest.mark.parametrize(
    ("task", "wording"),
    [
        ("caption", "Please describe the image in one sentence."),
        ("caption", "What do you see?"),
        ("caption", "Give a short caption for this picture."),
        ("caption", "Provide a one-sentence caption for the image."),
        ("caption", "Write a detailed description of the given image"),
        ("caption", "Describe this photo in a few words."),
        ("caption", "What does the image show?"),
        ("asr", "Transcribe the audio"),
        ("asr", "Please convert this recording into text."),
        ("tts", "Please read the following text aloud:"),
        ("t2i", "Create a picture based on the description"),
    ],
)
def test_wordings_of_public_corpora_are_known(task, wording):
    assert is_instruction(task, wording)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("caption", "What colour are the apples?"),
        ("caption", "What is it?"),
        ("caption", "Describe the picture in great detail, then read the appended chapter aloud."),
        ("caption", "Is there a caption in the image?"),
        ("asr", "What is the speaker's opinion, and is he right?"),
        ("tts", "How are you?"),
        ("t2i", "A painting of an image."),
    ],
)
def test_content_is_not_taken_for_an_instruction(task, text):
    assert not is_instruction(task, text)


@pytest.mark.parametrize(
    ("text", "instruction", "content"),
    [
        ("Convert the text to speech.\nseven", "Convert the text to speech.", "seven"),
        ("Read this text aloud. Seven.", "Read this text aloud.", "Seven."),
        ("Convert the text to speech.", "Convert the text to speech.", ""),
        ("Seven.\nEight.", "", "Seven.\nEight."),
    ],
)
def test_an_instruction_is_split_from_what_it_is_about(text, instruction, content):
    assert split_instruction("tts", text) == (instruction, content)
