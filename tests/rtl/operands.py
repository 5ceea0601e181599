"""BF16 operands that are hard to add, multiply and divide."""

import numpy as np

SMALL = [0x0000, 0x0001, 0x0002, 0x007F, 0x0080, 0x0081, 0x00FF]
LARGE = [0x7F00, 0x7F7F, 0x7F80, 0x7F81, 0x7FC0, 0x7FFF]
POSITIVE = np.array([*SMALL, 0x3F7F, 0x3F80, 0x3F81, 0x4000, *LARGE], np.uint16)
CORNERS = np.concatenate([POSITIVE, POSITIVE | 0x8000])


def pairs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of codes, uint16: all corners, and `count` random ones, of which a fifth each
    has exponents that differ by at most 12, small exponents, a product or a quotient near the
    smallest numbers, and any."""
    random = np.random.default_rng(seed)
    left, right = random.integers(0, 1 << 16, (2, count))
    exponent, step = left >> 7 & 0xFF, random.integers(-12, 13, count)
    kind = np.arange(count) % 5
    wanted = [exponent + step, right >> 7 & 7, 127 - exponent + step, exponent + 127 + step]
    exponents = np.select([kind == index for index in range(4)], wanted, right >> 7 & 0xFF)
    right = right & 0x807F | np.clip(exponents, 0, 0xFF) << 7
    left = np.where(kind == 1, left & 0x83FF, left)
    corners = np.array(np.meshgrid(CORNERS, CORNERS)).reshape(2, -1)
    return tuple(
        np.concatenate([corner, codes]).astype(np.uint16)
        for corner, codes in zip(corners, (left, right), strict=True)
    )
