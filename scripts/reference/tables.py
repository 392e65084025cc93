"""Joins the two tables of images with pandas: numeric columns, rows, and missing values by column, as JSON; null without pandas."""

import json
from importlib.util import find_spec

from common import request


def joined(args):
    import pandas

    predictions, tracked = (pandas.read_csv(path) for path in (args.predictions, args.tracked))
    both = predictions.merge(tracked, on=["file", "class", "attribute", "group"])
    return {
        "numbers": list(both.select_dtypes("number").columns),
        "rows": [len(predictions), len(tracked), len(both)],
        "missing": {name: int(count) for name, count in both.isna().sum().items() if count > 0},
        "loss": predictions.groupby("split")["loss"].mean().to_dict(),
    }


print(json.dumps(joined(request()) if find_spec("pandas") else None))
