"""The same build by `ray job submit`, on a cluster with tokens that has no omniforge, its root on S3: the same bytes."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import uuid
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from building import Build, clean_environment, objects
from conftest import REPOSITORY, S3Server
from ray_head import Head, ray_head

TOKEN = "a-token-for-this-test-alone-" + uuid.uuid4().hex


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """A head node whose Python sees our dependencies but not omniforge: a wheel has to travel with the job."""
    folder = tmp_path_factory.mktemp("cluster")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    site = folder / "env" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # A path line adds the folder without running the .pth files in it, so the editable install there stays unseen.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    missing = subprocess.run([str(python), "-c", "import omniforge.jobs.cli"], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in missing.stderr

    environment = {**clean_environment(), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
    with ray_head(python, environment, 500_000_000) as started:
        yield started


@pytest.fixture(scope="module")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it travels: `make job` does the same."""
    folder = tmp_path_factory.mktemp("wheel")
    # What an earlier build left there would travel along.
    shutil.rmtree(REPOSITORY / "build", ignore_errors=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    zipfile.ZipFile(next(folder.glob("*.whl"))).extractall(folder / "job")
    return folder / "job" / "omniforge"


def test_the_jobs_api_turns_away_a_client_without_the_token(cluster: Head) -> None:
    stranger = Head(cluster.python, cluster.address, {**cluster.environment, "RAY_AUTH_TOKEN": "wrong-" + "0" * 30})
    refused = stranger.ray("job", "list", "--address", cluster.address, check=False)
    assert refused.returncode != 0


def test_a_submitted_build_on_s3_gives_the_bytes_of_the_local_one(
    cluster: Head, unpacked_wheel: Path, moto_server: S3Server, small_build: Build, tmp_path: Path
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=moto_server.endpoint,
        aws_access_key_id=moto_server.key,
        aws_secret_access_key=moto_server.secret,
        region_name="us-east-1",
    )
    bucket = f"job-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "small.yaml").write_text(small_build.config.read_text())
    environment = {"py_modules": [str(unpacked_wheel)], "env_vars": moto_server.environment()}
    cluster.submit(
        *("--working-dir", str(folder), "--runtime-env-json", json.dumps(environment), "--"),
        *("python", "-m", "omniforge.jobs.cli", "build", "--config", "small.yaml", f"root=s3://{bucket}/corpus"),
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="corpus/")
    keys = [item["Key"] for page in pages for item in page["Contents"]]
    remote = {key.removeprefix("corpus/"): client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    local = objects(small_build.root)
    published = {name for name in local if name.startswith("manifests/")}
    assert remote.keys() - {name for name in remote if name.startswith(".probes/")} == local.keys()
    assert all(remote[name] == local[name] for name in local.keys() - published)
    for name in published:
        assert json.loads(remote[name])["content"] == json.loads(local[name])["content"]


def test_a_job_whose_working_directory_has_our_folders_still_finds_the_library_tokenizers(
    cluster: Head, tmp_path: Path
) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(REPOSITORY / "tokenizers", folder / "tokenizers", ignore=shutil.ignore_patterns("embedded", "__pycache__"))
    (folder / "probe.py").write_text(
        "import ray, tokenizers\n"
        "@ray.remote\n"
        "def where():\n"
        "    import tokenizers\n"
        "    return tokenizers.__file__\n"
        "ray.init()\n"
        "found = [tokenizers.__file__, ray.get(where.remote())]\n"
        "assert all(path and 'site-packages' in path for path in found), found\n"
    )
    cluster.submit("--working-dir", str(folder), "--", "python", "probe.py")
