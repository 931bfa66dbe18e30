"""Datasets on S3 or any server that speaks it and honours `If-None-Match`."""

import os
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import pyarrow.fs

from omniforge.pipeline.storage import AbsentError, StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MISSING_EXTRA = "roots on S3 need boto3: install omniforge[s3]"
CONFLICT_TRIES = 8
BODY_TRIES = 5
BROKEN_BODY = ("ResponseStreamingError", "IncompleteReadError", "ReadTimeoutError")


class S3Store:
    """A root `s3://bucket/prefix`; credentials, region and `AWS_ENDPOINT_URL` come from the environment as for any S3 client.

    Creating an object rests on `If-None-Match: *`. A server that takes the header and ignores it would let two writers both
    win, so the first creation probes it with an object of its own and refuses such a server unless told that there is a single
    writer.
    """

    def __init__(self, root: str, *, single_writer: bool = False) -> None:
        parsed = urlparse(root)
        if not parsed.netloc:
            raise StorageError(f"root {root!r} names no bucket; write s3://bucket/prefix")
        self.root = root.rstrip("/")
        self.bucket = parsed.netloc
        self.prefix = parsed.path.strip("/")
        self.single_writer = single_writer
        self._client: S3Client | None = None
        self._conditions_honoured = single_writer

    def __getstate__(self) -> dict[str, Any]:
        """Travel to workers without the connection, which each process opens for itself."""
        return {**self.__dict__, "_client": None}

    @property
    def client(self) -> "S3Client":
        """The boto3 client of this process, with bounded time-outs and retries by error class."""
        if self._client is None:
            try:
                from boto3.session import Session
                from botocore.config import Config
            except ImportError:
                raise StorageError(MISSING_EXTRA) from None
            retries = Config(
                retries={"max_attempts": 6, "mode": "standard"},
                connect_timeout=10,
                read_timeout=60,
                s3={"addressing_style": "path"} if "AWS_ENDPOINT_URL" in os.environ else {},
            )
            # A session of its own: threads that make a client of boto3's shared one at once break each other.
            self._client = Session().client("s3", config=retries)
        return self._client

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Store.read`."""
        from botocore.exceptions import BotoCoreError, ClientError

        if length == 0:
            return b""
        for attempt in range(BODY_TRIES):
            try:
                data = self._get(key, offset, length)
            except ClientError as error:
                raise self._explained(error, key) from error
            except BotoCoreError as error:
                # The client asks again until an answer begins; a connection that breaks within one is left to its user.
                if attempt == BODY_TRIES - 1 or type(error).__name__ not in BROKEN_BODY:
                    raise self._explained(error, key) from error
                time.sleep(0.1 * 2**attempt)
            else:
                break
        if length is not None and len(data) != length:
            raise StorageError(f"{self.root}/{key}: {len(data)} of {length} bytes at {offset}; the object is cut off")
        return data

    def _get(self, key: str, offset: int, length: int | None) -> bytes:
        if not offset and length is None:
            return self.client.get_object(Bucket=self.bucket, Key=self._full(key))["Body"].read()
        end = "" if length is None else str(offset + length - 1)
        answer = self.client.get_object(Bucket=self.bucket, Key=self._full(key), Range=f"bytes={offset}-{end}")
        return answer["Body"].read()

    def write(self, key: str, data: bytes) -> None:
        """See `Store.write`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.put_object(Bucket=self.bucket, Key=self._full(key), Body=data)
        except (ClientError, BotoCoreError) as error:
            raise self._explained(error, key) from error

    def create(self, key: str, data: bytes) -> bool:
        """See `Store.create`. 412 means that the name is taken; 409, that another request raced this one: ask again."""
        if not self._conditions_honoured:
            self._probe()
        if self.single_writer:
            if self.exists(key):
                return False
            self.write(key, data)
            return True
        return self._put_if_absent(key, data)

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`. S3 lists in the order of UTF-8 bytes, which is sorted."""
        from botocore.exceptions import BotoCoreError, ClientError

        start = self._full(prefix).rstrip("/") + "/"
        try:
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start):
                for item in page.get("Contents", []):
                    yield item["Key"][len(self.prefix) + 1 :] if self.prefix else item["Key"]
        except (ClientError, BotoCoreError) as error:
            raise self._explained(error, prefix) from error

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.head_object(Bucket=self.bucket, Key=self._full(key))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                return False
            raise self._explained(error, key) from error
        except BotoCoreError as error:
            raise self._explained(error, key) from error
        return True

    def arrow(self) -> tuple[pyarrow.fs.FileSystem, str]:
        """See `Store.arrow`."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        options: dict[str, Any] = {"region": os.environ.get("AWS_REGION", os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))}
        if endpoint:
            parsed = urlparse(endpoint)
            options |= {"endpoint_override": parsed.netloc, "scheme": parsed.scheme}
        return pyarrow.fs.S3FileSystem(**options), "/".join(part for part in (self.bucket, self.prefix) if part)

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _put_if_absent(self, key: str, data: bytes) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(CONFLICT_TRIES):
            try:
                self.client.put_object(Bucket=self.bucket, Key=self._full(key), Body=data, IfNoneMatch="*")
            except ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
                if status == 412:
                    # A reply that was lost and asked for again looks like a lost race; the bytes tell the two apart.
                    return self.read(key) == data
                if status != 409:
                    raise self._explained(error, key) from error
                time.sleep(0.05 * 2**attempt)
            except BotoCoreError as error:
                raise self._explained(error, key) from error
            else:
                return True
        raise StorageError(f"{self.root}/{key}: {CONFLICT_TRIES} conflicts in a row; the server is busy, run the job again")

    def _probe(self) -> None:
        """Create one object twice: a server that says yes both times ignores the condition."""
        key = f".probes/{secrets.token_hex(8)}"
        if not self._put_if_absent(key, b"first"):
            raise StorageError(f"{self.root}: a key nobody used is said to be taken; this server cannot hold datasets")
        twice = self._put_if_absent(key, b"second")
        self.client.delete_object(Bucket=self.bucket, Key=self._full(key))
        if twice:
            raise StorageError(
                f"{self.root}: this server takes `If-None-Match: *` and ignores it, so two jobs could both believe they won; "
                "use a store that honours it, or pass --single-writer if only one job ever writes here"
            )
        self._conditions_honoured = True

    def _explained(self, error: Exception, key: str) -> StorageError:
        response: dict[str, Any] = getattr(error, "response", None) or {}
        code = response.get("Error", {}).get("Code", type(error).__name__)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
        advice = {
            "NoSuchKey": "no such object; is the root right?",
            "NoSuchBucket": "no such bucket; create it first",
            "AccessDenied": "access denied; check the credentials",
            "SignatureDoesNotMatch": "wrong secret key",
            "InvalidAccessKeyId": "unknown access key",
            "EndpointConnectionError": "no answer from the server; check AWS_ENDPOINT_URL and the network",
            "NoCredentialsError": "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile",
        }.get(str(code), str(error))
        kind = AbsentError if code == "NoSuchKey" else StorageError
        return kind(f"{self.root}/{key}: {code} {status}: {advice}")
