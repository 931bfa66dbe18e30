"""The quarantine table: every record that was not kept, with a reason from a closed set."""

import pandera.polars as pa
import polars as pl

from omniforge.schemas.record import STAGES

REASONS: dict[str, str] = {
    # structure of the source
    "invalid_json": "the line or file is not valid JSON",
    "invalid_parquet": "the Parquet file cannot be read",
    "invalid_archive": "the tar archive cannot be read, or not beyond this point",
    "invalid_utf8": "the bytes are not UTF-8",
    "invalid_unicode": "the text holds a lone surrogate and cannot be written as UTF-8",
    "duplicate_json_key": "a JSON object names one key twice",
    "wrong_type": "a field has another type than its format prescribes",
    "wrong_column_count": "a row has another number of columns than the header",
    "missing_field": "a required field is absent",
    "empty_messages": "the conversation has no turns",
    "unknown_role": "a turn has a role that is none of system, user, assistant",
    "no_assistant_turn": "no assistant turn follows a user turn: nothing to learn",
    "tag_count_mismatch": "the media tags in the text and the listed media differ in number",
    "altered_export": "a text or medium of an export is not what was exported",
    "duplicate_id": "the id was used by an earlier record of the same file",
    "duplicate_key": "the key came earlier in the same archive",
    "duplicate_record": "the same record, id and content, came earlier in the same file",
    "unknown_image_id": "the picture referred to is not listed",
    "truncated_archive": "the archive ends inside this record",
    "duplicate_member": "two members of one sample have the same name",
    "members_not_adjacent": "the members of the sample are not adjacent in the archive",
    "junk_member": "the archive member belongs to no sample",
    "symlink_member": "the archive member is a symbolic link",
    "hardlink_member": "the archive member is a hard link",
    "special_member": "the archive member is a device, a FIFO or the like",
    # paths
    "path_traversal": "the path climbs out of the collection",
    "absolute_path": "the path is absolute",
    "remote_uri": "the medium is a URL; readers fetch nothing unasked",
    "missing_media": "the file named is not there",
    "missing_image": "the record has no picture",
    # text
    "empty_caption": "the caption is empty",
    "missing_caption": "there is no caption",
    "empty_question": "the question is empty",
    "missing_question": "an answer without a question",
    "missing_answer": "a question without an answer",
    "empty_transcript": "the transcript is empty",
    "missing_transcript": "a recording without a transcript",
    "empty_prompt": "the prompt is empty",
    "outvoted": "of the people who judged the recording no more said yes than no",
    "no_consensus": "too few of the people asked agree on the answer",
    "answer_not_in_choices": "the answer is none of the options offered",
    "special_tokens_in_text": "the text holds control tokens of the model's vocabulary",
    "too_short": "shorter than the configured least length",
    "too_long": "longer than the configured greatest length",
    "caption_too_long": "the caption is longer than the configured greatest length",
    "repetitive_text": "the text repeats itself",
    "language": "the language is not among those configured",
    "markup_in_caption": "markup that cannot be removed by rule",
    "markup_in_transcript": "the transcript holds markup, which nobody speaks",
    "personal_data": "a mail address or telephone number is spoken; masking the text would not unsay it",
    # pictures
    "empty_media": "the medium has no bytes or no samples",
    "not_an_image": "the bytes are no raster picture that is read here",
    "undecodable_image": "the picture does not decode",
    "truncated_image": "the picture is cut off",
    "decompression_bomb": "the picture declares more pixels than are decoded",
    "too_small": "the picture has fewer pixels on a side than configured",
    "extreme_aspect": "the picture is so long that a centre crop keeps nothing",
    "blank_image": "the picture is of one flat colour",
    # sound
    "undecodable_audio": "the bytes are no sound that is read here",
    "truncated_audio": "the recording ends before what its header or its words need",
    "bad_header": "the header contradicts the file and cannot be trusted",
    "non_finite_samples": "the sound holds NaN or infinite samples",
    "silence": "nothing is heard",
    "clipping": "too many samples are clipped",
    "transcript_mismatch": "what is heard is not what is written",
    "unverified_pair": "nothing is known to hold the spoken prompt against",
    # synthesis
    "mathematics": "the text is mathematics and not read aloud well",
    "programming": "the text is code and not read aloud well",
    "answer_too_long": "the answer is longer than is spoken",
    "not_speakable": "the text holds what cannot be said (addresses, tables, markup)",
    "roundtrip": "the synthetic speech is not understood by the recogniser",
    # token layer
    "no_task": "no task is made from this kind of record in this configuration",
    "over_length": "the sample is longer than the configured sequence length",
    # the tables themselves
    "schema": "a column of its index row breaks the contract; detail names column, check and value",
    # what a rule did not foresee
    "exception": "an exception; its class and message are in detail",
}
"""Reason code -> what it means, for people. No table holds another reason."""


class Quarantine(pa.DataFrameModel):
    """A row for each refused or failed record (and task), of every stage."""

    key: str
    corpus: str
    source_uri: str = pa.Field(str_contains="#")
    stage: str = pa.Field(isin=STAGES)
    task: str
    outcome: str = pa.Field(isin=("refused", "failed"))
    reason: str = pa.Field(isin=tuple(REASONS))
    detail: str
    retryable: bool
    evidence: pl.Binary

    class Config:
        """Columns are exactly these."""

        strict = True
