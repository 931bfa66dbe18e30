"""Datasets on S3 or any server that speaks it and honours `If-None-Match`."""

import os
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import pyarrow.fs

from omniforge.pipeline.storage import StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MISSING_EXTRA = "roots on S3 need boto3: install omniforge[s3]"
CONFLICT_TRIES = 8


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
                import boto3
                from botocore.config import Config
            except ImportError:
                raise StorageError(MISSING_EXTRA) from None
            retries = Config(
                retries={"max_attempts": 6, "mode": "standard"},
                connect_timeout=10,
                read_timeout=60,
                s3={"addressing_style": "path"} if "AWS_ENDPOINT_URL" in os.environ else {},
            )
            self._client = boto3.client("s3", config=retries)
        return self._client

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Store.read`."""
        from botocore.exceptions import ClientError

        if length == 0:
            return b""
        end = "" if length is None else str(offset + length - 1)
        try:
            if offset or length is not None:
                answer = self.client.get_object(Bucket=self.bucket, Key=self._full(key), Range=f"bytes={offset}-{end}")
            else:
                answer = self.client.get_object(Bucket=self.bucket, Key=self._full(key))
        except ClientError as error:
            raise self._explained(error, key) from error
        data = answer["Body"].read()
        if length is not None and len(data) != length:
            raise StorageError(f"{self.root}/{key}: {len(data)} of {length} bytes at {offset}; the object is cut off")
        return data

    def write(self, key: str, data: bytes) -> None:
        """See `Store.write`."""
        from botocore.exceptions import ClientError

        try:
            self.client.put_object(Bucket=self.bucket, Key=self._full(key), Body=data)
        except ClientError as error:
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
        start = self._full(prefix).rstrip("/") + "/"
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start):
            for item in page.get("Contents", []):
                yield item["Key"][len(self.prefix) + 1 :] if self.prefix else item["Key"]

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        from botocore.exceptions import ClientError

        try:
            self.client.head_object(Bucket=self.bucket, Key=self._full(key))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                return False
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
        from botocore.exceptions import ClientError

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
        response: dict[str, Any] = getattr(error, "response", {})
        code = response.get("Error", {}).get("Code", type(error).__name__)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
        advice = {
            "NoSuchKey": "no such object; is the root right?",
            "NoSuchBucket": "no such bucket; create it first",
            "AccessDenied": "access denied; check the credentials",
            "SignatureDoesNotMatch": "wrong secret key",
            "InvalidAccessKeyId": "unknown access key",
        }.get(str(code), str(error))
        return StorageError(f"{self.root}/{key}: {code} {status}: {advice}")
