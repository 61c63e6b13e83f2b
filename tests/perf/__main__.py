"""Run the benchmarks, each in a process of its own, and print every figure.

    python tests/perf [NAME...] [--quick] [--strict]

NAME is that of a file ``bench_NAME.py``; all run where none is given. The figures are merged into
``runs/bench.json``. Exit status 1 where a benchmark broke, or with ``--strict`` missed a target.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from figures import MACHINE, OUTPUT, ROOT, print_figures, read

FOLDER = Path(__file__).resolve().parent
FILES = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}


def main() -> int:
    """Run what the command line names; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FILES))
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument("--strict", action="store_true", help="exit status 1 for a missed target")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file to merge into")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - set(FILES))
    if unknown:
        parser.error(f"expected one of {', '.join(FILES)}; got {', '.join(unknown)}")
    broken = [name for name in chosen.names or FILES if not _run(name, chosen)]
    content = read(chosen.output)
    print("\nall figures so far")
    met = print_figures(content)
    print("\n".join(f"{key}: {value}" for key, value in content.get(MACHINE, {}).items()))
    if broken:
        print(f"broke: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken or (chosen.strict and not met) else 0


def _run(name: str, chosen: argparse.Namespace) -> bool:
    print(f"\n{name}", flush=True)
    command = [sys.executable, str(FILES[name]), "--output", str(chosen.output)]
    done = subprocess.run([*command, *(["--quick"] if chosen.quick else [])], cwd=ROOT, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
