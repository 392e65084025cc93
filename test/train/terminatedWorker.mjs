// Trains a run in a worker thread, terminates it, and goes on in the main thread, in a process of its own:
//   node test/train/terminatedWorker.mjs OPTIONS TASK
// where OPTIONS are trainErm's as JSON, and TASK the task at whose first report the worker ends, or "decoding": once an image store is
// begun.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { trainErm } from '../../dist/index.js';

const [json, task] = process.argv.slice(2);
const options = JSON.parse(json);
const entry = new URL('../../dist/index.js', import.meta.url).href;

const code = `
  const { parentPort, workerData } = require('node:worker_threads');
  const onProgress = (event) => parentPort.postMessage(event.task);
  import(workerData.entry).then(({ trainErm }) => trainErm({ ...workerData.options, onProgress }));`;
const worker = new Worker(code, { eval: true, execArgv: [], workerData: { entry, options } });
const store = join(options.data, '.spurmem');
const hasBegun = () => existsSync(store) && readdirSync(store).some((name) => name.endsWith('.tmp'));
await new Promise((resolve, reject) => {
  worker.on('error', reject);
  worker.on('message', (reported) => {
    if (reported === task) resolve();
  });
  const look = () => {
    if (hasBegun()) resolve();
    else setImmediate(look);
  };
  if (task === 'decoding') look();
});
await sleep(5);
await worker.terminate();
await trainErm({ ...options, resume: true });
