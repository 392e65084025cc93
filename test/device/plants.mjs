/**
 * Faults of a program for a GPU that results on the CPU do not show, to be planted in native/: a text of a file, and what takes its
 * place. `jobs` are those of product.mjs that meet it.
 */
export const PLANTS = [
  {
    what: 'the compute stream does not wait for a batch',
    file: 'device/streams.cpp',
    text: '  made.block(streams.compute);\n',
    by: '',
  },
  {
    what: 'a batch\u2019s memory is recorded for no other stream',
    file: 'device/streams.cpp',
    text: '  guardOf(tensor.device()).recordDataPtrOnStream(tensor.storage().data_ptr(), streams.compute);\n',
    by: '',
  },
  {
    what: 'an event is recorded on the wrong stream',
    file: 'device/streams.cpp',
    text: 'made.record(streams.data);',
    by: 'made.record(streams.compute);',
  },
  {
    what: 'what goes to the host has no event',
    file: 'device/streams.cpp',
    text: 'arrival->record(guardOf(tensor.device()).getStream(tensor.device()));',
    by: '',
  },
  {
    what: 'the event of what goes to the host comes too early',
    file: 'device/streams.cpp',
    text: 'arrival->record(guardOf(tensor.device()).getStream(tensor.device()));',
    by: 'arrival->record(guardOf(tensor.device()).getDefaultStream(tensor.device()));',
  },
  {
    what: 'the data lane computes on the default stream',
    file: 'device/streams.cpp',
    text: '    guardOf(own.device()).exchangeStream(own);',
    by: '    if (lane == LaneName::compute) guardOf(own.device()).exchangeStream(own);',
  },
  {
    what: 'a device\u2019s tensor is read as if it were the host\u2019s',
    file: 'device/streams.cpp',
    text: 'if (isHost(tensor.device())) return {tensor.contiguous()};',
    by: 'return {tensor.contiguous()};',
  },
  {
    what: 'the host waits for a copy in the middle of a lane',
    file: 'device/streams.cpp',
    text: 'host.copy_(tensor, /*non_blocking=*/true);',
    by: 'host.copy_(tensor);',
  },
  {
    what: 'a copy to the device leaves from memory that is not pinned',
    file: 'device/streams.cpp',
    text: 'tensor.pin_memory().to(device',
    by: 'tensor.to(device',
  },
  {
    what: 'batches are prepared in memory that is not pinned',
    file: 'device/streams.cpp',
    text: 'return at::TensorOptions().pinned_memory(!isHost(device));',
    by: 'return {};',
  },
  {
    what: 'all devices are the first one',
    file: 'device/accelerator.cpp',
    text: 'if (!device->has_index()) device->set_index(0);',
    by: 'device->set_index(0);',
    jobs: ['second'],
  },
  {
    what: 'values are read before they have arrived',
    file: 'jobs.h',
    text: 'job->result->arrival->synchronize();',
    by: '',
  },
  {
    what: 'an error while values arrive is swallowed',
    file: 'jobs.h',
    text: '      } catch (...) {\n        job->fail();\n      }\n    }\n  };\n  auto settle',
    by: '      } catch (...) {\n      }\n    }\n  };\n  auto settle',
    jobs: ['lost-at-wait'],
  },
  {
    what: 'a constant stays on the host',
    file: 'image.cpp',
    text: 'return sendTo(plan.device, at::tensor(values, at::kFloat)).view({1, 3, 1, 1});',
    by: 'return at::tensor(values, at::kFloat).view({1, 3, 1, 1});',
  },
  {
    what: 'a batch\u2019s bytes change while they are copied',
    file: 'image.cpp',
    text: '  return normalize(batch, plan);',
    by: '  const auto result = normalize(batch, plan);\n  if (!isThere) batch.zero_();\n  return result;',
  },
  {
    what: 'the optimizer looks at the gradients in each step',
    file: 'optim.cpp',
    text: 'if (!isHost(device)) {',
    by: 'if (false) {',
  },
  {
    what: 'the optimizer\u2019s counts are the host\u2019s',
    file: 'optim.cpp',
    text: 'steps.push_back(at::zeros({}, value.options().dtype(at::kFloat)));',
    by: 'steps.push_back(at::zeros({}, at::kFloat));',
  },
  {
    what: 'an edit\u2019s values stay on the host',
    file: 'neurons.cpp',
    text: 'const auto values = sendTo(weight.device(), edit.values);',
    by: 'const auto values = edit.values;',
    jobs: ['erm', 'unstructured-noise'],
  },
  {
    what: 'evaluation looks at the weights in the middle of a pass',
    file: 'kernels/convNorm.cpp',
    text: 'const bool isHere = isHost(weight.device());',
    by: 'const bool isHere = isHost(weight.device()) || isFinite(weight);',
  },
  {
    what: 'gradients of other processes come back on another stream',
    file: 'distributed/throughHost.cpp',
    text: `stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
    auto future = c10::make_intrusive<Future>(c10::ListType::ofTensors(), std::vector<c10::Device>{device});`,
    by: `stream = c10::impl::VirtualGuardImpl(device.type()).getDefaultStream(device);
    auto future = c10::make_intrusive<Future>(c10::ListType::ofTensors());`,
    jobs: ['two'],
  },
  {
    what: 'gradients are sent to other processes before they have arrived',
    file: 'distributed/throughHost.cpp',
    text: 'if (sent.arrival) sent.arrival->synchronize();',
    by: '',
    jobs: ['two'],
  },
];
