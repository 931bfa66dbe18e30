"""The report page in a real browser: every picture shows, every sound can be played, nothing is fetched."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from building import Build, omniforge

PROBE = """
<script>
addEventListener("load", async () => {
  const sounds = [...document.querySelectorAll("audio")];
  await Promise.all(sounds.map(a => a.readyState >= 1 ? 0 : new Promise(done => {
    a.addEventListener("loadedmetadata", done); a.addEventListener("error", done); a.load(); })));
  const result = {
    pictures: [...document.images].map(i => i.naturalWidth),
    seconds: sounds.map(a => a.duration),
    outside: performance.getEntriesByType("resource").filter(r => !r.name.startsWith("data:")).length,
  };
  document.title = "PROBED" + JSON.stringify(result).replaceAll("null", "0");
});
</script></body>"""


def test_pictures_show_and_sounds_play_in_a_browser(small_build: Build, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    omniforge("report", small_build.reference(), "--output", str(page), "--samples", "2")
    page.write_text(page.read_text().replace("</body>", PROBE))
    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    assert browser, "no browser to look at the report with; install one (Debian: apt-get install chromium)"
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        page.as_uri(),
    ]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    probed = re.search(r"<title>PROBED(.*?)</title>", dom)
    assert probed, "the page did not load"
    result = json.loads(probed[1])
    assert len(result["pictures"]) >= 10
    assert min(result["pictures"]) > 0
    assert len(result["seconds"]) >= 6
    assert min(result["seconds"]) > 0.05
    assert result["outside"] == 0
