import platform
import subprocess
import sys

from omniforge.pipeline.environment import PACKAGES, environment_facts, environment_fingerprint


def test_the_facts_name_every_package_that_can_change_a_byte() -> None:
    facts = environment_facts()
    assert {*PACKAGES, "python", "libsndfile", "cpu_capability", "device"} <= facts.keys()
    assert all(facts.values())


def test_the_facts_name_no_host() -> None:
    assert platform.node() not in environment_facts().values()


def test_another_process_has_the_same_fingerprint() -> None:
    code = "from omniforge.pipeline.environment import environment_fingerprint as f; print(f())"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == environment_fingerprint()
