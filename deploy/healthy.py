"""A container's health check: ``python -m deploy.healthy URL`` exits 0 when it answers 200 within 3 seconds."""

import sys
import urllib.error
import urllib.request


def healthy(url: str) -> bool:
    """Whether `url` answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # a fixed local address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(sys.argv[1]) else 1)
