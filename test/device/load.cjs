// Registers the device for tests before libtorch is used: node --require ./test/device/load.cjs. What it counts is
// globalThis.testDevice's to tell.
process.env.UCX_MEM_EVENTS = 'n';
process.env.UCX_MEM_MMAP_HOOK_MODE = 'none';
globalThis.testDevice = require('../../build-device/device.node');
