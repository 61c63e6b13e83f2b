"""``srbench``, and ``python -m srbench``."""

import sys


def main() -> None:
    """Entry point of the console script. Ctrl-C may come while the command line is imported."""
    try:
        from srbench.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; finished work is kept, rerun to continue\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
