"""The values that TensorBoard's own readers find below a folder of event files, as JSON; null where TensorBoard is not installed."""

import json
from importlib.util import find_spec

from common import request


def main(args):
    print(json.dumps({"runs": runs_below(args.folder), "settings": settings_below(args.folder)}))


def runs_below(folder):
    """Each run: scalars as [step, value], settings, and whether it ended."""
    from google.protobuf.json_format import MessageToDict
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams import metadata

    everything = {"scalars": 0, "tensors": 0}
    multiplexer = EventMultiplexer(size_guidance=everything)
    multiplexer.AddRunsFromDirectory(folder).Reload()
    found = {}
    for name in multiplexer.Runs():
        run: EventAccumulator = multiplexer.GetAccumulator(name)
        tags = run.Tags()
        start = run.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        started = metadata.parse_session_start_info_plugin_data(start)
        found[name] = {
            "scalars": {tag: [[s.step, s.value] for s in run.Scalars(tag)] for tag in tags["scalars"]},
            "settings": MessageToDict(started)["hparams"],
            "ended": metadata.SESSION_END_INFO_TAG in run.summary_metadata,
        }
    return found


def settings_below(folder):
    """The settings and measurements that the page of hyperparameters compares runs by."""
    from tensorboard import context
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams.backend_context import Context

    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(folder).Reload()
    backend = Context(TBContext(data_provider=MultiplexerDataProvider(multiplexer, folder)))
    nobody = context.RequestContext()
    experiment = backend.experiment_from_metadata(nobody, "", True, backend.hparams_metadata(nobody, ""), None)
    return {
        "hparams": sorted(info.name for info in experiment.hparam_infos),
        "metrics": sorted(info.name.tag for info in experiment.metric_infos),
    }


if find_spec("tensorboard") is None:
    print("null")
else:
    main(request())
