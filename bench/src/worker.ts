/**
 * The process of one side of ours. Reads one JSON request per line from stdin (`prepare`, then `run` for each repeat) and
 * answers each with one line on stdout. Ends at the end of its input.
 */
import { createInterface } from 'node:readline';
import { messageOf } from '#src/errors.js';
import type { SideRequest } from './side.js';
import type { Workload } from './workload.js';
import { prepareWorkload } from './workloads.js';

let workload: Workload | undefined;

async function answer(request: SideRequest): Promise<unknown> {
  if (request.request === 'prepare') {
    workload = await prepareWorkload(request.workload, request.settings, request);
    const { units, knowsProcess } = workload;
    return { units, knowsProcess };
  }
  if (workload === undefined) throw new Error('Nothing is prepared');
  return workload.run();
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply: unknown;
  try {
    reply = await answer(JSON.parse(line) as SideRequest);
  } catch (error) {
    reply = { error: messageOf(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
