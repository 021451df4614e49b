"""Colours of curves that can be seen on a light and on a dark ground: a contrast of at least 3:1 (WCAG 2.2, 1.4.11)."""

from matplotlib.colors import to_hex, to_rgb

LIGHT, DARK = "#ffffff", "#14171c"  # the grounds of page.css
LEAST = 3.0


def contrast(one: str, other: str) -> float:
    """(L1 + 0.05) / (L2 + 0.05) of the relative luminances, the lighter first: from 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def on_ground(shade: str) -> tuple[str, str]:
    """A colour on the light ground and on the dark: itself where it can be seen, else as little darker or lighter as it takes."""
    return _towards(shade, (0.0, 0.0, 0.0), LIGHT), _towards(shade, (1.0, 1.0, 1.0), DARK)


def _towards(shade: str, end: tuple[float, float, float], ground: str) -> str:
    mixed = ((part, to_hex([(1 - part) * a + part * b for a, b in zip(to_rgb(shade), end)])) for part in _PARTS)
    return next(found for part, found in mixed if contrast(found, ground) >= LEAST or part == 1.0)


def _luminance(shade: str) -> float:
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(shade)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


_PARTS = [step / 20 for step in range(21)]
