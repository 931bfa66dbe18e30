"""Say in two lines what a published version holds."""

from omniforge.schemas.manifest import Manifest


def summary(root: str, manifest: Manifest) -> str:
    """The reference to use from now on, and the version's totals."""
    totals = manifest.content.totals
    kinds = ", ".join(f"{name} {count}" for name, count in totals.by_kind.items())
    tokens = f", {sum(totals.tokens[name] for name in ('text', 'image', 'speech')):,} tokens" if totals.tokens else ""
    return (
        f"published {root.rstrip('/')}/{manifest.reference}  (sha256:{manifest.content_sha256[:12]})\n"
        f"  {totals.read} read = {totals.kept} kept + {totals.refused} refused + {totals.failed} failed; {kinds}; "
        f"{totals.shards} shards, {totals.shard_bytes / 1e6:.1f} MB, {totals.seconds:.0f} s of speech{tokens}"
    )
