"""Made-up rows of the shape of Hillstrom's file, with a known answer."""

import numpy as np
import pandas as pd

from optiengine.lab.bench.hillstrom.data import OPTIONS


def made_up_rows(n: int, *, seed: int) -> pd.DataFrame:
    """Who bought men's goods visits for the men's e-mail, the rest for the other: 30 points."""
    rng = np.random.default_rng(seed)
    mens = rng.integers(0, 2, n)
    sent = np.arange(n) % 3
    helps = ((sent == 1) & (mens == 1)) | ((sent == 2) & (mens == 0))
    visit = (rng.random(n) < 0.1 + 0.3 * helps).astype(int)
    conversion = visit * rng.integers(0, 2, n)
    return pd.DataFrame(
        {
            "recency": rng.integers(1, 13, n),
            "history": rng.gamma(2, 100, n).round(2),
            "mens": mens,
            "womens": 1 - mens,
            "zip_code": rng.choice(["Urban", "Rural", "Surburban"], n),
            "newbie": rng.integers(0, 2, n),
            "channel": rng.choice(["Phone", "Web", "Multichannel"], n),
            "segment": np.array(OPTIONS)[sent],
            "visit": visit,
            "conversion": conversion,
            "spend": conversion * 50.0,
        }
    )
